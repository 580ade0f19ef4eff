/* What was measured, for people and as a configuration. */
#include "calibrate/calibrate.h"

#include "calibrate/host.h"

#include <stdlib.h>
#include <string.h>

/* --- the table ----------------------------------------------------------------------------------------- */

static void print_row(FILE *out, const struct measured *row)
{
    if (row->state == MEASURED_NOTHING)
        fprintf(out, "%-20s %9s  %6s  %7s  %s\n", row->key, "-", "-", "-", row->how);
    else
        fprintf(out, "%-20s %9.4g  %4.1f %%  %7u  %s%s\n", row->key, row->ns, 100 * row->noise, row->samples,
                row->how, row->state == MEASURED_NOISY ? " (NOISY)" : "");
}

/* How many rows are in that state. */
static unsigned count_of(const struct calibration *c, enum measured_state state)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->count; i++)
        n += c->rows[i].state == state;
    return n;
}

void calibrate_print(const struct calibration *c, FILE *out)
{
    char host[256];
    host_describe(host, sizeof host);
    fprintf(out, "%s; %.1f s\n\n", host, c->seconds);
    fprintf(out, "%-20s %9s  %6s  %7s  %s\n", "cost", "ns", "noise", "samples", "how");
    for (unsigned i = 0; i < c->count; i++)
        print_row(out, &c->rows[i]);
    fprintf(out, "\nMedians; noise is the distance of the quartiles in parts of the median. The rest is the base's.\n");
    if (count_of(c, MEASURED_NOISY))
        fprintf(out, "%u noisy (above %.0f %%): better measured again on a quiet machine.\n",
                count_of(c, MEASURED_NOISY), 100 * CALIBRATE_NOISE);
    if (count_of(c, MEASURED_NOTHING))
        fprintf(out, "%u could not be measured on this host (-): left to the base.\n", count_of(c, MEASURED_NOTHING));
}

/* --- the configuration --------------------------------------------------------------------------------- */

/* Four digits are more than noise leaves. */
static json_t *rounded(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", value);
    value = strtod(text, NULL);
    return value < 1000 ? json_real(value) : json_integer((json_int_t)value);
}

/* "noise 13.1 %, 125 samples, NOISY" */
static void describe_noise(char *text, size_t size, const struct measured *row)
{
    snprintf(text, size, "noise %.1f %%, %u samples%s", 100 * row->noise, row->samples,
             row->state == MEASURED_NOISY ? ", NOISY" : "");
}

static void note_row(json_t *note, const struct measured *row)
{
    char text[160] = "not measured, left to the base";
    if (row->state != MEASURED_NOTHING)
        describe_noise(text, sizeof text, row);
    json_array_append_new(note, json_sprintf("%s: %s: %s", row->key, text, row->how));
}

static json_t *make_note(const struct calibration *c)
{
    char host[256];
    json_t *note = json_array();
    host_describe(host, sizeof host);
    json_array_append_new(note, json_sprintf("The allocator of goheap %s itself, measured by goheap calibrate on: %s.",
                                             GOHEAP_VERSION, host));
    json_array_append_new(note, json_sprintf("In ns, *_byte a byte: medians. Noise is the distance of the quartiles in "
                                             "parts of the median; NOISY is what stayed above %.0f %%.",
                                             100 * CALIBRATE_NOISE));
    json_array_append_new(note, json_string("Not measured: marking, scanning and the write barrier (the core does not "
                                            "trace objects), pointer bits (alloc_scan_byte;"));
    json_array_append_new(note, json_string("it writes none), stopping the world (it has no threads to stop). They are "
                                            "the base's, as is all that is not below."));
    for (unsigned i = 0; i < c->count; i++)
        note_row(note, &c->rows[i]);
    json_array_append_new(note, json_string("zero_miss_byte: 0: what it has in a base, zero_64m has here."));
    return note;
}

static json_t *make_costs(const struct calibration *c)
{
    json_t *costs = json_object();
    for (unsigned i = 0; i < c->count; i++) {
        const struct measured *row = &c->rows[i];
        if (row->state != MEASURED_NOTHING)
            json_object_set_new(costs, row->key, rounded(row->ns));
    }
    json_object_set_new(costs, "zero_miss_byte", json_integer(0));
    return costs;
}

json_t *calibrate_document(const struct calibration *c, const char *base)
{
    json_t *document = json_object();
    json_object_set_new(document, "note", make_note(c));
    json_object_set_new(document, "base", json_string(base));
    json_object_set_new(document, "costs", make_costs(c));
    if (json_is_string(json_object_get(document, "base")))
        return document;
    json_decref(document);
    return NULL;
}

void calibrate_write(const json_t *document, FILE *out)
{
    json_dumpf(document, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    fputc('\n', out);
}
