/* Settings: a configuration described by a table. The table says, for each dotted key, which member
 * of the caller's struct it fills and which values are allowed; JSON files, KEY=VALUE assignments
 * and the dump of what is in force all go through the same table, so they cannot disagree.
 *
 *     static const struct setting table[] = {
 *         {.key = "gogc", .type = SETTING_PERCENT_OR_OFF, .offset = offsetof(struct run, gogc),
 *          .max = INT32_MAX, .help = "heap growth, in percent, that starts a collection"},
 *         {.key = "costs.lock_ns", .type = SETTING_DOUBLE, .offset = offsetof(struct run, lock)},
 *     };
 *
 * In JSON, dots are nesting: {"gogc": 100, "costs": {"lock_ns": 12.5}}. Any object may also hold
 * "note", a string or an array of strings, which is ignored.
 *
 * Invariant: a member is only ever written with a value that its row allows. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
    SETTING_U64,            /* uint64_t; as JSON integers end at 2^63 - 1, decimal text too */
    SETTING_DOUBLE,         /* double, finite, never negative */
    SETTING_BOOL,           /* bool */
    SETTING_ENUM,           /* an enum counting from 0 (stored as unsigned); a word from names */
    SETTING_BYTES,          /* uint64_t; a number, or text in Go's GOMEMLIMIT notation: "64MiB" */
    SETTING_BYTES_OR_OFF,   /* the same; "off" is UINT64_MAX */
    SETTING_PERCENT_OR_OFF, /* int64_t; a whole number, or "off", which is -1 */
    SETTING_TEXT,           /* char[size], always terminated */
    SETTING_JSON,           /* json_t *, a reference owned by the target; null is NULL; unchecked */
};

struct setting {
    const char *key; /* dotted, under 128 characters: "costs.lock_ns" */
    enum setting_type type;
    size_t offset;            /* of the member in the target */
    uint64_t min, max;        /* of numbers, inclusive; max 0: as far as the type goes */
    const char *const *names; /* ENUM: the words, ended by NULL; the index is the value */
    size_t size;              /* TEXT: of the array, the terminator included */
    const char *help;         /* one line, for documentation */
};

/* Sets what the JSON file at path ("-": standard input) gives; the rest of target stays, so files
 * can be layered. False with error filled in on a file that cannot be read, bad JSON (path, line and
 * column), duplicate or unknown keys (naming the nearest known one), wrong types, values out of
 * range. What preceded the failure may already be set; target can still be cleared. */
bool settings_load_file(const struct setting *table, size_t n, void *target, const char *path,
                        struct error *error);

/* The same from a JSON object in memory; source names it in errors, NULL: errors start at the key. */
bool settings_load_json(const struct setting *table, size_t n, void *target, json_t *object,
                        const char *source, struct error *error);

/* Sets one key from "KEY=VALUE", with the same checks. VALUE is JSON, except that text and words go
 * without quotes: gogc=off, gomemlimit=64MiB, costs.lock_ns=12.5. */
bool settings_set(const struct setting *table, size_t n, void *target, const char *assignment,
                  struct error *error);

/* What is in force, as a new nested JSON object that settings_load_file accepts and that sets the
 * same values again. JSON members that are NULL are left out. NULL when memory runs out. */
json_t *settings_dump(const struct setting *table, size_t n, const void *target);

/* Gives up the references of JSON members and sets them to NULL. */
void settings_clear(const struct setting *table, size_t n, void *target);

/* Reads a whole number of bytes as Go reads GOMEMLIMIT: digits, then nothing or B, KiB, MiB, GiB or
 * TiB. False, leaving bytes alone, on anything else and on 2^64 or more. */
bool settings_parse_bytes(const char *text, uint64_t *bytes);

/* Finds the file of a configuration. A name with a '/' or ending in ".json", and "-", are paths
 * already; any other is looked for as [SUBDIR/]NAME.json in $GOHEAP_CONFIGS, then in ../configs
 * beside the executable's directory (a checkout), then in the installed data directory; failing
 * these, a file of just that name will do. subdir is
 * "" or a name such as "cost". Writes the path to path[0..size); false, with an error that lists
 * what there is and the nearest name, when there is no such file. */
bool settings_find(const char *name, const char *subdir, char *path, size_t size,
                   struct error *error);

#endif
