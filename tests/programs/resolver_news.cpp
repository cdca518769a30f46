/* flags: -shared -fPIC -Wl,-z,now,-soname,resolver_news
 * A function whose implementation is chosen when it is bound, by a resolver that makes objects: while the dynamic linker
 * relocates this library, and before it comes to those that were loaded earlier. */
#include <new>

static int small(int x) { return x + 1; }
static int large(int x) { return x + 2; }

struct alignas(64) Line {
    char bytes[64];
};

template <typename T> static bool make(int count) {
    T *one = new T, *many = new T[count], *none = new (std::nothrow) T, *more = new (std::nothrow) T[count];
    bool made = one && many && none && more && one != many && none != more;
    delete one;
    delete[] many;
    ::operator delete(none, std::nothrow);
    delete[] more;
    return made;
}

extern "C" {
static int (*choose())(int) { return make<int>(100) && make<Line>(3) ? large : small; }

__attribute__((visibility("hidden"))) int pick(int) __attribute__((ifunc("choose")));

int use(int x) { return pick(x); }
}
