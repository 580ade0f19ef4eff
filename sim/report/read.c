#include "report/read.h"

#include "report/report.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST_MIB = 128 };

enum kind { NUMBER, TEXT, TRUTH, OBJECT, ARRAY };

static const char *const kinds[] = {"a number from 0 to 2^64", "text", "true or false", "an object", "an array"};

struct member {
    const char *path;
    enum kind kind;
};

static const struct member document_members[] = {
    {"run", OBJECT}, {"run.goheap", TEXT}, {"run.trace", TEXT}, {"run.config", OBJECT}, {"run.config.name", TEXT},
    {"run.ps", NUMBER}, {"run.pacing", TEXT}, {"run.events", NUMBER}, {"run.virtual_ns", NUMBER},
    {"memstats", OBJECT}, {"memstats.HeapAlloc", NUMBER},
    {"size_classes", ARRAY}, {"locks", ARRAY}, {"latency", ARRAY}, {"lock_waits.locks", ARRAY},
    {"fragmentation.peak_mapped_bytes", NUMBER}, {"fragmentation.peak_requested_bytes", NUMBER},
    {"fragmentation.peak_mapped_over_peak_requested", NUMBER},
    {"latency_all.count", NUMBER}, {"latency_all.mean_ns", NUMBER}, {"latency_all.p99_ns", NUMBER},
    {"latency_all.max_ns", NUMBER},
    {"gc.cycles", NUMBER}, {"gc.forced_cycles", NUMBER}, {"gc.next_goal_bytes", NUMBER}, {"gc.cpu_fraction", NUMBER},
    {"gc.mark_cpu_ns", NUMBER}, {"gc.assist_ns", NUMBER}, {"gc.pauses.total_ns", NUMBER},
    {"gc.pauses.max_ns", NUMBER}, {"gc.records", ARRAY},
};

/* Of fragmentation.peak and fragmentation.end. */
static const struct member moment_members[] = {
    {"t_ns", NUMBER}, {"mapped_bytes", NUMBER}, {"released_bytes", NUMBER}, {"in_use_bytes", NUMBER},
    {"requested_bytes", NUMBER}, {"internal.rounding_bytes", NUMBER}, {"internal.tiny_bytes", NUMBER},
    {"internal.tail_bytes", NUMBER}, {"dead_bytes", NUMBER}, {"external.unused_slot_bytes", NUMBER},
    {"external.free_page_bytes", NUMBER}, {"external.longest_free_run_bytes", NUMBER},
    {"external.unusable_free_space_index", NUMBER},
};

static const struct member class_members[] = {
    {"size", NUMBER}, {"allocs", NUMBER}, {"tiny_allocs", NUMBER}, {"peak.spans", NUMBER}, {"peak.slots", NUMBER},
    {"peak.live", NUMBER}, {"peak.span_bytes", NUMBER}, {"peak.occupancy", NUMBER}, {"peak.requested_bytes", NUMBER},
    {"peak.rounding_bytes", NUMBER}, {"peak.tiny_bytes", NUMBER}, {"peak.tail_bytes", NUMBER},
    {"peak.dead_bytes", NUMBER}, {"peak.unused_bytes", NUMBER},
};

static const struct member lock_members[] = {
    {"name", TEXT}, {"waits", TRUTH}, {"acquisitions", NUMBER}, {"contended", NUMBER}, {"wait_ns", NUMBER},
    {"wait_p99_ns", NUMBER}, {"wait_max_ns", NUMBER}, {"hold_ns", NUMBER}, {"utilisation", NUMBER},
    {"longest_queue", NUMBER},
};

static const struct member tier_members[] = {
    {"tier", TEXT}, {"count", NUMBER}, {"mean_ns", NUMBER}, {"p50_ns", NUMBER}, {"p99_ns", NUMBER},
    {"p999_ns", NUMBER}, {"max_ns", NUMBER},
};

static const struct member cycle_members[] = {
    {"cycle", NUMBER}, {"start_ns", NUMBER}, {"end_ns", NUMBER}, {"mark_ns", NUMBER}, {"pause_ns", NUMBER},
    {"assist_ns", NUMBER}, {"heap_start_bytes", NUMBER}, {"heap_end_bytes", NUMBER}, {"heap_marked_bytes", NUMBER},
    {"goal_bytes", NUMBER}, {"forced", TRUTH},
};

#define COUNT(members) (sizeof(members) / sizeof(members)[0])

static bool is_of(const json_t *value, enum kind kind)
{
    switch (kind) {
    case NUMBER:
        return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= 0x1p64;
    case TEXT:
        return json_is_string(value);
    case TRUTH:
        return json_is_boolean(value);
    case OBJECT:
        return json_is_object(value);
    default:
        return json_is_array(value);
    }
}

/* place: where in the document the object is, with a dot behind it; "" for the document. */
static bool check_members(const json_t *object, const struct member *members, size_t n, const char *source,
                          const char *place, struct error *error)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *value = report_at(object, members[i].path);
        if (!is_of(value, members[i].kind))
            return error_set(error, "%s: %s%s: expected %s, as goheap writes it%s", source, place,
                             members[i].path, kinds[members[i].kind], value ? "" : "; it is not there");
    }
    return true;
}

static bool check_rows(const json_t *document, const char *path, const struct member *members, size_t n,
                       const char *source, struct error *error)
{
    const json_t *row;
    size_t i;
    json_array_foreach(report_at(document, path), i, row) {
        char place[64];
        snprintf(place, sizeof place, "%s[%zu].", path, i);
        if (!check_members(row, members, n, source, place, error))
            return false;
    }
    return true;
}

bool report_check(const json_t *document, const char *source, struct error *error)
{
    const json_t *peak = report_at(document, "fragmentation.peak"), *end = report_at(document, "fragmentation.end");
    return check_members(document, document_members, COUNT(document_members), source, "", error) &&
           check_members(peak, moment_members, COUNT(moment_members), source, "fragmentation.peak.", error) &&
           check_members(end, moment_members, COUNT(moment_members), source, "fragmentation.end.", error) &&
           check_rows(document, "size_classes", class_members, COUNT(class_members), source, error) &&
           check_rows(document, "locks", lock_members, COUNT(lock_members), source, error) &&
           check_rows(document, "latency", tier_members, COUNT(tier_members), source, error) &&
           check_rows(document, "gc.records", cycle_members, COUNT(cycle_members), source, error);
}

static json_t *load(const char *path, struct error *error)
{
    struct stat status;
    json_error_t why;
    if (stat(path, &status) != 0) {
        error_set(error, "%s: %s; expected a directory that `goheap replay -o DIR` wrote", path, strerror(errno));
        return NULL;
    }
    if (!S_ISREG(status.st_mode) || status.st_size > (off_t)LARGEST_MIB << 20) {
        error_set(error, "%s: expected a file of at most %d MiB", path, LARGEST_MIB);
        return NULL;
    }
    json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (!document)
        error_set(error, "%s:%d:%d: expected JSON as goheap writes it: %s", path, why.line, why.column, why.text);
    return document;
}

json_t *report_read(const char *path, struct error *error)
{
    json_t *document = load(path, error);
    if (document && !report_check(document, path, error)) {
        json_decref(document);
        return NULL;
    }
    return document;
}

json_t *report_read_trace(const char *path, struct error *error)
{
    static const struct member members[] = {
        {"trace.name", TEXT}, {"trace.meta", ARRAY}, {"trace.rows", NUMBER}, {"objects.count", NUMBER},
        {"objects.bytes", NUMBER}, {"objects.never_ended", NUMBER}, {"live.peak_bytes.bytes", NUMBER}};
    json_t *document = load(path, error);
    if (document && !check_members(document, members, COUNT(members), path, "", error)) {
        json_decref(document);
        return NULL;
    }
    return document;
}
