/* For test_strict_order: random programs of processes that meet at locks and queues, and what came of running them. */
#ifndef STRICT_PLAN_H
#define STRICT_PLAN_H

#include "engine/lock.h"

#include <string.h>

enum { PROCESSES = 64, LOCKS = 3, QUEUES = 3, LONGEST = 48 };
enum { NOTES = 2 * LONGEST + 2, WAITS = PROCESSES * LONGEST };

enum op {
    THINK,  /* time passes, then it meets the others */
    RUN,    /* time passes that nobody sees: the clock runs ahead */
    LOCK,   /* takes a lock */
    UNLOCK, /* releases it */
    PARK,   /* until somebody wakes those in a queue */
    WAKE,   /* wakes all of them */
    SLEEP,  /* for a time, unless it is hastened */
    HASTEN, /* ends another's sleep */
    SPAWN,  /* brings the next process into being */
    END
};
enum { BEGIN = END + 1, UNPARKED }; /* what is noted beside these */

struct instruction {
    enum op op;
    unsigned which; /* lock, queue or process */
    uint64_t ns;
};

struct plan {
    unsigned processes, at_first; /* the others are spawned by and by, or never */
    uint64_t start[PROCESSES];    /* of those there at first */
    struct instruction code[PROCESSES][LONGEST]; /* to END */
    enum lock_policy policy[LOCKS];
    struct lock_costs costs[LOCKS];
};

/* What a process did. No padding: these are compared as bytes. */
struct note {
    uint64_t time;
    uint64_t what;
    uint64_t order; /* how many met others before, of all processes; 0 where its clock may have run ahead */
};

struct outcome {
    struct note notes[PROCESSES][NOTES];
    unsigned note_count[PROCESSES];
    uint64_t order;
    struct {
        uint64_t acquisitions, contended, hold_ns, longest_queue;
        struct histogram wait;
    } locks[LOCKS];
};

static void note(struct outcome *out, uint32_t id, uint64_t time, unsigned what, bool meets)
{
    assert_true(out->note_count[id] < NOTES);
    out->notes[id][out->note_count[id]++] = (struct note){time, what, meets ? ++out->order : 0};
}

/* --- random plans -------------------------------------------------------------------------------------- */

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*random >> 33) % below);
}

/* Short times and few of them, so that things happen at the same time. */
static uint64_t draw_ns(uint64_t *random)
{
    static const uint64_t some[] = {0, 0, 1, 1, 2, 3, 5, 5, 10, 40};
    return some[draw(random, sizeof some / sizeof some[0])];
}

/* What comes next for a process that holds the locks of a set; taken in ascending order, so that it cannot end in
 * everyone waiting for each other. */
static struct instruction draw_instruction(uint64_t *random, const struct plan *plan, unsigned held)
{
    static const enum op some[] = {THINK, THINK, THINK, RUN, RUN, RUN, LOCK, LOCK, LOCK, LOCK, LOCK, LOCK, UNLOCK,
                                   UNLOCK, UNLOCK, UNLOCK, PARK, WAKE, WAKE, SLEEP, HASTEN, SPAWN};
    struct instruction i = {.op = some[draw(random, sizeof some / sizeof some[0])], .ns = draw_ns(random)};
    unsigned lock = draw(random, LOCKS);
    if (i.op == LOCK && held >> lock)
        i.op = RUN;
    if (i.op == UNLOCK && !(held >> lock & 1))
        i.op = RUN;
    if (i.op == PARK && held && draw(random, 64))
        i.op = WAKE;
    i.which = i.op == LOCK || i.op == UNLOCK ? lock
              : i.op == HASTEN               ? draw(random, plan->processes)
                                             : draw(random, QUEUES);
    return i;
}

static void draw_code(uint64_t *random, const struct plan *plan, struct instruction *code)
{
    unsigned held = 0, n = 0, length = draw(random, LONGEST - LOCKS - QUEUES);
    while (n < length) {
        code[n] = draw_instruction(random, plan, held);
        held |= code[n].op == LOCK ? 1u << code[n].which : 0;
        held &= code[n].op == UNLOCK ? ~(1u << code[n].which) : ~0u;
        n++;
    }
    for (unsigned lock = 0; lock < LOCKS; lock++)
        if (held >> lock & 1)
            code[n++] = (struct instruction){.op = UNLOCK, .which = lock};
    for (unsigned queue = 0; queue < QUEUES; queue++)
        code[n++] = (struct instruction){.op = WAKE, .which = queue};
    code[n] = (struct instruction){.op = END};
}

static void draw_plan(uint64_t seed, struct plan *plan)
{
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
    memset(plan, 0, sizeof *plan);
    plan->processes = 1 + draw(&random, PROCESSES);
    plan->at_first = plan->processes - draw(&random, plan->processes / 2 + 1);
    for (unsigned i = 0; i < plan->processes; i++) {
        plan->start[i] = draw_ns(&random);
        draw_code(&random, plan, plan->code[i]);
    }
    for (unsigned i = 0; i < LOCKS; i++) {
        plan->policy[i] = draw(&random, 2) ? LOCK_GO : LOCK_FIFO;
        plan->costs[i] = (struct lock_costs){draw_ns(&random), draw_ns(&random), draw_ns(&random),
                                             draw_ns(&random), draw_ns(&random), draw_ns(&random)};
    }
}

#endif
