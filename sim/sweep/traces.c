/* One lock guards the states; nobody holds it while reading. */
#include "sweep/traces.h"

#include <stdlib.h>

enum state { UNREAD, BEING_READ, HELD, STREAMED };

struct held_trace {
    enum state state;
    size_t runs; /* to come, and under way */
    struct trace_array *array;
};

bool traces_init(struct traces *traces, size_t trace_count, uint64_t budget, struct error *error)
{
    traces->held_count = 2 * trace_count;
    traces->held = calloc(traces->held_count, sizeof *traces->held);
    atomic_init(&traces->budget.left, budget);
    pthread_mutex_init(&traces->lock, NULL);
    pthread_cond_init(&traces->read, NULL);
    return traces->held || error_set(error, "out of memory");
}

/* Arrays have gone with their last runs, unless runs that were expected did not come. */
void traces_clear(struct traces *traces)
{
    for (size_t i = 0; traces->held && i < traces->held_count; i++)
        if (traces->held[i].array)
            trace_array_free(traces->held[i].array);
    free(traces->held);
    pthread_cond_destroy(&traces->read);
    pthread_mutex_destroy(&traces->lock);
}

static struct held_trace *held_for(const struct traces *traces, const struct plan_run *run)
{
    return &traces->held[2 * run->trace_number + (run->config.stream_by == TRACE_STREAM_BY_G)];
}

static struct trace_source *open_file(const struct plan_run *run, struct error *error)
{
    return trace_open(run->trace_path, (int)run->config.stream_by, error);
}

void traces_expect(struct traces *traces, const struct plan_run *run)
{
    pthread_mutex_lock(&traces->lock);
    held_for(traces, run)->runs++;
    pthread_mutex_unlock(&traces->lock);
}

/* A file that does not open is each run's own to complain of. */
static struct trace_array *read_file(struct traces *traces, const struct plan_run *run)
{
    struct error error = {.text = ""};
    struct trace_source *source = open_file(run, &error);
    struct trace_array *array = source ? trace_array_read(source, &traces->budget) : NULL;
    if (source)
        source->close(source);
    return array;
}

/* With the lock held, which is let go while the file is read. */
static void read_once(struct traces *traces, struct held_trace *held, const struct plan_run *run)
{
    held->state = BEING_READ;
    pthread_mutex_unlock(&traces->lock);
    struct trace_array *array = read_file(traces, run);
    pthread_mutex_lock(&traces->lock);
    held->array = array;
    held->state = array ? HELD : STREAMED;
    pthread_cond_broadcast(&traces->read);
}

struct trace_source *traces_open(struct traces *traces, const struct plan_run *run, struct error *error)
{
    struct held_trace *held = held_for(traces, run);
    pthread_mutex_lock(&traces->lock);
    if (held->state == UNREAD && held->runs > 1)
        read_once(traces, held, run);
    while (held->state == BEING_READ)
        pthread_cond_wait(&traces->read, &traces->lock);
    const struct trace_array *array = held->array;
    pthread_mutex_unlock(&traces->lock);
    if (!array)
        return open_file(run, error);
    struct trace_source *source = trace_array_open(array);
    if (!source)
        error_set(error, "%.300s: out of memory", run->trace_path);
    return source;
}

void traces_done(struct traces *traces, const struct plan_run *run)
{
    struct held_trace *held = held_for(traces, run);
    pthread_mutex_lock(&traces->lock);
    struct trace_array *last = --held->runs == 0 ? held->array : NULL;
    if (last)
        held->array = NULL;
    pthread_mutex_unlock(&traces->lock);
    if (last)
        trace_array_free(last);
}
