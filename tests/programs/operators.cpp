/* flags: -ldl
 * Prints where the jump of each hook of operator new and operator delete leads: by an address in memory, or to
 * other code. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <initializer_list>
#include <new>
#include <stdio.h>

int main() {
    ::operator delete(::operator new(1)); // which needs a C++ library
    for (const char *name : {"_Znwm", "_ZnwmRKSt9nothrow_t", "_ZnwmSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t",
                             "_Znam", "_ZnamRKSt9nothrow_t", "_ZnamSt11align_val_t", "_ZnamSt11align_val_tRKSt9nothrow_t",
                             "_ZdlPv", "_ZdlPvRKSt9nothrow_t", "_ZdlPvSt11align_val_t",
                             "_ZdlPvSt11align_val_tRKSt9nothrow_t", "_ZdlPvm", "_ZdlPvmSt11align_val_t",
                             "_ZdaPv", "_ZdaPvRKSt9nothrow_t", "_ZdaPvSt11align_val_t",
                             "_ZdaPvSt11align_val_tRKSt9nothrow_t", "_ZdaPvm", "_ZdaPvmSt11align_val_t"}) {
        Dl_info info;
        const unsigned char *hook = (const unsigned char *)dlsym(RTLD_DEFAULT, name);
        if (hook && dladdr(hook, &info) && info.dli_sname)
            printf("%s %s\n", name, hook[0] == 0xFF && hook[1] == 0x25 ? "memory" : hook[0] == 0xE9 ? "code" : "?");
    }
    return 0;
}
