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

enum { CHUNK = 8188 /* words: 64 KiB with the rest */, MOST = 6 /* words of a row */ };
enum { WHAT = 15, NOSCAN = 16, LONG = 32, NUMBER = 6 /* first bit */, TIME = 48 };
enum { PLACE = TRACE_OPS /* what: P << 4, and a word for the goroutine */, STEP /* what: a word for the time */ };
enum { ALL_HAVE = 1u << ROW_OP | 1u << ROW_T_NS | 1u << ROW_P };
enum { FEW = 48 /* deaths that are sorted one by one */ };
enum { NUMBER_BITS = TIME - NUMBER, SIZE_BITS = 24, TYPE_BITS = NUMBER_BITS - SIZE_BITS, TIME_BITS = 64 - TIME };

_Static_assert((int)STEP <= WHAT, "four bits for ops and what comes before them");

struct go_row_chunk {
    struct go_row_chunk *next;
    size_t used;
    uint64_t words[CHUNK];
};

void go_rows_init(struct go_row_queue *queue, bool by_time, const struct go_types *types)
{
    memset(queue, 0, sizeof *queue);
    queue->types = types;
    queue->by_time = by_time;
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

static bool add_chunk(struct go_row_queue *queue)
{
    struct go_row_chunk *chunk = malloc(sizeof *chunk);
    if (chunk == NULL)
        return false;
    chunk->next = NULL;
    chunk->used = 0;
    if (queue->last != NULL)
        queue->last->next = chunk;
    else
        queue->first = chunk;
    queue->last = chunk;
    return true;
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
    uint64_t number = row->value, too_much = number >> NUMBER_BITS;
    if (row->op == TRACE_ALLOC) {
        number |= (uint64_t)row->type << SIZE_BITS;
        too_much = row->value >> SIZE_BITS | row->type >> TYPE_BITS;
    }
    *to = row->op | (row->noscan ? NOSCAN : 0) | number << NUMBER | step << TIME;
    if (too_much != 0) {
        *to++ = row->op | (row->noscan ? NOSCAN : 0) | LONG | (uint64_t)row->type << NUMBER | step << TIME;
        *to = row->value;
    }
    return to + 1;
}

bool go_rows_add(struct go_row_queue *queue, const struct go_row *row)
{
    if ((queue->last == NULL || queue->last->used > CHUNK - MOST) && !add_chunk(queue))
        return false;
    struct go_row_chunk *chunk = queue->last;
    struct go_row_end *tail = &queue->tail;
    uint64_t step = row->ns - tail->ns, *to = chunk->words + chunk->used;
    to = put_before(to, tail, row, &step);
    to = put_row(to, row, step);
    chunk->used = (size_t)(to - chunk->words);
    tail->p = row->p;
    tail->g = row->g;
    pass(queue, tail, row->op, row->ns);
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

/* Moves the head over the next row, of which all but what the head says stays in queue->ahead. */
static void pass_next(struct go_row_queue *queue)
{
    struct go_row_end *head = &queue->head;
    const uint64_t *at = take_before(queue->first->words + queue->read, head);
    uint64_t word = *at++;
    queue->ahead = word;
    if ((word & LONG) != 0)
        queue->ahead_number = *at++;
    queue->read = (size_t)(at - queue->first->words);
    pass(queue, head, word & WHAT, head->ns + (word >> TIME));
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
    pass_next(queue);
    return queue->has_ahead = true;
}

/* The row ahead. */
static void make_row(const struct go_row_queue *queue, struct trace_row *row)
{
    enum { SIZE = 1u << ROW_SIZE, ID = 1u << ROW_ID, NOSCAN_COLUMN = 1u << ROW_NOSCAN };
    static const uint16_t own_columns[TRACE_OPS] = {
        [TRACE_ALLOC] = ID | SIZE | NOSCAN_COLUMN, [TRACE_STACKALLOC] = ID | SIZE, [TRACE_FREE] = ID,
        [TRACE_STACKFREE] = ID, [TRACE_PROCS] = SIZE, [TRACE_HEAPLIVE] = SIZE, [TRACE_HEAPGOAL] = SIZE,
    };
    const struct go_row_end *head = &queue->head;
    uint64_t word = queue->ahead, number = word >> NUMBER & ((UINT64_C(1) << NUMBER_BITS) - 1), type = 0;
    uint8_t op = word & WHAT;
    if ((word & LONG) != 0) {
        type = number;
        number = queue->ahead_number;
    } else if (op == TRACE_ALLOC) {
        type = number >> SIZE_BITS;
        number &= (1u << SIZE_BITS) - 1;
    }
    const struct go_type *row_type = &queue->types->list[type]; /* of no type: without a name */
    bool ends = trace_op_ends(op), has_g = head->g != GO_NONE;
    unsigned more_columns = (unsigned)has_g << ROW_G | (unsigned)(type != 0) << ROW_TYPE;
    *row = (struct trace_row){
        .value = {[ROW_T_NS] = head->ns,
                  [ROW_P] = head->p,
                  [ROW_G] = has_g ? head->g : 0,
                  [ROW_ID] = trace_op_begins(op) ? head->id : ends ? number : 0,
                  [ROW_SIZE] = ends ? 0 : number,
                  [ROW_NOSCAN] = op == TRACE_ALLOC ? (word & NOSCAN) != 0 : 1},
        .type = row_type->name,
        .type_length = row_type->name_length,
        .present = (uint16_t)(ALL_HAVE | own_columns[op] | more_columns),
        .op = op,
    };
}

static void make_death(const struct go_death *death, struct trace_row *row)
{
    *row = (struct trace_row){
        .value = {[ROW_T_NS] = death->ns, [ROW_P] = death->p, [ROW_ID] = death->id, [ROW_NOSCAN] = 1},
        .present = ALL_HAVE | 1u << ROW_ID,
        .op = TRACE_FREE,
    };
}

size_t go_rows_read(struct go_row_queue *queue, struct trace_row *rows, size_t max)
{
    size_t count = 0;
    for (; count < max; count++) {
        bool released = look_ahead(queue) && queue->head.when < queue->limit;
        if (queue->next_due < queue->due.count &&
            (!released || queue->due.list[queue->next_due].when <= queue->head.when)) {
            make_death(&queue->due.list[queue->next_due++], &rows[count]);
        } else if (released) {
            make_row(queue, &rows[count]);
            queue->has_ahead = false;
        } else {
            break;
        }
    }
    return count;
}

/* ---- deaths ---- */

bool go_rows_die(struct go_row_queue *queue, const struct go_death *death)
{
    struct go_deaths *later = &queue->later;
    if (later->count == later->capacity) {
        size_t capacity = later->capacity == 0 ? 64 : later->capacity * 2;
        struct go_death *larger = reallocarray(later->list, capacity, sizeof *larger);
        if (larger == NULL)
            return false;
        later->list = larger;
        later->capacity = capacity;
    }
    later->list[later->count++] = *death;
    return true;
}

/* Room for so many deaths that are due, and as much to sort in. */
static bool make_room_for_due(struct go_deaths *due, size_t count)
{
    if (count <= due->capacity)
        return true;
    size_t capacity = count + count / 2;
    free(due->list);
    due->list = reallocarray(NULL, capacity, 2 * sizeof *due->list);
    due->capacity = due->list != NULL ? capacity : 0;
    return due->list != NULL;
}

/* Deaths between these two, both included, by some bits of when - least. */
struct sieve {
    uint64_t least, most;
    unsigned shift; /* of the lowest of these bits */
    size_t buckets; /* as many as these bits have values */
};

static bool is_in(const struct sieve *sieve, const struct go_death *death)
{
    return death->when - sieve->least <= sieve->most - sieve->least;
}

static size_t bucket_of(const struct sieve *sieve, const struct go_death *death)
{
    return (death->when - sieve->least) >> sieve->shift & (sieve->buckets - 1);
}

/* Into buckets; what is in one keeps its order. Afterwards ends says where each ends. */
static void distribute(const struct sieve *sieve, const struct go_death *from, size_t n, struct go_death *to,
                       size_t *ends)
{
    memset(ends, 0, sieve->buckets * sizeof *ends);
    for (size_t i = 0; i < n; i++)
        if (is_in(sieve, &from[i]))
            ends[bucket_of(sieve, &from[i])]++;
    for (size_t bucket = 0, first = 0, count; bucket < sieve->buckets; bucket++, first += count) {
        count = ends[bucket];
        ends[bucket] = first;
    }
    for (size_t i = 0; i < n; i++)
        if (is_in(sieve, &from[i]))
            to[ends[bucket_of(sieve, &from[i])]++] = from[i];
}

static void sort_few(struct go_death *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct go_death death = list[i];
        size_t j = i;
        for (; j > 0 && list[j - 1].when > death.when; j--)
            list[j] = list[j - 1];
        list[j] = death;
    }
}

/* By the bits that the sieve has not looked at, from the least up. */
static void sort_many(const struct sieve *sieve, struct go_death *list, size_t n, struct go_death *spare)
{
    size_t ends[256];
    struct sieve bits = {.least = sieve->least, .most = sieve->most, .buckets = 256};
    for (; bits.shift < sieve->shift; bits.shift += 8) {
        distribute(&bits, list, n, spare, ends);
        memcpy(list, spare, n * sizeof *list);
    }
}

/* Those of the sieve, by when; equals keep their order. There are tens of thousands in a collection, spread over its
 * time: first into buckets by the highest bits, where there are a few in each. Under most policies most are of one
 * moment, and of one bucket. */
static void sort_due(struct go_row_queue *queue, struct sieve *sieve)
{
    struct go_death *due = queue->due.list, *spare = due + queue->due.capacity;
    while ((sieve->most - sieve->least) >> sieve->shift >= sieve->buckets)
        sieve->shift++;
    distribute(sieve, queue->later.list, queue->later.count, due, queue->bucket_ends);
    for (size_t bucket = 0, first = 0, end; bucket < sieve->buckets; bucket++, first = end) {
        end = queue->bucket_ends[bucket];
        if (sieve->shift > 0 && end - first > FEW)
            sort_many(sieve, due + first, end - first, spare);
        else if (sieve->shift > 0)
            sort_few(due + first, end - first);
    }
}

static void keep_from(struct go_deaths *later, uint64_t limit)
{
    size_t kept = 0;
    for (size_t i = 0; i < later->count; i++)
        if (later->list[i].when >= limit)
            later->list[kept++] = later->list[i];
    later->count = kept;
}

bool go_rows_release(struct go_row_queue *queue, uint64_t limit)
{
    struct sieve sieve = {.least = UINT64_MAX, .buckets = GO_DEATH_BUCKETS};
    size_t count = 0;
    for (size_t i = 0; i < queue->later.count; i++) {
        uint64_t when = queue->later.list[i].when;
        if (when >= limit)
            continue;
        count++;
        sieve.least = when < sieve.least ? when : sieve.least;
        sieve.most = when > sieve.most ? when : sieve.most;
    }
    queue->limit = limit;
    queue->next_due = queue->due.count = 0;
    if (count == 0)
        return true;
    if (!make_room_for_due(&queue->due, count))
        return false;
    queue->due.count = count;
    sort_due(queue, &sieve);
    keep_from(&queue->later, limit);
    return true;
}
