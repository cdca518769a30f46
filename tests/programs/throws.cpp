// Exceptions thrown through functions that allocate, and longjmp over them.
#include <csetjmp>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

static std::jmp_buf back;

[[gnu::noinline]] static void allocate_and_throw(int depth) {
    auto kept = std::make_unique<char[]>(100 + depth);
    if (depth == 0)
        throw std::runtime_error("from the bottom, with a message that is too long for the string itself");
    allocate_and_throw(depth - 1);
    kept[0] = 1;
}

[[gnu::noinline]] static void allocate_and_jump(int depth) {
    if (!std::malloc(10))
        std::abort();
    if (depth == 0)
        std::longjmp(back, 1);
    allocate_and_jump(depth - 1);
    asm volatile("");
}

[[gnu::noinline]] static void after_all() {
    for (int i = 0; i < 1000; i++)
        if (!std::malloc(20))
            std::abort();
}

int main() {
    int caught = 0;
    for (int i = 0; i < 100; i++) {
        try {
            allocate_and_throw(20);
        } catch (const std::exception &) {
            caught++;
        }
    }
    for (volatile int i = 0; i < 100; i = i + 1)
        if (setjmp(back) == 0)
            allocate_and_jump(20);
    after_all();
    return caught == 100 ? 0 : 1;
}
