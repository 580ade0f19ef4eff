/* The processor's time stamp counter, for who cannot pay for clock_gettime. Nothing here but inline functions: the
 * preloaded recorder, which has no goheap code in it, uses them, too. */
#ifndef TSC_H
#define TSC_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

/* The counter runs at one rate, whatever the core does (CPUID 80000007h, EDX bit 8). That all cores' counters agree is
 * for the caller to find out. */
static inline bool tsc_is_invariant(void)
{
#ifdef __x86_64__
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
#else
    return false;
#endif
}

/* Takes its place among the instructions around it within some ns. 0 where there is no such counter. */
static inline uint64_t tsc_read(void)
{
#ifdef __x86_64__
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

/* Read when all loads before it are done: what another core did before it stored what was loaded has an earlier
 * reading. (As Linux's rdtsc_ordered, arch/x86/include/asm/msr.h.) */
static inline uint64_t tsc_read_ordered(void)
{
#ifdef __x86_64__
    __builtin_ia32_lfence();
#endif
    return tsc_read();
}

#endif
