/* The rules of Go's internal/trace/order.go, a function for each of its advance functions. Ranges, tasks and regions,
 * on which neither order nor attribution depends, are not followed. */
#include "go_trace/order.h"

bool go_order_init(struct go_order *order)
{
    *order = (struct go_order){.generation = 0};
    return go_sched_init(&order->sched);
}

void go_order_free(struct go_order *order)
{
    go_sched_free(&order->sched);
}

bool go_order_begin_generation(struct go_order *order, uint64_t generation)
{
    if (order->first_generation == 0)
        order->first_generation = generation;
    order->generation = generation;
    return go_sched_begin_generation(&order->sched);
}

static enum go_order_result broken(struct go_order *order, const char *expected)
{
    order->broken = expected;
    return GO_ORDER_BROKEN;
}

/* ---- Ps and goroutines ---- */

static struct go_sequence *find_p(const struct go_order *order, uint64_t p)
{
    return go_sched_find_p(&order->sched, p);
}

static struct go_sequence *find_g(const struct go_order *order, uint64_t g)
{
    return go_sched_find_g(&order->sched, g);
}

static enum go_order_result new_g(struct go_order *order, uint64_t g, uint8_t status)
{
    bool added;
    struct go_sequence *sequence = go_sched_put_g(&order->sched, g, &added);
    if (sequence == NULL)
        return GO_ORDER_NO_MEMORY;
    if (!added)
        return broken(order, "a new goroutine, got one that there is already");
    sequence->generation = order->generation;
    sequence->status = status;
    return GO_ORDER_NEXT;
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

/* The goroutine that the M runs, if it runs one. */
static struct go_sequence *running_g(struct go_order *order, const struct go_m_state *m)
{
    struct go_sequence *g = m->p != GO_NONE ? find_g(order, m->g) : NULL;
    return g != NULL && g->status == GO_G_RUNNING ? g : NULL;
}

/* ---- events of Ps ---- */

static enum go_order_result proc_status(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    uint64_t number = event->arg[0], status = event->arg[1];
    if (number >= GO_MAX_PS || status < GO_P_RUNNING || status > GO_P_ABANDONED)
        return broken(order, "the status of a P below 65536");
    struct go_sequence *p = find_p(order, number);
    if (p == NULL) {
        p = go_sched_new_p(&order->sched, number);
        if (p == NULL)
            return GO_ORDER_NO_MEMORY;
        p->status = (uint8_t)status;
    } else if (p->status != status && !(status == GO_P_ABANDONED && p->status == GO_P_SYSCALL)) {
        return broken(order, "the status that the P has");
    }
    restart(order, p);
    if (m != NULL && (status == GO_P_RUNNING || status == GO_P_SYSCALL))
        go_sched_give_p(m, number);
    return GO_ORDER_NEXT;
}

static enum go_order_result proc_start(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *p = find_p(order, event->arg[0]);
    if (p == NULL || p->status != GO_P_IDLE || !is_next(order, p, event->arg[1]) || m->p != GO_NONE)
        return GO_ORDER_NOT_YET;
    count_on(p, event->arg[1], GO_P_RUNNING);
    go_sched_give_p(m, event->arg[0]);
    return GO_ORDER_NEXT;
}

static enum go_order_result proc_stop(struct go_order *order, struct go_m_state *m)
{
    struct go_sequence *p = find_p(order, m->p);
    if (p == NULL || (p->status != GO_P_RUNNING && p->status != GO_P_SYSCALL))
        return broken(order, "a P that runs to stop");
    p->status = GO_P_IDLE;
    m->p = GO_NONE;
    return GO_ORDER_NEXT;
}

static enum go_order_result proc_steal(struct go_order *order, const struct go_event *event)
{
    struct go_sequence *p = find_p(order, event->arg[0]);
    if (p == NULL || (p->status != GO_P_SYSCALL && p->status != GO_P_ABANDONED) || !is_next(order, p, event->arg[1]))
        return GO_ORDER_NOT_YET;
    bool had_m = p->status == GO_P_SYSCALL;
    struct go_m_state *from = had_m ? go_sched_find_m(&order->sched, event->arg[2]) : NULL;
    if (had_m && (from == NULL || from->p != event->arg[0]))
        return broken(order, "a P to be stolen from the thread that has it");
    count_on(p, event->arg[1], GO_P_IDLE);
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
    struct go_m_state *other = go_sched_find_m(&order->sched, where);
    if (other != NULL)
        return other->g == g ? GO_ORDER_NEXT : broken(order, "the goroutine that another thread has, in a system call");
    other = go_sched_new_m(&order->sched, &(struct go_writer){.m = where});
    if (other == NULL)
        return GO_ORDER_NO_MEMORY;
    other->g = g;
    return GO_ORDER_NEXT;
}

static enum go_order_result go_status(struct go_order *order, uint64_t writer, struct go_m_state *m,
                                      const struct go_event *event)
{
    uint64_t number = event->arg[0], where = event->arg[1], status = event->arg[2];
    if (status < GO_G_RUNNABLE || status > GO_G_WAITING)
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
    if (result == GO_ORDER_NEXT && status == GO_G_RUNNING && m != NULL)
        m->g = number;
    if (result == GO_ORDER_NEXT && status == GO_G_SYSCALL)
        result = bind_syscall(order, writer, m, number, where);
    return result;
}

static enum go_order_result go_create(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    if (event->op == GO_CREATE_SYSCALL) {
        if (m->g != GO_NONE)
            return broken(order, "a thread without a goroutine to create one in a system call");
        enum go_order_result result = new_g(order, event->arg[0], GO_G_SYSCALL);
        if (result == GO_ORDER_NEXT)
            m->g = event->arg[0];
        return result;
    }
    const struct go_sequence *g = find_g(order, m->g);
    if (m->p == GO_NONE || (g != NULL && g->status != GO_G_RUNNING))
        return broken(order, "a goroutine to be created on a P");
    return new_g(order, event->arg[0], event->op == GO_CREATE_BLOCKED ? GO_G_WAITING : GO_G_RUNNABLE);
}

static enum go_order_result go_start(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *g = find_g(order, event->arg[0]);
    if (g == NULL || g->status != GO_G_RUNNABLE || !is_next(order, g, event->arg[1]))
        return GO_ORDER_NOT_YET;
    if (m->p == GO_NONE || m->g != GO_NONE)
        return broken(order, "a goroutine to be started on a P that has none");
    count_on(g, event->arg[1], GO_G_RUNNING);
    m->g = event->arg[0];
    return GO_ORDER_NEXT;
}

static enum go_order_result go_stop(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *g = running_g(order, m);
    if (g == NULL)
        return broken(order, "a goroutine that runs to stop");
    if (event->op == GO_DESTROY)
        go_sched_remove_g(&order->sched, m->g);
    else
        g->status = event->op == GO_STOP ? GO_G_RUNNABLE : GO_G_WAITING;
    m->g = GO_NONE;
    return GO_ORDER_NEXT;
}

static enum go_order_result go_unblock(struct go_order *order, const struct go_event *event)
{
    struct go_sequence *g = find_g(order, event->arg[0]);
    if (g == NULL || g->status != GO_G_WAITING || !is_next(order, g, event->arg[1]))
        return GO_ORDER_NOT_YET;
    count_on(g, event->arg[1], GO_G_RUNNABLE);
    return GO_ORDER_NEXT;
}

static enum go_order_result go_switch(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *g = running_g(order, m);
    if (g == NULL)
        return broken(order, "a goroutine that runs to be switched");
    struct go_sequence *to = find_g(order, event->arg[0]);
    if (to == NULL || to->status != GO_G_WAITING || !is_next(order, to, event->arg[1]))
        return GO_ORDER_NOT_YET;
    count_on(to, event->arg[1], GO_G_RUNNING);
    if (event->op == GO_SWITCH_DESTROY)
        go_sched_remove_g(&order->sched, m->g);
    else
        g->status = GO_G_WAITING;
    m->g = event->arg[0];
    return GO_ORDER_NEXT;
}

/* ---- system calls ---- */

static enum go_order_result syscall_begin(struct go_order *order, struct go_m_state *m, const struct go_event *event)
{
    struct go_sequence *g = running_g(order, m), *p = find_p(order, m->p);
    if (g == NULL || p == NULL || !is_next(order, p, event->arg[0]))
        return broken(order, "a goroutine that runs, on a P with the number before, to begin a system call");
    g->status = GO_G_SYSCALL;
    count_on(p, event->arg[0], GO_P_SYSCALL);
    return GO_ORDER_NEXT;
}

static enum go_order_result syscall_end(struct go_order *order, struct go_m_state *m)
{
    struct go_sequence *g = find_g(order, m->g), *p = find_p(order, m->p);
    if (g == NULL || p == NULL || g->status != GO_G_SYSCALL || p->status != GO_P_SYSCALL)
        return broken(order, "a goroutine and a P in a system call to end it");
    g->status = GO_G_RUNNING;
    p->status = GO_P_RUNNING;
    return GO_ORDER_NEXT;
}

/* It has lost its P in the meantime, or is yet to. */
static enum go_order_result syscall_end_blocked(struct go_order *order, struct go_m_state *m)
{
    struct go_sequence *g = find_g(order, m->g), *p = find_p(order, m->p);
    if (p != NULL && p->status == GO_P_SYSCALL)
        return GO_ORDER_NOT_YET;
    if (g == NULL || g->status != GO_G_SYSCALL)
        return broken(order, "a goroutine in a system call to end it");
    g->status = GO_G_RUNNABLE;
    m->g = GO_NONE;
    return GO_ORDER_NEXT;
}

static enum go_order_result destroy_syscall(struct go_order *order, struct go_m_state *m)
{
    struct go_sequence *g = find_g(order, m->g), *p = find_p(order, m->p);
    if (g == NULL || g->status != GO_G_SYSCALL || (p != NULL && p->status != GO_P_SYSCALL))
        return broken(order, "a goroutine in a system call to end in it");
    go_sched_remove_g(&order->sched, m->g);
    m->g = GO_NONE;
    if (p != NULL)
        p->status = GO_P_ABANDONED;
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
    bool takes_p = event->op == GO_PROC_START || event->arg[1] == GO_P_RUNNING || event->arg[1] == GO_P_SYSCALL;
    switch (event->op) {
    case GO_PROC_STATUS:
    case GO_PROC_START:
        if (takes_p && event->arg[0] < GO_MAX_PS)
            go_sched_give_p(m, event->arg[0]);
        break;
    case GO_PROC_STOP:
        m->p = GO_NONE;
        break;
    case GO_STATUS:
    case GO_STATUS_STACK:
        m->g = event->arg[2] == GO_G_RUNNING ? event->arg[0] : m->g;
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
    struct go_m_state *state = writer->m != GO_NONE ? go_sched_m(&order->sched, writer) : NULL;
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
