// flags: -fno-builtin -fno-allocation-dce
// All forms of operator new and delete, each in a function that keeps account; and what happens where there is no memory.
#include "ledger.h"
#include <new>

static const std::align_val_t aligned{64};

// Allocates by one form, and frees two of three blocks by another that fits. The sizes are such that a C++ library
// need not round them up before it calls malloc.
#define FORM(name, make, unmake) \
    NOINLINE void name() { \
        for (int i = 0; i < 300; i++) { \
            std::size_t size = 64 * (1 + i); \
            void *block = make; \
            got(size); \
            if (i % 3) { \
                unmake; \
                gave(size); \
            } \
        } \
    }

FORM(plain, operator new(size), operator delete(block))
FORM(sized, operator new(size), operator delete(block, size))
FORM(nothrow, operator new(size, std::nothrow), operator delete(block, std::nothrow))
FORM(overaligned, operator new(size, aligned), operator delete(block, aligned))
FORM(overaligned_sized, operator new(size, aligned), operator delete(block, size, aligned))
FORM(overaligned_nothrow, operator new(size, aligned, std::nothrow), operator delete(block, aligned, std::nothrow))
FORM(array, operator new[](size), operator delete[](block))
FORM(array_sized, operator new[](size), operator delete[](block, size))
FORM(array_nothrow, operator new[](size, std::nothrow), operator delete[](block, std::nothrow))
FORM(array_overaligned, operator new[](size, aligned), operator delete[](block, aligned))
FORM(array_overaligned_sized, operator new[](size, aligned), operator delete[](block, size, aligned))
FORM(array_overaligned_nothrow, operator new[](size, aligned, std::nothrow), operator delete[](block, aligned, std::nothrow))
FORM(by_c, malloc(size), free(block))

static int handled;

static void handler() {
    if (++handled % 3 == 0)
        throw std::bad_alloc();
}

// What cannot be had is thrown, by each form, and is told to the handler.
NOINLINE int exhaust() {
    volatile std::size_t too_much = (std::size_t)1 << 62;
    int thrown = 0;
    for (int form = 0; form < 4; form++)
        try {
            switch (form) {
            case 0: (void)!operator new(too_much); break;
            case 1: (void)!operator new[](too_much); break;
            case 2: (void)!operator new(too_much, aligned); break;
            case 3: (void)!operator new[](too_much, aligned); break;
            }
        } catch (const std::bad_alloc &) {
            thrown++;
        }
    thrown += operator new(too_much, std::nothrow) == nullptr;
    thrown += operator new[](too_much, std::nothrow) == nullptr;
    return thrown;
}

// For sampling: many blocks of one size, and how many.
#define STEADY(name, size, count, make, unmake) \
    NOINLINE void name() { \
        for (int i = 0; i < count; i++) { \
            void *block = make; \
            got(size); \
            if (i % 16) { \
                unmake; \
                gave(size); \
            } \
        } \
        printf(#name " blocks %d %d\n", size, count); \
        fflush(stdout); \
    }

STEADY(plain_steady, 64, 40000, operator new(64), operator delete(block))
STEADY(nothrow_steady, 640, 4000, operator new(640, std::nothrow), operator delete(block, std::nothrow))
STEADY(overaligned_steady, 1024, 4000, operator new(1024, aligned), operator delete(block, aligned))
STEADY(array_steady, 1920, 4000, operator new[](1920), operator delete[](block))
STEADY(array_overaligned_steady, 12800, 400, operator new[](12800, aligned), operator delete[](block, aligned))
STEADY(by_c_steady, 320, 8000, malloc(320), free(block))

static int steady() {
    void (*forms[])() = {plain_steady, nothrow_steady, overaligned_steady, array_steady, array_overaligned_steady, by_c_steady};
    for (auto form : forms)
        form();
    print_ledger();
    return 0;
}

// With the argument "exhaust" it also asks for more than there is, with "steady" it is for sampling.
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "steady"))
        return steady();
    void (*forms[])() = {plain, sized, nothrow, overaligned, overaligned_sized, overaligned_nothrow, array,
                         array_sized, array_nothrow, array_overaligned, array_overaligned_sized,
                         array_overaligned_nothrow, by_c};
    int thrown = argc > 1 ? exhaust() : 0;
    for (auto form : forms)
        form();
    std::set_new_handler(handler);
    thrown += argc > 1 ? exhaust() : 0;
    for (auto form : forms)
        form();
    printf("%d thrown, %d handled\n", thrown, handled);
    print_ledger();
    return 0;
}
