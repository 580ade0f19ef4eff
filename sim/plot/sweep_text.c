/* Words for columns, units for values, and quoting. */
#include "plot/sweep_text.h"

#include "model/config.h"

#include <jansson.h>
#include <string.h>

/* Names that do not say it all. */
static const struct { const char *column, *text; } known[] = {
    {"config", "configuration"},
    {"size_classes", "size classes"},
    {"classes", "number of size classes"},
    {"ps", "Ps"},
    {"gogc", "GOGC"},
    {"gomemlimit", "GOMEMLIMIT"},
    {"virtual_ns", "virtual time"},
    {"peak_mapped_bytes", "most memory mapped"},
    {"peak_in_use_bytes", "most memory in use"},
    {"peak_requested_bytes", "most bytes asked for and live"},
    {"peak_mapped_over_peak_requested", "most mapped / most asked for"},
    {"cycles", "collections"},
    {"pause_total_ns", "time stopped"},
    {"alloc_mean_ns", "an allocation, mean"},
    {"alloc_p99_ns", "an allocation, 99 % quantile"},
    {"lock_wait_ns", "time waited for locks"},
    {"lock_contended", "lock acquisitions that waited"},
    {"lock_acquisitions", "lock acquisitions"},
    {"mheap_acquisitions", "heap lock acquisitions"},
    {"mheap_wait_ns", "time waited for the heap lock"},
    {"internal_waste_bytes", "rounding, tiny and tail waste at the peak"},
    {"unused_slot_bytes", "unused slots at the peak"},
    {"gc_cpu_ns", "collector's CPU time"},
    {"mean_in_use_bytes", "memory in use, mean over time"},
    {"mean_live_bytes", "live slots, mean over time"},
    {"mean_requested_bytes", "asked for and live, mean over time"},
};

static bool ends_in(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

enum sweep_unit sweep_unit(const char *column)
{
    for (size_t i = 0; i < config_table_size; i++)
        if (strcmp(config_table[i].key, column) == 0 &&
            (config_table[i].type == SETTING_BYTES || config_table[i].type == SETTING_BYTES_OR_OFF))
            return SWEEP_BYTES;
    return ends_in(column, "_bytes") ? SWEEP_BYTES : ends_in(column, "_ns") ? SWEEP_NS : SWEEP_PLAIN;
}

void sweep_column_text(const char *column, char text[SWEEP_TEXT])
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].column, column) == 0) {
            snprintf(text, SWEEP_TEXT, "%s", known[i].text);
            return;
        }
    size_t n = strlen(column) - (ends_in(column, "_bytes") ? 6 : ends_in(column, "_ns") ? 3 : 0);
    snprintf(text, SWEEP_TEXT, "%.*s", n < 80 ? (int)n : 80, column);
    for (char *c = text; *c; c++)
        if (*c == '_')
            *c = ' ';
}

/* --- values -------------------------------------------------------------------------------------------- */

/* In the largest of n units, each so many times the one before, of which there is one. */
static void put_scaled(double value, double times, const char *const *units, size_t n, char text[SWEEP_TEXT])
{
    size_t u = 0;
    for (; u + 1 < n && (value >= times || value <= -times); u++)
        value /= times;
    snprintf(text, SWEEP_TEXT, value >= 999.5 ? "%.0f %s" : "%.3g %s", value, units[u]);
}

static void put_base(const char *path, char text[SWEEP_TEXT])
{
    static const char *const ends[] = {".zst", ".json", ".csv", ".ghtz", ".ght"};
    const char *slash = strrchr(path, '/');
    snprintf(text, SWEEP_TEXT, "%.*s", SWEEP_TEXT - 1, slash && slash[1] ? slash + 1 : path);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends_in(text, ends[i]) && strlen(text) > strlen(ends[i]))
            text[strlen(text) - strlen(ends[i])] = '\0';
}

void sweep_value_text(const char *column, const char *value, char text[SWEEP_TEXT])
{
    static const char *const bytes[] = {"B", "KiB", "MiB", "GiB", "TiB"}, *const times[] = {"ns", "µs", "ms", "s"};
    char *end;
    double number = strtod(value, &end);
    bool is_number = *end == '\0' && end != value;
    if (strcmp(column, "trace") == 0 || strcmp(column, "size_classes") == 0)
        put_base(value, text);
    else if (is_number && sweep_unit(column) == SWEEP_BYTES)
        put_scaled(number, 1024, bytes, sizeof bytes / sizeof bytes[0], text);
    else if (is_number && sweep_unit(column) == SWEEP_NS)
        put_scaled(number, 1000, times, sizeof times / sizeof times[0], text);
    else
        snprintf(text, SWEEP_TEXT, "%.*s", SWEEP_TEXT - 1, value[0] ? value : "none");
}

void sweep_setting_text(const char *column, const char *value, char text[SWEEP_TEXT])
{
    char plain[SWEEP_TEXT], name[SWEEP_TEXT];
    sweep_value_text(column, value, plain);
    sweep_column_text(column, name);
    if (strcmp(column, "config") == 0 || strcmp(column, "trace") == 0)
        snprintf(text, SWEEP_TEXT, "%s", plain);
    else if (strcmp(column, "ps") == 0)
        snprintf(text, SWEEP_TEXT, "%.200s %s", plain, strcmp(plain, "1") == 0 ? "P" : "Ps");
    else if (strcmp(column, "size_classes") == 0)
        snprintf(text, SWEEP_TEXT, "%.200s classes", plain);
    else if (strcmp(column, "pacing") == 0)
        snprintf(text, SWEEP_TEXT, "%.200s pacing", plain);
    else
        snprintf(text, SWEEP_TEXT, "%.100s %.100s", name, plain);
}

void sweep_row_text(const struct sweep_table *table, size_t row, const size_t *columns, size_t n,
                    char text[SWEEP_TEXT])
{
    size_t used = 0;
    snprintf(text, SWEEP_TEXT, "all runs");
    for (size_t i = 0; i < n && used < SWEEP_TEXT; i++) {
        char one[SWEEP_TEXT];
        sweep_setting_text(table->columns[columns[i]].name, sweep_cell(table, row, columns[i]), one);
        used += (size_t)snprintf(text + used, SWEEP_TEXT - used, "%s%s", i ? ", " : "", one);
    }
}

/* --- fields -------------------------------------------------------------------------------------------- */

static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);
    json_decref(string);
    return string != NULL;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Cut within a character it is no UTF-8, and shows as the cut text in ASCII. */
void sweep_put_text(FILE *out, const char *text, size_t most)
{
    bool utf8 = is_utf8(text);
    size_t letters = 0, at = 0;
    for (const char *c = text; *c; c++)
        letters += !utf8 || !continues(*c);
    size_t head = letters > most ? (most - 1) / 2 : letters, tail = letters > most ? letters - (most - 1 - head) : head;
    fputc('"', out);
    for (const char *c = text; *c; c++) {
        at += !utf8 || !continues(*c);
        if (letters > most && at == head + 1 && (!utf8 || !continues(*c)))
            fputs("…", out);
        if (at > head && at <= tail)
            continue;
        bool plain = (unsigned char)*c >= ' ' && *c != 0x7f && (utf8 || !(*c & 0x80));
        fputc(*c == '"' ? '\'' : plain ? *c : '?', out);
    }
    fputc('"', out);
}
