/* Binary traces: what is written comes back, as rows and as events; what is damaged is told; its checksum. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ght_rows.h"
#include "trace/crc32c.h"
#include "trace/ght.h"
#include "trace/ght_format.h"
#include "trace/row_events.h"

static struct error error;

/* ---- opening ---- */

static struct row_source *open_rows(const char *path, struct error *e)
{
    static const struct row_options defaults = {.seed = 0};
    struct byte_stream *bytes = byte_stream_open(path, e);
    return bytes != NULL ? ght_open_rows(bytes, &defaults, e) : NULL;
}

static struct trace_source *open_events(const char *path, int stream_by, struct error *e)
{
    struct byte_stream *bytes = byte_stream_open(path, e);
    return bytes != NULL ? ght_open_events(bytes, stream_by, e) : NULL;
}

/* ---- files in memory ---- */

static int file_of(const void *bytes, size_t length, char path[64])
{
    int fd = memfd_create("trace", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static int file_of_rows(const struct made_rows *m, bool zstd, char path[64])
{
    char *bytes;
    size_t length;
    error.text[0] = '\0';
    bool good = made_file(m->rows, m->count, zstd, &bytes, &length, &error);
    assert_string_equal(error.text, "");
    assert_true(good);
    int fd = file_of(bytes, length, path);
    free(bytes);
    return fd;
}

/* Rows from memory, as any reader would tell them. */
struct memory_rows {
    struct row_source source;
    const struct trace_row *rows;
    size_t at, count;
};

static size_t read_memory(struct row_source *source, struct trace_row *rows, size_t max, struct error *e)
{
    struct memory_rows *m = (struct memory_rows *)source;
    (void)e;
    size_t n = m->count - m->at < max ? m->count - m->at : max;
    memcpy(rows, m->rows + m->at, n * sizeof *rows);
    m->at += n;
    return n;
}

static void close_memory(struct row_source *source)
{
    free(source);
}

static struct row_source *rows_of(const struct made_rows *made)
{
    struct memory_rows *m = calloc(1, sizeof *m);
    *m = (struct memory_rows){.source = {.read = read_memory, .close = close_memory, .name = "memory",
                                         .columns = (1u << ROW_COLUMNS) - 1},
                              .rows = made->rows, .count = made->count};
    return &m->source;
}

/* ---- rows come back ---- */

static void assert_row(const struct trace_row *got, const struct trace_row *want)
{
    assert_int_equal(got->op, want->op);
    assert_int_equal(got->present, want->present);
    assert_int_equal(got->line, want->line);
    for (unsigned column = 0; column < ROW_NUMBERS; column++)
        if ((want->present & 1u << column) != 0)
            assert_int_equal(got->value[column], want->value[column]);
        else
            assert_int_equal(got->value[column], column == ROW_NOSCAN);
    if ((want->present & 1u << ROW_TYPE) != 0) {
        assert_int_equal(got->type_length, want->type_length);
        assert_memory_equal(got->type, want->type, want->type_length);
    }
}

/* Reads in batches of at most `batch` rows. Returns how many rows there are, and as many of them are as they were. */
static size_t compare_rows(const char *path, const struct trace_row *rows, size_t count, size_t batch)
{
    static struct trace_row got[4096];
    size_t n, total = 0;
    error.text[0] = '\0';
    struct row_source *source = open_rows(path, &error);
    if (source == NULL)
        return 0;
    while ((n = source->read(source, got, batch, &error)) > 0) {
        assert_true(total + n <= count);
        for (size_t i = 0; i < n; i++)
            assert_row(&got[i], &rows[total + i]);
        total += n;
    }
    assert_int_equal(source->read(source, got, batch, &error), 0); /* and stays at its end */
    source->close(source);
    return total;
}

static void assert_round_trip(const struct made_rows *m, bool zstd, size_t batch)
{
    char path[64];
    int fd = file_of_rows(m, zstd, path);
    assert_int_equal(compare_rows(path, m->rows, m->count, batch), m->count);
    assert_string_equal(error.text, "");
    close(fd);
}

static void test_rows_come_back(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct made_rows m;
        made_trace(&m, seed, seed % 10 == 9 ? 60000 : 1 + seed * 37);
        assert_round_trip(&m, seed % 2 == 1, 1 + seed % 3 * 1000);
        free(m.rows);
    }
}

static void test_no_rows(void **state)
{
    (void)state;
    struct made_rows m = {.count = 0};
    assert_round_trip(&m, false, 10);
}

/* More kinds of rows than the dictionary has room for; labels of all of them differ, but for one that comes again and
 * again, while there is room and after. */
static void test_full_dictionary(void **state)
{
    (void)state;
    enum { ROWS = 70000 };
    struct made_rows m = {.count = ROWS, .rows = calloc(ROWS, sizeof *m.rows)};
    char(*labels)[8] = calloc(ROWS, sizeof *labels);
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned kind = i % 8 == 7 ? 7 : i;
        struct trace_row *row = &m.rows[i];
        *row = (struct trace_row){.op = TRACE_ALLOC, .present = 1u << ROW_OP, .line = i + 1};
        made_set(row, ROW_ID, i);
        made_set(row, ROW_SIZE, kind % 1000 + (UINT64_C(1) << 40));
        row->value[ROW_NOSCAN] = 1;
        if (kind % 2 == 0)
            made_set(row, ROW_NOSCAN, 0);
        if (kind % 3 == 0)
            made_set(row, ROW_ALIGN, 1u << kind % 31);
        snprintf(labels[i], sizeof labels[i], "%u", kind);
        row->type = labels[i];
        row->type_length = (uint32_t)strlen(labels[i]);
        row->present |= 1u << ROW_TYPE;
    }
    assert_round_trip(&m, true, 4096);
    free(labels);
    free(m.rows);
}

static void test_long_labels(void **state)
{
    (void)state;
    struct made_rows m;
    char *label = malloc(GHT_STRING_MAX + 1);
    for (size_t i = 0; i <= GHT_STRING_MAX; i++)
        label[i] = (char)(i * 7 % 255 + 1);
    made_trace(&m, 3, 100);
    for (unsigned i = 10; i < 20; i++) {
        m.rows[i].type = label + i;
        m.rows[i].type_length = i == 15 ? GHT_STRING_MAX - 15 : 70000 + i;
        m.rows[i].present |= 1u << ROW_TYPE;
    }
    assert_round_trip(&m, false, 7);
    char *bytes;
    size_t length;
    m.rows[20].type = label;
    m.rows[20].type_length = GHT_STRING_MAX + 1;
    m.rows[20].present |= 1u << ROW_TYPE;
    assert_false(made_file(m.rows, m.count, false, &bytes, &length, &error));
    assert_string_equal(error.text, "made:21: type: expected a label of at most 1048576 bytes, got one of 1048577");
    free(bytes);
    free(label);
    free(m.rows);
}

/* The same bytes each time, whatever the seeds of tables. */
static void test_deterministic(void **state)
{
    (void)state;
    struct made_rows m;
    char *bytes[2];
    size_t length[2];
    made_trace(&m, 5, 5000);
    for (int i = 0; i < 2; i++)
        assert_true(made_file(m.rows, m.count, true, &bytes[i], &length[i], &error));
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(bytes[0], bytes[1], length[0]);
    free(bytes[0]);
    free(bytes[1]);
    free(m.rows);
}

/* ---- events ---- */

/* What a replay that executes frees late may rely on: no slot is handed out twice at a time. */
struct slot_book {
    uint8_t taken[4096];
    uint32_t pending[4096];
    unsigned pending_count;
    uint64_t random;
};

static void follow_slot(struct slot_book *book, const struct trace_event *event)
{
    bool begins = event->op == TRACE_ALLOC || event->op == TRACE_STACKALLOC;
    bool ends = event->op == TRACE_FREE || event->op == TRACE_STACKFREE;
    if (!begins && !ends && event->op != TRACE_DEAD)
        return;
    assert_in_range(event->slot, 0, 4095);
    if (begins) {
        assert_int_equal(book->taken[event->slot], 0);
        book->taken[event->slot] = 1;
    }
    assert_int_equal(book->taken[event->slot], 1);
    if (ends) {
        book->taken[event->slot] = 2;
        book->pending[book->pending_count++] = event->slot;
    }
}

static void release_some(struct slot_book *book, struct trace_source *source, unsigned leave)
{
    while (book->pending_count > leave) {
        book->random = book->random * UINT64_C(6364136223846793005) + 1;
        unsigned i = (unsigned)(book->random >> 33) % book->pending_count;
        book->taken[book->pending[i]] = 0;
        source->release(source, book->pending[i]);
        book->pending[i] = book->pending[--book->pending_count];
    }
}

static void assert_event(const struct trace_event *got, const struct trace_event *want)
{
    assert_int_equal(got->time_ns, want->time_ns);
    bool begins = want->op == TRACE_ALLOC || want->op == TRACE_STACKALLOC;
    assert_int_equal(got->id, begins ? want->id : 0);
    assert_int_equal(got->size, want->size);
    assert_int_equal(got->op, want->op);
    assert_int_equal(got->align_log2, want->align_log2);
    assert_int_equal(got->noscan, want->noscan);
    assert_int_equal(got->stream, want->stream);
}

/* Events of the file are those that its rows are; as many as there are before a failure. */
static size_t compare_events(const char *path, const struct made_rows *m, int stream_by, size_t batch, unsigned late)
{
    static struct trace_event got[2048], want[2048];
    struct slot_book book = {.random = batch};
    size_t n, total = 0;
    struct error none = {.text = ""};
    struct trace_source *rows = row_events_open(rows_of(m), stream_by, &none);
    error.text[0] = '\0';
    struct trace_source *source = open_events(path, stream_by, &error);
    while (source != NULL && (n = source->read(source, got, batch, &error)) > 0) {
        assert_int_equal(rows->read(rows, want, n, &none), n);
        assert_int_equal(source->timed, rows->timed);
        for (size_t i = 0; i < n; i++) {
            assert_event(&got[i], &want[i]);
            follow_slot(&book, &got[i]);
            if (want[i].op == TRACE_FREE || want[i].op == TRACE_STACKFREE)
                rows->release(rows, want[i].slot);
            release_some(&book, source, late);
        }
        total += n;
    }
    if (source != NULL && error.text[0] == '\0')
        assert_int_equal(rows->read(rows, want, 1, &none), 0);
    assert_string_equal(none.text, "");
    if (source != NULL)
        source->close(source);
    rows->close(rows);
    return total;
}

static void test_events_are_those_of_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 160; seed++) {
        struct made_rows m;
        char path[64];
        made_trace(&m, seed, seed % 10 == 9 ? 60000 : seed * 11);
        int fd = file_of_rows(&m, seed % 2 == 1, path);
        for (int stream_by = TRACE_STREAM_BY_P; stream_by <= TRACE_STREAM_BY_G; stream_by++) {
            compare_events(path, &m, stream_by, 1 + seed % 4 * 500, (unsigned)seed % 3 * 400);
            assert_string_equal(error.text, "");
        }
        close(fd);
        free(m.rows);
    }
}

/* ---- damage ---- */

/* A file that has been damaged gives rows as they were, as many as there are before the damage, and says so; the same
 * for events. Returns how many rows. */
static size_t assert_damage(const char *path, const struct made_rows *m)
{
    size_t rows = compare_rows(path, m->rows, m->count, 100);
    assert_string_not_equal(error.text, "");
    compare_events(path, m, TRACE_STREAM_BY_P, 100, 50);
    assert_string_not_equal(error.text, "");
    return rows;
}

static void make_small(struct made_rows *m, bool zstd, char **bytes, size_t *length)
{
    made_trace(m, zstd ? 42 : 43, 60);
    error.text[0] = '\0';
    assert_true(made_file(m->rows, m->count, zstd, bytes, length, &error));
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (int zstd = 0; zstd <= 1; zstd++) {
        struct made_rows m;
        char *bytes, path[64];
        size_t length, rows = 0;
        make_small(&m, zstd != 0, &bytes, &length);
        int fd = file_of(bytes, length, path);
        for (size_t cut = length; cut-- > 0;) {
            assert_int_equal(ftruncate(fd, (off_t)cut), 0);
            size_t left = assert_damage(path, &m);
            rows = rows > left ? rows : left;
        }
        assert_int_equal(rows, m.count); /* where only the end was missing */
        close(fd);
        free(bytes);
        free(m.rows);
    }
}

/* Of a long file the rows before the cut come, and not just those of the first blocks. */
static void test_cut_keeps_rows(void **state)
{
    (void)state;
    struct made_rows m;
    char path[64];
    made_trace(&m, 9, 60000);
    int fd = file_of_rows(&m, false, path);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(ftruncate(fd, st.st_size * 3 / 4), 0);
    assert_in_range(assert_damage(path, &m), m.count / 2, m.count);
    assert_non_null(strstr(error.text, "cut off"));
    close(fd);
    free(m.rows);
}

static void test_every_bit(void **state)
{
    (void)state;
    for (int zstd = 0; zstd <= 1; zstd++) {
        struct made_rows m;
        char *bytes, path[64];
        size_t length;
        make_small(&m, zstd != 0, &bytes, &length);
        int fd = file_of(bytes, length, path);
        for (size_t bit = 0; bit < length * 8; bit++) {
            char byte = (char)(bytes[bit / 8] ^ 1 << bit % 8);
            assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
            assert_damage(path, &m);
            assert_int_equal(pwrite(fd, &bytes[bit / 8], 1, (off_t)(bit / 8)), 1);
        }
        assert_int_equal(compare_rows(path, m.rows, m.count, 100), m.count);
        close(fd);
        free(bytes);
        free(m.rows);
    }
}

static void test_bytes_after_the_end(void **state)
{
    (void)state;
    struct made_rows m;
    char *bytes, path[64];
    size_t length;
    make_small(&m, false, &bytes, &length);
    int fd = file_of(bytes, length, path);
    assert_int_equal(pwrite(fd, bytes, 8, (off_t)length), 8);
    assert_int_equal(assert_damage(path, &m), m.count);
    assert_non_null(strstr(error.text, "expected the end of the file after its end block, got more bytes"));
    close(fd);
    free(bytes);
    free(m.rows);
}

/* With its checksum right: found by fuzzing, as nothing was added to a table that was not there yet. */
static void test_empty_block(void **state)
{
    (void)state;
    for (enum ght_kind kind = GHT_STRINGS; kind < GHT_KINDS; kind++) {
        struct made_rows m = {.count = 0};
        struct ght_block_header header = {.magic = GHT_BLOCK_MAGIC, .kind = (uint8_t)kind};
        char *bytes, path[64];
        size_t length;
        assert_true(made_file(m.rows, m.count, false, &bytes, &length, &error));
        header.crc = crc32c(0, &header, offsetof(struct ght_block_header, crc));
        memcpy(bytes + sizeof(struct ght_file_header), &header, sizeof header);
        int fd = file_of(bytes, length, path);
        assert_int_equal(assert_damage(path, &m), 0);
        assert_non_null(strstr(error.text, "byte 32: expected a block with something in it, got an empty one"));
        close(fd);
        free(bytes);
    }
}

static void test_not_a_file(void **state)
{
    (void)state;
    int ends[2];
    char path[64];
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    error.text[0] = '\0';
    assert_null(open_rows(path, &error));
    assert_non_null(strstr(error.text, "expected a regular file, as a binary trace is mapped into memory"));
    error.text[0] = '\0';
    assert_null(open_events(path, TRACE_STREAM_BY_P, &error));
    assert_string_not_equal(error.text, "");
    close(ends[0]);
    close(ends[1]);
}

/* ---- checksum ---- */

static void test_crc32c(void **state)
{
    (void)state;
    static unsigned char bytes[20000];
    struct made_rows m = {.random = 1};
    assert_int_equal(crc32c_by_table(0, "123456789", 9), 0xe3069283); /* RFC 3720 and the catalogues of CRCs */
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)made_random(&m);
    for (unsigned i = 0; i < 2000; i++) {
        size_t from = made_below(&m, 100), length = made_below(&m, i % 2 == 0 ? 100 : 19000);
        uint32_t before = (uint32_t)made_random(&m), by_table = crc32c_by_table(before, bytes + from, length);
        assert_int_equal(crc32c(before, bytes + from, length), by_table);
        if (crc32c_has_hardware())
            assert_int_equal(crc32c_by_hardware(before, bytes + from, length), by_table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_rows_come_back),
        cmocka_unit_test(test_full_dictionary),
        cmocka_unit_test(test_long_labels),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_events_are_those_of_rows),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_cut_keeps_rows),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_bytes_after_the_end),
        cmocka_unit_test(test_empty_block),
        cmocka_unit_test(test_not_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
