/* The writers of binary traces as the table of formats has them: a file that is there whole or not at all. */
#include <stdlib.h>

#include "base/out_file.h"
#include "trace/ght.h"
#include "trace/ght_writer.h"
#include "trace/row_writer.h"

struct ght_out {
    struct row_writer writer; /* first: the two share their address */
    struct out_file out;      /* closed after a write that failed */
    struct ght_writer *rows;
};

/* What could not be written is told at once: a trace may have hours to go. */
static bool write_rows(struct row_writer *writer, const struct trace_row *rows, const struct trace_event *events,
                       size_t n, struct error *error)
{
    struct ght_out *o = (struct ght_out *)writer;
    if (!ght_writer_put(o->rows, rows, events, n, error))
        return false;
    return !ferror(o->out.stream) || out_file_commit(&o->out, error);
}

static void delete(struct ght_out *o)
{
    ght_writer_delete(o->rows);
    free(o);
}

static bool commit(struct row_writer *writer, struct error *error)
{
    struct ght_out *o = (struct ght_out *)writer;
    ght_writer_finish(o->rows);
    bool good = out_file_commit(&o->out, error);
    delete(o);
    return good;
}

static void abandon(struct row_writer *writer)
{
    struct ght_out *o = (struct ght_out *)writer;
    if (o->out.stream != NULL)
        out_file_abandon(&o->out);
    delete(o);
}

static struct row_writer *open_writer(const char *path, uint16_t columns, bool zstd, struct error *error)
{
    struct ght_out *o = calloc(1, sizeof *o);
    if (o == NULL || out_file_open(&o->out, path, error) == NULL) {
        error_set(error, "%.200s: out of memory", path);
        free(o);
        return NULL;
    }
    o->writer = (struct row_writer){.write = write_rows, .commit = commit, .abandon = abandon, .name = path};
    o->rows = ght_writer_new(o->out.stream, path, columns, zstd, error);
    if (o->rows != NULL)
        return &o->writer;
    out_file_abandon(&o->out);
    free(o);
    return NULL;
}

struct row_writer *ght_write(const char *path, uint16_t columns, struct error *error)
{
    return open_writer(path, columns, false, error);
}

struct row_writer *ght_write_zstd(const char *path, uint16_t columns, struct error *error)
{
    return open_writer(path, columns, true, error);
}
