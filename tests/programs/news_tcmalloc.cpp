// flags: -fno-builtin -l:libtcmalloc_minimal.a -pthread
// All forms of operator new and delete, of an allocator that is linked in.
#include "news.cpp"
