/* Reading a profile: which kind of file it is, its settings, its rows and phases. */
#include "generate/profile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate/generator.h"
#include "trace/trace.h"

enum { FILE_MAX = 64 << 20 /* bytes */ };
#define LARGEST 1e15 /* of a rate, and of a number of live objects */

static const char *const lifetimes[] = {"exponential", "constant", "pareto", NULL};
static const char *const starts[] = {"steady", "empty", NULL};
static const char *const handovers[] = {"any", "next", "consumers", NULL};

#define IN_PROFILE(member) offsetof(struct profile, member)

const struct setting profile_table[] = {
    {.key = "events", .type = SETTING_U64, .offset = IN_PROFILE(events), .min = 1, .max = UINT64_C(1) << 48,
     .help = "allocs and frees in the trace"},
    {.key = "ps", .type = SETTING_U64, .offset = IN_PROFILE(ps), .min = 1, .max = GENERATOR_MAX_PS,
     .help = "Ps (threads) that allocate, all alike"},
    {.key = "seed", .type = SETTING_U64, .offset = IN_PROFILE(seed), .help = "of what is drawn at random"},
    {.key = "live", .type = SETTING_U64, .offset = IN_PROFILE(live), .max = UINT64_C(1) << 40,
     .help = "scale the rows so that so many objects are live; 0: as they are, but at most a fifth of the events"},
    {.key = "start", .type = SETTING_ENUM, .offset = IN_PROFILE(start), .names = starts,
     .help = "begin with the objects that are live on average, or with none"},
    {.key = "lifetime", .type = SETTING_ENUM, .offset = IN_PROFILE(lifetime), .names = lifetimes,
     .help = "how lifetimes of a row lie around their mean"},
    {.key = "noscan", .type = SETTING_DOUBLE, .offset = IN_PROFILE(noscan), .max = 1,
     .help = "share of objects without pointers, where a row says nothing"},
    {.key = "sizes", .type = SETTING_JSON, .offset = IN_PROFILE(sizes_json),
     .help = "[[size, rate, live], ...] or [[size, rate, live, noscan], ...], or a CSV file beside this one"},
    {.key = "phases", .type = SETTING_JSON, .offset = IN_PROFILE(phases_json),
     .help = "[{duration_s, load, until_end, min_size, max_size}, ...], one after another, round and round"},
    {.key = "diurnal.amplitude", .type = SETTING_DOUBLE, .offset = IN_PROFILE(diurnal_amplitude), .max = 1,
     .help = "by which part of itself the load swings"},
    {.key = "diurnal.period_s", .type = SETTING_DOUBLE, .offset = IN_PROFILE(diurnal_period_s),
     .help = "how long a day is"},
    {.key = "bursts.every_s", .type = SETTING_DOUBLE, .offset = IN_PROFILE(bursts_every_s),
     .help = "mean time from a burst to the next; 0: there are none"},
    {.key = "bursts.length_s", .type = SETTING_DOUBLE, .offset = IN_PROFILE(bursts_length_s),
     .help = "how long a burst lasts"},
    {.key = "bursts.factor", .type = SETTING_DOUBLE, .offset = IN_PROFILE(bursts_factor), .max = 1000000,
     .help = "times the load in a burst"},
    {.key = "handover.share", .type = SETTING_DOUBLE, .offset = IN_PROFILE(handover_share), .max = 1,
     .help = "share of objects that another P frees than allocates"},
    {.key = "handover.to", .type = SETTING_ENUM, .offset = IN_PROFILE(handover_to), .names = handovers,
     .help = "to any other P, to the next one, or from the first, the producers, to the others"},
    {.key = "handover.producers", .type = SETTING_U64, .offset = IN_PROFILE(handover_producers),
     .max = GENERATOR_MAX_PS, .help = "how many Ps are producers; 0: half of them"},
};
const size_t profile_table_size = sizeof profile_table / sizeof profile_table[0];

static const struct setting phase_table[] = {
    {.key = "duration_s", .type = SETTING_DOUBLE, .offset = offsetof(struct profile_phase, duration_s)},
    {.key = "load", .type = SETTING_DOUBLE, .offset = offsetof(struct profile_phase, load), .max = 1000000},
    {.key = "until_end", .type = SETTING_DOUBLE, .offset = offsetof(struct profile_phase, until_end), .max = 1},
    {.key = "min_size", .type = SETTING_BYTES, .offset = offsetof(struct profile_phase, min_size)},
    {.key = "max_size", .type = SETTING_BYTES, .offset = offsetof(struct profile_phase, max_size)},
};

static const struct profile_phase usual_phase = {.load = 1, .max_size = UINT64_MAX};

void profile_init(struct profile *profile)
{
    *profile = (struct profile){.events = 1000000, .ps = 1, .noscan = 1, .diurnal_period_s = 86400,
                                .bursts_length_s = 0.01, .bursts_factor = 10, .scale = 1};
}

void profile_clear(struct profile *profile)
{
    settings_clear(profile_table, profile_table_size, profile);
    free(profile->rows);
    free(profile->phases);
    profile->rows = NULL;
    profile->phases = NULL;
}

/* ---- rows ---- */

static bool check_row(const struct profile_row *row, struct error *error)
{
    if (row->size > TRACE_MAX_SIZE)
        return error_set(error, "size: expected at most %llu bytes (64 TiB), got %llu",
                         (unsigned long long)TRACE_MAX_SIZE, (unsigned long long)row->size);
    if (!(row->rate >= 0 && row->rate <= LARGEST))
        return error_set(error, "rate: expected a number from 0 to 1e15, got %g", row->rate);
    if (!(row->live >= 0 && row->live <= LARGEST))
        return error_set(error, "live: expected a number from 0 to 1e15, got %g", row->live);
    if (!(row->noscan <= 1))
        return error_set(error, "noscan: expected a share from 0 to 1, got %g", row->noscan);
    return true;
}

bool profile_add_row(struct profile *profile, const struct profile_row *row, struct error *error)
{
    size_t n = profile->row_count;
    if (!check_row(row, error))
        return false;
    if (n == PROFILE_MAX_ROWS)
        return error_set(error, "expected at most %d rows, got more", PROFILE_MAX_ROWS);
    if ((n & (n - 1)) == 0) { /* a power of two, or none: as many as there is room for */
        struct profile_row *larger = reallocarray(profile->rows, n == 0 ? 1 : 2 * n, sizeof *larger);
        if (larger == NULL)
            return error_set(error, "out of memory");
        profile->rows = larger;
    }
    profile->rows[profile->row_count++] = *row;
    return true;
}

static bool json_row(struct profile *profile, const json_t *array, size_t i, struct error *error)
{
    double numbers[4] = {0, 0, 0, -1};
    size_t n = json_array_size(array);
    bool good = n == 3 || n == 4;
    for (size_t k = 0; good && k < n; k++) {
        good = json_is_number(json_array_get(array, k));
        numbers[k] = json_number_value(json_array_get(array, k));
    }
    const json_t *size = json_array_get(array, 0);
    if (!good || !json_is_integer(size) || json_integer_value(size) < 0 || (n == 4 && numbers[3] < 0))
        return error_set(error, "%s: sizes[%zu]: expected [size, rate, live] or [size, rate, live, noscan], "
                         "numbers of at least 0 and size a whole one, got something else", profile->name, i);
    struct error reason = {.text = ""};
    struct profile_row row = {(uint64_t)json_integer_value(size), numbers[1], numbers[2], numbers[3]};
    return profile_add_row(profile, &row, &reason) ||
           error_set(error, "%s: sizes[%zu]: %s", profile->name, i, reason.text);
}

/* ---- files ---- */

/* The whole file; the caller frees. NULL with *error. */
static char *read_text(const char *path, const char *name, size_t *length, struct error *error)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *text = f != NULL ? malloc(FILE_MAX) : NULL;
    *length = text != NULL ? fread(text, 1, FILE_MAX, f) : 0;
    if (f == NULL || (text != NULL && ferror(f)))
        error_set(error, "%.200s: %s", name, strerror(errno));
    else if (text == NULL)
        error_set(error, "%.200s: out of memory", name);
    else if (*length == FILE_MAX)
        error_set(error, "%.200s: expected a profile of less than %d MiB, got more", name, FILE_MAX >> 20);
    if (f != NULL && f != stdin)
        fclose(f);
    if (error->text[0] == '\0')
        return text;
    free(text);
    return NULL;
}

/* The file that "sizes" names, beside the profile unless it is an absolute path. */
static bool load_sizes(struct profile *profile, const char *file, struct error *error)
{
    const char *path = profile->path;
    char beside[PATH_MAX];
    const char *slash = strcmp(path, "-") == 0 || file[0] == '/' ? NULL : strrchr(path, '/');
    int directory = slash != NULL ? (int)(slash + 1 - path) : 0;
    if ((size_t)snprintf(beside, sizeof beside, "%.*s%s", directory, path, file) >= sizeof beside)
        return error_set(error, "%s: sizes: the path is too long", profile->name);
    size_t length;
    char *text = read_text(beside, beside, &length, error);
    bool good = text != NULL && profile_csv(profile, beside, text, length, error);
    free(text);
    return good;
}

/* Rows of a CSV profile are there already, unless a setting puts others in their place. */
static bool take_sizes(struct profile *profile, struct error *error)
{
    const json_t *sizes = profile->sizes_json;
    if (sizes == NULL && profile->row_count > 0)
        return true;
    profile->row_count = 0;
    if (json_is_string(sizes))
        return load_sizes(profile, json_string_value(sizes), error);
    if (!json_is_array(sizes))
        return error_set(error, "%s: sizes: expected an array of [size, rate, live], or a CSV file's name, got %s",
                         profile->name, sizes == NULL ? "none" : "something else");
    for (size_t i = 0; i < json_array_size(sizes); i++)
        if (!json_row(profile, json_array_get(sizes, i), i, error))
            return false;
    return profile->row_count > 0 ||
           error_set(error, "%s: sizes: expected rows of size, rate and live, got none", profile->name);
}

static bool load_json(struct profile *profile, const char *text, size_t length, struct error *error)
{
    json_error_t reason;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &reason);
    if (object == NULL)
        return error_set(error, "%s:%d:%d: %s", profile->name, reason.line, reason.column, reason.text);
    bool good = settings_load_json(profile_table, profile_table_size, profile, object, profile->name, error);
    json_decref(object);
    return good;
}

bool profile_load(struct profile *profile, const char *path, struct error *error)
{
    size_t length;
    profile->path = path;
    snprintf(profile->name, sizeof profile->name, "%.200s", strcmp(path, "-") == 0 ? "standard input" : path);
    char *text = read_text(path, profile->name, &length, error);
    if (text == NULL)
        return false;
    size_t first = 0;
    while (first < length && strchr(" \t\r\n", text[first]) != NULL && text[first] != '\0')
        first++;
    bool is_json = first < length && text[first] == '{';
    bool good = is_json ? load_json(profile, text, length, error)
                        : profile_csv(profile, profile->name, text, length, error);
    free(text);
    return good;
}

/* ---- the whole ---- */

static bool take_phase(struct profile *profile, json_t *object, size_t i, struct error *error)
{
    char where[320];
    struct profile_phase phase = usual_phase;
    snprintf(where, sizeof where, "%s: phases[%zu]", profile->name, i);
    if (!json_is_object(object))
        return error_set(error, "%s: expected an object with duration_s, got something else", where);
    if (!settings_load_json(phase_table, sizeof phase_table / sizeof phase_table[0], &phase, object, where, error))
        return false;
    if (!(phase.duration_s >= 1e-9 && phase.duration_s <= 1e9))
        return error_set(error, "%s: duration_s: expected from 1e-9 to 1e9 s, got %g", where, phase.duration_s);
    profile->phases[i] = phase;
    return true;
}

static bool take_phases(struct profile *profile, struct error *error)
{
    const json_t *phases = profile->phases_json;
    size_t n = phases == NULL ? 1 : json_array_size(phases);
    if (phases != NULL && (!json_is_array(phases) || n == 0 || n > PROFILE_MAX_PHASES))
        return error_set(error, "%s: phases: expected an array of 1 to %d objects, got something else", profile->name,
                         PROFILE_MAX_PHASES);
    free(profile->phases);
    profile->phases = calloc(n, sizeof *profile->phases);
    if (profile->phases == NULL)
        return error_set(error, "%s: out of memory", profile->name);
    profile->phase_count = n;
    profile->phases[0] = usual_phase;
    profile->phases[0].duration_s = 1e290; /* without end */
    for (size_t i = 0; phases != NULL && i < n; i++)
        if (!take_phase(profile, json_array_get(phases, i), i, error))
            return false;
    return true;
}

static bool check_settings(const struct profile *p, struct error *error)
{
    if (p->handover_share > 0 && p->ps < 2)
        return error_set(error, "%s: handover.share: expected at least 2 ps to hand objects over, got 1", p->name);
    if (p->handover_producers >= p->ps && p->handover_producers > 0)
        return error_set(error, "%s: handover.producers: expected fewer than ps (%llu), got %llu", p->name,
                         (unsigned long long)p->ps, (unsigned long long)p->handover_producers);
    if (p->diurnal_amplitude > 0 && !(p->diurnal_period_s >= 1e-9))
        return error_set(error, "%s: diurnal.period_s: expected at least 1e-9 s, got %g", p->name, p->diurnal_period_s);
    if (p->bursts_every_s > 0 && !(p->bursts_length_s >= 1e-9 && p->bursts_length_s <= 1e9))
        return error_set(error, "%s: bursts.length_s: expected from 1e-9 to 1e9 s, got %g", p->name,
                         p->bursts_length_s);
    return true;
}

static void scale_rows(struct profile *profile)
{
    double live = 0, most = profile->live > 0 ? (double)profile->live : (double)(profile->events / 5 + 1);
    for (size_t i = 0; i < profile->row_count; i++)
        live += profile->rows[i].live;
    if (live > 0 && (profile->live > 0 || live > most))
        profile->scale = most / live;
    for (size_t i = 0; i < profile->row_count; i++) {
        profile->rows[i].rate *= profile->scale;
        profile->rows[i].live *= profile->scale;
    }
}

bool profile_finish(struct profile *profile, struct error *error)
{
    if (!check_settings(profile, error) || !take_sizes(profile, error) || !take_phases(profile, error))
        return false;
    if (profile->row_count * profile->phase_count > PROFILE_MAX_PAIRS)
        return error_set(error, "%s: phases: expected at most %zu for %zu rows, got %zu", profile->name,
                         PROFILE_MAX_PAIRS / profile->row_count, profile->row_count, profile->phase_count);
    scale_rows(profile);
    return true;
}
