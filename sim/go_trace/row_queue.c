/* A row in the queue is one word, of 64 bits:
 *
 *   what 4 | noscan | long | number 42 | time since the row before 16
 *
 *   what: the op      number: size and type (24 bits and 18) of an alloc | id | value
 *
 * What does not fit is in words of its own: a number that is long in the next word, its type in this one; a P and
 * goroutine other than the row before's, or a longer or negative time, before the row. */
#include "go_trace/row_queue.h"

#include <stdlib.h>
#include <string.h>

#include "go_trace/wire.h"
#include "trace/trace.h"

enum { CHUNK = 8188 /* words: 64 KiB with the rest */, MOST = 6 /* words of a row */ };
enum { WHAT = 15, NOSCAN = 16, LONG = 32, NUMBER = 6 /* first bit */, TIME = 48 };
enum { PLACE = TRACE_OPS /* what: P << 4, and a word for the goroutine */, STEP /* what: a word for the time */ };
enum { NUMBER_BITS = TIME - NUMBER, SIZE_BITS = 24, TYPE_BITS = NUMBER_BITS - SIZE_BITS, TIME_BITS = 64 - TIME };

_Static_assert((int)STEP <= WHAT, "four bits for ops and what comes before them");

struct go_row_chunk {
    struct go_row_chunk *next;
    size_t used;
    uint64_t words[CHUNK];
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
    free(queue->turns);
}

/* ---- writing ---- */

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

/* What a row's own word cannot say of its P, goroutine and time. */
static uint64_t *put_before(uint64_t *to, const struct go_row_end *tail, const struct go_row *row, uint64_t *step)
{
    if (row->p != tail->p || row->g != tail->g) {
        *to++ = PLACE | (uint64_t)row->p << 4;
        *to++ = row->g;
    }
    if (*step >> TIME_BITS != 0) {
        *to++ = STEP;
        *to++ = *step;
        *step = 0;
    }
    return to;
}

static uint64_t *put_row(uint64_t *to, const struct go_row *row, uint64_t step)
{
    uint64_t number = row->op == TRACE_ALLOC ? row->value | (uint64_t)row->type << SIZE_BITS
                                             : trace_op_ends(row->op) ? row->id : row->value;
    bool fits = row->op == TRACE_ALLOC ? row->value >> SIZE_BITS == 0 && row->type >> TYPE_BITS == 0
                                       : number >> NUMBER_BITS == 0;
    uint64_t word = row->op | (row->noscan ? NOSCAN : 0) | step << TIME;
    if (fits) {
        *to++ = word | number << NUMBER;
    } else {
        *to++ = word | LONG | (uint64_t)row->type << NUMBER;
        *to++ = row->op == TRACE_ALLOC ? row->value : number;
    }
    return to;
}

bool go_rows_add(struct go_row_queue *queue, struct go_row *row, uint64_t *when)
{
    struct go_row_chunk *chunk = room(queue);
    if (chunk == NULL)
        return false;
    struct go_row_end *tail = &queue->tail;
    uint64_t step = row->ns - tail->ns, *to = chunk->words + chunk->used;
    to = put_before(to, tail, row, &step);
    to = put_row(to, row, step);
    chunk->used = (size_t)(to - chunk->words);
    tail->p = row->p;
    tail->g = row->g;
    pass(queue, tail, row->op, row->ns);
    if (trace_op_begins(row->op))
        row->id = tail->id;
    *when = tail->when;
    return true;
}

/* ---- reading ---- */

/* What comes before a row: it moves the head. */
static const uint64_t *take_before(const uint64_t *at, struct go_row_end *head)
{
    for (;; at += 2) {
        if ((at[0] & WHAT) == PLACE) {
            head->p = (uint32_t)(at[0] >> 4);
            head->g = at[1];
        } else if ((at[0] & WHAT) == STEP) {
            head->ns += at[1];
        } else {
            return at;
        }
    }
}

static void decode(struct go_row_queue *queue)
{
    struct go_row_end *head = &queue->head;
    const uint64_t *at = take_before(queue->first->words + queue->read, head);
    uint64_t word = *at++, number = word >> NUMBER & ((UINT64_C(1) << NUMBER_BITS) - 1), type = 0;
    unsigned op = word & WHAT;
    if ((word & LONG) != 0) {
        type = number;
        number = *at++;
    } else if (op == TRACE_ALLOC) {
        type = number >> SIZE_BITS;
        number &= (1u << SIZE_BITS) - 1;
    }
    queue->read = (size_t)(at - queue->first->words);
    pass(queue, head, op, head->ns + (word >> TIME));
    queue->ahead = (struct go_row){
        .ns = head->ns,
        .g = head->g,
        .id = trace_op_begins(op) ? head->id : trace_op_ends(op) ? number : 0,
        .value = trace_op_ends(op) ? 0 : number,
        .p = head->p,
        .type = (uint32_t)type,
        .op = (uint8_t)op,
        .noscan = (word & NOSCAN) != 0,
    };
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

const struct go_row *go_rows_next(struct go_row_queue *queue)
{
    bool released = look_ahead(queue) && queue->head.when < queue->limit;
    if (queue->next_due < queue->due.count) {
        const struct go_turn *turn = &queue->turns[queue->next_due];
        if (!released || turn->when <= queue->head.when) {
            const struct go_death *death = &queue->due.list[turn->index];
            queue->next_due++;
            queue->death = (struct go_row){
                .op = TRACE_FREE, .ns = death->ns, .id = death->id, .p = death->p, .g = GO_NONE};
            return &queue->death;
        }
    }
    queue->has_ahead &= !released;
    return released ? &queue->ahead : NULL;
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

/* Those before the limit become due. False: no memory. */
static bool take_due(struct go_row_queue *queue, uint64_t limit)
{
    struct go_deaths *later = &queue->later;
    size_t kept = 0;
    for (size_t i = 0; i < later->count; i++) {
        if (later->list[i].when >= limit)
            later->list[kept++] = later->list[i];
        else if (!append(&queue->due, &later->list[i]))
            return false;
    }
    later->count = kept;
    return true;
}

/* Room for as many turns as there are deaths due, twice: sorting takes the other half. */
static bool make_room_for_turns(struct go_row_queue *queue)
{
    if (queue->turns_capacity >= queue->due.capacity)
        return true;
    struct go_turn *larger = reallocarray(NULL, queue->due.capacity, 2 * sizeof *larger);
    if (larger == NULL || queue->due.capacity > UINT32_MAX) {
        free(larger);
        return false;
    }
    free(queue->turns);
    queue->turns = larger;
    queue->turns_capacity = queue->due.capacity;
    return true;
}

/* By the byte of when - least that lies so far up; equals keep their order. */
static void sort_by_byte(const struct go_turn *turns, size_t n, uint64_t least, unsigned shift, struct go_turn *sorted)
{
    size_t place[257] = {0};
    for (size_t i = 0; i < n; i++)
        place[((turns[i].when - least) >> shift & 255) + 1]++;
    for (unsigned byte = 0; byte < 255; byte++)
        place[byte + 1] += place[byte];
    for (size_t i = 0; i < n; i++)
        sorted[place[(turns[i].when - least) >> shift & 255]++] = turns[i];
}

/* By when, from the least byte up: there are tens of thousands in a collection, and few bytes in its time. Of most
 * policies most deaths are of one moment, which needs no sorting. */
static void sort_turns(struct go_row_queue *queue, uint64_t least, uint64_t most)
{
    size_t n = queue->due.count;
    struct go_turn *in = queue->turns, *out = queue->turns + queue->turns_capacity;
    for (unsigned shift = 0; shift < 64 && (most - least) >> shift > 0; shift += 8) {
        sort_by_byte(in, n, least, shift, out);
        struct go_turn *sorted = out;
        out = in;
        in = sorted;
    }
    if (in != queue->turns)
        memcpy(queue->turns, in, n * sizeof *in);
}

bool go_rows_release(struct go_row_queue *queue, uint64_t limit)
{
    queue->due.count = queue->next_due = 0;
    queue->limit = limit;
    if (!take_due(queue, limit) || !make_room_for_turns(queue))
        return false;
    uint64_t least = UINT64_MAX, most = 0;
    for (size_t i = 0; i < queue->due.count; i++) {
        uint64_t when = queue->due.list[i].when;
        least = when < least ? when : least;
        most = when > most ? when : most;
        queue->turns[i] = (struct go_turn){when, (uint32_t)i};
    }
    if (least < most)
        sort_turns(queue, least, most);
    return true;
}
