/* The mutex of the Go runtime on Linux, as up to Go 1.23 (runtime/lock_futex.go, lock2 and unlock2 of Go 1.19).
 *
 *     key UNLOCKED --anybody--> LOCKED or SLEEPING --unlock--> UNLOCKED; if it was SLEEPING, one sleeper is woken
 *
 * Nobody is handed the lock: whoever looks while it is free takes it, and one that has been woken looks like
 * everybody else. It may find that another has been faster. SLEEPING means that somebody may be asleep. Who finds it,
 * or has slept, takes the lock as SLEEPING, so that those still asleep are woken sooner or later; at worst, a call
 * finds nobody to wake.
 *
 * Every look at the key and every change of it happens in virtual-time order, unlocking included: a holder's clock
 * does not run ahead of the others' here, so the key is always what it is at that moment. Spinning is that of a
 * machine with several processors, whatever the number of Ps.
 *
 * Go 1.24 and later (runtime/lock_spinbit.go) are not modelled: there, one of those who wait may spin, the others
 * sleep at once; sleepers are a stack of Ms with a semaphore each, from which an unlocking M wakes the one that
 * came last, the one that came first now and then; and it wakes nobody while there is one that spins.
 */
#include "engine/lock.h"

enum { UNLOCKED, LOCKED, SLEEPING };        /* mutex_unlocked, mutex_locked, mutex_sleeping */
enum { ACTIVE_SPIN = 4, PASSIVE_SPIN = 1 }; /* rounds of spinning, and of giving way */

static unsigned exchange(struct lock *lock, unsigned key)
{
    unsigned old = lock->key;
    lock->key = key;
    return old;
}

/* Looks so many times, and lets `ns` pass after each; true if the lock was free, and now has the key `wait`. */
static bool look(struct lock *lock, struct process *process, unsigned times, uint64_t ns, unsigned wait)
{
    for (unsigned i = 0; i < times; i++) {
        if (lock->key == UNLOCKED) {
            lock->key = wait;
            return true;
        }
        process->now += ns;
        process_sync(process);
    }
    return false;
}

/* futexsleep: returns at once if the key has changed by the time that the OS looks at it. */
static void sleep_on(struct lock *lock, struct process *process)
{
    process->now += lock->costs.sleep;
    process_sync(process);
    if (lock->key == SLEEPING)
        lock_park(lock, process);
}

/* lock2 after its first try, which found the key `wait` and made it LOCKED. */
static void wait_turn(struct lock *lock, struct process *process, unsigned wait)
{
    const struct lock_costs *c = &lock->costs;
    while (!look(lock, process, ACTIVE_SPIN, c->spin, wait) && !look(lock, process, PASSIVE_SPIN, c->yield, wait)) {
        if (exchange(lock, SLEEPING) == UNLOCKED)
            return;
        wait = SLEEPING;
        sleep_on(lock, process);
    }
}

void go_lock_acquire(struct lock *lock, struct process *process)
{
    unsigned key = exchange(lock, LOCKED);
    if (key != UNLOCKED) {
        uint64_t arrived = process->now;
        lock_note_contended(lock, ++lock->waiting);
        wait_turn(lock, process, key);
        lock->waiting--;
        lock_note_waited(lock, process, arrived);
    }
    lock_hold(lock, process, process->now);
}

void go_lock_release(struct lock *lock, struct process *process)
{
    process_sync(process);
    lock_let_go(lock, process->now);
    if (exchange(lock, UNLOCKED) != SLEEPING)
        return;
    struct process *sleeper = lock_unpark(lock);
    if (sleeper)
        process_wake(sleeper, process->now + lock->costs.wake);
    process->now += lock->costs.sleep;
}
