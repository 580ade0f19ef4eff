/* The columns of results.csv, each with where in the tree it comes from, and the writers for machines. */
#include "sweep/results.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static uint64_t whole(const json_t *document, const char *path)
{
    return (uint64_t)json_integer_value(report_at(document, path));
}

/* --- what is derived ----------------------------------------------------------------------------------- */

/* A table's name; of one that the plan spells out, or says how to make, a digest that tells it from others (FNV-1a),
 * and how many classes it spells out. The table itself is in the run's JSON. */
static json_t *classes_label(const json_t *document)
{
    json_t *classes = json_object_get(report_at(document, "run.config"), "size_classes");
    if (!json_is_array(classes) && !json_is_object(classes))
        return json_deep_copy(classes);
    char *text = json_dumps(classes, JSON_COMPACT);
    uint32_t digest = 2166136261;
    for (const char *c = text; c && *c; c++)
        digest = (digest ^ (unsigned char)*c) * 16777619;
    free(text);
    if (json_is_object(classes))
        return json_sprintf("made-%08" PRIx32, digest);
    return json_sprintf("inline-%zu-%08" PRIx32, json_array_size(classes), digest);
}

/* A member added up over the locks that are called so, or over all. */
static json_t *sum_locks(const json_t *document, const char *member, const char *name)
{
    return report_at(document, "locks") ? integer((uint64_t)report_lock_sum(document, member, name)) : NULL;
}

static json_t *lock_wait(const json_t *document)
{
    return sum_locks(document, "wait_ns", NULL);
}

static json_t *lock_contended(const json_t *document)
{
    return sum_locks(document, "contended", NULL);
}

static json_t *lock_acquisitions(const json_t *document)
{
    return sum_locks(document, "acquisitions", NULL);
}

static json_t *mheap_wait(const json_t *document)
{
    return sum_locks(document, "wait_ns", "mheap");
}

static json_t *mheap_acquisitions(const json_t *document)
{
    return sum_locks(document, "acquisitions", "mheap");
}

static json_t *internal_waste(const json_t *document)
{
    return report_at(document, "fragmentation.peak.internal") ? integer((uint64_t)report_internal_waste(document)) : NULL;
}

/* Classes of small objects: the first of a table is for large ones. */
static json_t *class_count(const json_t *document)
{
    size_t all = json_array_size(report_at(document, "size_classes"));
    return all ? integer(all - 1) : NULL;
}

/* Of all Ps: marking that the program could have used the time of, and the stops, during which no P runs. */
static json_t *gc_cpu(const json_t *document)
{
    const json_t *gc = report_at(document, "gc");
    return gc ? integer(whole(gc, "mark_cpu_ns") + whole(gc, "pauses.total_ns") * whole(document, "run.ps")) : NULL;
}

/* --- columns ------------------------------------------------------------------------------------------- */

#define MIB (1 << 20)

/* Before the settings that only this plan names. */
static const struct result_column fixed[] = {
    {.name = "run", .asked = true, .heading = "run"}, /* the row's number */
    {.name = "config", .path = "run.config.name", .asked = true, .heading = "config"},
    {.name = "trace", .path = "run.trace", .asked = true},
    {.name = "size_classes", .derive = classes_label, .asked = true, .heading = "classes"},
    {.name = "ps", .path = "run.ps", .or_path = "run.config.ps", .asked = true, .heading = "Ps"},
    {.name = "gogc", .path = "run.config.gogc", .asked = true},
    {.name = "pacing", .path = "run.pacing", .or_path = "run.config.pacing", .asked = true},
    {.name = "events", .path = "run.events"},
    {.name = "virtual_ns", .path = "run.virtual_ns"},
    {.name = "peak_mapped_bytes", .path = "fragmentation.peak_mapped_bytes",
     .heading = "mapped MiB", .unit = MIB},
    {.name = "peak_in_use_bytes", .path = "fragmentation.peak.in_use_bytes"},
    {.name = "peak_requested_bytes", .path = "fragmentation.peak_requested_bytes"},
    {.name = "peak_mapped_over_peak_requested", .path = "fragmentation.peak_mapped_over_peak_requested"},
    {.name = "cycles", .path = "gc.cycles", .heading = "cycles", .unit = 1},
    {.name = "pause_total_ns", .path = "gc.pauses.total_ns"},
    {.name = "alloc_mean_ns", .path = "latency_all.mean_ns", .heading = "alloc ns", .unit = 1},
    {.name = "alloc_p99_ns", .path = "latency_all.p99_ns", .heading = "p99 ns", .unit = 1},
    {.name = "lock_wait_ns", .derive = lock_wait, .heading = "lock wait us", .unit = 1e3},
    {.name = "lock_contended", .derive = lock_contended},
    {.name = "lock_acquisitions", .derive = lock_acquisitions},
    {.name = "mheap_wait_ns", .derive = mheap_wait},
    {.name = "internal_waste_bytes", .derive = internal_waste, .heading = "waste MiB", .unit = MIB},
    {.name = "unused_slot_bytes", .path = "fragmentation.peak.external.unused_slot_bytes",
     .heading = "unused MiB", .unit = MIB},
    {.name = "mheap_acquisitions", .derive = mheap_acquisitions},
    {.name = "gc_cpu_ns", .derive = gc_cpu},
    {.name = "classes", .derive = class_count},
    {.name = "mean_in_use_bytes", .path = "fragmentation.mean.in_use_bytes"},
    {.name = "mean_live_bytes", .path = "fragmentation.mean.live_bytes"},
    {.name = "mean_requested_bytes", .path = "fragmentation.mean.requested_bytes"},
};
enum { FIXED = sizeof fixed / sizeof fixed[0] };

static bool has_column(const struct results *results, const char *name)
{
    for (size_t i = 0; i < results->column_count; i++)
        if (strcmp(results->columns[i].name, name) == 0)
            return true;
    return false;
}

bool results_asked(const char *column)
{
    for (size_t i = 0; i < FIXED; i++)
        if (strcmp(fixed[i].name, column) == 0)
            return fixed[i].asked;
    return strcmp(column, "error") != 0;
}

bool results_init(struct results *results, size_t rows, const json_t *settings, struct error *error)
{
    size_t i;
    const json_t *key;
    memset(results, 0, sizeof *results);
    results->count = rows;
    results->rows = calloc(rows ? rows : 1, sizeof *results->rows);
    results->columns = calloc(FIXED + json_array_size(settings) + 1, sizeof *results->columns);
    if (!results->rows || !results->columns)
        return error_set(error, "out of memory");
    memcpy(results->columns, fixed, sizeof fixed);
    results->column_count = FIXED;
    json_array_foreach(settings, i, key) {
        struct result_column setting = {.name = json_string_value(key), .asked = true};
        if (!has_column(results, setting.name))
            results->columns[results->column_count++] = setting;
    }
    results->columns[results->column_count++] = (struct result_column){.name = "error", .path = "error"};
    return true;
}

void results_clear(struct results *results)
{
    for (size_t i = 0; results->rows && i < results->count; i++)
        json_decref(results->rows[i]);
    free(results->rows);
    free(results->columns);
}

/* --- rows ---------------------------------------------------------------------------------------------- */

/* JSON holds UTF-8 only, and an error may have a path in it that is none, or was cut within a character. */
static json_t *text_in_json(const char *text)
{
    char plain[sizeof((struct error *)0)->text];
    json_t *string = json_string(text);
    if (string)
        return string;
    snprintf(plain, sizeof plain, "%s", text);
    for (char *c = plain; *c; c++)
        if (*c & 0x80)
            *c = '?';
    return json_string(plain);
}

json_t *results_unfinished(const struct plan_run *run, const char *failure)
{
    return json_pack("{s:o, s:{s:s, s:o}}", "error", text_in_json(failure), "run", "trace", run->trace, "config",
                     settings_dump(config_table, config_table_size, &run->config));
}

/* The value of a column, or null. One without a path is a setting of that name. */
static json_t *cell(const struct result_column *column, const json_t *document)
{
    if (column->derive) {
        json_t *value = column->derive(document);
        return value ? value : json_null();
    }
    const json_t *value = column->path ? report_at(document, column->path)
                                       : report_at(report_at(document, "run.config"), column->name);
    if (!value && column->or_path)
        value = report_at(document, column->or_path);
    return value ? json_deep_copy(value) : json_null();
}

void results_take(struct results *results, size_t i, size_t index, const json_t *document)
{
    json_t *row = json_array();
    json_array_append_new(row, integer(index + 1));
    for (size_t c = 1; c < results->column_count; c++)
        json_array_append_new(row, cell(&results->columns[c], document));
    results->rows[i] = row;
}

const char *results_failure(const struct results *results, size_t i)
{
    return json_string_value(json_array_get(results->rows[i], results->column_count - 1));
}

size_t results_number(const struct results *results, size_t i)
{
    return (size_t)json_integer_value(json_array_get(results->rows[i], 0));
}

/* --- for machines -------------------------------------------------------------------------------------- */

static void write_text(const char *text, FILE *out)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void write_cell(const json_t *value, FILE *out)
{
    if (json_is_string(value))
        write_text(json_string_value(value), out);
    else if (json_is_real(value))
        fprintf(out, "%.10g", json_real_value(value));
    else if (json_is_integer(value))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "true" : "false", out);
}

void results_csv(const struct results *results, FILE *out)
{
    for (size_t c = 0; c < results->column_count; c++)
        fprintf(out, "%s%s", c ? "," : "", results->columns[c].name);
    fputc('\n', out);
    for (size_t i = 0; i < results->count; i++) {
        for (size_t c = 0; c < results->column_count; c++) {
            if (c)
                fputc(',', out);
            write_cell(json_array_get(results->rows[i], c), out);
        }
        fputc('\n', out);
    }
}

json_t *results_json(const struct results *results)
{
    json_t *array = json_array();
    for (size_t i = 0; i < results->count; i++) {
        json_t *object = json_object();
        for (size_t c = 0; c < results->column_count; c++)
            json_object_set(object, results->columns[c].name, json_array_get(results->rows[i], c));
        json_array_append_new(array, object);
    }
    return array;
}
