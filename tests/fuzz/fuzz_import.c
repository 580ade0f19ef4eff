/* libFuzzer: any bytes through the readers of what other tools record. First byte of the input: which reader, and
 * whether what is broken is salvaged.
 *
 * Beyond what the sanitizers see, it checks that the rows are sound, whatever the input: an id is new at its alloc,
 * live at its free; meta rows come first; time does not go back in a thread; nothing comes after a thread's end. And
 * that the input a second time in other batches gives the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "promises.h"
#include "import/formats.h"
#include "trace/lifetimes.h"

static const struct {
    bool (*recognise)(const unsigned char *bytes, size_t length);
    struct row_source *(*open)(struct byte_stream *bytes, const struct row_options *options, struct error *error);
} formats[] = {
    {heaptrack_recognise, heaptrack_open}, {android_recognise, android_open},   {mtrace_recognise, mtrace_open},
    {logalloc_recognise, logalloc_open},   {valgrind_recognise, valgrind_open},
};

enum { FORMATS = sizeof formats / sizeof *formats };

struct summary {
    uint64_t rows, digest;
    bool has_event;
    uint64_t last_id;
    struct id_map live;    /* ids of blocks */
    struct id_map threads; /* by p; mark 1: it has ended */
    uint64_t *times;       /* by p */
    size_t times_count;
    struct error error;
};

static void follow_block(struct summary *s, const struct trace_row *row)
{
    bool added = false;
    uint64_t id = row->value[ROW_ID];
    if (row->op == TRACE_ALLOC) {
        check(row_has(row, ROW_ID) && row_has(row, ROW_SIZE), "an alloc has an id and a size");
        check(id > s->last_id, "an alloc has a new id");
        check(row->value[ROW_SIZE] <= TRACE_MAX_SIZE, "size");
        check((row->value[ROW_ALIGN] & (row->value[ROW_ALIGN] - 1)) == 0, "align");
        check(id_map_put(&s->live, id, &added) != NULL && added, "memory");
        s->last_id = id;
    } else if (row->op == TRACE_FREE) {
        struct id_entry *entry = id_map_find(&s->live, id);
        check(row_has(row, ROW_ID) && entry != NULL, "a free is of what is live");
        id_map_remove(&s->live, entry);
    } else {
        check(row->op == TRACE_END, "op");
    }
}

static void follow_thread(struct summary *s, const struct trace_row *row)
{
    bool added;
    uint64_t p = row->value[ROW_P];
    check(p <= s->times_count, "threads are numbered as they come");
    struct id_entry *entry = id_map_put(&s->threads, p, &added);
    check(entry != NULL && entry->mark == 0, "nothing comes after a thread's end");
    entry->mark = row->op == TRACE_END;
    if (p == s->times_count) {
        s->times = reallocarray(s->times, ++s->times_count, sizeof *s->times);
        s->times[p] = 0;
    }
    check(row->value[ROW_T_NS] >= s->times[p], "time does not go back");
    s->times[p] = row->value[ROW_T_NS];
}

static void follow(struct summary *s, const struct trace_row *row, uint16_t columns)
{
    check((row->present & ~columns) == 0, "columns");
    s->rows++;
    for (unsigned i = 0; i < ROW_NUMBERS; i++)
        s->digest = (s->digest ^ row->value[i]) * UINT64_C(0x100000001b3);
    s->digest = (s->digest ^ row->op ^ (uint64_t)row->present << 8 ^ row->line << 24) * UINT64_C(0x100000001b3);
    if (row->op == TRACE_META) {
        check(!s->has_event && memchr(row->type, '=', row->type_length) != NULL, "meta rows");
        return;
    }
    s->has_event = true;
    follow_block(s, row);
    follow_thread(s, row);
}

static void read_all(struct summary *s, struct row_source *source, size_t batch)
{
    struct trace_row rows[64];
    char *told;
    size_t told_size;
    for (size_t got; (got = source->read(source, rows, batch, &s->error)) > 0;)
        for (size_t i = 0; i < got; i++)
            follow(s, &rows[i], source->columns);
    FILE *out = open_memstream(&told, &told_size);
    source->tell(source, out);
    fclose(out);
    free(told);
    source->close(source);
}

static struct summary summarise(const void *bytes, size_t length, unsigned options, size_t batch)
{
    struct summary s = {.digest = 1};
    struct row_options row_options = {.salvage = options >= FORMATS};
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "memfd");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    check(id_map_init(&s.live, 1) && id_map_init(&s.threads, 1), "memory");
    struct byte_stream *stream = byte_stream_open(path, &s.error);
    check(stream != NULL, "the file opens");
    struct row_source *source = formats[options % FORMATS].open(stream, &row_options, &s.error);
    check((source == NULL) == (s.error.text[0] != '\0'), "an error, or a source");
    if (source != NULL)
        read_all(&s, source, batch);
    check(!row_options.salvage || source == NULL || s.error.text[0] == '\0', "salvage leaves no error");
    char *fd_number = strstr(s.error.text, path); /* not the same each time */
    if (fd_number != NULL)
        memset(fd_number, '.', strlen(path));
    id_map_free(&s.live);
    id_map_free(&s.threads);
    free(s.times);
    close(fd);
    return s;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned options = data[0] % (2 * FORMATS), formats_of = 0;
    data++;
    size--;
    size_t first_length = size < 4096 ? size : 4096;
    /* In memory of its own, so that reading past the end is found. */
    unsigned char *first = malloc(first_length + (first_length == 0));
    memcpy(first, data, first_length);
    for (size_t i = 0; i < FORMATS; i++)
        formats_of += formats[i].recognise(first, first_length);
    check(formats_of <= 1, "a file is of one format");
    free(first);
    struct summary once = summarise(data, size, options, 64), again = summarise(data, size, options, 1);
    check(once.rows == again.rows && once.digest == again.digest, "the same rows in other batches");
    check(strcmp(once.error.text, again.error.text) == 0, "the same error in other batches");
    return 0;
}
