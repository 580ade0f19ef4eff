/* The rules of Go's internal/trace/order.go, a function for each of its advance functions. Ranges, tasks and regions,
 * on which neither order nor attribution depends, are not followed.
 *
 * Invariant: ps[p].status is running or in a system call exactly while one M has p; gs likewise. */
#include "go_trace/order.h"

#include <stdlib.h>
#include <string.h>


enum { P_RUNNING = 1, P_IDLE, P_SYSCALL, P_ABANDONED };
enum { G_RUNNABLE = 1, G_RUNNING, G_SYSCALL, G_WAITING };

#define NO_G UINT32_MAX

bool go_order_init(struct go_order *order)
{
    *order = (struct go_order){.g_unused = NO_G};
    bool ms = id_map_init(&order->by_m, id_map_seed()), gs = id_map_init(&order->by_g, id_map_seed());
    return ms && gs;
}

void go_order_free(struct go_order *order)
{
    id_map_free(&order->by_m);
    id_map_free(&order->by_g);
    free(order->ms);
    free(order->ps);
    free(order->gs);
}

static enum go_order_result broken(struct go_order *order, const char *expected)
{
    order->broken = expected;
    return GO_ORDER_BROKEN;
}

/* ---- Ms, Ps and goroutines ---- */

static struct go_m_state *find_m(const struct go_order *order, uint64_t m)
{
    const struct id_entry *entry = id_map_find(&order->by_m, m);
    return entry != NULL ? &order->ms[entry->number] : NULL;
}

struct go_m_state *go_order_new_m(struct go_order *order, struct go_writer *writer)
{
    bool added;
    struct id_entry *entry = id_map_put(&order->by_m, writer->m, &added);
    if (entry == NULL)
        return NULL;
    if (!added) {
        writer->state = entry->number + 1;
        return &order->ms[entry->number];
    }
    if (order->m_count == order->m_capacity) {
        size_t capacity = order->m_capacity == 0 ? 16 : order->m_capacity * 2;
        struct go_m_state *larger = reallocarray(order->ms, capacity, sizeof *larger);
        if (larger == NULL)
            return NULL;
        order->ms = larger;
        order->m_capacity = capacity;
    }
    entry->number = (uint32_t)order->m_count;
    order->ms[order->m_count++] = (struct go_m_state){.m = writer->m, .p = GO_NONE, .g = GO_NONE};
    writer->state = (uint32_t)order->m_count;
    return &order->ms[order->m_count - 1];
}

bool go_order_begin_generation(struct go_order *order, uint64_t generation)
{
    if (order->first_generation == 0)
        order->first_generation = generation;
    order->generation = generation;
    size_t had = order->m_count;
    order->m_count = 0;
    id_map_free(&order->by_m);
    if (!id_map_init(&order->by_m, id_map_seed()))
        return false;
    for (size_t i = 0; i < had; i++) {
        struct go_m_state state = order->ms[i];
        if (state.p == GO_NONE && state.g == GO_NONE)
            continue;
        struct go_m_state *kept = go_order_new_m(order, &(struct go_writer){.m = state.m});
        if (kept == NULL)
            return false;
        *kept = state;
    }
    return true;
}

/* NULL: never seen. */
static struct go_sequence *find_p(const struct go_order *order, uint64_t p)
{
    return p < order->p_count && order->ps[p].status != 0 ? &order->ps[p] : NULL;
}

static struct go_sequence *new_p(struct go_order *order, uint64_t p)
{
    if (p >= order->p_count) {
        size_t count = (size_t)p + 1 > order->p_count * 2 ? (size_t)p + 1 : order->p_count * 2;
        struct go_sequence *larger = reallocarray(order->ps, count, sizeof *larger);
        if (larger == NULL)
            return NULL;
        memset(larger + order->p_count, 0, (count - order->p_count) * sizeof *larger);
        order->ps = larger;
        order->p_count = count;
    }
    return &order->ps[p];
}

static struct go_sequence *find_g(const struct go_order *order, uint64_t g)
{
    const struct id_entry *entry = g != GO_NONE ? id_map_find(&order->by_g, g) : NULL;
    return entry != NULL ? &order->gs[entry->number] : NULL;
}

static uint32_t unused_g(struct go_order *order)
{
    uint32_t index = order->g_unused;
    if (index != NO_G) {
        order->g_unused = order->gs[index].next_unused;
        return index;
    }
    if (order->g_count == order->g_capacity) {
        uint32_t capacity = order->g_capacity == 0 ? 64 : order->g_capacity * 2;
        struct go_sequence *larger =
            capacity > order->g_capacity ? reallocarray(order->gs, capacity, sizeof *larger) : NULL;
        if (larger == NULL)
            return NO_G;
        order->gs = larger;
        order->g_capacity = capacity;
    }
    return order->g_count++;
}

static enum go_order_result new_g(struct go_order *order, uint64_t g, uint8_t status)
{
    bool added;
    struct id_entry *entry = id_map_put(&order->by_g, g, &added);
    if (entry == NULL)
        return GO_ORDER_NO_MEMORY;
    if (!added)
        return broken(order, "a new goroutine, got one that there is already");
    entry->number = unused_g(order);
    if (entry->number == NO_G)
        return GO_ORDER_NO_MEMORY;
    order->gs[entry->number] = (struct go_sequence){.generation = order->generation, .status = status};
    return GO_ORDER_NEXT;
}

static void remove_g(struct go_order *order, uint64_t g)
{
    struct id_entry *entry = id_map_find(&order->by_g, g);
    order->gs[entry->number].next_unused = order->g_unused;
    order->g_unused = entry->number;
    id_map_remove(&order->by_g, entry);
}

static bool is_next(const struct go_order *order, const struct go_sequence *sequence, uint64_t number)
{
    return sequence->generation == order->generation && number == sequence->number + 1;
}

static void count_on(struct go_sequence *sequence, uint64_t number, uint8_t status)
{
    sequence->number = number;
    sequence->status = status;
}

static void restart(struct go_order *order, struct go_sequence *sequence)
{
    sequence->generation = order->generation;
    sequence->number = 0;
}

static void give_p(struct go_m_state *m, uint64_t p)
{
    m->p = p;
    m->last_p = p;
}

/* The goroutine that the M runs, if it runs one. */
static struct go_sequence *running_g(struct go_order *order, const struct go_m_state *m)
{
    struct go_sequence *g = m->p != GO_NONE ? find_g(order, m->g) : NULL;
    return g != NULL && g->status == G_RUNNING ? g : NULL;
}

/* ---- events of Ps ---- */

static enum go_order_result proc_status(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    uint64_t number = event->arg[0], status = event->arg[1];
    if (number >= GO_MAX_PS || status < P_RUNNING || status > P_ABANDONED)
        return broken(order, "the status of a P below 65536");
    struct go_sequence *p = find_p(order, number);
    if (p == NULL) {
        p = new_p(order, number);
        if (p == NULL)
            return GO_ORDER_NO_MEMORY;
        p->status = (uint8_t)status;
    } else if (p->status != status && !(status == P_ABANDONED && p->status == P_SYSCALL)) {
        return broken(order, "the status that the P has");
    }
    restart(order, p);
    if (m != NULL && (status == P_RUNNING || status == P_SYSCALL))
        give_p(m, number);
    return GO_ORDER_NEXT;
}

static enum go_order_result proc_start(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *p = find_p(order, event->arg[0]);
    if (p == NULL || p->status != P_IDLE || !is_next(order, p, event->arg[1]) || m->p != GO_NONE)
        return GO_ORDER_NOT_YET;
    count_on(p, event->arg[1], P_RUNNING);
    give_p(m, event->arg[0]);
    return GO_ORDER_NEXT;
}

static enum go_order_result proc_stop(struct go_order *order, struct go_m_state *m)
{
    struct go_sequence *p = find_p(order, m->p);
    if (p == NULL || (p->status != P_RUNNING && p->status != P_SYSCALL))
        return broken(order, "a P that runs to stop");
    p->status = P_IDLE;
    m->p = GO_NONE;
    return GO_ORDER_NEXT;
}

static enum go_order_result proc_steal(struct go_order *order, const struct go_event *event)
{
    struct go_sequence *p = find_p(order, event->arg[0]);
    if (p == NULL || (p->status != P_SYSCALL && p->status != P_ABANDONED) || !is_next(order, p, event->arg[1]))
        return GO_ORDER_NOT_YET;
    bool had_m = p->status == P_SYSCALL;
    struct go_m_state *from = had_m ? find_m(order, event->arg[2]) : NULL;
    if (had_m && (from == NULL || from->p != event->arg[0]))
        return broken(order, "a P to be stolen from the thread that has it");
    count_on(p, event->arg[1], P_IDLE);
    if (had_m)
        from->p = GO_NONE;
    return GO_ORDER_NEXT;
}

/* ---- events of goroutines ---- */

/* A goroutine in a system call is its M's, which may not have written anything yet. */
static enum go_order_result bind_syscall(struct go_order *order, uint64_t writer, struct go_m_state *m, uint64_t g,
                                         uint64_t where)
{
    if (where == GO_NONE)
        return broken(order, "the thread of a goroutine in a system call");
    if (where == writer && m != NULL) {
        if (order->generation != order->first_generation && m->g != g)
            return broken(order, "the goroutine that the thread has, in a system call");
        m->g = g;
        return GO_ORDER_NEXT;
    }
    struct go_m_state *other = find_m(order, where);
    if (other != NULL)
        return other->g == g ? GO_ORDER_NEXT : broken(order, "the goroutine that another thread has, in a system call");
    other = go_order_new_m(order, &(struct go_writer){.m = where});
    if (other == NULL)
        return GO_ORDER_NO_MEMORY;
    other->g = g;
    return GO_ORDER_NEXT;
}

static enum go_order_result go_status(struct go_order *order, uint64_t writer, struct go_m_state *m,
                                      const struct go_event *event)
{
    uint64_t number = event->arg[0], where = event->arg[1], status = event->arg[2];
    if (status < G_RUNNABLE || status > G_WAITING)
        return broken(order, "the status of a goroutine");
    struct go_sequence *g = find_g(order, number);
    if (g != NULL && g->status != status)
        return broken(order, "the status that the goroutine has");
    if (g == NULL && order->generation != order->first_generation)
        return broken(order, "the status of a goroutine that there is");
    enum go_order_result result = GO_ORDER_NEXT;
    if (g == NULL)
        result = new_g(order, number, (uint8_t)status);
    else
        restart(order, g);
    if (result == GO_ORDER_NEXT && status == G_RUNNING && m != NULL)
        m->g = number;
    if (result == GO_ORDER_NEXT && status == G_SYSCALL)
        result = bind_syscall(order, writer, m, number, where);
    return result;
}

static enum go_order_result go_create(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    if (event->op == GO_CREATE_SYSCALL) {
        if (m->g != GO_NONE)
            return broken(order, "a thread without a goroutine to create one in a system call");
        enum go_order_result result = new_g(order, event->arg[0], G_SYSCALL);
        if (result == GO_ORDER_NEXT)
            m->g = event->arg[0];
        return result;
    }
    const struct go_sequence *g = find_g(order, m->g);
    if (m->p == GO_NONE || (g != NULL && g->status != G_RUNNING))
        return broken(order, "a goroutine to be created on a P");
    return new_g(order, event->arg[0], event->op == GO_CREATE_BLOCKED ? G_WAITING : G_RUNNABLE);
}

static enum go_order_result go_start(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *g = find_g(order, event->arg[0]);
    if (g == NULL || g->status != G_RUNNABLE || !is_next(order, g, event->arg[1]))
        return GO_ORDER_NOT_YET;
    if (m->p == GO_NONE || m->g != GO_NONE)
        return broken(order, "a goroutine to be started on a P that has none");
    count_on(g, event->arg[1], G_RUNNING);
    m->g = event->arg[0];
    return GO_ORDER_NEXT;
}

static enum go_order_result go_stop(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *g = running_g(order, m);
    if (g == NULL)
        return broken(order, "a goroutine that runs to stop");
    if (event->op == GO_DESTROY)
        remove_g(order, m->g);
    else
        g->status = event->op == GO_STOP ? G_RUNNABLE : G_WAITING;
    m->g = GO_NONE;
    return GO_ORDER_NEXT;
}

static enum go_order_result go_unblock(struct go_order *order, const struct go_event *event)
{
    struct go_sequence *g = find_g(order, event->arg[0]);
    if (g == NULL || g->status != G_WAITING || !is_next(order, g, event->arg[1]))
        return GO_ORDER_NOT_YET;
    count_on(g, event->arg[1], G_RUNNABLE);
    return GO_ORDER_NEXT;
}

static enum go_order_result go_switch(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *g = running_g(order, m);
    if (g == NULL)
        return broken(order, "a goroutine that runs to be switched");
    struct go_sequence *to = find_g(order, event->arg[0]);
    if (to == NULL || to->status != G_WAITING || !is_next(order, to, event->arg[1]))
        return GO_ORDER_NOT_YET;
    count_on(to, event->arg[1], G_RUNNING);
    if (event->op == GO_SWITCH_DESTROY)
        remove_g(order, m->g);
    else
        g->status = G_WAITING;
    m->g = event->arg[0];
    return GO_ORDER_NEXT;
}

/* ---- system calls ---- */

static enum go_order_result syscall_begin(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *g = running_g(order, m), *p = find_p(order, m->p);
    if (g == NULL || p == NULL || !is_next(order, p, event->arg[0]))
        return broken(order, "a goroutine that runs, on a P with the number before, to begin a system call");
    g->status = G_SYSCALL;
    count_on(p, event->arg[0], P_SYSCALL);
    return GO_ORDER_NEXT;
}

static enum go_order_result syscall_end(struct go_order *order, struct go_m_state *m)
{
    struct go_sequence *g = find_g(order, m->g), *p = find_p(order, m->p);
    if (g == NULL || p == NULL || g->status != G_SYSCALL || p->status != P_SYSCALL)
        return broken(order, "a goroutine and a P in a system call to end it");
    g->status = G_RUNNING;
    p->status = P_RUNNING;
    return GO_ORDER_NEXT;
}

/* It has lost its P in the meantime, or is yet to. */
static enum go_order_result syscall_end_blocked(struct go_order *order, struct go_m_state *m)
{
    struct go_sequence *g = find_g(order, m->g), *p = find_p(order, m->p);
    if (p != NULL && p->status == P_SYSCALL)
        return GO_ORDER_NOT_YET;
    if (g == NULL || g->status != G_SYSCALL)
        return broken(order, "a goroutine in a system call to end it");
    g->status = G_RUNNABLE;
    m->g = GO_NONE;
    return GO_ORDER_NEXT;
}

static enum go_order_result destroy_syscall(struct go_order *order, struct go_m_state *m)
{
    struct go_sequence *g = find_g(order, m->g), *p = find_p(order, m->p);
    if (g == NULL || g->status != G_SYSCALL || (p != NULL && p->status != P_SYSCALL))
        return broken(order, "a goroutine in a system call to end in it");
    remove_g(order, m->g);
    m->g = GO_NONE;
    if (p != NULL)
        p->status = P_ABANDONED;
    m->p = GO_NONE;
    return GO_ORDER_NEXT;
}

/* ---- the collector ---- */

static enum go_order_result collector(struct go_order *order, const struct go_event *event)
{
    bool runs = event->op != GO_GC_END, was_running = event->op != GO_GC_BEGIN;
    bool first = order->gc == GO_GC_UNKNOWN && runs;
    if (!first && event->arg[0] != order->gc_number + 1)
        return GO_ORDER_NOT_YET;
    if (!first && order->gc != (was_running ? GO_GC_RUNNING : GO_GC_OFF))
        return broken(order, was_running ? "a collection that runs" : "a collection to begin while none runs");
    order->gc_number = event->arg[0];
    order->gc = runs ? GO_GC_RUNNING : GO_GC_OFF;
    return GO_ORDER_NEXT;
}

static enum go_order_result take_of_m(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    switch (event->op) {
    case GO_PROC_START:
        return proc_start(order, m, event);
    case GO_PROC_STOP:
        return proc_stop(order, m);
    case GO_CREATE:
    case GO_CREATE_BLOCKED:
    case GO_CREATE_SYSCALL:
        return go_create(order, m, event);
    case GO_START:
        return go_start(order, m, event);
    case GO_DESTROY:
    case GO_STOP:
    case GO_BLOCK:
        return go_stop(order, m, event);
    case GO_SWITCH:
    case GO_SWITCH_DESTROY:
        return go_switch(order, m, event);
    case GO_SYSCALL_BEGIN:
        return syscall_begin(order, m, event);
    case GO_SYSCALL_END:
        return syscall_end(order, m);
    case GO_SYSCALL_END_BLOCKED:
        return syscall_end_blocked(order, m);
    case GO_DESTROY_SYSCALL:
        return destroy_syscall(order, m);
    default:
        return GO_ORDER_NEXT;
    }
}

/* What an M's own events say that it has, whoever had it before. */
static void take_loosely(struct go_m_state *m, const struct go_event *event)
{
    bool takes_p = event->op == GO_PROC_START || event->arg[1] == P_RUNNING || event->arg[1] == P_SYSCALL;
    switch (event->op) {
    case GO_PROC_STATUS:
    case GO_PROC_START:
        if (takes_p && event->arg[0] < GO_MAX_PS)
            give_p(m, event->arg[0]);
        break;
    case GO_PROC_STOP:
        m->p = GO_NONE;
        break;
    case GO_STATUS:
    case GO_STATUS_STACK:
        m->g = event->arg[2] == G_RUNNING ? event->arg[0] : m->g;
        break;
    case GO_CREATE_SYSCALL:
    case GO_START:
    case GO_SWITCH:
    case GO_SWITCH_DESTROY:
        m->g = event->arg[0];
        break;
    case GO_STOP:
    case GO_BLOCK:
    case GO_DESTROY:
    case GO_SYSCALL_END_BLOCKED:
        m->g = GO_NONE;
        break;
    case GO_DESTROY_SYSCALL:
        m->g = m->p = GO_NONE;
        break;
    default:
        break;
    }
}

enum go_order_result go_order_take(struct go_order *order, struct go_writer *writer, const struct go_event *event)
{
    struct go_m_state *state = writer->m != GO_NONE ? go_order_m(order, writer) : NULL;
    if (writer->m != GO_NONE && state == NULL)
        return GO_ORDER_NO_MEMORY;
    if (order->loose) {
        if (state != NULL)
            take_loosely(state, event);
        return GO_ORDER_NEXT;
    }
    switch (event->op) {
    case GO_PROC_STATUS:
        return proc_status(order, state, event);
    case GO_PROC_STEAL:
        return proc_steal(order, event);
    case GO_STATUS:
    case GO_STATUS_STACK:
        return go_status(order, writer->m, state, event);
    case GO_UNBLOCK:
        return go_unblock(order, event);
    case GO_GC_ACTIVE:
    case GO_GC_BEGIN:
    case GO_GC_END:
        return collector(order, event);
    default:
        return state != NULL ? take_of_m(order, state, event) : broken(order, "an event of a thread, got one of none");
    }
}
