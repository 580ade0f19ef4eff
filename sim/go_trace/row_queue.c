/* A row in the queue: its op and what has changed since the row before, then numbers as in wire.h.
 *
 *   op | NOSCAN | PLACE   [p, g + 1 if PLACE]   time since the row before   size, type | id | value
 *
 * A time may be before that of the row before: the least bit is its sign. */
#include "go_trace/row_queue.h"

#include <stdlib.h>
#include <string.h>

#include "go_trace/wire.h"
#include "trace/trace.h"

enum { CHUNK = 64 * 1024 - 32, MOST = 64 /* bytes of a row */, OP = 15, NOSCAN = 16, PLACE = 32 };

_Static_assert(TRACE_OPS <= OP + 1, "an op and two flags in a byte");

struct go_row_chunk {
    struct go_row_chunk *next;
    size_t used;
    unsigned char bytes[CHUNK];
};

void go_rows_init(struct go_row_queue *queue, bool by_time)
{
    *queue = (struct go_row_queue){.by_time = by_time};
    queue->head.g = queue->tail.g = GO_NONE;
}

void go_rows_free(struct go_row_queue *queue)
{
    for (struct go_row_chunk *chunk = queue->first, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(queue->later.list);
    free(queue->due.list);
}

/* ---- writing ---- */

static void put(struct go_row_chunk *chunk, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        chunk->bytes[chunk->used++] = (unsigned char)(value | 0x80);
    chunk->bytes[chunk->used++] = (unsigned char)value;
}

/* The chunk to write a row into; NULL: no memory. */
static struct go_row_chunk *room(struct go_row_queue *queue)
{
    if (queue->last != NULL && queue->last->used <= CHUNK - MOST)
        return queue->last;
    struct go_row_chunk *chunk = malloc(sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    chunk->next = NULL;
    chunk->used = 0;
    if (queue->last != NULL)
        queue->last->next = chunk;
    else
        queue->first = chunk;
    queue->last = chunk;
    return chunk;
}

/* After a row of this op and time: what the next is compared with, at either end. */
static void pass(const struct go_row_queue *queue, struct go_row_end *end, unsigned op, uint64_t ns)
{
    end->ns = ns;
    if (!queue->by_time)
        end->when++;
    else if (ns > end->when)
        end->when = ns;
    end->id += trace_op_begins(op);
}

bool go_rows_add(struct go_row_queue *queue, struct go_row *row, uint64_t *when)
{
    struct go_row_chunk *chunk = room(queue);
    if (chunk == NULL)
        return false;
    struct go_row_end *tail = &queue->tail;
    bool place = row->p != tail->p || row->g != tail->g;
    chunk->bytes[chunk->used++] = (unsigned char)(row->op | (row->noscan ? NOSCAN : 0) | (place ? PLACE : 0));
    if (place) {
        put(chunk, tail->p = row->p);
        put(chunk, (tail->g = row->g) + 1);
    }
    put(chunk, row->ns >= tail->ns ? (row->ns - tail->ns) << 1 : (tail->ns - row->ns) << 1 | 1);
    put(chunk, trace_op_ends(row->op) ? row->id : row->value);
    if (row->op == TRACE_ALLOC)
        put(chunk, row->type);
    pass(queue, tail, row->op, row->ns);
    if (trace_op_begins(row->op))
        row->id = tail->id;
    *when = tail->when;
    return true;
}

/* ---- reading ---- */

static void decode(struct go_row_queue *queue)
{
    struct go_row_end *head = &queue->head;
    struct go_row *row = &queue->ahead;
    const unsigned char *at = queue->first->bytes + queue->read;
    unsigned flags = *at++;
    *row = (struct go_row){.op = flags & OP, .noscan = (flags & NOSCAN) != 0};
    if ((flags & PLACE) != 0) {
        head->p = (uint32_t)go_number_again(&at);
        head->g = go_number_again(&at) - 1;
    }
    row->p = head->p;
    row->g = head->g;
    uint64_t step = go_number_again(&at);
    row->ns = (step & 1) == 0 ? head->ns + (step >> 1) : head->ns - (step >> 1);
    uint64_t number = go_number_again(&at);
    if (row->op == TRACE_ALLOC)
        row->type = (uint32_t)go_number_again(&at);
    pass(queue, head, row->op, row->ns);
    row->id = trace_op_begins(row->op) ? head->id : trace_op_ends(row->op) ? number : 0;
    row->value = trace_op_ends(row->op) ? 0 : number;
    queue->read = (size_t)(at - queue->first->bytes);
}

/* Whether there is a row ahead. */
static bool look_ahead(struct go_row_queue *queue)
{
    if (queue->has_ahead)
        return true;
    if (queue->first == NULL)
        return false;
    if (queue->read == queue->first->used) {
        struct go_row_chunk *done = queue->first;
        queue->read = 0;
        if (done->next == NULL) {
            done->used = 0;
            return false;
        }
        queue->first = done->next;
        free(done);
    }
    decode(queue);
    queue->has_ahead = true;
    return true;
}

bool go_rows_next(struct go_row_queue *queue, struct go_row *row)
{
    bool released = look_ahead(queue) && queue->head.when < queue->limit;
    if (queue->next_due < queue->due.count) {
        const struct go_death *death = &queue->due.list[queue->next_due];
        if (!released || death->when <= queue->head.when) {
            *row = (struct go_row){.op = TRACE_FREE, .ns = death->ns, .id = death->id, .p = death->p, .g = GO_NONE};
            queue->next_due++;
            return true;
        }
    }
    if (released) {
        *row = queue->ahead;
        queue->has_ahead = false;
    }
    return released;
}

/* ---- deaths ---- */

static bool append(struct go_deaths *deaths, const struct go_death *death)
{
    if (deaths->count == deaths->capacity) {
        size_t capacity = deaths->capacity == 0 ? 64 : deaths->capacity * 2;
        struct go_death *larger = reallocarray(deaths->list, capacity, sizeof *larger);
        if (larger == NULL)
            return false;
        deaths->list = larger;
        deaths->capacity = capacity;
    }
    deaths->list[deaths->count++] = *death;
    return true;
}

bool go_rows_die(struct go_row_queue *queue, const struct go_death *death)
{
    return append(&queue->later, death);
}

/* By the byte of when - from that lies so far up; equals keep their order. */
static void sort_by_byte(const struct go_death *list, size_t n, uint64_t from, unsigned shift, struct go_death *sorted)
{
    size_t place[257] = {0};
    for (size_t i = 0; i < n; i++)
        place[((list[i].when - from) >> shift & 255) + 1]++;
    for (unsigned byte = 0; byte < 255; byte++)
        place[byte + 1] += place[byte];
    for (size_t i = 0; i < n; i++)
        sorted[place[(list[i].when - from) >> shift & 255]++] = list[i];
}

/* By when, from the least byte up: there are tens of thousands in a collection, and few bytes in its time. False: no
 * memory. */
static bool sort_deaths(struct go_death *list, size_t n, uint64_t from)
{
    struct go_death *other = n > 1 ? reallocarray(NULL, n, sizeof *other) : NULL;
    uint64_t most = 0;
    if (other == NULL)
        return n <= 1;
    for (size_t i = 0; i < n; i++)
        most = list[i].when - from > most ? list[i].when - from : most;
    struct go_death *in = list, *out = other;
    for (unsigned shift = 0; shift < 64 && most >> shift > 0; shift += 8) {
        sort_by_byte(in, n, from, shift, out);
        struct go_death *sorted = out;
        out = in;
        in = sorted;
    }
    if (in != list)
        memcpy(list, in, n * sizeof *list);
    free(other);
    return true;
}

/* Of most policies most deaths are of one moment, the earliest: those need no sorting. */
static bool take_due(struct go_row_queue *queue, uint64_t from, uint64_t limit)
{
    struct go_deaths *later = &queue->later;
    size_t kept = 0;
    for (size_t i = 0; i < later->count; i++) {
        if (later->list[i].when < from || later->list[i].when >= limit)
            later->list[kept++] = later->list[i];
        else if (!append(&queue->due, &later->list[i]))
            return false;
    }
    later->count = kept;
    return true;
}

bool go_rows_release(struct go_row_queue *queue, uint64_t limit)
{
    struct go_deaths *later = &queue->later, *due = &queue->due;
    uint64_t earliest = limit;
    for (size_t i = 0; i < later->count; i++)
        if (later->list[i].when < earliest)
            earliest = later->list[i].when;
    due->count = queue->next_due = 0;
    queue->limit = limit;
    if (earliest == limit)
        return true;
    if (!take_due(queue, earliest, earliest + 1))
        return false;
    size_t first = due->count;
    if (!take_due(queue, earliest, limit))
        return false;
    return sort_deaths(due->list + first, due->count - first, earliest);
}
