/* C++'s operator new and delete, by the names that the Itanium ABI gives them on machines whose size_t is
 * unsigned long. They are C: libstdc++ is asked for what it knows (the handler, how to throw) if it is there.
 *
 * The nothrow forms return a null pointer without calling the handler: it may throw, and C cannot catch.
 */
#include "shim.h"

#include <stdlib.h>

#include "text.h"

_Static_assert(sizeof(size_t) == sizeof(unsigned long), "the names below say m for size_t");

/* std::get_new_handler() and std::__throw_bad_alloc(), NULL in a program without C++. */
typedef void new_handler(void);
extern new_handler *_ZSt15get_new_handlerv(void) __attribute__((weak, visibility("default")));
extern _Noreturn void _ZSt17__throw_bad_allocv(void) __attribute__((weak, visibility("default")));

static void *try_alloc(size_t size, size_t align)
{
    return align == 1 ? gm_alloc(size, 0) : gm_alloc_aligned(size, align);
}

/* Lets the handler find memory until it gives up by throwing, or there is none. */
__attribute__((cold, noinline)) static void *new_slow(size_t size, size_t align)
{
    for (;;) {
        new_handler *handler = _ZSt15get_new_handlerv ? _ZSt15get_new_handlerv() : NULL;
        if (!handler)
            break;
        handler();
        void *block = try_alloc(size, align);
        if (block)
            return block;
    }
    if (_ZSt17__throw_bad_allocv)
        _ZSt17__throw_bad_allocv();
    gm_say_and_abort("operator new: out of memory, and no C++ library to say so");
}

static inline void *new_or_throw(size_t size)
{
    void *block = gm_alloc(size, 0);
    return GM_LIKELY(block) ? block : new_slow(size, 1);
}

static inline void *new_aligned_or_throw(size_t size, size_t align)
{
    void *block = gm_alloc_aligned(size, align);
    return GM_LIKELY(block) ? block : new_slow(size, align);
}

/* new (nw) and new[] (na) differ in name only. nothrow: a const std::nothrow_t &. */
#define NEW(kind)                                                                                            \
    GM_EXPORT void *_Zn##kind##m(size_t size);                                                               \
    GM_EXPORT void *_Zn##kind##mRKSt9nothrow_t(size_t size, const void *nothrow);                            \
    GM_EXPORT void *_Zn##kind##mSt11align_val_t(size_t size, size_t align);                                  \
    GM_EXPORT void *_Zn##kind##mSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void *nothrow); \
    void *_Zn##kind##m(size_t size)                                                                          \
    {                                                                                                        \
        return new_or_throw(size);                                                                           \
    }                                                                                                        \
    void *_Zn##kind##mRKSt9nothrow_t(size_t size, const void *nothrow)                                       \
    {                                                                                                        \
        (void)nothrow;                                                                                       \
        return gm_alloc(size, 0);                                                                            \
    }                                                                                                        \
    void *_Zn##kind##mSt11align_val_t(size_t size, size_t align)                                             \
    {                                                                                                        \
        return new_aligned_or_throw(size, align);                                                            \
    }                                                                                                        \
    void *_Zn##kind##mSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void *nothrow)          \
    {                                                                                                        \
        (void)nothrow;                                                                                       \
        return gm_alloc_aligned(size, align);                                                                \
    }

NEW(w)
NEW(a)

/* --- delete -------------------------------------------------------------------------------------------- */

GM_EXPORT void _ZdlPv(void *block);
void _ZdlPv(void *block)
{
    gm_free(block);
}

/* What else a delete is told (size, alignment, nothrow) comes in registers that nobody looks at. */
#define DELETE(name) GM_EXPORT void name(void *block) __attribute__((alias("_ZdlPv")))

DELETE(_ZdlPvm);
DELETE(_ZdlPvRKSt9nothrow_t);
DELETE(_ZdlPvSt11align_val_t);
DELETE(_ZdlPvmSt11align_val_t);
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t);
DELETE(_ZdaPv);
DELETE(_ZdaPvm);
DELETE(_ZdaPvRKSt9nothrow_t);
DELETE(_ZdaPvSt11align_val_t);
DELETE(_ZdaPvmSt11align_val_t);
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t);
