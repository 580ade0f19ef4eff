/* What the recorded heap did, event by event. The events are described in the runtime's traceallocfree.go; when objects
 * are found dead and swept, in mgc.go (gcStart, gcMarkTermination) and mgcsweep.go (sweepLocked.sweep). */
#include "go_trace/heap_events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "go_trace/sizes.h"

#define LATEST_NS (UINT64_C(1) << 62) /* what a trace may have: row_check.c */
#define ADDRESS_LIMIT (UINT64_C(1) << 61) /* units of 8 bytes */
#define ANY_SPAN ADDRESS_LIMIT /* what a held event may wait for, beside an address */

enum { MOST_STACK_ORDER = 47, NS_PER_SECOND = 1000000000 };

void go_heap_events_free(struct go_heap_events *events)
{
    go_order_free(&events->order);
    go_spans_free(&events->spans);
    go_objects_free(&events->objects);
    id_map_free(&events->stacks);
    go_rows_free(&events->rows);
    free(events->ps_seen);
}

static enum go_take fail(struct go_heap_events *events, const struct go_event *event, const char *what)
{
    go_fail(events->error, events->input, event->offset, "%s", what);
    return GO_TAKE_FAILED;
}

static enum go_take fail_memory(struct go_heap_events *events, const struct go_event *event)
{
    return fail(events, event, "out of memory");
}

/* ---- time ---- */

/* ns from the start of the trace; what is before counts as the start. */
static uint64_t ns_at(const struct go_clock *clock, uint64_t ticks)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t ns;
    if (ticks >= clock->ticks && clock->tick_ns != 0 &&
        !__builtin_mul_overflow(ticks - clock->ticks, clock->tick_ns, &ns) &&
        !__builtin_add_overflow(ns, clock->ns, &ns))
        return ns < LATEST_NS ? ns : LATEST_NS;
    if (ticks >= clock->ticks) {
        wide after = (wide)(ticks - clock->ticks) * NS_PER_SECOND / clock->frequency + clock->ns;
        return after < LATEST_NS ? (uint64_t)after : LATEST_NS;
    }
    wide before = (wide)(clock->ticks - ticks) * NS_PER_SECOND / clock->frequency;
    return before < clock->ns ? clock->ns - (uint64_t)before : 0;
}

bool go_heap_events_begin_generation(struct go_heap_events *events, const struct go_generation *generation,
                                     struct error *error)
{
    struct go_clock *clock = &events->clock;
    uint64_t start = generation->snapshot_time != 0 ? generation->snapshot_time : generation->min_time;
    if (clock->frequency == 0)
        *clock = (struct go_clock){.ticks = start};
    else if (clock->frequency != generation->frequency)
        *clock = (struct go_clock){.ticks = generation->min_time, .ns = ns_at(clock, generation->min_time)};
    clock->frequency = generation->frequency;
    clock->tick_ns = NS_PER_SECOND % clock->frequency == 0 ? NS_PER_SECOND / clock->frequency : 0;
    return go_order_begin_generation(&events->order, generation->number) ||
           go_fail(error, events->input, events->input->offset, "out of memory");
}

/* ---- rows ---- */

static bool see_p(struct go_heap_events *events, uint64_t p)
{
    if (p >= events->ps_count) {
        uint64_t count = p + 1 > events->ps_count * 2 ? p + 1 : events->ps_count * 2;
        unsigned char *larger = realloc(events->ps_seen, count);
        if (larger == NULL)
            return false;
        memset(larger + events->ps_count, 0, count - events->ps_count);
        events->ps_seen = larger;
        events->ps_count = count;
    }
    events->ps_seen[p] = 1;
    return true;
}

/* Adds the row, of which all but time and place is set, as what the M did in the event. When it is, and its id, are at
 * the tail of the queue. */
static bool add_row(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                    struct go_row *row)
{
    bool exists = event->op == GO_HEAP_OBJECT || event->op == GO_GOROUTINE_STACK;
    events->counts.no_p += m->p == GO_NONE;
    row->p = (uint32_t)(m->p != GO_NONE ? m->p : m->last_p);
    row->g = m->g;
    row->ns = exists ? 0 : ns_at(&events->clock, event->time);
    if (row->ns > events->now)
        events->now = row->ns;
    return see_p(events, row->p) && go_rows_add(&events->rows, row);
}

/* ---- deaths ---- */

/* A number of the lifetime's own: the finaliser of splitmix64. */
static uint64_t random_of(const struct go_heap_events *events, uint64_t id)
{
    uint64_t x = events->options.seed + id * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* The collection that found an object dead which is swept now. Sweeping ends when the next collection begins, by its
 * event a little later; an object as young as that is one of the next, whose end has been written by a slower clock. */
static unsigned found_by(const struct go_heap_events *events, const struct go_object *object)
{
    return events->marking && object->born <= events->cycles[1].begin ? 1 : 0;
}

/* When the object died by the policy: as the collection began that found it dead; or at some time before that, since it
 * was allocated or seen alive by the collection before. Not while the collection marked: what can be reached from the
 * heap as it begins is kept (mbarrier.go: the deletion barrier), what is allocated meanwhile too. */
static struct go_death death_of(struct go_heap_events *events, const struct go_object *object)
{
    unsigned cycle = found_by(events, object);
    uint64_t begin = events->cycles[cycle].begin, before = events->cycles[cycle + 1].begin;
    struct go_death death = {.id = object->id, .p = object->p, .ns = events->cycles[cycle].begin_ns};
    events->counts.late_births += object->born > begin;
    death.when = object->born < begin ? begin : object->born + 1;
    if (events->options.death == DEATH_UNIFORM) {
        uint64_t least = object->born > before ? object->born : before;
        if (least < begin)
            death.when = least + 1 + random_of(events, ~object->id) % (begin - least);
        death.ns = least < begin ? death.when : object->born;
    }
    return death;
}

static bool end_lifetime(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                         const struct go_object *object)
{
    events->counts.frees++;
    events->live--;
    if (events->options.death == DEATH_SWEEP)
        return add_row(events, m, event, &(struct go_row){.op = TRACE_FREE, .value = object->id});
    struct go_death death = death_of(events, object);
    return go_rows_die(&events->rows, &death);
}

/* Everything in the slot, of which there is something. Slots are swept in their order: the next is often the next. */
static bool empty_slot(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                       struct go_span *span, uint32_t slot)
{
    uint32_t *first = &span->slots[slot];
    if (slot + 1 < span->slot_count)
        go_objects_fetch(&events->objects, first[1]);
    while (*first != 0) {
        struct go_object object = go_objects_take(&events->objects, first);
        if (!end_lifetime(events, m, event, &object))
            return false;
    }
    go_slot_empty(span);
    return true;
}

/* ---- collections ---- */

/* Frees that are yet to come were found by the latest collection or a later one: what is released by that is for the
 * reader to take. */
static bool end_cycle(struct go_heap_events *events)
{
    events->marking = false;
    events->taker.pause = true;
    switch (events->options.death) {
    case DEATH_GC:
        return go_rows_release(&events->rows, events->cycles[0].begin);
    case DEATH_UNIFORM:
        return go_rows_release(&events->rows, events->cycles[1].begin + 1);
    default:
        return true;
    }
}

static void begin_cycle(struct go_heap_events *events, uint64_t when, uint64_t ns)
{
    events->marking = true;
    events->counts.cycles++;
    events->cycles[2] = events->cycles[1];
    events->cycles[1] = events->cycles[0];
    events->cycles[0] = (struct go_cycle){.begin = when, .begin_ns = ns};
}

static bool add_cycle(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event)
{
    struct go_row row = {.op = TRACE_GCBEGIN};
    if (!add_row(events, m, event, &row))
        return false;
    begin_cycle(events, events->rows.tail.when, row.ns);
    return true;
}

/* The collection in which the trace begins has its row where the world starts again after what was there has been
 * told (trace.go, StartTrace): that has not been allocated in it. */
static bool add_cycle_begun_before(struct go_heap_events *events, const struct go_m_state *m,
                                   const struct go_event *event)
{
    if (!events->begun_before || event->op == GO_SPAN || event->op == GO_HEAP_OBJECT || event->op == GO_GOROUTINE_STACK)
        return true;
    events->begun_before = false;
    return add_cycle(events, m, event);
}

/* The row of a scheduler's or collector's event, if it has one. */
static enum go_take tell_runtime(struct go_heap_events *events, const struct go_m_state *m,
                                 const struct go_event *event)
{
    static const unsigned char ops[] = {
        [GO_PROCS_CHANGE] = TRACE_PROCS,
        [GO_GC_END] = TRACE_GCEND,
        [GO_HEAP_ALLOC] = TRACE_HEAPLIVE,
        [GO_HEAP_GOAL] = TRACE_HEAPGOAL,
    };
    if (event->op == GO_GC_BEGIN)
        return add_cycle(events, m, event) ? GO_TAKEN : fail_memory(events, event);
    if (event->op == GO_GC_ACTIVE && !events->marking)
        events->marking = events->begun_before = true;
    if (event->op >= sizeof ops || ops[event->op] == 0)
        return GO_TAKEN;
    struct go_row row = {.op = ops[event->op], .value = event->op != GO_GC_END ? event->arg[0] : 0};
    if (!add_row(events, m, event, &row))
        return fail_memory(events, event);
    return event->op != GO_GC_END || end_cycle(events) ? GO_TAKEN : fail_memory(events, event);
}

/* ---- objects ---- */

/* A held event waits for what another M may yet have to tell. */
static enum go_take hold(struct go_heap_events *events, uint64_t wanted)
{
    events->taker.wanted = wanted;
    return GO_TAKE_HOLD;
}

/* For the better or the worse of it: the event is left out. */
static enum go_take leave_out(uint64_t *count)
{
    ++*count;
    return GO_TAKEN;
}

static uint64_t type_of(struct go_heap_events *events, uint64_t id, struct go_row *row)
{
    row->type = go_types_find(events->types, id);
    events->counts.unknown_types += id != 0 && row->type == 0;
    return events->types->list[row->type].size;
}

/* Where an object's event says that it is. */
struct place {
    struct go_span *span; /* NULL: in none that is known */
    uint32_t slot;
    uint32_t first; /* what is there already, as objects.h has it */
};

static struct place find_place(struct go_heap_events *events, const struct go_event *event)
{
    struct place place = {.span = go_spans_find(&events->spans, event->arg[0] / GO_PAGE_UNITS)};
    if (place.span != NULL) {
        place.slot = go_slot_of(place.span, event->arg[0]);
        place.first = place.span->slots != NULL ? place.span->slots[place.slot] : 0;
    }
    return place;
}

/* The address of the slot, which the object's may not be. */
static uint64_t address_of(const struct place *place)
{
    return place->span->page * GO_PAGE_UNITS + place->slot * place->span->slot / 8;
}

static enum go_take add_object(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                               const struct place *place)
{
    struct go_row row = {.op = TRACE_ALLOC, .noscan = place->span->noscan};
    unsigned policy = events->options.size;
    uint64_t type_size = type_of(events, event->arg[1], &row);
    uint64_t random = policy == SIZE_UNIFORM ? random_of(events, events->rows.tail.id + 1) : 0;
    row.value = place->first != 0 ? go_tiny_request(policy, event->arg[0] != address_of(place), type_size, random)
                                  : go_request(policy, place->span, type_size, random);
    if (!add_row(events, m, event, &row) || (place->first == 0 && !go_slot_fill(place->span)))
        return fail_memory(events, event);
    struct go_object object = {.id = events->rows.tail.id, .born = events->rows.tail.when, .p = row.p};
    events->live++;
    if (event->op == GO_HEAP_OBJECT) {
        events->counts.start_objects++;
        events->cycles[0].begin = object.born;
    } else {
        events->counts.allocations++;
    }
    return go_objects_add(&events->objects, &place->span->slots[place->slot], &object) ? GO_TAKEN
                                                                                       : fail_memory(events, event);
}

/* Into a block of tiny objects that has been begun. Each P fills one of its own (runtime/malloc.go, mallocgcTiny), but
 * the event may come from another, where the goroutine went on in the meantime. */
static enum go_take join(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                         const struct place *place)
{
    events->counts.tiny++;
    if (events->options.size != SIZE_SLOT)
        return add_object(events, m, event, place);
    events->counts.allocations++;
    return GO_TAKEN;
}

static enum go_take take_alloc(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                               bool forced)
{
    struct place place = find_place(events, event);
    if (place.span == NULL)
        return forced ? leave_out(&events->counts.no_span) : hold(events, ANY_SPAN);
    if (place.first != 0 && go_span_is_tiny(place.span))
        return join(events, m, event, &place);
    events->taker.changed = address_of(&place);
    if (place.first != 0) {
        if (!forced)
            return hold(events, address_of(&place));
        events->counts.live_slots++;
        place.first = 0;
        if (!empty_slot(events, m, event, place.span, place.slot))
            return fail_memory(events, event);
    }
    return add_object(events, m, event, &place);
}

static enum go_take take_existing(struct go_heap_events *events, const struct go_m_state *m,
                                  const struct go_event *event)
{
    struct place place = find_place(events, event);
    if (place.span == NULL)
        return leave_out(&events->counts.no_span);
    return place.first != 0 ? leave_out(&events->counts.live_slots) : add_object(events, m, event, &place);
}

static enum go_take take_free(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                              bool forced)
{
    struct place place = find_place(events, event);
    if (place.span == NULL)
        return forced ? leave_out(&events->counts.no_span) : hold(events, ANY_SPAN);
    if (place.first == 0)
        return forced ? leave_out(&events->counts.dead_slots) : hold(events, address_of(&place));
    events->taker.changed = address_of(&place);
    return empty_slot(events, m, event, place.span, place.slot) ? GO_TAKEN : fail_memory(events, event);
}

/* ---- spans ---- */

/* Its objects end, where their frees are missing. */
static bool remove_span(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                        struct go_span *span)
{
    for (uint32_t slot = 0; span->live > 0; slot++) {
        if (span->slots[slot] == 0)
            continue;
        events->counts.lost_frees++;
        if (!empty_slot(events, m, event, span, slot))
            return false;
    }
    go_spans_remove(&events->spans, span);
    return true;
}

static enum go_take take_span(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                              bool forced)
{
    struct go_span span, *other;
    bool heap;
    if (!go_span_describe(&span, event->arg[0], event->arg[1], event->arg[2], &heap))
        return fail(events, event, "expected a span of a size class that there is, of as many pages as it has");
    if (!heap)
        return GO_TAKEN;
    while ((other = go_spans_overlap(&events->spans, &span)) != NULL) {
        if (!forced)
            return hold(events, ANY_SPAN);
        if (!remove_span(events, m, event, other))
            return fail_memory(events, event);
    }
    events->taker.changed = ANY_SPAN;
    return go_spans_add(&events->spans, &span) ? GO_TAKEN : fail_memory(events, event);
}

static enum go_take free_span(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event)
{
    struct go_span *span = go_spans_find(&events->spans, event->arg[0]);
    if (span != NULL && span->page == event->arg[0] && !remove_span(events, m, event, span))
        return fail_memory(events, event);
    events->taker.changed = ANY_SPAN;
    return GO_TAKEN;
}

/* ---- goroutine stacks ---- */

static bool end_stack(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event,
                      struct id_entry *entry)
{
    struct go_object stack = go_objects_take(&events->objects, &entry->number);
    id_map_remove(&events->stacks, entry);
    return add_row(events, m, event, &(struct go_row){.op = TRACE_STACKFREE, .value = stack.id});
}

static bool begin_stack(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event)
{
    struct go_row row = {.op = TRACE_STACKALLOC, .value = UINT64_C(1) << (event->arg[1] - 1)};
    bool added;
    if (!add_row(events, m, event, &row))
        return false;
    struct go_object stack = {.id = events->rows.tail.id, .born = events->rows.tail.when, .p = row.p};
    events->counts.start_stacks += event->op == GO_GOROUTINE_STACK;
    struct id_entry *entry = id_map_put(&events->stacks, event->arg[0], &added);
    return entry != NULL && go_objects_add(&events->objects, &entry->number, &stack);
}

static enum go_take take_stack(struct go_heap_events *events, const struct go_m_state *m, const struct go_event *event)
{
    bool frees = event->op == GO_GOROUTINE_STACK_FREE;
    if (!frees && (event->arg[1] == 0 || event->arg[1] > MOST_STACK_ORDER))
        return fail(events, event, "expected a stack of a power of two up to 2^46 bytes");
    struct id_entry *there = id_map_find(&events->stacks, event->arg[0]);
    events->counts.stacks += (there != NULL) != frees;
    bool good = there == NULL || end_stack(events, m, event, there);
    return good && (frees || begin_stack(events, m, event)) ? GO_TAKEN : fail_memory(events, event);
}

/* ---- events ---- */

static enum go_take take_heap_event(struct go_heap_events *events, const struct go_m_state *m,
                                    const struct go_event *event, bool forced)
{
    if (event->arg[0] >= ADDRESS_LIMIT)
        return fail(events, event, "expected an address below 2^64");
    switch (event->op) {
    case GO_SPAN:
    case GO_SPAN_ALLOC:
        return take_span(events, m, event, forced);
    case GO_SPAN_FREE:
        return free_span(events, m, event);
    case GO_HEAP_OBJECT:
        return take_existing(events, m, event);
    case GO_HEAP_OBJECT_ALLOC:
        return take_alloc(events, m, event, forced);
    case GO_HEAP_OBJECT_FREE:
        return take_free(events, m, event, forced);
    default:
        return take_stack(events, m, event);
    }
}

/* state: the M's before the event, which may change it. */
static enum go_take take_runtime_event(struct go_heap_events *events, struct go_writer *writer, struct go_m_state state,
                                       const struct go_event *event)
{
    switch (go_order_take(&events->order, writer, event)) {
    case GO_ORDER_NEXT:
        return tell_runtime(events, &state, event);
    case GO_ORDER_NOT_YET:
        return GO_TAKE_NOT_YET;
    case GO_ORDER_NO_MEMORY:
        return fail_memory(events, event);
    case GO_ORDER_BROKEN:
        break;
    }
    go_fail(events->error, events->input, event->offset, "expected %s: the events are in no possible order",
            events->order.broken);
    return GO_TAKE_FAILED;
}

/* What happens is what the M does with the P and the goroutine that it has before. */
static enum go_take take(struct go_taker *taker, struct go_writer *writer, const struct go_event *event, bool forced)
{
    static const struct go_m_state none = {.m = GO_NONE, .p = GO_NONE, .g = GO_NONE};
    struct go_heap_events *events = (struct go_heap_events *)taker;
    const struct go_m_state *m = writer->m != GO_NONE ? go_order_m(&events->order, writer) : &none;
    if (m == NULL || (m != &none && !add_cycle_begun_before(events, m, event)))
        return fail_memory(events, event);
    if (event->op < GO_SPAN)
        return take_runtime_event(events, writer, *m, event);
    if (m == &none)
        return fail(events, event, "expected an event of a thread, got one of none");
    return take_heap_event(events, m, event, forced);
}

bool go_heap_events_init(struct go_heap_events *events, const struct row_options *options, const struct go_types *types,
                         const struct go_input *input)
{
    memset(events, 0, sizeof *events);
    events->taker.take = take;
    events->options = *options;
    events->types = types;
    events->input = input;
    go_rows_init(&events->rows, options->death == DEATH_UNIFORM, types);
    if (options->death == DEATH_SWEEP)
        events->rows.limit = UINT64_MAX;
    bool order = go_order_init(&events->order), spans = go_spans_init(&events->spans);
    bool stacks = id_map_init(&events->stacks, id_map_seed());
    return order && spans && stacks;
}

bool go_heap_events_finish(struct go_heap_events *events, struct error *error)
{
    for (uint64_t p = 0; p < events->ps_count; p++) {
        struct go_row row = {.op = TRACE_END, .ns = events->now, .p = (uint32_t)p, .g = GO_NONE};
        if (events->ps_seen[p] && !go_rows_add(&events->rows, &row))
            return go_fail(error, events->input, events->input->offset, "out of memory");
    }
    return go_rows_release(&events->rows, UINT64_MAX) ||
           go_fail(error, events->input, events->input->offset, "out of memory");
}
