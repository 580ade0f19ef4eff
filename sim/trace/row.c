/* What columns and operations are called, what meta rows say, and how rows' errors and what their source has to say are
 * told. */
#include "trace/row.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const row_column_names[ROW_COLUMNS] = {
    "t_ns", "p", "g", "id", "size", "noscan", "align", "op", "type",
};

const uint8_t row_column_order[ROW_COLUMNS] = {
    ROW_T_NS, ROW_P, ROW_G, ROW_OP, ROW_ID, ROW_SIZE, ROW_NOSCAN, ROW_ALIGN, ROW_TYPE,
};

const char *const row_op_names[ROW_OPS] = {
    "alloc",   "free",  "dead",  "gc",       "stats",    "stackalloc", "stackfree",
    "gcbegin", "gcend", "procs", "heaplive", "heapgoal", "end",        "meta",
};

bool row_fail(struct error *error, const char *name, uint64_t line, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* A long path must not push out what happened. */
    if (line == 0)
        return error_set(error, "%.200s: %s", name, text);
    return error_set(error, "%.200s:%" PRIu64 ": %s", name, line, text);
}

void row_meta_text(char *text, size_t size, const char *key, const char *value)
{
    snprintf(text, size, "%s=%s", key, value);
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void row_source_tell(const struct row_source *source)
{
    char *text = NULL, *rest, *line;
    size_t size;
    FILE *f = source->tell != NULL ? open_memstream(&text, &size) : NULL;
    if (f == NULL)
        return;
    source->tell(source, f);
    fclose(f);
    for (rest = text; rest != NULL && (line = strsep(&rest, "\n")) != NULL;)
        if (*line != '\0')
            fprintf(stderr, "goheap: %s\n", line);
    free(text);
}
