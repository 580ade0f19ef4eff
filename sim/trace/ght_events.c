/* A binary trace as a replay reads it: a word becomes an event.
 *
 *     word { shape, slot, dt } --packed[shape]--> size, op, alignment as they stand in the event
 *                              --slots[slot]----> the slot that the replay has been given
 *
 * The file's slots follow the order of its rows; a replay may execute a free later than an allocation that comes
 * after it. So it is given slots of its own: any of `spare`, which those come back to that it releases.
 *
 * Invariant: a slot of the file is not FREE from the row that takes it to the row that gives it back; a slot of the
 * replay is in `spare`, or the one of such a slot of the file, or in the hands of the replay until it is released. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "trace/ght.h"
#include "trace/ght_reader.h"
#include "trace/lifetimes.h"

/* The state of a slot of the file, in the upper bits of its entry; below them, unless it is FREE, the replay's slot. */
#define OBJECT (UINT32_C(1) << 29)
#define STACK (UINT32_C(2) << 29)
#define DEAD (UINT32_C(3) << 29) /* an object */
#define FREE (UINT32_C(4) << 29)
#define NUMBER (OBJECT - 1)

enum { AT_ONCE = 256, SHAPES = 1 << 16, LOOK_AHEAD = GHT_SLACK / 8 };

/* What take_plain does to a slot; by kind of row, so that little is read for each, and the cache has it. */
enum kind { NOT_PLAIN, TAKES_OBJECT, TAKES_STACK, DIES, GIVES_OBJECT, GIVES_STACK };

static const struct step {
    uint64_t takes; /* all ones: a slot is taken; 0 */
    uint32_t from;  /* state of the slot before */
    uint32_t care;  /* bits of it that have to be so, and all of the replay's slot */
    uint32_t to;    /* state after */
    uint32_t keep;  /* NUMBER: the slot stays the replay's; 0 */
} steps[] = {
    [NOT_PLAIN] = {0, 0, UINT32_MAX, 0, 0}, /* from a state that there is not */
    [TAKES_OBJECT] = {UINT64_MAX, FREE, UINT32_MAX, OBJECT, 0},
    [TAKES_STACK] = {UINT64_MAX, FREE, UINT32_MAX, STACK, 0},
    [DIES] = {0, OBJECT, UINT32_MAX, DEAD, NUMBER},
    [GIVES_OBJECT] = {0, OBJECT, ~(OBJECT ^ DEAD), FREE, 0},
    [GIVES_STACK] = {0, STACK, UINT32_MAX, FREE, 0},
};

_Static_assert(offsetof(struct trace_event, time_ns) == 0 && offsetof(struct trace_event, id) == 8 &&
               offsetof(struct trace_event, slot) == 24 && offsetof(struct trace_event, stream) == 28,
               "the third word of an event is that of its shape");

struct ght_events {
    struct trace_source source; /* first: the two share their address */
    struct ght_reader reader;
    bool by_g;
    bool has_started;
    struct id_map gs;
    uint64_t *packed; /* by shape, for every number that fits a word: the event's size, op, align_log2, noscan */
    uint8_t *kinds;   /* likewise: enum kind */
    uint32_t prepared; /* shapes */
    uint32_t *slots; /* of the file: state, and the replay's slot */
    uint64_t slot_room;
    uint32_t *spare; /* a stack with room for each of the replay's slots */
    uint32_t spare_count, spare_capacity, replay_slots;
};

static bool fail_memory(struct ght_events *r)
{
    return error_set(&r->reader.failure, "%.300s: out of memory", r->source.name);
}

#define FAIL(r, cursor, ...) ght_file_fail(&(r)->reader.file, (cursor)->at, &(r)->reader.failure, __VA_ARGS__)

/* ---- shapes ---- */

static uint64_t pack(const struct ght_shape *shape)
{
    uint64_t packed, size = shape->size < TRACE_SIZE_FIELD ? shape->size : TRACE_SIZE_FIELD;
    struct trace_event event = {.op = shape->op, .size = size & TRACE_SIZE_FIELD, .noscan = shape->noscan & 1u,
                                .align_log2 = shape->align_log2 & 0x7fu};
    memcpy(&packed, (const char *)&event + 16, sizeof packed);
    return packed;
}

static enum kind kind_of(const struct ght_shape *shape)
{
    static const uint8_t kinds[ROW_OPS] = {
        [TRACE_ALLOC] = TAKES_OBJECT, [TRACE_STACKALLOC] = TAKES_STACK, [TRACE_DEAD] = DIES,
        [TRACE_FREE] = GIVES_OBJECT,  [TRACE_STACKFREE] = GIVES_STACK,
    };
    return shape->given != 0 ? NOT_PLAIN : kinds[shape->op];
}

static void prepare_shapes(struct ght_events *r)
{
    for (; r->prepared < r->reader.shape_count; r->prepared++) {
        r->packed[r->prepared] = pack(&r->reader.shapes[r->prepared]);
        r->kinds[r->prepared] = (uint8_t)kind_of(&r->reader.shapes[r->prepared]);
    }
}

/* ---- slots ---- */

/* As many spare slots as the next AT_ONCE rows may take. New ones go below those that were released, which are warm. */
static bool fill_spare(struct ght_events *r)
{
    if (r->spare_count >= AT_ONCE)
        return true;
    if (r->replay_slots > NUMBER - AT_ONCE)
        return error_set(&r->reader.failure, "%.300s: more than %" PRIu32 " lifetimes open at once", r->source.name,
                         NUMBER - AT_ONCE);
    if (r->replay_slots + AT_ONCE > r->spare_capacity) {
        uint32_t capacity = r->spare_capacity == 0 ? 4 * AT_ONCE : r->spare_capacity * 2;
        uint32_t *larger = reallocarray(r->spare, capacity, sizeof *larger);
        if (larger == NULL)
            return fail_memory(r);
        r->spare = larger;
        r->spare_capacity = capacity;
    }
    memmove(r->spare + AT_ONCE, r->spare, r->spare_count * sizeof *r->spare);
    for (uint32_t i = 0; i < AT_ONCE; i++)
        r->spare[i] = r->replay_slots + AT_ONCE - 1 - i;
    r->spare_count += AT_ONCE;
    r->replay_slots += AT_ONCE;
    return true;
}

/* There are no more slots than rows: so that no number in the file makes the table larger than what the file holds. */
static bool make_slot_room(struct ght_events *r, struct ght_cursor *cursor, uint32_t slot)
{
    if (slot < r->slot_room)
        return true;
    if (slot >= r->reader.rows || slot > NUMBER)
        return FAIL(r, cursor, "expected a slot below the %" PRIu64 " rows up to here, got %" PRIu32, r->reader.rows,
                    slot);
    uint64_t room = r->slot_room == 0 ? 4096 : r->slot_room * 2;
    while (room <= slot)
        room *= 2;
    uint32_t *larger = pages_alloc(room * sizeof *larger);
    if (larger == NULL)
        return fail_memory(r);
    for (uint64_t i = r->slot_room; i < room; i++)
        larger[i] = FREE;
    if (r->slots != NULL) {
        memcpy(larger, r->slots, r->slot_room * sizeof *larger);
        pages_free(r->slots, r->slot_room * sizeof *larger);
    }
    r->slots = larger;
    r->slot_room = room;
    return true;
}

static bool take_slot(struct ght_events *r, struct ght_cursor *cursor, const struct ght_taken *taken,
                      struct trace_event *event)
{
    if (!make_slot_room(r, cursor, taken->slot) || !fill_spare(r))
        return false;
    if (r->slots[taken->slot] != FREE)
        return FAIL(r, cursor, "expected a slot that is free, got %" PRIu32, taken->slot);
    if (!ght_reader_id(&r->reader, &event->id))
        return false;
    event->slot = r->spare[--r->spare_count];
    r->slots[taken->slot] = event->slot | (event->op == TRACE_STACKALLOC ? STACK : OBJECT);
    return true;
}

static bool give_slot(struct ght_events *r, struct ght_cursor *cursor, const struct ght_taken *taken,
                      struct trace_event *event)
{
    uint32_t *slot = taken->slot < r->slot_room ? &r->slots[taken->slot] : NULL;
    uint32_t state = slot != NULL ? *slot & ~NUMBER : FREE;
    bool good = event->op == TRACE_STACKFREE ? state == STACK
                                             : state == OBJECT || (state == DEAD && event->op == TRACE_FREE);
    if (!good)
        return FAIL(r, cursor, "expected the slot of an open lifetime that %s can be said of, got %" PRIu32,
                    row_op_names[event->op], taken->slot);
    event->slot = *slot & NUMBER;
    *slot = event->op == TRACE_DEAD ? DEAD | event->slot : FREE;
    return true;
}

/* ---- rows ---- */

static bool number_stream(struct ght_events *r, struct ght_cursor *cursor)
{
    cursor->number = cursor->stream;
    cursor->is_numbered = true;
    if (!r->by_g)
        return true;
    bool added;
    struct id_entry *entry = id_map_put(&r->gs, cursor->g, &added);
    if (entry == NULL || r->gs.count > UINT32_MAX)
        return fail_memory(r);
    if (added)
        entry->number = (uint32_t)(r->gs.count - 1);
    cursor->number = entry->number;
    return true;
}

static bool set_given(struct ght_events *r, struct ght_cursor *cursor, const struct ght_taken *taken,
                      struct trace_event *event)
{
    const uint64_t *value = taken->given;
    unsigned given = taken->shape->given;
    if ((given & 1u << ROW_SIZE) != 0) {
        uint64_t size = value[ROW_SIZE] < TRACE_SIZE_FIELD ? value[ROW_SIZE] : TRACE_SIZE_FIELD;
        if (trace_op_begins(event->op) && size > TRACE_MAX_SIZE)
            return FAIL(r, cursor, "expected a size of at most 64 TiB, got %" PRIu64, size);
        event->size = size & TRACE_SIZE_FIELD;
    }
    if ((given & 1u << ROW_NOSCAN) != 0) {
        if (value[ROW_NOSCAN] > 1)
            return FAIL(r, cursor, "expected noscan of 0 or 1, got %" PRIu64, value[ROW_NOSCAN]);
        event->noscan = value[ROW_NOSCAN] & 1;
    }
    if ((given & 1u << ROW_ALIGN) != 0) {
        uint64_t align = value[ROW_ALIGN];
        if (align == 0 || (align & (align - 1)) != 0 || align > UINT64_C(1) << 30)
            return FAIL(r, cursor, "expected align to be a power of two up to 2^30, got %" PRIu64, align);
        event->align_log2 = (unsigned)__builtin_ctzll(align) & 0x7f;
    }
    return true;
}

static bool set_lifetime(struct ght_events *r, struct ght_cursor *cursor, const struct ght_taken *taken,
                         struct trace_event *event)
{
    switch (event->op) {
    case TRACE_ALLOC:
    case TRACE_STACKALLOC:
        return take_slot(r, cursor, taken, event);
    case TRACE_FREE:
    case TRACE_STACKFREE:
    case TRACE_DEAD:
        return give_slot(r, cursor, taken, event);
    default:
        return taken->slot == 0 ||
               FAIL(r, cursor, "expected slot 0 for %s, got %" PRIu32, row_op_names[event->op], taken->slot);
    }
}

/* The next row, whatever it is; *count: how many events it is, 0 for a meta row. False after a failure. */
static bool take_one(struct ght_events *r, struct ght_cursor *cursor, struct trace_event *event, size_t *count)
{
    struct ght_taken taken;
    *count = 0;
    if (!ght_reader_take(&r->reader, cursor, &taken))
        return false;
    if (taken.shape->op == TRACE_META)
        return true;
    if (!r->has_started) {
        r->source.timed = (taken.shape->present & 1u << ROW_T_NS) != 0;
        r->has_started = true;
    }
    if (!cursor->is_numbered && !number_stream(r, cursor))
        return false;
    *event = (struct trace_event){.time_ns = cursor->time, .stream = cursor->number};
    memcpy((char *)event + 16, &r->packed[taken.number], sizeof r->packed[0]);
    if (!set_given(r, cursor, &taken, event) || !set_lifetime(r, cursor, &taken, event))
        return false;
    *count = 1;
    return true;
}

/* Rows as nearly all rows are, up to the first that is not; how many. Which of them take slots and which give them back
 * nobody can foretell: so the way is the same for all. Needs `max` spare slots, and the stream's number. */
static inline __attribute__((always_inline)) size_t take_plain(struct ght_events *r, struct ght_cursor *cursor,
                                                               size_t max, struct trace_event *events,
                                                               bool coded_ids)
{
    const uint64_t *packed = r->packed;
    const uint8_t *kinds = r->kinds;
    const uint32_t *spare = r->spare + r->spare_count, slot_room = (uint32_t)r->slot_room;
    const uint64_t *words = cursor->next, *end = words + max;
    const uint64_t stream = (uint64_t)cursor->number << 32;
    uint32_t *slots = r->slots;
    const uintptr_t slots_at = (uintptr_t)slots; /* what is fetched ahead may be no slot, and nowhere */
    uint64_t time = cursor->time, next_id = r->reader.next_id;
    for (uint64_t *event = (uint64_t *)(void *)events; words < end; words++, event += 4) {
        uint64_t word = *words;
        const struct step *step = &steps[kinds[word & 0xffff]];
        uint32_t at = (uint32_t)(word >> 16);
        uintptr_t coming = slots_at + (words[LOOK_AHEAD] >> 16 & UINT32_MAX) * sizeof *slots;
        __builtin_prefetch((const void *)coming, 1);
        if (at >= slot_room)
            break;
        uint32_t number = (slots[at] ^ step->from) & step->care; /* the replay's slot; 0 if the row takes one */
        if (number > NUMBER)
            break;
        uint64_t takes = step->takes, id = next_id & takes;
        if (!coded_ids) {
            next_id -= takes;
        } else if (takes) {
            if (r->reader.id == r->reader.ids_end)
                break;
            id = ght_reader_coded_id(&r->reader);
        }
        uint32_t taken = spare[-1] & (uint32_t)takes;
        spare += (int64_t)takes;
        slots[at] = (number & step->keep) | taken | step->to;
        time += word >> 48;
        event[0] = time;
        event[1] = id;
        event[2] = packed[word & 0xffff];
        event[3] = stream | number | taken;
    }
    size_t count = (size_t)(words - cursor->next);
    if (!coded_ids)
        r->reader.next_id = next_id;
    r->spare_count = (uint32_t)(spare - r->spare);
    cursor->next = words;
    cursor->time = time;
    return count;
}

/* ---- the source ---- */

/* Up to max rows of one part; how many, fewer only after a failure. *count: how many events they are. */
static uint32_t take_rows(struct ght_events *r, struct ght_cursor *cursor, uint32_t max, struct trace_event *events,
                          size_t *count)
{
    uint32_t rows = 0;
    size_t one;
    *count = 0;
    while (rows < max) {
        if (cursor->is_numbered && fill_spare(r)) {
            size_t n = (size_t)(cursor->end - cursor->next);
            n = n < max - rows ? n : max - rows;
            n = r->reader.id == NULL ? take_plain(r, cursor, n, events + *count, false)
                                     : take_plain(r, cursor, n, events + *count, true);
            rows += (uint32_t)n;
            *count += n;
        }
        if (rows == max)
            break;
        if (!take_one(r, cursor, events + *count, &one))
            break;
        rows++;
        *count += one;
    }
    return rows;
}

static size_t read_events(struct trace_source *source, struct trace_event *events, size_t max, struct error *error)
{
    struct ght_events *r = (struct ght_events *)source;
    size_t count = 0;
    struct ght_cursor *cursor;
    bool new_segment;
    for (uint32_t rows; count < max && (rows = ght_reader_run(&r->reader, &cursor, &new_segment)) > 0;) {
        size_t some;
        if (new_segment)
            prepare_shapes(r);
        rows = rows < max - count ? rows : (uint32_t)(max - count);
        uint32_t took = take_rows(r, cursor, rows, events + count, &some);
        ght_reader_took(&r->reader, took);
        r->reader.done |= took < rows;
        count += some;
    }
    source->bytes_done = r->reader.file.at;
    if (count == 0 && r->reader.failure.text[0] != '\0')
        error_set(error, "%s", r->reader.failure.text);
    return count;
}

static void release_slot(struct trace_source *source, uint32_t slot)
{
    struct ght_events *r = (struct ght_events *)source;
    r->spare[r->spare_count++] = slot;
}

static void close_events(struct trace_source *source)
{
    struct ght_events *r = (struct ght_events *)source;
    ght_reader_close(&r->reader);
    id_map_free(&r->gs);
    free(r->packed);
    free(r->kinds);
    if (r->slots != NULL)
        pages_free(r->slots, r->slot_room * sizeof *r->slots);
    free(r->spare);
    free(r);
}

static bool init(struct ght_events *r, struct error *error)
{
    r->packed = calloc(SHAPES, sizeof *r->packed);
    r->kinds = calloc(SHAPES, sizeof *r->kinds);
    return (id_map_init(&r->gs, id_map_seed()) && r->packed != NULL && r->kinds != NULL) ||
           error_set(error, "%.300s: out of memory", r->source.name);
}

struct trace_source *ght_open_events(struct byte_stream *bytes, int stream_by, struct error *error)
{
    struct ght_events *r = calloc(1, sizeof *r);
    if (r == NULL) {
        error_set(error, "%.300s: out of memory", byte_stream_name(bytes));
        byte_stream_close(bytes);
        return NULL;
    }
    r->by_g = stream_by == TRACE_STREAM_BY_G;
    r->source = (struct trace_source){.read = read_events, .release = release_slot, .close = close_events,
                                      .name = byte_stream_name(bytes), .bytes_total = byte_stream_total(bytes)};
    if (ght_reader_open(&r->reader, bytes, false, error) && init(r, error))
        return &r->source;
    close_events(&r->source);
    return NULL;
}
