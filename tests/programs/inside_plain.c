/* The C library's own allocator. */
#define _GNU_SOURCE
#include <malloc.h>
#define P(name) name
#include "inside.h"
