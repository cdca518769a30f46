// flags: -fno-builtin -l:libjemalloc.a -lm -pthread
// All forms of operator new and delete, of an allocator that is linked in.
#include "news.cpp"
