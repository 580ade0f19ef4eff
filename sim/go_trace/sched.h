/* Ms, Ps and goroutines of the recorded program: what each has, as far as is known.
 *
 *   M --by_m--> state { P, goroutine }      P --> sequence { status, number }      goroutine --by_g--> sequence
 *
 * Invariant: a P or goroutine is running or in a system call exactly while one M has it. */
#ifndef GO_TRACE_SCHED_H
#define GO_TRACE_SCHED_H

#include "go_trace/wire.h"
#include "trace/lifetimes.h"

/* Statuses of Ps and goroutines; 0: never seen. */
enum { GO_P_RUNNING = 1, GO_P_IDLE, GO_P_SYSCALL, GO_P_ABANDONED };
enum { GO_G_RUNNABLE = 1, GO_G_RUNNING, GO_G_SYSCALL, GO_G_WAITING };

enum { GO_MAX_PS = 1 << 16 };

/* Who wrote an event. */
struct go_writer {
    uint64_t m;
    uint32_t state; /* of the M in this generation, as go_sched_m has found it: its index plus 1; 0: it has not yet */
};

struct go_m_state {
    uint64_t m;
    uint64_t p, g;   /* GO_NONE: none */
    uint64_t last_p; /* the latest that it had; 0: none yet */
};

/* A P's or a goroutine's: status, and the latest number of a change in this generation. */
struct go_sequence {
    uint64_t generation, number;
    uint32_t next_unused; /* of goroutines' */
    uint8_t status;
};

struct go_sched {
    struct id_map by_m; /* to indices into ms */
    struct go_m_state *ms;
    size_t m_count, m_capacity;
    struct go_sequence *ps; /* by number */
    size_t p_count;
    struct id_map by_g; /* to indices into gs */
    struct go_sequence *gs;
    uint32_t g_count, g_capacity, g_unused;
};

bool go_sched_init(struct go_sched *sched); /* false: no memory */
void go_sched_free(struct go_sched *sched);

/* Another generation begins, of new writers: Ms without P and goroutine are forgotten. False: no memory. */
bool go_sched_begin_generation(struct go_sched *sched);

/* What go_sched_m does at the first event of an M in a generation. */
struct go_m_state *go_sched_new_m(struct go_sched *sched, struct go_writer *writer);

/* The state of an M at one of its events; valid until the next of these calls. NULL: no memory. */
static inline struct go_m_state *go_sched_m(struct go_sched *sched, struct go_writer *writer)
{
    return writer->state != 0 ? &sched->ms[writer->state - 1] : go_sched_new_m(sched, writer);
}

/* NULL: it has not been seen in this generation. */
struct go_m_state *go_sched_find_m(const struct go_sched *sched, uint64_t m);

/* NULL: never seen. */
static inline struct go_sequence *go_sched_find_p(const struct go_sched *sched, uint64_t p)
{
    return p < sched->p_count && sched->ps[p].status != 0 ? &sched->ps[p] : NULL;
}

/* Of a P below GO_MAX_PS that has not been seen yet: status 0. NULL: no memory. */
struct go_sequence *go_sched_new_p(struct go_sched *sched, uint64_t p);

/* NULL: there is no such goroutine. */
static inline struct go_sequence *go_sched_find_g(const struct go_sched *sched, uint64_t g)
{
    const struct id_entry *entry = g != GO_NONE ? id_map_find(&sched->by_g, g) : NULL;
    return entry != NULL ? &sched->gs[entry->number] : NULL;
}

/* Of a goroutine that there is, or, added, that there was not: all 0. NULL: no memory. */
struct go_sequence *go_sched_put_g(struct go_sched *sched, uint64_t g, bool *added);

/* Of a goroutine that there is. */
void go_sched_remove_g(struct go_sched *sched, uint64_t g);

/* The M gets the P, whoever had it before. */
static inline void go_sched_give_p(struct go_m_state *m, uint64_t p)
{
    m->p = p;
    m->last_p = p;
}

#endif
