/* Size classes: from a request to the class that serves it.
 *
 * Lookup as in Go (malloc.go, mksizeclasses.go): one byte for every 8 bytes up to 1024, one for every 128
 * above, so that both tables fit in a few cache lines. Hence the rule that classes are multiples of 8, and
 * above 1024 of 128. */
#ifndef GH_SIZE_CLASS_H
#define GH_SIZE_CLASS_H

#include "goheap.h"

enum {
    GH_MAX_SMALL = 32768, /* bytes of the largest slot */
    GH_SMALL_MAX = 1024,  /* end of the fine table (smallSizeMax) */
    GH_SMALL_DIV = 8,
    GH_LARGE_DIV = 128
};

/* Dividing an offset into a span (below 2^23, its largest) by the size of its slots: of the product with div_magic the
 * upper 64 bits are the quotient, and the lower 64 are less than div_magic if and only if there is no remainder. For
 * with size x div_magic = 2^64 + e, e < size, the offset k x size + r makes k x 2^64 + k x e + r x div_magic, and k x e
 * is less than 2^23, which is less than the smallest div_magic, that of 32 KiB, 2^49. */
struct gh_quotient {
    uint64_t slot;
    bool exact;
};

static inline struct gh_quotient gh_divide(uint64_t offset, uint64_t div_magic)
{
    __extension__ unsigned __int128 product = (unsigned __int128)offset * div_magic;
    return (struct gh_quotient){(uint64_t)(product >> 64), (uint64_t)product < div_magic};
}

struct gh_class {
    uint32_t size;      /* of a slot; 0 in class 0 */
    uint32_t pages;     /* of a span */
    uint32_t objects[2]; /* slots in a span of objects that may hold pointers, and of such that do not */
    uint64_t div_magic; /* 2^64 / size, rounded up */
};

struct gh_size_classes {
    unsigned count;
    uint32_t header;       /* bytes before an object with pointers */
    uint32_t header_above; /* if it has more bytes than this */
    uint32_t max_small;    /* larger objects have a span of their own */
    uint8_t fine[GH_SMALL_MAX / GH_SMALL_DIV + 1];
    uint8_t coarse[(GH_MAX_SMALL - GH_SMALL_MAX) / GH_LARGE_DIV + 1];
    struct gh_class classes[GOHEAP_MAX_CLASSES];
};

/* What a span of a class holds of objects with or without pointers, whatever the config's table is; 0 if it is too
 * small. The class has at least a byte, and at most 128 pages. */
uint32_t gh_objects_in_span(const struct goheap_config *config, const struct goheap_size_class *c, bool noscan);
/* Whether the allocator can work with the config's table; if not, a sentence in why that names the class. */
bool gh_size_classes_check(const struct goheap_config *config, char *why, size_t why_size);
/* The config must have passed the check. */
void gh_size_classes_init(struct gh_size_classes *sc, const struct goheap_config *config);

/* The class of a size in 1..GH_MAX_SMALL. */
static inline unsigned gh_class_of_small(const struct gh_size_classes *sc, uint64_t size)
{
    if (size <= GH_SMALL_MAX - 8)
        return sc->fine[(size + GH_SMALL_DIV - 1) / GH_SMALL_DIV];
    return sc->coarse[(size - GH_SMALL_MAX + GH_LARGE_DIV - 1) / GH_LARGE_DIV];
}

/* Bytes of header before an object of a size, or in a slot of one. */
static inline uint32_t gh_header_of(const struct gh_size_classes *sc, uint64_t size, bool noscan)
{
    return noscan || size <= sc->header_above ? 0 : sc->header;
}

/* The class of a request of at least a byte, its header included; 0 if it is large. Tiny objects are not looked for. */
static inline unsigned gh_class_of(const struct gh_size_classes *sc, uint64_t size, bool noscan)
{
    return size > sc->max_small ? 0 : gh_class_of_small(sc, size + gh_header_of(sc, size, noscan));
}

#endif
