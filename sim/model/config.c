/* The table of settings, and the way from names to the core's config. */
#include "model/config.h"

#include "base/setting_value.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const reclaim_names[] = {"gc", "immediate", NULL};
static const char *const index_names[] = {"freed", "sparse", NULL};
static const char *const page_heap_names[] = {"radix", "lists", "treap", NULL};
static const char *const central_lists_names[] = {"sets", "lists", NULL};
static const char *const sweep_order_names[] = {"by_class", "all_spans", "stack", NULL};
static const char *const gc_names[] = {"paced", "recorded", NULL};
static const char *const cons_mark_names[] = {"controller", "highest", NULL};
static const char *const counts_from_names[] = {"trigger", "heap", NULL};
static const char *const mutex_names[] = {"fifo", "go", NULL};
static const char *const sleep_names[] = {"polled", "timed", NULL};
static const char *const pacing_names[] = {"auto", "recorded", "think", "max", NULL};
static const char *const stream_names[] = {"p", "g", NULL};
static const char *const scheduler_names[] = {"auto", "queue", "dealt", NULL};

#define AT(member) .offset = offsetof(struct sim_config, member)
#define COST_OF(name, member, text) \
    {.key = "costs." name, .type = SETTING_DOUBLE, AT(costs.member), .max = 1000000000, .help = text}
#define COST(member, text) COST_OF(#member, member, text)

const struct setting config_table[] = {
    {.key = "name", .type = SETTING_TEXT, AT(name), .size = sizeof((struct sim_config *)0)->name,
     .help = "what this configuration is called"},
    {.key = "size_classes", .type = SETTING_JSON, AT(size_classes),
     .help = "a name in configs/classes, a list of [bytes, pages a span], or rules to make one by, as of goheap "
             "classes --rule: {\"waste\": 0.05}"},
    {.key = "page_size", .type = SETTING_BYTES, AT(page_size), .min = 4096, .max = 65536,
     .help = "bytes, a power of two"},
    {.key = "tiny_size", .type = SETTING_BYTES, AT(tiny_size), .max = 128,
     .help = "bytes of a block that tiny objects share; 0: none"},
    {.key = "tiny_shared", .type = SETTING_BOOL, AT(tiny_shared),
     .help = "a new block is kept for the next tiny objects (not in Go 1.5)"},
    {.key = "noscan_apart", .type = SETTING_BOOL, AT(noscan_apart),
     .help = "objects without pointers have spans of their own (from Go 1.9 on)"},
    {.key = "page_heap", .type = SETTING_ENUM, AT(page_heap), .names = page_heap_names,
     .help = "radix: lowest pages first; lists, treap: lists of runs, best fit from 1 MiB on (Go 1.5, 1.11)"},
    {.key = "page_cache", .type = SETTING_BOOL, AT(page_cache), .help = "each P keeps up to 64 pages"},
    {.key = "central_locked", .type = SETTING_BOOL, AT(central_locked),
     .help = "central lists behind a lock a span class, as up to Go 1.15"},
    {.key = "central_lists", .type = SETTING_ENUM, AT(central_lists), .names = central_lists_names,
     .help = "sets: swept and unswept ones apart; lists: nonempty and empty, as up to Go 1.14"},
    {.key = "sweep_order", .type = SETTING_ENUM, AT(sweep_order), .names = sweep_order_names,
     .help = "by_class goes with sets; all_spans (Go 1.5) and stack (Go 1.11) with lists"},
    {.key = "reclaim", .type = SETTING_ENUM, AT(reclaim), .names = reclaim_names,
     .help = "gc: deaths are seen after a collection; immediate: at the next refill"},
    {.key = "scavenge_index", .type = SETTING_ENUM, AT(scavenge_index), .names = index_names,
     .help = "freed: all free memory may be scavenged; sparse: not in chunks that are nearly full, or just were"},
    {.key = "arena_base", .type = SETTING_BYTES, AT(arena_base), .help = "address of the heap"},
    {.key = "address_space", .type = SETTING_BYTES, AT(address_space), .help = "bytes of it at most"},
    {.key = "mspan_bytes", .type = SETTING_U64, AT(mspan_bytes), .min = 1, .max = 16384,
     .help = "size of a span descriptor in MemStats"},
    {.key = "mcache_bytes", .type = SETTING_U64, AT(mcache_bytes), .min = 1, .max = 16384,
     .help = "size of an mcache in MemStats"},
    {.key = "arena_table_bytes", .type = SETTING_U64, AT(arena_table_bytes), .max = 1 << 24,
     .help = "size of what is kept about 64 MiB of heap, in MemStats"},
    {.key = "span_block_bytes", .type = SETTING_U64, AT(span_block_bytes), .max = 1 << 16,
     .help = "size of a block of a span set in MemStats"},
    {.key = "descriptor_tails", .type = SETTING_BOOL, AT(descriptor_tails),
     .help = "MSpanSys and MCacheSys count whole blocks of 16 KiB, as in Go 1.5 and 1.11"},
    {.key = "header_bytes", .type = SETTING_U64, AT(header_bytes), .max = 64,
     .help = "before objects with pointers of more than pointer_bits_max bytes (Go 1.22: 8)"},
    {.key = "pointer_bits_max", .type = SETTING_BYTES, AT(pointer_bits_max), .max = 1024,
     .help = "slots up to this size have their pointer bits in the span (Go 1.22: 512); 0: none"},
    {.key = "mark_bytes", .type = SETTING_BYTES, AT(mark_bytes), .max = 4096,
     .help = "for mark bits in spans of such slots (Go 1.26: 128)"},
    {.key = "mark_from", .type = SETTING_BYTES, AT(mark_from), .max = 1024,
     .help = "the smallest of the slots whose spans have them (Go 1.26: 16)"},
    {.key = "released_is_zero", .type = SETTING_BOOL, AT(released_is_zero),
     .help = "pages from the OS are not zeroed again"},
    {.key = "gc", .type = SETTING_ENUM, AT(gc), .names = gc_names,
     .help = "paced: cycles begin where gogc and gomemlimit ask for one; recorded: where the recorded ones did "
             "(gcbegin), and end no earlier (gcend); deaths take no time then"},
    {.key = "gogc", .type = SETTING_PERCENT_OR_OFF, AT(gogc), .max = 100000,
     .help = "heap growth that starts a collection"},
    {.key = "gomemlimit", .type = SETTING_BYTES_OR_OFF, AT(gomemlimit), .help = "soft limit of the runtime's memory"},
    {.key = "heap_minimum", .type = SETTING_BYTES, AT(heap_minimum), .help = "smallest heap goal, at GOGC 100"},
    {.key = "mark_share", .type = SETTING_DOUBLE, AT(mark_share), .max = 1,
     .help = "of the Ps' time that marking in the background should take"},
    {.key = "cons_mark", .type = SETTING_ENUM, AT(cons_mark), .names = cons_mark_names,
     .help = "how the pacer smoothes what cycles say: a PI controller, the highest of the last four"},
    {.key = "counts_from", .type = SETTING_ENUM, AT(counts_from), .names = counts_from_names,
     .help = "where the pacer counts a cycle's allocation from: the trigger, the heap as it was"},
    {.key = "mark_wakes_idle", .type = SETTING_BOOL, AT(mark_wakes_idle),
     .help = "an idle P is woken when there is something to mark; else one that once found nothing sleeps on"},
    {.key = "limit_headroom", .type = SETTING_DOUBLE, AT(limit_headroom), .max = 1,
     .help = "of the memory limit's heap goal that is kept free, at least 1 MiB"},
    {.key = "gc_period_ns", .type = SETTING_U64, AT(gc_period_ns), .max = UINT64_C(1) << 62,
     .help = "after a collection ended there is another, whatever was allocated, unless gogc is off; 0: never"},
    {.key = "cpu_limiter", .type = SETTING_BOOL, AT(cpu_limiter),
     .help = "no assists while the collector has more than half of the Ps"},
    {.key = "timeslice_ns", .type = SETTING_U64, AT(timeslice_ns), .max = 1000000000,
     .help = "a goroutine runs for so long before it is preempted"},
    {.key = "stack_bytes", .type = SETTING_BYTES, AT(stack_bytes), .help = "bytes of stacks to scan"},
    {.key = "stack_room_bytes", .type = SETTING_BYTES, AT(stack_room_bytes),
     .help = "bytes that stacks take, scanned or not; never less than stack_bytes"},
    {.key = "globals_bytes", .type = SETTING_BYTES, AT(globals_bytes), .help = "bytes of global variables to scan"},
    {.key = "runtime_bytes", .type = SETTING_BYTES, AT(runtime_bytes),
     .help = "bytes that the runtime maps outside the heap: they count for the memory limit"},
    {.key = "background_sweep", .type = SETTING_BOOL, AT(background_sweep), .help = "a sweeper runs beside the Ps"},
    {.key = "background_scavenge", .type = SETTING_BOOL, AT(background_scavenge),
     .help = "a scavenger gives free memory back to the OS"},
    {.key = "scavenge_limit_part", .type = SETTING_DOUBLE, AT(scavenge_limit_part), .max = 100,
     .help = "of the memory limit that the scavenger aims at"},
    {.key = "idle_page_flush", .type = SETTING_BOOL, AT(idle_page_flush),
     .help = "idle Ps give their page caches back as a collection ends"},
    {.key = "ps", .type = SETTING_U64, AT(ps), .max = 4096, .help = "simulated Ps; 0: as many as the trace has"},
    {.key = "quantum_ns", .type = SETTING_U64, AT(quantum_ns), .max = 1000000000,
     .help = "how far a P may run ahead of the others between meetings; 0: strict order"},
    {.key = "mutex", .type = SETTING_ENUM, AT(mutex), .names = mutex_names,
     .help = "how a lock is waited for: first come, first served; as Go's runtime does, spinning and then asleep"},
    {.key = "pacing", .type = SETTING_ENUM, AT(pacing), .names = pacing_names,
     .help = "recorded: no event before its time; think: recorded gaps are kept; max: back to back"},
    {.key = "sleep", .type = SETTING_ENUM, AT(sleep), .names = sleep_names,
     .help = "what a program waits for between events: polled: the network or the like, which idle mark workers look at; "
             "timed: timers, which they do not"},
    {.key = "stream_by", .type = SETTING_ENUM, AT(stream_by), .names = stream_names,
     .help = "what a stream of events is: a recorded P or thread, or a goroutine"},
    {.key = "scheduler", .type = SETTING_ENUM, AT(scheduler), .names = scheduler_names,
     .help = "more streams than Ps: queue: any P runs any, in turns; dealt: stream n is P n mod Ps', as with --real; auto: "
             "dealt where recorded Ps or threads have but one, as they then keep the trace's order; else queue"},
    {.key = "window", .type = SETTING_U64, AT(window), .min = 4096, .max = 1 << 28, .help = "events read ahead at most"},
    COST(alloc, "ns: an allocation from the P's own span"),
    COST(alloc_doubling, "ns: and more each time that the heap in use is twice 256 KiB"),
    COST(alloc_scan_byte, "ns a byte: an allocation that may hold pointers"),
    COST(tiny, "ns: and more, where objects of a few bytes share a block"),
    COST(free, "ns: a free under immediate reclaim"),
    COST(free_doubling, "ns: and more, or a death, each time that the heap in use is twice 256 KiB"),
    COST(death, "ns: dropping the last reference to an object, under collection"),
    COST(zero, "ns: zeroing a used slot"),
    COST(zero_byte, "ns a byte: and each of its bytes"),
    COST_OF("zero_256k", zero_far[0], "ns a byte: and more where 256 KiB have been zeroed since; none where 64 KiB"),
    COST_OF("zero_1m", zero_far[1], "ns a byte: instead, where 1 MiB have"),
    COST_OF("zero_4m", zero_far[2], "ns a byte: instead, where 4 MiB have"),
    COST_OF("zero_16m", zero_far[3], "ns a byte: instead, where 16 MiB have"),
    COST_OF("zero_64m", zero_far[4], "ns a byte: instead, where 64 MiB have, or more"),
    COST(zero_buffer, "bytes that zeroing is not waited for, however far they are"),
    COST(zero_large, "the part of zero_256k to zero_64m that counts in objects of more than 32 KiB"),
    COST(zero_miss_byte, "ns a byte: and fetching it, in a heap much larger than zero_cache"),
    COST(zero_miss, "ns: up to so much an object"),
    COST(zero_cache, "bytes"),
    COST(barrier, "ns: storing a pointer while marking is on; one an allocation, one a death"),
    COST(refill, "ns: changing an mcache's span"),
    COST(central, "ns: list work under a central lock"),
    COST(cache_line, "ns: a cache line that another P wrote, of a span set or of marks"),
    COST(page_cache, "ns: filling a page cache"),
    COST(page_find, "ns: searching for pages"),
    COST(span_setup, "ns: making a span"),
    COST(span_first, "ns: and more where there have never been so many spans"),
    COST(span_free, "ns: giving a span back"),
    COST(span_free_hold, "ns: and under the heap lock"),
    COST(grow, "ns: address space from the OS"),
    COST(grow_first, "ns: and more the first time, with the heap's tables"),
    COST(fault_byte, "ns a byte: memory from the OS"),
    COST(zero_fault_byte, "ns a byte: the same where it is zeroing that comes first, the allocation's time"),
    COST(scavenge, "ns: giving a run of pages back to the OS"),
    COST(scavenge_byte, "ns a byte: and what it unmaps"),
    COST(sweep_span, "ns: sweeping a span"),
    COST(sweep_object, "ns: and each of its slots"),
    COST(lock, "ns: taking a free lock"),
    COST(handoff, "ns: from a release to the next holder, where mutex is fifo"),
    COST(spin, "ns: a round of spinning, where mutex is go, as for the next three"),
    COST(yield, "ns: giving way to other threads"),
    COST(sleep, "ns: a call of the OS, to sleep or to wake somebody up"),
    COST(wake, "ns: from a release to the one woken by it running on"),
    COST(mark_object, "ns: marking an object"),
    COST(mark_miss, "ns: and finding its span, in a heap much larger than mark_cache"),
    COST(mark_span_miss, "ns: the same, where spans have their marks in them"),
    COST(mark_first, "ns: and more, if it is the first in its span; where some have their marks in them, in those"),
    COST(mark_cache, "bytes; in a heap that fits, 0.28 of it is not there, either"),
    COST(mark_byte, "ns a byte: scanning"),
    COST(root_byte, "ns a byte: scanning global variables"),
    COST(mark_span_byte, "ns a byte: scanning spans that have their mark bits inside"),
    COST(mark_span_miss_byte, "ns a byte: and reading these, in a heap much larger than scan_cache"),
    COST(scan_miss_byte, "ns a byte: and reading it, in a heap much larger than scan_cache"),
    COST(scan_miss, "ns: up to so much an object"),
    COST(scan_cache, "bytes; as mark_cache"),
    COST(goroutine_switch, "ns: a P goes on with another stream, where there are more streams than Ps"),
    COST(stop_world, "ns: stopping or starting the world"),
    COST(stop_p, "ns: and for each P"),
    COST(mark_done, "ns: asking all Ps for what they found to mark and kept, while programs run; the first time up to twice that"),
    COST(worker_wake, "ns: until a P that was asleep comes to mark; half beside a small heap"),
};

const size_t config_table_size = sizeof config_table / sizeof config_table[0];

void config_init(struct sim_config *config)
{
    struct goheap_config core;
    goheap_config_go119(&core);
    *config = (struct sim_config){
        .name = "none",
        .page_size = UINT64_C(1) << core.page_shift,
        .tiny_size = core.tiny_size,
        .tiny_shared = core.tiny_shared,
        .noscan_apart = core.noscan_apart,
        .page_cache = core.page_cache,
        .reclaim = core.reclaim,
        .arena_base = core.arena_base,
        .address_space = UINT64_C(1) << 42,
        .mspan_bytes = core.mspan_bytes,
        .mcache_bytes = core.mcache_bytes,
        .arena_table_bytes = core.arena_table_bytes,
        .span_block_bytes = core.span_block_bytes,
        .gogc = 100,
        .gomemlimit = UINT64_MAX,
        .heap_minimum = 4 << 20,
        .mark_share = 0.25,
        .cpu_limiter = true,
        .gc_period_ns = UINT64_C(120000000000),
        .timeslice_ns = 15000000,
        .background_sweep = true,
        .background_scavenge = true,
        .scavenge_limit_part = 95,
        .window = 1 << 20,
    };
}

void config_clear(struct sim_config *config)
{
    settings_clear(config_table, config_table_size, config);
}

/* "go1.19" and "cost/seeds" are among the configs; what exists as a file, or ends in .json, is a path. */
static bool find_config(const char *name, char *path, size_t size, struct error *error)
{
    const char *slash = strrchr(name, '/');
    size_t n = strlen(name);
    bool is_path = n > 5 && strcmp(name + n - 5, ".json") == 0;
    if (!slash || is_path || slash == name || access(name, F_OK) == 0)
        return settings_find(name, "", path, size, error);
    char subdir[64];
    snprintf(subdir, sizeof subdir, "%.*s", (int)(slash - name), name);
    return settings_find(slash + 1, subdir, path, size, error);
}

/* Loads one file; a file may name others that lie beneath it, as a name or a list of names in "base". */
static bool load_layers(struct sim_config *config, const char *name, int depth, struct error *error)
{
    if (depth > 8)
        return error_set(error, "%s: \"base\" goes round in a circle", name);
    char path[PATH_MAX];
    if (!find_config(name, path, sizeof path, error))
        return false;
    json_error_t json_error;
    json_t *object = json_load_file(path, JSON_REJECT_DUPLICATES, &json_error);
    if (!object || !json_is_object(object)) {
        json_decref(object);
        return settings_load_file(config_table, config_table_size, config, path, error);
    }
    json_t *base = json_incref(json_object_get(object, "base"));
    json_object_del(object, "base");
    bool ok = true;
    if (json_is_string(base)) {
        ok = load_layers(config, json_string_value(base), depth + 1, error);
    } else if (json_is_array(base)) {
        size_t i;
        json_t *entry;
        json_array_foreach(base, i, entry)
            ok = ok && (json_is_string(entry) ? load_layers(config, json_string_value(entry), depth + 1, error)
                                              : error_set(error, "%s: base: expected names", path));
    } else if (base) {
        ok = error_set(error, "%s: base: expected a name or a list of names", path);
    }
    ok = ok && settings_load_json(config_table, config_table_size, config, object, path, error);
    json_decref(base);
    json_decref(object);
    return ok;
}

bool config_load(struct sim_config *config, const char *name, struct error *error)
{
    return load_layers(config, name, 0, error);
}

bool config_set(struct sim_config *config, const char *assignment, struct error *error)
{
    return settings_set(config_table, config_table_size, config, assignment, error);
}

struct pacer_policy config_pacer(const struct sim_config *config)
{
    return (struct pacer_policy){
        .gogc = config->gogc,
        .memory_limit = config->gomemlimit,
        .heap_minimum = config->heap_minimum,
        .mark_share = config->mark_share,
        .cons_mark = config->cons_mark,
        .counts_from = config->counts_from,
        .limit_headroom = config->limit_headroom,
        .stack_scan = config->stack_bytes,
        .stack_most = config->stack_room_bytes > config->stack_bytes ? config->stack_room_bytes : config->stack_bytes,
        .globals_scan = config->globals_bytes,
    };
}

/* --- the core's part ----------------------------------------------------------------------------------- */

bool config_core(const struct sim_config *config, struct goheap_config *core, struct error *error)
{
    goheap_config_go119(core);
    if ((config->page_size & (config->page_size - 1)) != 0)
        return error_set(error, "page_size: expected a power of two, got %llu",
                         (unsigned long long)config->page_size);
    if (config->size_classes && !config_classes(config, &core->table, error))
        return false;
    core->page_shift = (unsigned)__builtin_ctzll(config->page_size);
    core->tiny_size = (uint32_t)config->tiny_size;
    core->tiny_shared = config->tiny_shared;
    core->noscan_apart = config->noscan_apart;
    core->page_heap = config->page_heap;
    core->central_lists = config->central_lists;
    core->sweep_order = config->sweep_order;
    core->descriptor_tails = config->descriptor_tails;
    core->page_cache = config->page_cache;
    core->central_locked = config->central_locked;
    core->reclaim = config->reclaim;
    core->scavenge_index = config->scavenge_index;
    core->arena_base = config->arena_base;
    core->address_space = config->address_space;
    core->mspan_bytes = (uint32_t)config->mspan_bytes;
    core->mcache_bytes = (uint32_t)config->mcache_bytes;
    core->runtime_bytes = config->runtime_bytes;
    core->arena_table_bytes = (uint32_t)config->arena_table_bytes;
    core->span_block_bytes = (uint32_t)config->span_block_bytes;
    core->header_bytes = (uint32_t)config->header_bytes;
    core->pointer_bits_max = (uint32_t)config->pointer_bits_max;
    core->mark_bytes = (uint32_t)config->mark_bytes;
    core->mark_from = (uint32_t)config->mark_from;
    core->released_is_zero = config->released_is_zero;
    char why[256];
    if (!goheap_config_check(core, why, sizeof why))
        return error_set(error, "configuration \"%s\": %s", config->name, why);
    return config_check_spans(core, config->name, error);
}
