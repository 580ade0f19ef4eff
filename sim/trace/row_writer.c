/* The formats that can be written, and which of them a name asks for. */
#include "trace/row_writer.h"

#include <string.h>

#include "trace/ght.h"
#include "trace/trace_csv.h"

/* The first is what a name that asks for none gets. */
static const struct row_writer_format formats[] = {
    {"csv", ".csv", trace_csv_write},
    {"ght", ".ght", ght_write},
    {"ght-zstd", ".ghtz", ght_write_zstd},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

const struct row_writer_format *row_writer_format_named(const char *name, struct error *error)
{
    char names[64];
    size_t length = 0;
    names[0] = '\0';
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
        if (length < sizeof names)
            length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i == 0 ? "" : ", ",
                                       formats[i].name);
    }
    error_set(error, "expected a format that can be written (%s), got \"%.40s\"", names, name);
    return NULL;
}

const struct row_writer_format *row_writer_format_of(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < FORMATS; i++) {
        size_t n = strlen(formats[i].suffix);
        if (length > n && strcmp(path + length - n, formats[i].suffix) == 0)
            return &formats[i];
    }
    return &formats[0];
}
