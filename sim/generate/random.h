/* Numbers drawn at random: the same from the same seed on every machine, as nothing but whole numbers and the four
 * basic operations of IEEE doubles is in it, no function of a libm. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>
#include <string.h>

/* xoshiro256** of David Blackman and Sebastiano Vigna (prng.di.unimi.it), public domain. */
struct random {
    uint64_t s[4];
};

/* The state is filled by splitmix64, as its authors advise: seeds that are near each other have nothing in common. */
static inline void random_seed(struct random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        r->s[i] = z ^ (z >> 31);
    }
}

static inline uint64_t random_rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static inline uint64_t random_u64(struct random *r)
{
    uint64_t result = random_rotate(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;
    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= t;
    r->s[3] = random_rotate(r->s[3], 45);
    return result;
}

/* Below n, n >= 1; for n as small as here no value is likelier than another by more than 2^-32. */
static inline uint64_t random_below(struct random *r, uint32_t n)
{
    __extension__ unsigned __int128 product = (unsigned __int128)random_u64(r) * n;
    return (uint64_t)(product >> 64);
}

/* In (0, 1], in steps of 2^-53. */
static inline double random_unit(struct random *r)
{
    return (double)((random_u64(r) >> 11) + 1) * 0x1p-53;
}

/* The natural logarithm of x in (0, 1], negated, to 1 part in 10^13: x = m 2^e with m around 1, and
 * ln m = 2 artanh((m - 1) / (m + 1)) by its series. */
static inline double random_minus_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52) - 1023;
    bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    double s = (m - 1) / (m + 1), q = s * s, sum = 1.0 / 17;
    for (int k = 15; k >= 1; k -= 2)
        sum = sum * q + 1.0 / k;
    return -(2 * s * sum + e * 0.69314718055994531);
}

/* Of the exponential distribution with mean 1. */
static inline double random_exponential(struct random *r)
{
    return random_minus_log(random_unit(r));
}

#endif
