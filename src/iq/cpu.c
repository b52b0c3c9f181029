#include "cpu.h"

#if defined(__x86_64__) || defined(__i386__)

bool iq_cpu_has_aes(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("aes") != 0;
}

#elif defined(__aarch64__) && defined(__linux__)

#include <sys/auxv.h>

bool iq_cpu_has_aes(void) { return (getauxval(AT_HWCAP) & HWCAP_AES) != 0; }

#else

bool iq_cpu_has_aes(void) { return true; }

#endif
