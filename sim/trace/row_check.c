/* What each operation must and may say. Every sentence about a row's content is in this file; those about how a file
 * writes it are in the file's reader. */
#include "trace/row_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ALIGN (UINT64_C(1) << 30)
#define MAX_TIME (UINT64_C(1) << 62) /* ns; leaves room for what a replay adds */

/* What is done to the lifetime of the row's id, if anything. */
static const struct op {
    enum { KEEP, DIE, OPEN, CLOSE } lifetime;
    enum lifetime_kind kind;
    uint16_t needed; /* of OPEN and CLOSE: 1 << enum row_column for each that it cannot do without */
} ops[ROW_OPS] = {
    [TRACE_ALLOC] = {OPEN, LIFETIME_OBJECT, 1u << ROW_ID | 1u << ROW_SIZE},
    [TRACE_FREE] = {CLOSE, LIFETIME_OBJECT, 1u << ROW_ID},
    [TRACE_DEAD] = {DIE, LIFETIME_OBJECT, 0},
    [TRACE_STACKALLOC] = {OPEN, LIFETIME_STACK, 1u << ROW_ID | 1u << ROW_SIZE},
    [TRACE_STACKFREE] = {CLOSE, LIFETIME_STACK, 1u << ROW_ID},
};

#define FAIL(checks, row, ...) row_fail(&(checks)->failure, (checks)->name, (row)->line, __VA_ARGS__)

static bool fail_memory(struct row_checks *checks, const struct trace_row *row)
{
    return FAIL(checks, row, "out of memory");
}

bool row_checks_init(struct row_checks *checks, const struct row_source *source, int stream_by)
{
    uint64_t seed = id_map_seed();
    *checks = (struct row_checks){.name = source->name, .columns = source->columns,
                                  .by_g = stream_by == TRACE_STREAM_BY_G};
    bool ps = id_map_init(&checks->ps.map, seed);
    bool gs = id_map_init(&checks->gs.map, seed);
    bool lifetimes = lifetimes_init(&checks->lifetimes, seed);
    return (ps && gs && lifetimes) || row_fail(&checks->failure, checks->name, 0, "out of memory");
}

void row_checks_free(struct row_checks *checks)
{
    id_map_free(&checks->ps.map);
    id_map_free(&checks->gs.map);
    lifetimes_free(&checks->lifetimes);
    free(checks->times);
}

/* What the row's op cannot do without. */
static bool need(struct row_checks *checks, const struct trace_row *row, enum row_column column)
{
    if (row_has(row, column))
        return true;
    const char *name = row_column_names[column], *op = row_op_names[row->op];
    if ((checks->columns & 1u << column) == 0)
        return FAIL(checks, row, "%s: expected a column of this name for %s, got a header without it", name, op);
    return FAIL(checks, row, "%s: expected a number for %s, got nothing", name, op);
}

/* ---- streams and times ---- */

static bool find_number(struct row_checks *checks, const struct trace_row *row, struct row_numbering *numbering,
                        uint64_t value)
{
    bool added;
    struct id_entry *entry = id_map_put(&numbering->map, value, &added);
    if (entry == NULL || numbering->map.count > UINT32_MAX)
        return fail_memory(checks, row);
    if (added)
        entry->number = (uint32_t)(numbering->map.count - 1);
    numbering->recent[value % ROW_RECENT].value = value;
    numbering->recent[value % ROW_RECENT].number = entry->number + UINT64_C(1);
    return true;
}

/* No value counts as 0. */
static inline bool number_of(struct row_checks *checks, const struct trace_row *row, struct row_numbering *numbering,
                             uint64_t value, uint32_t *number)
{
    size_t at = value % ROW_RECENT;
    if ((numbering->recent[at].number == 0 || numbering->recent[at].value != value) &&
        !find_number(checks, row, numbering, value))
        return false;
    *number = (uint32_t)(numbering->recent[at].number - 1);
    return true;
}

static bool grow_times(struct row_checks *checks, const struct trace_row *row)
{
    size_t had = checks->times_capacity;
    size_t capacity = had == 0 ? 64 : had * 2;
    uint64_t *larger = reallocarray(checks->times, capacity, sizeof *larger);
    if (larger == NULL)
        return fail_memory(checks, row);
    memset(larger + had, 0, (capacity - had) * sizeof *larger);
    checks->times = larger;
    checks->times_capacity = capacity;
    return true;
}

/* A row without a time has that of its P's latest event. */
static inline bool take_stream_and_time(struct row_checks *checks, const struct trace_row *row, uint32_t *stream,
                                        uint64_t *time_ns)
{
    const uint64_t *value = row->value;
    uint32_t p;
    if (!number_of(checks, row, &checks->ps, value[ROW_P], &p))
        return false;
    *stream = p;
    if (checks->by_g && !number_of(checks, row, &checks->gs, value[ROW_G], stream))
        return false;
    if (p >= checks->times_capacity && !grow_times(checks, row))
        return false;
    uint64_t *latest = &checks->times[p];
    if (row_has(row, ROW_T_NS)) {
        if (value[ROW_T_NS] > MAX_TIME)
            return FAIL(checks, row, "t_ns: expected at most %" PRIu64 " ns (146 years), got %" PRIu64, MAX_TIME,
                        value[ROW_T_NS]);
        if (value[ROW_T_NS] < *latest)
            return FAIL(checks, row, "t_ns: expected at least %" PRIu64 ", the time before on p %" PRIu64
                        ", got %" PRIu64, *latest, value[ROW_P], value[ROW_T_NS]);
        *latest = value[ROW_T_NS];
    }
    *time_ns = *latest;
    return true;
}

/* ---- the allocation, and its lifetime ---- */

static inline bool check_shape(struct row_checks *checks, const struct trace_row *row, unsigned *align_log2)
{
    const uint64_t *value = row->value;
    if (ops[row->op].lifetime == OPEN) {
        if (!need(checks, row, ROW_SIZE))
            return false;
        if (value[ROW_SIZE] > TRACE_MAX_SIZE)
            return FAIL(checks, row, "size: expected at most %" PRIu64 " bytes (64 TiB), got %" PRIu64,
                        TRACE_MAX_SIZE, value[ROW_SIZE]);
    }
    if (value[ROW_NOSCAN] > 1)
        return FAIL(checks, row, "noscan: expected 0 or 1, got %" PRIu64, value[ROW_NOSCAN]);
    if (row_has(row, ROW_ALIGN)) {
        uint64_t align = value[ROW_ALIGN];
        if (align == 0 || (align & (align - 1)) != 0 || align > MAX_ALIGN)
            return FAIL(checks, row, "align: expected a power of two up to %" PRIu64 ", got %" PRIu64, MAX_ALIGN,
                        align);
        *align_log2 = (unsigned)__builtin_ctzll(align);
    }
    return true;
}

static bool fail_lifetime(struct row_checks *checks, const struct trace_row *row, enum lifetime_status status)
{
    static const char *const reasons[] = {
        [LIFETIME_IS_OPEN] = "is live already: each lifetime needs an id of its own",
        [LIFETIME_NOT_OPEN] = "is not live: it was never allocated or has been freed already",
        [LIFETIME_IS_DEAD] = "has been declared dead already",
    };
    const char *reason = reasons[LIFETIME_NOT_OPEN];
    if (status == LIFETIME_NO_MEMORY)
        return fail_memory(checks, row);
    if (status != LIFETIME_WRONG_KIND)
        reason = reasons[status];
    else if (ops[row->op].kind == LIFETIME_STACK)
        reason = "is not a goroutine stack";
    else
        reason = "is a goroutine stack";
    return FAIL(checks, row, "id: %s of id %" PRIu64 ", which %s", row_op_names[row->op], row->value[ROW_ID],
                reason);
}

/* Of a row that has to do with a lifetime. */
static inline bool take_lifetime(struct row_checks *checks, const struct trace_row *row, uint32_t *slot)
{
    const struct op *op = &ops[row->op];
    if (!need(checks, row, ROW_ID))
        return false;
    uint64_t id = row->value[ROW_ID];
    enum lifetime_status status;
    if (op->lifetime == OPEN)
        status = lifetimes_open(&checks->lifetimes, id, op->kind, slot);
    else if (op->lifetime == CLOSE)
        status = lifetimes_close(&checks->lifetimes, id, op->kind, slot);
    else
        status = lifetimes_die(&checks->lifetimes, id, op->kind, slot);
    return status == LIFETIME_OK || fail_lifetime(checks, row, status);
}

/* ---- rows ---- */

/* Rows about the trace itself. Nothing in them changes how it is read. */
static bool take_meta(struct row_checks *checks, const struct trace_row *row)
{
    if (checks->has_started)
        return FAIL(checks, row, "op: expected meta rows before all others, got one after them");
    const char *equals = row_has(row, ROW_TYPE) ? memchr(row->type, '=', row->type_length) : NULL;
    return (equals != NULL && equals > row->type) ||
           FAIL(checks, row, "type: expected key=value in a meta row, got something else");
}

static bool take_event(struct row_checks *checks, const struct trace_row *row, struct trace_event *event)
{
    uint32_t stream, slot = 0;
    unsigned align_log2 = 0;
    uint64_t time_ns = 0, size = row->value[ROW_SIZE] < TRACE_SIZE_FIELD ? row->value[ROW_SIZE] : TRACE_SIZE_FIELD;
    bool has_lifetime = ops[row->op].lifetime != KEEP;
    if (!checks->has_started)
        checks->timed = row_has(row, ROW_T_NS);
    checks->has_started = true;
    if (!take_stream_and_time(checks, row, &stream, &time_ns) || !check_shape(checks, row, &align_log2) ||
        (has_lifetime && !take_lifetime(checks, row, &slot)))
        return false;
    *event = (struct trace_event){
        .time_ns = time_ns, .id = has_lifetime ? row->value[ROW_ID] : 0, .size = size & TRACE_SIZE_FIELD,
        .op = row->op, .align_log2 = align_log2 & 0x7f, .noscan = row->value[ROW_NOSCAN] & 1, .slot = slot,
        .stream = stream,
    };
    return true;
}

enum row_result row_checks_take(struct row_checks *checks, const struct trace_row *row, struct trace_event *event)
{
    if (row->op == TRACE_META)
        return take_meta(checks, row) ? ROW_NOTHING : ROW_FAILED;
    return take_event(checks, row, event) ? ROW_EVENT : ROW_FAILED;
}

void row_checks_expect(struct row_checks *checks, struct row_source *source)
{
    source->ids = &checks->lifetimes.map;
    checks->are_fetched = source->fetches;
}

void row_checks_fetch(const struct row_checks *checks, const struct trace_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (row_has(&rows[i], ROW_ID))
            id_map_fetch(&checks->lifetimes.map, rows[i].value[ROW_ID]);
}

/* ---- rows like nearly all rows ---- */

/* An alloc or a free of a P that was seen before, with nothing to complain of, which is taken at once. False: it is
 * something else, and nothing has changed. */
static inline bool take_usual(struct row_checks *checks, const struct trace_row *row, struct trace_event *event)
{
    const struct op *op = &ops[row->op];
    const uint64_t *value = row->value;
    size_t at = value[ROW_P] % ROW_RECENT;
    uint64_t stream = checks->ps.recent[at].number - 1;
    if (op->lifetime < OPEN || checks->by_g || checks->ps.recent[at].value != value[ROW_P] ||
        stream >= checks->times_capacity)
        return false;
    uint64_t time_ns = row_has(row, ROW_T_NS) ? value[ROW_T_NS] : checks->times[stream];
    if (time_ns < checks->times[stream] || time_ns > MAX_TIME || value[ROW_SIZE] > TRACE_MAX_SIZE ||
        value[ROW_NOSCAN] > 1 || (~row->present & op->needed) != 0 || row_has(row, ROW_ALIGN))
        return false;
    _Static_assert(CLOSE - OPEN == 1, "which of the two it is takes no comparison");
    uint32_t slot;
    if (!lifetimes_pass(&checks->lifetimes, value[ROW_ID], CLOSE - op->lifetime, op->kind, &slot))
        return false;
    checks->times[stream] = time_ns;
    *event = (struct trace_event){
        .time_ns = time_ns, .id = value[ROW_ID], .size = value[ROW_SIZE] & TRACE_SIZE_FIELD, .op = row->op,
        .noscan = value[ROW_NOSCAN] & 1, .slot = slot, .stream = (uint32_t)stream,
    };
    return true;
}

static bool take_unusual(struct row_checks *checks, const struct trace_row *row, struct trace_event *event)
{
    bool is_meta = row->op == TRACE_META;
    if (is_meta ? !take_meta(checks, row) : !take_event(checks, row, event))
        return false;
    if (is_meta)
        *event = (struct trace_event){.op = row->op};
    else if (ops[row->op].lifetime == CLOSE)
        lifetimes_release(&checks->lifetimes, event->slot);
    return true;
}

bool row_checks_take_all(struct row_checks *checks, const struct trace_row *rows, size_t n, struct trace_event *events)
{
    if (!checks->are_fetched)
        row_checks_fetch(checks, rows, n);
    for (size_t i = 0; i < n; i++)
        if (!take_usual(checks, &rows[i], &events[i]) && !take_unusual(checks, &rows[i], &events[i]))
            return false;
    return true;
}
