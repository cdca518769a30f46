/* flags: -l:libtcmalloc_minimal.so.4 -pthread */
/* The allocator of a library that the program is linked with. */
#include "inside_plain.c"
