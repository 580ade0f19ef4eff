/* What each type of setting accepts, how it is stored, and how its expectation reads in an error.
 * Members are reached by memcpy: the target's struct is the caller's, of a type unknown here.
 * Invariant: nothing is written to the target before the whole value has been checked. */
#include "base/setting_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t row_max(const struct setting *row)
{
    if (row->max != 0)
        return row->max;
    switch (row->type) {
    case SETTING_PERCENT_OR_OFF:
        return INT64_MAX;
    case SETTING_BYTES_OR_OFF:
        return UINT64_MAX - 1; /* UINT64_MAX is "off" */
    default:
        return UINT64_MAX;
    }
}

void setting_quote(const char *text, char *copy, size_t size)
{
    size_t length = strnlen(text, size);
    bool whole = length < size;

    if (!whole) {
        length = size - sizeof "...";
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    for (size_t i = 0; i < length; i++)
        copy[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    memcpy(copy + length, whole ? "" : "...", whole ? 1 : sizeof "...");
}

void setting_quote_json(const json_t *value, char *copy, size_t size)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    setting_quote(text != NULL ? text : "something else", copy, size);
    free(text);
}

/* " from 1 to 64", " of at least 1", or nothing, where any number will do. */
static void describe_range(const struct setting *row, char *text, size_t size)
{
    if (row->max != 0)
        snprintf(text, size, " from %" PRIu64 " to %" PRIu64, row->min, row->max);
    else
        snprintf(text, size, " of at least %" PRIu64, row->min);
}

static void describe_names(const struct setting *row, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "one of");
    for (size_t i = 0; row->names[i] != NULL && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s \"%s\"", i > 0 ? "," : "",
                                 row->names[i]);
}

/* What the row accepts, to follow "expected ". */
static void describe(const struct setting *row, char *text, size_t size)
{
    char range[64];
    describe_range(row, range, sizeof range);

    switch (row->type) {
    case SETTING_U64:
        snprintf(text, size, "a whole number%s", range);
        break;
    case SETTING_DOUBLE:
        snprintf(text, size, "a number%s", range);
        break;
    case SETTING_BOOL:
        snprintf(text, size, "true or false");
        break;
    case SETTING_ENUM:
        describe_names(row, text, size);
        break;
    case SETTING_BYTES:
        snprintf(text, size, "a number of bytes%s, such as 4096 or \"64MiB\"", range);
        break;
    case SETTING_BYTES_OR_OFF:
        snprintf(text, size, "a number of bytes%s, such as 4096 or \"64MiB\", or \"off\"", range);
        break;
    case SETTING_PERCENT_OR_OFF:
        snprintf(text, size, "a percentage, a whole number%s, or \"off\"", range);
        break;
    case SETTING_TEXT:
        snprintf(text, size, "text of at most %zu bytes", row->size - 1);
        break;
    case SETTING_JSON:
        snprintf(text, size, "JSON");
        break;
    }
}

/* Go's digits-only reading: no sign, no space, no other base. *rest is what follows the digits. */
static bool parse_digits(const char *text, uint64_t *number, const char **rest)
{
    uint64_t sum = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (__builtin_mul_overflow(sum, UINT64_C(10), &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *number = sum;
    *rest = p;
    return p != text;
}

bool settings_parse_bytes(const char *text, uint64_t *bytes)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    uint64_t number;
    const char *suffix;

    if (!parse_digits(text, &number, &suffix))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(suffix, units[i].suffix) != 0)
            continue;
        if (number > UINT64_MAX >> units[i].shift)
            return false;
        *bytes = number << units[i].shift;
        return true;
    }
    return false;
}

/* A whole number however JSON can write it: 5, 1e6, and as text where JSON integers end, at 2^63. */
static bool read_whole(const json_t *value, uint64_t *number)
{
    const char *rest;

    if (json_is_integer(value)) {
        *number = (uint64_t)json_integer_value(value);
        return json_integer_value(value) >= 0;
    }
    if (json_is_real(value)) {
        double real = json_real_value(value);
        if (!(real >= 0 && real <= 0x1p53 && (double)(uint64_t)real == real))
            return false; /* beyond 2^53 a double no longer says which whole number was meant */
        *number = (uint64_t)real;
        return true;
    }
    return json_is_string(value) && parse_digits(json_string_value(value), number, &rest) &&
           *rest == '\0';
}

static bool read_bytes(const json_t *value, uint64_t *bytes)
{
    return json_is_string(value) ? settings_parse_bytes(json_string_value(value), bytes)
                                 : read_whole(value, bytes);
}

static bool is_off(const json_t *value)
{
    return json_is_string(value) && strcmp(json_string_value(value), "off") == 0;
}

static bool in_range(const struct setting *row, uint64_t number)
{
    return number >= row->min && number <= row_max(row);
}

static bool store_double(const struct setting *row, void *member, const json_t *value)
{
    double number = json_number_value(value); /* 0 if not a number */
    if (!json_is_number(value) || number < (double)row->min ||
        (row->max != 0 && number > (double)row->max))
        return false;
    number += 0.0; /* JSON can write -0.0; a stored zero is positive */
    memcpy(member, &number, sizeof number);
    return true;
}

static bool store_enum(const struct setting *row, void *member, const json_t *value)
{
    for (unsigned i = 0; json_is_string(value) && row->names[i] != NULL; i++) {
        if (strcmp(row->names[i], json_string_value(value)) == 0) {
            memcpy(member, &i, sizeof i);
            return true;
        }
    }
    return false;
}

static bool store_number(const struct setting *row, void *member, const json_t *value)
{
    bool bytes = row->type == SETTING_BYTES || row->type == SETTING_BYTES_OR_OFF;
    uint64_t number;

    if (row->type != SETTING_U64 && row->type != SETTING_BYTES && is_off(value))
        number = UINT64_MAX; /* as an int64_t: -1 */
    else if (!(bytes ? read_bytes : read_whole)(value, &number) || !in_range(row, number))
        return false;
    memcpy(member, &number, sizeof number);
    return true;
}

static bool store_text(const struct setting *row, char *member, const json_t *value)
{
    if (!json_is_string(value) || json_string_length(value) >= row->size)
        return false;
    memcpy(member, json_string_value(value), json_string_length(value) + 1);
    return true;
}

static bool store_bool(void *member, const json_t *value)
{
    bool yes = json_is_true(value);
    if (!json_is_boolean(value))
        return false;
    memcpy(member, &yes, sizeof yes);
    return true;
}

static bool store_json(void *member, json_t *value)
{
    json_t *old, *new = json_is_null(value) ? NULL : json_incref(value);
    memcpy(&old, member, sizeof old);
    memcpy(member, &new, sizeof new);
    json_decref(old);
    return true;
}

static bool store(const struct setting *row, char *member, json_t *value)
{
    switch (row->type) {
    case SETTING_U64:
    case SETTING_BYTES:
    case SETTING_BYTES_OR_OFF:
    case SETTING_PERCENT_OR_OFF:
        return store_number(row, member, value);
    case SETTING_DOUBLE:
        return store_double(row, member, value);
    case SETTING_BOOL:
        return store_bool(member, value);
    case SETTING_ENUM:
        return store_enum(row, member, value);
    case SETTING_TEXT:
        return store_text(row, member, value);
    case SETTING_JSON:
        return store_json(member, value);
    }
    return false;
}

bool setting_store(const struct setting *row, void *target, json_t *value, const char *where,
                   struct error *error)
{
    char expected[256], got[80];

    if (store(row, (char *)target + row->offset, value))
        return true;
    describe(row, expected, sizeof expected);
    setting_quote_json(value, got, sizeof got);
    return error_set(error, "%s%s: expected %s, got %s", where, row->key, expected, got);
}

static json_t *whole_to_json(uint64_t number)
{
    return number <= INT64_MAX ? json_integer((json_int_t)number)
                               : json_sprintf("%" PRIu64, number);
}

json_t *setting_fetch(const struct setting *row, const void *target)
{
    const char *member = (const char *)target + row->offset;
    union {
        uint64_t number;
        double real;
        bool yes;
        unsigned index;
        json_t *json;
    } value;

    switch (row->type) {
    case SETTING_BYTES_OR_OFF:
    case SETTING_PERCENT_OR_OFF:
        memcpy(&value.number, member, sizeof value.number);
        return value.number == UINT64_MAX ? json_string("off") : whole_to_json(value.number);
    case SETTING_U64:
    case SETTING_BYTES:
        memcpy(&value.number, member, sizeof value.number);
        return whole_to_json(value.number);
    case SETTING_DOUBLE:
        memcpy(&value.real, member, sizeof value.real);
        return json_real(value.real);
    case SETTING_BOOL:
        memcpy(&value.yes, member, sizeof value.yes);
        return json_boolean(value.yes);
    case SETTING_ENUM:
        memcpy(&value.index, member, sizeof value.index);
        return json_string(row->names[value.index]);
    case SETTING_TEXT:
        return json_string(member);
    case SETTING_JSON:
        memcpy(&value.json, member, sizeof value.json);
        return json_deep_copy(value.json);
    }
    return NULL;
}

json_t *setting_from_text(const struct setting *row, const char *text, struct error *error)
{
    json_error_t wrong;
    json_t *value = NULL;
    char got[80];

    if (row->type != SETTING_TEXT && row->type != SETTING_ENUM)
        value = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &wrong);
    if (value == NULL && row->type == SETTING_JSON && strchr("[{\"", text[0]) != NULL) {
        error_set(error, "%s: expected JSON: %s", row->key, wrong.text);
        return NULL;
    }
    if (value == NULL)
        value = json_string(text);
    if (value == NULL) {
        setting_quote(text, got, sizeof got);
        error_set(error, "%s: expected UTF-8, got \"%s\"", row->key, got);
    }
    return value;
}
