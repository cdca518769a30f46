// C++: methods of a class within a function, of one within a class, and of a closure.
#include <cstdio>
#include <cstdlib>

struct Outer {
    struct Inner {
        __attribute__((noinline)) void *take(int size) { return malloc(size + 1); }
    };
    Inner inner;
    __attribute__((noinline)) static int twice(int number) { return 2 * number + rand(); }
};

__attribute__((noinline)) int visit(int count) {
    struct Local {
        int seen = 0;
        __attribute__((noinline)) void see(int number) { seen += Outer::twice(number); }
    };
    Local local;
    auto closure = [&](int number) __attribute__((noinline)) { local.see(number); };
    for (int i = 0; i < count; i++)
        closure(i);
    return local.seen;
}

int main(int count, char **) {
    Outer outer;
    free(outer.inner.take(count));
    std::printf("%d\n", visit(count));
}
