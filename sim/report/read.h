/* A run.json read back. What is read is anybody's: everything that emitters of the tree go by is checked here, so that
 * they need not. */
#ifndef READ_H
#define READ_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

/* The tree in the file at path; the caller owns it. NULL with *error (path, place, what was expected) if it cannot be
 * read, is larger than 128 MiB, or is not a run's document. */
json_t *report_read(const char *path, struct error *error);

/* The same of an info.json, which `goheap info -o DIR` wrote. */
json_t *report_read_trace(const char *path, struct error *error);

/* Whether everything is there that a report shows, of the right kind, and every number one that a run can have.
 * source begins the error. */
bool report_check(const json_t *document, const char *source, struct error *error);

#endif
