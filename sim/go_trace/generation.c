/* Loading a generation, as Go's internal/trace/generation.go does (readGeneration, readGenerationWithSpill,
 * processBatch). */
#include "go_trace/generation.h"

#include <inttypes.h>
#include <stdlib.h>

#include "go_trace/wire.h"

enum { EXPERIMENT_ALLOC_FREE = 1, TABLE_TYPES = 0, TABLE_INFO = 1, PAGE = 8192, HEAP_ALIGN = 8 };

/* Ticks a second on Linux, where they are the system's clock in units of 64 ns (runtime/tracetime.go). */
#define USUAL_FREQUENCY (1000000000 / 64)
#define LEAST_FREQUENCY 1000
#define MOST_FREQUENCY UINT64_C(1000000000000)

/* ---- one batch ---- */

static bool fail(struct go_loader *loader, const struct go_batch *batch, const unsigned char *at, struct error *error,
                 const char *what)
{
    return go_fail(error, &loader->input, batch->offset + (uint64_t)(at - batch->payload), "%s", what);
}

static bool fail_memory(struct go_loader *loader, const struct go_batch *batch, struct error *error)
{
    loader->input.broken = true;
    return fail(loader, batch, batch->payload, error, "out of memory");
}

/* The numbers of an event, at *at: they end, and the first is time that passes. */
static bool check_numbers(struct go_loader *loader, const struct go_batch *batch, const unsigned char **at,
                          unsigned count, uint64_t *time, struct error *error)
{
    const unsigned char *end = batch->payload + batch->size;
    for (unsigned i = 0; i < count; i++) {
        uint64_t number;
        if (!go_number(at, end, &number))
            return fail(loader, batch, *at, error, "expected an event's number, got one that does not end");
        if (i == 0 && (number > GO_MAX_TICKS || (*time += number) > GO_MAX_TICKS))
            return fail(loader, batch, *at, error, "expected a time in ticks, got one beyond all clocks");
    }
    return true;
}

/* An event of any length, or what is none: moves on *at and *time. */
static bool check_event(struct go_loader *loader, struct go_generation *generation, const struct go_batch *batch,
                        const unsigned char **at, uint64_t *time, struct error *error)
{
    unsigned op = **at, count = go_numbers_after[op];
    if (count == 0)
        return go_fail(error, &loader->input, batch->offset + (uint64_t)(*at - batch->payload),
                       "expected an event of Go 1.%u, got one of type %u", loader->version, op);
    ++*at;
    if (!check_numbers(loader, batch, at, count, time, error))
        return false;
    loader->is_object_trace |= op >= GO_SPAN;
    if (op == GO_SPAN && generation->snapshot_time == 0)
        generation->snapshot_time = *time;
    return true;
}

/* Passes over events as nearly all are: all numbers within eight bytes, and the first within one; spans that are there
 * when the trace begins are left to check_event. Returns where it stops; *time is moved on. */
static const unsigned char *pass_short_events(const unsigned char *at, const unsigned char *end, uint64_t *time,
                                              bool *has_objects)
{
    enum { LONGEST = 1 + 8 };
    uint64_t passed = 0;
    unsigned ops = 0;
    while (end - at > LONGEST) {
        unsigned op = *at, count = go_numbers_after[op], length = go_numbers_length(at + 1, count);
        if (count == 0 || length == 0 || at[1] >= 0x80 || op == GO_SPAN)
            break;
        passed += at[1];
        ops |= op;
        at += 1 + length;
    }
    *time += passed;
    *has_objects |= ops >= GO_SPAN;
    return at;
}

static bool check_events(struct go_loader *loader, struct go_generation *generation, const struct go_batch *batch,
                         struct error *error)
{
    const unsigned char *at = batch->payload, *end = at + batch->size;
    uint64_t time = batch->time;
    bool good = true;
    while (good && at < end) {
        if (time < GO_MAX_TICKS - GO_MAX_BATCH * 0x80) /* a batch of short steps does not lead beyond */
            at = pass_short_events(at, end, &time, &loader->is_object_trace);
        good = at == end || check_event(loader, generation, batch, &at, &time, error);
    }
    return good;
}

static bool set_frequency(struct go_loader *loader, const struct go_batch *batch, const unsigned char **at,
                          const unsigned char *end, struct go_generation *generation, struct error *error)
{
    uint64_t frequency;
    const unsigned char *from = *at;
    if (!go_number(at, end, &frequency) || frequency < LEAST_FREQUENCY || frequency > MOST_FREQUENCY)
        return fail(loader, batch, from, error, "expected a clock frequency of 10^3 to 10^12 Hz");
    if (generation->frequency != 0)
        return fail(loader, batch, from, error, "expected one clock frequency a generation, got another");
    generation->frequency = frequency;
    return true;
}

/* Up to Go 1.24 a lone frequency, later a list of it and of the clocks at one moment. */
static bool check_sync(struct go_loader *loader, const struct go_batch *batch, struct go_generation *generation,
                       struct error *error)
{
    const unsigned char *at = batch->payload, *end = at + batch->size;
    uint64_t number;
    if (*at == GO_SYNC)
        at++;
    while (at < end) {
        unsigned op = *at++;
        if (op == GO_FREQUENCY) {
            if (!set_frequency(loader, batch, &at, end, generation, error))
                return false;
            continue;
        }
        for (int i = 0; i < 4; i++)
            if (op != GO_CLOCK_SNAPSHOT || loader->version < 25 || !go_number(&at, end, &number))
                return fail(loader, batch, at, error, "expected a clock frequency or snapshot");
    }
    return true;
}

/* Tables of stacks, strings and samples, of which nothing is needed: records of one type, of so many numbers each. Of
 * a stack's the last says how many frames of four numbers follow, of a string's how many bytes. */
static bool check_table(struct go_loader *loader, struct go_generation *generation, const struct go_batch *batch,
                        struct error *error)
{
    const unsigned char *at = batch->payload, *end = at + batch->size;
    unsigned kind = *at++, numbers = kind == GO_CPU_SAMPLES ? 5 : 2;
    generation->has_strings |= kind == GO_STRINGS;
    while (at < end) {
        uint64_t number = 0;
        bool good = *at++ == kind + 1;
        for (unsigned i = 0; good && i < numbers; i++)
            good = go_number(&at, end, &number);
        if (good && kind == GO_STRINGS && (good = number <= (uint64_t)(end - at)))
            at += number;
        for (uint64_t frames = kind == GO_STACKS ? number : 0, skip; good && frames > 0; frames--)
            good = go_number(&at, end, &skip) && go_number(&at, end, &skip) && go_number(&at, end, &skip) &&
                   go_number(&at, end, &skip);
        if (!good)
            return fail(loader, batch, at, error, "expected a whole record of a table of stacks, strings or samples");
    }
    return true;
}

/* min. page heap address, page size, min. heap alignment, size of the smallest stack */
static bool check_info(struct go_loader *loader, const struct go_batch *batch, struct error *error)
{
    const unsigned char *at = batch->payload + 1, *end = batch->payload + batch->size;
    uint64_t info[4];
    for (int i = 0; i < 4; i++)
        if (!go_number(&at, end, &info[i]))
            return fail(loader, batch, at, error, "expected four numbers about the heap");
    return (info[1] == PAGE && info[2] == HEAP_ALIGN) ||
           fail(loader, batch, batch->payload, error, "expected a heap of pages of 8 KiB and objects aligned by 8");
}

static bool take_experiment(struct go_loader *loader, const struct go_batch *batch, struct error *error)
{
    if (batch->experiment != EXPERIMENT_ALLOC_FREE || batch->size == 0)
        return true;
    loader->is_object_trace = true;
    if (batch->payload[0] == TABLE_INFO)
        return check_info(loader, batch, error);
    const unsigned char *at = batch->payload + 1, *end = batch->payload + batch->size;
    if (batch->payload[0] != TABLE_TYPES)
        return fail(loader, batch, batch->payload, error, "expected a table of types or facts about the heap");
    switch (go_types_add(&loader->types, &at, end)) {
    case GO_TABLE_BAD:
        return fail(loader, batch, at, error, "expected a whole record of a table of types");
    case GO_TABLE_NO_MEMORY:
        return fail_memory(loader, batch, error);
    case GO_TABLE_OK:
        break;
    }
    return true;
}

/* ---- batches by M ---- */

static struct go_m_batches *list_of(struct go_generation *generation, uint64_t m)
{
    bool added;
    struct id_entry *entry = id_map_put(&generation->by_m, m, &added);
    if (entry == NULL)
        return NULL;
    if (!added)
        return &generation->ms[entry->number];
    if (generation->m_count == generation->m_capacity) {
        size_t capacity = generation->m_capacity == 0 ? 16 : generation->m_capacity * 2;
        struct go_m_batches *larger = reallocarray(generation->ms, capacity, sizeof *larger);
        if (larger == NULL)
            return NULL;
        generation->ms = larger;
        generation->m_capacity = capacity;
    }
    entry->number = (uint32_t)generation->m_count;
    generation->ms[generation->m_count] = (struct go_m_batches){.m = m};
    return &generation->ms[generation->m_count++];
}

static bool keep(struct go_loader *loader, struct go_generation *generation, struct go_batch *batch,
                 struct error *error)
{
    struct go_m_batches *list = list_of(generation, batch->m);
    if (list == NULL)
        return fail_memory(loader, batch, error);
    if (list->last != NULL)
        list->last->next = batch;
    else
        list->first = batch;
    list->last = batch;
    return true;
}

/* Takes the batch over. */
static bool take_batch(struct go_loader *loader, struct go_generation *generation, struct go_batch *batch,
                       struct error *error)
{
    unsigned kind = batch->size > 0 ? batch->payload[0] : 0;
    bool good;
    if (generation->number == 0 || batch->time < generation->min_time)
        generation->min_time = batch->time;
    generation->number = batch->generation;
    if (batch->experiment != 0)
        good = take_experiment(loader, batch, error);
    else if (kind == GO_STACKS || kind == GO_STRINGS || kind == GO_CPU_SAMPLES)
        good = check_table(loader, generation, batch, error);
    else if (kind == (loader->version < 25 ? GO_FREQUENCY : GO_SYNC))
        good = check_sync(loader, batch, generation, error);
    else if ((good = check_events(loader, generation, batch, error)) && batch->size > 0 &&
             (good = keep(loader, generation, batch, error)))
        return true;
    free(batch);
    return good;
}

/* ---- the generation ---- */

/* Before Go 1.26 a generation ends where a batch of the next begins. After 2^64 - 1 numbers go on with 4 (runtime/
 * trace.go, traceNextGen). */
static bool is_next(uint64_t generation, uint64_t next)
{
    return next == (generation == UINT64_MAX ? 4 : generation + 1);
}

/* One record. GO_RECORD_BATCH: there may be more in this generation. */
static enum go_record load_record(struct go_loader *loader, struct go_generation *generation, struct error *error)
{
    struct go_batch *batch = loader->spill;
    enum go_record record = GO_RECORD_BATCH;
    loader->spill = NULL;
    if (batch == NULL)
        record = go_read_record(&loader->input, loader->version, &batch, error);
    if (record != GO_RECORD_BATCH)
        return record;
    if (generation->number != 0 && batch->generation != generation->number) {
        if (loader->version < 26 && is_next(generation->number, batch->generation)) {
            loader->spill = batch;
            return GO_RECORD_GENERATION_ENDS;
        }
        go_fail(error, &loader->input, batch->offset, "expected a batch of generation %" PRIu64 ", got one of %" PRIu64
                ": generations are mixed", generation->number, batch->generation);
        free(batch);
        return GO_RECORD_BAD;
    }
    return take_batch(loader, generation, batch, error) ? GO_RECORD_BATCH : GO_RECORD_BAD;
}

/* What a whole generation must have had. No program's is without strings, and they come last. */
static bool check_end(struct go_loader *loader, struct go_generation *generation, enum go_record last,
                      struct error *error)
{
    uint64_t here = loader->input.offset;
    if (last == GO_RECORD_FILE_ENDS && loader->version >= 26)
        return go_fail(error, &loader->input, here, "expected the end of a generation, got the end of the file: it is "
                       "truncated");
    if (generation->number == 0)
        return go_fail(error, &loader->input, here, "expected batches, got none");
    if (generation->frequency == 0)
        return go_fail(error, &loader->input, here, "expected a clock frequency in generation %" PRIu64 ", got none: "
                       "the file is truncated or damaged", generation->number);
    return generation->has_strings ||
           go_fail(error, &loader->input, here, "expected the tables that end generation %" PRIu64 ", got none: the "
                   "file is truncated or damaged", generation->number);
}

/* The trace ends here: *error becomes what is told about it. */
static void end_by_damage(struct go_loader *loader, struct error *error)
{
    loader->damage = *error;
    *error = (struct error){0};
    loader->done = true;
}

static bool check_kind(struct go_loader *loader, struct error *error)
{
    if (!loader->is_object_trace && loader->damage.text[0] != '\0')
        *error = loader->damage;
    return loader->is_object_trace ||
           error_set(error, "%.150s: expected a Go execution trace with allocations, got one without: record it with "
                     "GODEBUG=traceallocfree=1 in the program's environment", byte_stream_name(loader->input.bytes));
}

bool go_loader_next(struct go_loader *loader, struct go_generation *generation, struct error *error)
{
    *generation = (struct go_generation){0};
    if (loader->done)
        return false;
    if (!id_map_init(&generation->by_m, id_map_seed()) || !go_types_next_generation(&loader->types))
        return go_fail(error, &loader->input, loader->input.offset, "out of memory");
    enum go_record record;
    do
        record = load_record(loader, generation, error);
    while (record == GO_RECORD_BATCH);
    if (record == GO_RECORD_FILE_ENDS && generation->number == 0 && loader->frequency != 0) {
        loader->done = true;
        return false;
    }
    loader->done = record == GO_RECORD_FILE_ENDS;
    bool good = record != GO_RECORD_BAD && check_end(loader, generation, record, error);
    if (!good && (!loader->salvage || loader->input.broken))
        return false;
    if (!good)
        end_by_damage(loader, error);
    loader->frequency_assumed = generation->frequency == 0 && loader->frequency == 0;
    if (generation->frequency == 0)
        generation->frequency = loader->frequency != 0 ? loader->frequency : USUAL_FREQUENCY;
    loader->frequency = generation->frequency;
    return check_kind(loader, error);
}

bool go_loader_init(struct go_loader *loader, struct byte_stream *bytes, bool salvage, struct error *error)
{
    *loader = (struct go_loader){.input = {.bytes = bytes}, .salvage = salvage};
    if (!go_types_init(&loader->types))
        return go_fail(error, &loader->input, 0, "out of memory");
    loader->version = go_read_header(&loader->input, error);
    return loader->version != 0;
}

void go_loader_free(struct go_loader *loader)
{
    free(loader->spill);
    go_types_free(&loader->types);
}

void go_generation_free(struct go_generation *generation)
{
    for (size_t i = 0; i < generation->m_count; i++)
        for (struct go_batch *batch = generation->ms[i].first, *next; batch != NULL; batch = next) {
            next = batch->next;
            free(batch);
        }
    free(generation->ms);
    id_map_free(&generation->by_m);
    *generation = (struct go_generation){0};
}
