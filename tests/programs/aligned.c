/* Makes and frees blocks by malloc, and by a name that few allocators lack. */
#include <stdlib.h>

int main(void) {
    for (int i = 0; i < 1000; i++) {
        void *block = NULL;
        if (posix_memalign(&block, 64, 100))
            return 1;
        free(block);
        free(malloc(100));
    }
    return 0;
}
