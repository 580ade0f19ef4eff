/* One value of one row of a settings table: JSON in, JSON out, checked. Only for settings.c, which
 * walks tables and files; callers use settings.h. */
#ifndef SETTING_VALUE_H
#define SETTING_VALUE_H

#include "base/settings.h"

/* Checks value against the row and stores it in target; where starts the error ("run.json: "). */
bool setting_store(const struct setting *row, void *target, json_t *value, const char *where,
                   struct error *error);

/* The member's value as new JSON, which setting_store accepts. NULL: out of memory, or a JSON member
 * that is NULL. */
json_t *setting_fetch(const struct setting *row, const void *target);

/* The JSON that VALUE in KEY=VALUE stands for, given the row's type; a new reference. */
json_t *setting_from_text(const struct setting *row, const char *text, struct error *error);

/* Copies text for an error message: control characters become '?', and what does not fit in
 * copy[0..size) ends in "..." on a character's boundary. size >= 4. */
void setting_quote(const char *text, char *copy, size_t size);

/* The same for a JSON value, in JSON notation. */
void setting_quote_json(const json_t *value, char *copy, size_t size);

#endif
