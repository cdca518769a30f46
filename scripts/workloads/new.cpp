// COUNT pairs of operator new and delete.
#include <cstdlib>
#include <new>

int main(int, char **argv) {
    for (long i = 0, count = atol(argv[1]); i < count; i++) {
        void *volatile object = operator new(64 + (i & 63));
        operator delete(object);
    }
    return 0;
}
