/* The one place that knows how stacks are switched, and what sanitizers must be told about it. */
#include "engine/coroutine.h"

#include "base/pages.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1 /* clang's way of saying what gcc defines */
#endif
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { STACK_BYTES = 512 << 10 }; /* redzones make frames large */
/* Its frames never returned; whatever is mapped at these addresses next must not find their redzones. */
static void clean_stack(void *stack)
{
    __asan_unpoison_memory_region(stack, STACK_BYTES);
}
static void before_switch(struct coroutine *from, const struct coroutine *to)
{
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
}
static void after_switch(struct coroutine *me)
{
    __sanitizer_finish_switch_fiber(me->fake_stack, NULL, NULL);
}
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
enum { STACK_BYTES = 512 << 10 };
static void before_switch(struct coroutine *from, const struct coroutine *to)
{
    (void)from;
    __tsan_switch_to_fiber(to->fiber, 0);
}
static void after_switch(struct coroutine *me)
{
    (void)me;
}
#else
enum { STACK_BYTES = 64 << 10 };
static void before_switch(struct coroutine *from, const struct coroutine *to)
{
    (void)from;
    (void)to;
}
static void after_switch(struct coroutine *me)
{
    (void)me;
}
#endif

#if !defined(__SANITIZE_ADDRESS__)
static void clean_stack(void *stack)
{
    (void)stack;
}
#endif

#if defined(__SANITIZE_THREAD__)
static void *new_fiber(void)
{
    return __tsan_create_fiber(0);
}
static void delete_fiber(void *fiber)
{
    __tsan_destroy_fiber(fiber);
}
static void *this_fiber(void)
{
    return __tsan_get_current_fiber();
}
#else
static void *new_fiber(void)
{
    return NULL;
}
static void delete_fiber(void *fiber)
{
    (void)fiber;
}
static void *this_fiber(void)
{
    return NULL;
}
#endif

void coroutine_adopt_thread(struct coroutine *co)
{
    memset(co, 0, sizeof *co);
    co->entered = true;
    co->fiber = this_fiber();
    pthread_attr_t attr;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return;
    void *low = NULL;
    size_t bytes = 0;
    if (pthread_attr_getstack(&attr, &low, &bytes) == 0) {
        co->stack = low;
        co->stack_bytes = bytes;
    }
    pthread_attr_destroy(&attr);
}

/* makecontext passes ints only, so the pointer comes in two halves. */
static void begin(unsigned high, unsigned low)
{
    struct coroutine *me = (struct coroutine *)(uintptr_t)((uint64_t)high << 32 | low);
    after_switch(me);
    me->run(me->arg);
    abort(); /* run must switch away for good */
}

bool coroutine_create(struct coroutine *co, void (*run)(void *arg), void *arg)
{
    memset(co, 0, sizeof *co);
    co->stack_bytes = STACK_BYTES;
    co->stack = pages_alloc_stack(STACK_BYTES);
    if (!co->stack)
        return false;
    co->run = run;
    co->arg = arg;
    co->fiber = new_fiber();
    getcontext(&co->first);
    co->first.uc_stack.ss_sp = co->stack;
    co->first.uc_stack.ss_size = co->stack_bytes;
    co->first.uc_link = NULL;
    uintptr_t p = (uintptr_t)co;
    makecontext(&co->first, (void (*)(void))begin, 2, (unsigned)(p >> 32), (unsigned)p);
    return true;
}

void coroutine_switch(struct coroutine *from, struct coroutine *to)
{
    if (_setjmp(from->state) == 0) {
        before_switch(from, to);
        if (to->entered)
            _longjmp(to->state, 1);
        to->entered = true;
        setcontext(&to->first); /* from here, with no frame of ours left behind on the stack */
        abort();                /* setcontext does not return */
    }
    after_switch(from);
}

void coroutine_destroy(struct coroutine *co)
{
    if (co->fiber)
        delete_fiber(co->fiber);
    clean_stack(co->stack);
    pages_free_stack(co->stack, co->stack_bytes);
}
