/* Coroutines: a function on a stack of its own that can be left in the middle and returned to.
 *
 * A simulated P is one of these, so that it can be suspended right inside the allocator core, which knows
 * nothing of it. Made with makecontext, switched with _setjmp and _longjmp (no system call a switch, as QEMU
 * does it); sanitizers are told of every switch. A coroutine stays on the thread that made it. */
#ifndef COROUTINE_H
#define COROUTINE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

struct coroutine {
    jmp_buf state; /* where to go on; valid while it is not running */
    void *stack;   /* lowest address; the thread's own for an adopted one */
    size_t stack_bytes;
    void *fiber;   /* ThreadSanitizer's handle */
    void *fake_stack; /* AddressSanitizer's, while it is not running */
    bool entered;  /* it has run before; until then `first` says where it begins */
    ucontext_t first;
    void (*run)(void *arg);
    void *arg;
    struct coroutine *next; /* free for whoever keeps them in a list */
};

/* Makes the running thread's own stack a coroutine that can be switched away from and back to. */
void coroutine_adopt_thread(struct coroutine *co);
/* Prepares a coroutine that, when first switched to, calls run(arg), which must never return but switch away
 * for good. False if there is no memory for its stack. */
bool coroutine_create(struct coroutine *co, void (*run)(void *arg), void *arg);
/* Leaves `from`, the one running, for `to`; returns when somebody switches back. */
void coroutine_switch(struct coroutine *from, struct coroutine *to);
/* Frees the stack of one that is not running. */
void coroutine_destroy(struct coroutine *co);

#endif
