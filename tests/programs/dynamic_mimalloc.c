/* flags: -l:libmimalloc.so.2 -pthread */
/* The allocator of a library that the program is linked with. */
#include "inside_plain.c"
