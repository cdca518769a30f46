/* flags: -shared -fPIC -Wl,-soname,new_by_malloc
 * An allocator whose operator new calls its malloc by name, as some did. */
#include <cstddef>
#include <new>

extern "C" {
void *__libc_malloc(std::size_t);
void __libc_free(void *);

void *malloc(std::size_t size) { return __libc_malloc(size); }
void free(void *block) { __libc_free(block); }
}

void *operator new(std::size_t size) {
    if (void *block = malloc(size))
        return block;
    throw std::bad_alloc();
}

void operator delete(void *block) noexcept { free(block); }
