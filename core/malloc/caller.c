/* Tells calls by libc and the dynamic loader from those by anybody else: the former may come with locks held. */
#include "shim.h"

#include <link.h>
#include <pthread.h>

struct range {
    uintptr_t from, to;
};

/* Found once, by functions that nobody else defines. */
static struct range libc, loader;

extern void *__tls_get_addr(void *index); /* the dynamic loader's */

/* The object's addresses, from its first segment to the end of its last. */
static struct range extent(const struct dl_phdr_info *object)
{
    struct range range = {UINTPTR_MAX, 0};
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD)
            continue;
        uintptr_t from = object->dlpi_addr + segment->p_vaddr;
        if (from < range.from)
            range.from = from;
        if (from + segment->p_memsz > range.to)
            range.to = from + segment->p_memsz;
    }
    return range;
}

static bool holds(struct range range, uintptr_t address)
{
    return address >= range.from && address < range.to;
}

static int look_at(struct dl_phdr_info *object, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    struct range range = extent(object);
    if (holds(range, (uintptr_t)&pthread_attr_setstacksize))
        libc = range;
    if (holds(range, (uintptr_t)&__tls_get_addr))
        loader = range;
    return 0;
}

void gm_callers_init(void)
{
    dl_iterate_phdr(look_at, NULL);
}

bool gm_is_libc(const void *code)
{
    return holds(libc, (uintptr_t)code) || holds(loader, (uintptr_t)code);
}
