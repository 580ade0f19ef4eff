/* Rows in chunks of words, and the merge of rows and deaths.
 *
 * Invariant: of the words of a row none is in another chunk. */
#include "go_trace/row_queue.h"

#include <stdlib.h>
#include <string.h>

#include "go_trace/wire.h"

enum { CHUNK = 8188 /* words: 64 KiB with the rest */ };
enum { ALL_HAVE = 1u << ROW_OP | 1u << ROW_T_NS | 1u << ROW_P };

struct go_row_chunk {
    struct go_row_chunk *next;
    const uint64_t *end; /* of what is in it; of the last chunk the queue knows it */
    uint64_t words[CHUNK];
};

void go_rows_init(struct go_row_queue *queue, bool by_time, const struct go_types *types)
{
    memset(queue, 0, sizeof *queue);
    queue->types = types;
    queue->by_time = by_time;
    queue->head.end.g = queue->tail.g = GO_NONE;
}

void go_rows_free(struct go_row_queue *queue)
{
    for (struct go_row_chunk *chunk = queue->first, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    go_deaths_free(&queue->deaths);
}

/* ---- writing ---- */

static bool add_chunk(struct go_row_queue *queue)
{
    struct go_row_chunk *chunk = malloc(sizeof *chunk);
    if (chunk == NULL)
        return false;
    chunk->next = NULL;
    if (queue->last != NULL) {
        queue->last->next = chunk;
        queue->last->end = queue->to;
    } else {
        queue->first = chunk;
        queue->head.from = chunk->words;
    }
    queue->last = chunk;
    queue->to = chunk->words;
    queue->full = chunk->words + CHUNK - GO_ROW_MOST_WORDS + 1;
    return true;
}

/* What a row's own word cannot say of its P, goroutine and time. */
static uint64_t *put_before(uint64_t *to, const struct go_row_end *tail, const struct go_row *row, uint64_t *step)
{
    if (row->p != tail->p || row->g != tail->g) {
        *to++ = GO_ROW_PLACE | (uint64_t)row->p << 4;
        *to++ = row->g;
    }
    if (*step >> GO_ROW_TIME_BITS != 0) {
        *to++ = GO_ROW_STEP;
        *to++ = *step;
        *step = 0;
    }
    return to;
}

static uint64_t *put_row(uint64_t *to, const struct go_row *row, uint64_t step)
{
    if (go_row_is_long(row) == 0) {
        *to++ = go_row_word(row, step);
        return to;
    }
    *to++ = row->op | (row->noscan ? GO_ROW_NOSCAN : 0) | GO_ROW_LONG | (uint64_t)row->type << GO_ROW_NUMBER |
            step << GO_ROW_TIME;
    *to++ = row->value;
    return to;
}

bool go_rows_add_words(struct go_row_queue *queue, const struct go_row *row)
{
    if (queue->to >= queue->full && !add_chunk(queue))
        return false;
    struct go_row_end *tail = &queue->tail;
    uint64_t step = row->ns - tail->ns, *to = put_before(queue->to, tail, row, &step);
    queue->to = put_row(to, row, step);
    tail->p = row->p;
    tail->g = row->g;
    return true;
}

/* ---- reading ---- */

/* The next words to be read, up to *end, where those before have been up to from. Chunks that have been read go, but
 * not the last. */
static const uint64_t *find_words(struct go_row_queue *queue, const uint64_t *from, const uint64_t **end)
{
    struct go_row_chunk *chunk = queue->first;
    if (chunk != queue->last && from == chunk->end) {
        queue->first = chunk->next;
        free(chunk);
        chunk = queue->first;
        from = chunk->words;
    }
    if (chunk != NULL && chunk == queue->last && from == queue->to)
        from = queue->to = chunk->words;
    *end = chunk == queue->last ? queue->to : chunk->end;
    return from;
}

/* Moves the head over the next row, if there is one: up to *end there are words. */
static inline void pass_row(struct go_row_queue *queue, struct go_row_head *head, const uint64_t **end)
{
    if (head->from == *end)
        head->from = find_words(queue, head->from, end);
    head->has_row = head->from != *end;
    if (!head->has_row)
        return;
    uint64_t word;
    for (; ((word = *head->from++) & GO_ROW_WHAT) >= GO_ROW_PLACE; head->from++) {
        if ((word & GO_ROW_WHAT) == GO_ROW_STEP) {
            head->end.ns += *head->from;
        } else {
            head->end.p = (uint32_t)(word >> 4);
            head->end.g = *head->from;
        }
    }
    head->word = word;
    if ((word & GO_ROW_LONG) != 0)
        head->behind = *head->from++;
    go_row_end_pass(&head->end, queue->by_time, word & GO_ROW_WHAT, head->end.ns + (word >> GO_ROW_TIME));
}

static inline void make(struct trace_row *row, const struct go_row_end *head, uint8_t op, unsigned columns,
                        uint64_t id, uint64_t size)
{
    bool has_g = head->g != GO_NONE;
    *row = (struct trace_row){
        .value = {[ROW_T_NS] = head->ns, [ROW_P] = head->p, [ROW_G] = has_g ? head->g : 0, [ROW_ID] = id,
                  [ROW_SIZE] = size, [ROW_NOSCAN] = 1},
        .present = (uint16_t)(ALL_HAVE | columns | (unsigned)has_g << ROW_G),
        .op = op,
    };
}

static inline void make_alloc(struct trace_row *row, const struct go_row_end *head, const struct go_type *type,
                              uint64_t size, bool noscan)
{
    enum { COLUMNS = 1u << ROW_ID | 1u << ROW_SIZE | 1u << ROW_NOSCAN };
    make(row, head, TRACE_ALLOC, COLUMNS | (unsigned)(type->name != NULL) << ROW_TYPE, head->id, size);
    row->value[ROW_NOSCAN] = noscan;
    row->type = type->name;
    row->type_length = type->name_length;
}

static void make_other(struct trace_row *row, const struct go_row_end *head, uint8_t op, uint64_t number)
{
    bool begins = trace_op_begins(op), ends = trace_op_ends(op);
    bool has_size = op == TRACE_STACKALLOC || op == TRACE_PROCS || op == TRACE_HEAPLIVE || op == TRACE_HEAPGOAL;
    make(row, head, op, (unsigned)(begins || ends) << ROW_ID | (unsigned)has_size << ROW_SIZE,
         begins ? head->id : ends ? number : 0, ends ? 0 : number);
}

/* The row that the head has passed over. */
static inline void make_row(struct trace_row *row, const struct go_row_head *head, const struct go_type *types)
{
    uint64_t number = head->word >> GO_ROW_NUMBER & ((UINT64_C(1) << GO_ROW_NUMBER_BITS) - 1);
    uint64_t behind = head->behind, size = number & ((1u << GO_ROW_SIZE_BITS) - 1);
    bool is_long = (head->word & GO_ROW_LONG) != 0, noscan = (head->word & GO_ROW_NOSCAN) != 0;
    uint8_t op = head->word & GO_ROW_WHAT;
    if (op != TRACE_ALLOC)
        make_other(row, &head->end, op, is_long ? behind : number);
    else if (is_long)
        make_alloc(row, &head->end, &types[number], behind, noscan);
    else
        make_alloc(row, &head->end, &types[number >> GO_ROW_SIZE_BITS], size, noscan);
}

static void make_death(struct trace_row *row, const struct go_death *death)
{
    *row = (struct trace_row){
        .value = {[ROW_T_NS] = death->ns, [ROW_P] = go_who_p(death->who), [ROW_ID] = go_who_id(death->who),
                  [ROW_NOSCAN] = 1},
        .present = ALL_HAVE | 1u << ROW_ID,
        .op = TRACE_FREE,
    };
}

size_t go_rows_read(struct go_row_queue *queue, struct trace_row *rows, size_t max)
{
    const struct go_death_list *due = &queue->deaths.due;
    struct go_row_head head = queue->head;
    const uint64_t *end = head.from;
    size_t count = 0;
    if (!head.has_row)
        pass_row(queue, &head, &end);
    for (; count < max; count++) {
        bool has_death = queue->next_due < due->count;
        if (head.has_row && head.end.when < (has_death ? due->list[queue->next_due].when : queue->limit)) {
            make_row(&rows[count], &head, queue->types->list);
            pass_row(queue, &head, &end);
        } else if (has_death) {
            make_death(&rows[count], &due->list[queue->next_due++]);
        } else {
            break;
        }
    }
    queue->head = head;
    return count;
}

bool go_rows_release(struct go_row_queue *queue, uint64_t limit)
{
    queue->limit = limit;
    queue->next_due = 0;
    return go_deaths_release(&queue->deaths, limit);
}
