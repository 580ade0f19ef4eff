/* The merge of Ms. The heap is Go's (internal/trace/batchcursor.go), so that of events at the same moment the one comes
 * first that comes first there.
 *
 * Invariant: heap[i]->key is not above those of its children 2i + 1 and 2i + 2. */
#include "go_trace/frontier.h"

#include <stdlib.h>
#include <string.h>

#include "go_trace/wire.h"

/* Events of one batch run ahead of the clock by a tick each at most, so by some milliseconds at worst. */
enum { PATIENCE_PER_SECOND = 500 };

/* ---- a cursor ---- */

static bool is_snapshot(unsigned op)
{
    return op == GO_SPAN || op == GO_HEAP_OBJECT || op == GO_GOROUTINE_STACK;
}

static void open_batch(struct go_cursor *cursor)
{
    struct go_batch *batch = cursor->batch;
    cursor->next = batch->payload;
    cursor->end = batch->payload + batch->size;
    cursor->origin = batch->offset - (uintptr_t)batch->payload;
    cursor->clock = batch->time;
}

/* False if there is none. */
static bool next_batch(struct go_cursor *cursor)
{
    struct go_batch *done = cursor->batch;
    cursor->batch = done->next;
    free(done);
    if (cursor->batch != NULL)
        open_batch(cursor);
    return cursor->batch != NULL;
}

/* Reads the next event; false at the end. All that is here has been checked by the loader. */
static inline __attribute__((always_inline)) bool advance(struct go_cursor *cursor)
{
    if (cursor->next == cursor->end && !next_batch(cursor))
        return false;
    struct go_event *event = &cursor->event;
    const unsigned char *next = cursor->next;
    event->offset = cursor->origin + (uintptr_t)next;
    event->op = *next++;
    cursor->clock += *next < 0x80 ? *next++ : go_number_again(&next);
    event->time = cursor->clock;
    cursor->next = go_numbers_again(next, go_numbers_after[event->op] - 1u, event->arg);
    cursor->key = is_snapshot(event->op) ? 0 : event->time;
    return true;
}

/* ---- the heap ---- */

static void swap(struct go_frontier *frontier, size_t i, size_t j)
{
    struct go_cursor *cursor = frontier->heap[i];
    frontier->heap[i] = frontier->heap[j];
    frontier->heap[j] = cursor;
}

static uint64_t key(const struct go_frontier *frontier, size_t i)
{
    return frontier->heap[i]->key;
}

static size_t sift_up(struct go_frontier *frontier, size_t i)
{
    while (i > 0 && key(frontier, (i - 1) / 2) > key(frontier, i)) {
        swap(frontier, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
    return i;
}

static void sift_down(struct go_frontier *frontier, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < frontier->count; child++)
            if (key(frontier, child) < key(frontier, least))
                least = child;
        if (least == i)
            return;
        swap(frontier, i, least);
        i = least;
    }
}

static void update(struct go_frontier *frontier, size_t i)
{
    if (sift_up(frontier, i) == i)
        sift_down(frontier, i);
}

/* As Go does it: up to the root whatever its key, and the last into its place. */
static void remove_at(struct go_frontier *frontier, size_t i)
{
    for (; i > 0; i = (i - 1) / 2)
        swap(frontier, i, (i - 1) / 2);
    swap(frontier, 0, --frontier->count);
    sift_down(frontier, 0);
}

/* By insertion, which leaves equals as they are: few cursors, nearly in order. A sorted heap is a heap. */
static void sort(struct go_frontier *frontier)
{
    for (size_t i = 1; i < frontier->count; i++)
        for (size_t j = i; j > 0 && key(frontier, j - 1) > key(frontier, j); j--)
            swap(frontier, j, j - 1);
}

/* ---- init ---- */

bool go_frontier_init(struct go_frontier *frontier, struct go_generation *generation)
{
    *frontier = (struct go_frontier){.patience = generation->frequency / PATIENCE_PER_SECOND};
    frontier->cursors = calloc(generation->m_count + 1, sizeof *frontier->cursors);
    frontier->heap = calloc(generation->m_count + 1, sizeof *frontier->heap);
    if (frontier->cursors == NULL || frontier->heap == NULL)
        return false;
    for (size_t i = 0; i < generation->m_count; i++) {
        struct go_cursor *cursor = &frontier->cursors[i];
        cursor->writer.m = generation->ms[i].m;
        cursor->batch = generation->ms[i].first;
        generation->ms[i].first = NULL;
        open_batch(cursor);
        advance(cursor);
        frontier->heap[frontier->count++] = cursor;
        sift_up(frontier, frontier->count - 1);
    }
    return true;
}

void go_frontier_free(struct go_frontier *frontier)
{
    for (size_t i = 0; i < frontier->count; i++)
        for (struct go_batch *batch = frontier->heap[i]->batch, *next; batch != NULL; batch = next) {
            next = batch->next;
            free(batch);
        }
    free(frontier->cursors);
    free(frontier->heap);
    *frontier = (struct go_frontier){0};
}

/* ---- steps ---- */

static void hold(struct go_frontier *frontier, size_t i, uint64_t wanted)
{
    struct go_cursor *cursor = frontier->heap[i];
    cursor->held = true;
    cursor->wanted = wanted;
    cursor->key = cursor->event.time + frontier->patience;
    frontier->held++;
}

/* What they have waited for may be there: they try again, at their own times. */
static void wake(struct go_frontier *frontier, uint64_t changed)
{
    for (size_t i = 0; i < frontier->count; i++) {
        struct go_cursor *cursor = frontier->heap[i];
        if (!cursor->held || cursor->wanted != changed)
            continue;
        cursor->held = false;
        cursor->key = cursor->event.time;
        frontier->held--;
        sift_up(frontier, i);
    }
}

/* While none is held: has the first one's event taken, and those behind it, up to most, until another comes first. Says
 * what became of the last. */
static inline enum go_take try_first(struct go_frontier *frontier, struct go_taker *taker, unsigned *most)
{
    struct go_cursor *cursor = frontier->heap[0];
    uint64_t other = frontier->count > 1 ? key(frontier, 1) : UINT64_MAX;
    uint64_t until = frontier->count > 2 && key(frontier, 2) < other ? key(frontier, 2) : other;
    enum go_take result;
    bool more;
    do {
        result = taker->take(taker, &cursor->writer, &cursor->event, false);
        more = result == GO_TAKEN && advance(cursor);
        --*most;
    } while (more && cursor->key <= until && *most > 0 && !taker->pause);
    if (result == GO_TAKE_HOLD)
        hold(frontier, 0, taker->wanted);
    if (result != GO_TAKEN)
        return result;
    if (more)
        update(frontier, 0);
    else
        remove_at(frontier, 0);
    return result;
}

/* Has the event of heap[i] taken if it can be. A held one's patience may be over, or nothing else left. */
static enum go_take try(struct go_frontier *frontier, struct go_taker *taker, size_t i)
{
    struct go_cursor *cursor = frontier->heap[i];
    taker->changed = GO_NONE;
    enum go_take result = taker->take(taker, &cursor->writer, &cursor->event, cursor->held);
    if (result == GO_TAKE_HOLD)
        hold(frontier, i, taker->wanted);
    if (result != GO_TAKEN)
        return result;
    frontier->held -= cursor->held;
    cursor->held = false;
    if (advance(cursor))
        update(frontier, i);
    else
        remove_at(frontier, i);
    if (frontier->held > 0 && taker->changed != GO_NONE)
        wake(frontier, taker->changed);
    return result;
}

/* The first cannot be taken: the earliest that can, of those that are held or not. */
static enum go_step try_others(struct go_frontier *frontier, struct go_taker *taker, bool held)
{
    for (size_t i = 0; i < frontier->count; i++) {
        if (frontier->heap[i]->held != held)
            continue;
        enum go_take result = try(frontier, taker, i);
        if (result == GO_TAKE_FAILED)
            return GO_STEP_FAILED;
        if (result == GO_TAKE_HOLD) /* it now stands behind those that it has to wait for */
            sort(frontier);
        if (result != GO_TAKE_NOT_YET)
            return GO_STEP_TAKEN;
    }
    return GO_STEP_STUCK;
}

/* Any but the first, which cannot be taken; *stuck is set if it is. */
static enum go_step step_over(struct go_frontier *frontier, struct go_taker *taker, const struct go_event **stuck)
{
    sort(frontier);
    enum go_step step = try_others(frontier, taker, false);
    if (step == GO_STEP_STUCK)
        step = try_others(frontier, taker, true);
    *stuck = &frontier->heap[0]->event;
    return step;
}

enum go_step go_frontier_run(struct go_frontier *frontier, struct go_taker *taker, unsigned most,
                             const struct go_event **stuck)
{
    enum go_step step = GO_STEP_TAKEN;
    enum go_take result;
    taker->pause = false;
    while (step == GO_STEP_TAKEN && most > 0 && !taker->pause) {
        if (frontier->count == 0)
            return GO_STEP_END;
        if (frontier->held == 0) {
            result = try_first(frontier, taker, &most);
        } else {
            result = try(frontier, taker, 0);
            most--;
        }
        if (result == GO_TAKE_FAILED)
            return GO_STEP_FAILED;
        if (result == GO_TAKE_HOLD)
            sift_down(frontier, 0);
        if (result == GO_TAKE_NOT_YET)
            step = step_over(frontier, taker, stuck);
    }
    return step;
}
