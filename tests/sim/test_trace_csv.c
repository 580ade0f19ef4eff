/* The CSV reader from end to end: files, pipes, zstd, errors. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#include "trace/trace.h"

#ifndef GOHEAP_SOURCE_DIR
#define GOHEAP_SOURCE_DIR "."
#endif

enum { MAX_EVENTS = 4096 };

static struct trace_event events[MAX_EVENTS];
static struct error error;
static bool timed;

/* Reads all events into events[], `batch` at a time, and releases each slot when its batch has been
 * read. Returns how many there were; whatever failed is in error. */
static size_t read_path(const char *path, int stream_by, size_t batch)
{
    size_t count = 0, got;
    error.text[0] = '\0';
    struct trace_source *source = trace_open(path, stream_by, &error);
    if (source == NULL) {
        assert_int_not_equal(error.text[0], '\0');
        return 0;
    }
    while ((got = source->read(source, events + count, batch, &error)) > 0) {
        for (size_t i = count; i < count + got; i++)
            if (events[i].op == TRACE_FREE || events[i].op == TRACE_STACKFREE)
                source->release(source, events[i].slot);
        count += got;
        assert_true(count + batch <= MAX_EVENTS);
    }
    timed = source->timed;
    if (error.text[0] == '\0' && source->bytes_total != 0)
        assert_int_equal(source->bytes_done, source->bytes_total);
    assert_int_equal(source->read(source, events + count, 1, &error), 0); /* and stays at its end */
    source->close(source);
    return count;
}

/* A file that has a name as long as it is open. */
static int memory_file(const void *bytes, size_t length, char path[64])
{
    int fd = memfd_create("trace", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static size_t read_bytes(const void *bytes, size_t length, int stream_by)
{
    char path[64];
    int fd = memory_file(bytes, length, path);
    size_t count = read_path(path, stream_by, 64);
    close(fd);
    return count;
}

static size_t read_text(const char *text)
{
    return read_bytes(text, strlen(text), TRACE_STREAM_BY_P);
}

static void assert_event(size_t i, enum trace_op op, uint32_t slot, uint64_t size)
{
    assert_int_equal(events[i].op, op);
    assert_int_equal(events[i].slot, slot);
    assert_int_equal(events[i].size, size);
}

static void assert_good(size_t count, size_t expected)
{
    assert_string_equal(error.text, "");
    assert_int_equal(count, expected);
}

/* ---- good files ---- */

static void test_all_ops(void **state)
{
    (void)state;
    assert_good(read_text("t_ns,p,g,op,id,size,noscan,align,type\n"
                          "0,,,meta,,,,,source=test\n"
                          "10,4,7,alloc,100,24,0,64,T\n"
                          "11,9,7,stackalloc,101,2048,,,\n"
                          "12,4,8,dead,100,,,,\n"
                          "13,4,8,free,100,,,,\n"
                          "14,9,8,stackfree,101,,,,\n"
                          "15,4,,gc,,,,,\n"
                          "15,4,,stats,,,,,\n"
                          "16,4,,gcbegin,,1,,,\n"
                          "17,4,,gcend,,2,,,\n"
                          ",4,,procs,,3,,,\n"
                          "19,4,,heaplive,,4,,,\n"
                          "20,4,,heapgoal,,18446744073709551615,,,\n"
                          ",9,,end,,,,,\n"), 13);
    assert_true(timed);
    assert_event(0, TRACE_ALLOC, 0, 24);
    assert_int_equal(events[0].align_log2, 6);
    assert_int_equal(events[0].noscan, 0);
    assert_int_equal(events[0].time_ns, 10);
    assert_int_equal(events[0].stream, 0);
    assert_event(1, TRACE_STACKALLOC, 1, 2048);
    assert_int_equal(events[1].noscan, 1);
    assert_int_equal(events[1].align_log2, 0);
    assert_int_equal(events[1].stream, 1);
    assert_event(2, TRACE_DEAD, 0, 0);
    assert_event(3, TRACE_FREE, 0, 0);
    assert_event(4, TRACE_STACKFREE, 1, 0);
    for (size_t i = 5; i < 12; i++)
        assert_int_equal(events[i].op, TRACE_GC + (i < 7 ? i - 5 : i - 3));
    assert_int_equal(events[9].time_ns, 17); /* none of its own: its P's latest */
    assert_event(11, TRACE_HEAPGOAL, 0, TRACE_SIZE_FIELD);
    assert_event(12, TRACE_END, 0, 0);
    assert_int_equal(events[12].time_ns, 14);
    assert_int_equal(events[12].stream, 1);
}

/* The same two events, however they are written. */
static void test_spellings(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "op,id,size\nalloc,5,8\nfree,5,\n",
        "size,op,id\n8,alloc,5\n,free,5\n",
        "op,id,size\nalloc,5,8\nfree,5,",
        "op,id,size\r\nalloc,5,8\r\nfree,5,\r\n",
        "\xef\xbb\xbfop,id,size\nalloc,5,8\nfree,5,\n",
        "\xef\xbb\xbf\"op\",id,size\nalloc,5,8\nfree,5,\n",
        "\"op\",\"id\",\"size\"\n\"alloc\",\"5\",\"8\"\n\"free\",\"5\",\"\"\n",
        "x,op,,id,\"a,b\",size,x\n,alloc,,5,\"c,\"\"d\",8,\n,free,,5,\"\",,7\n",
        " op , id\t,size\n  alloc , 5 ,8\nfree,5, \n",
        "\n\nop,id,size\n\nalloc,5,8\n   \nfree,5,\n\r\n\n",
        "op,id,size\nalloc,5,00000000000000000000000000008\nfree,000000000000000000000000005,\n",
        "op,id,size,align,noscan,p\nalloc,5,8,1,1,0\nfree,5,,,,\n",
    };
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        assert_good(read_text(spellings[i]), 2);
        assert_event(0, TRACE_ALLOC, 0, 8);
        assert_event(1, TRACE_FREE, 0, 0);
        assert_int_equal(events[0].noscan, 1);
        assert_false(timed);
    }
}

static void test_empty_traces(void **state)
{
    (void)state;
    assert_good(read_text("op"), 0);
    assert_good(read_text("t_ns,op,id\n"), 0);
    assert_good(read_text("op,type\nmeta,source=x\nmeta,time=virtual\n"), 0);
    assert_good(read_text("op\ngc\nstats\ngc\n"), 3);
}

static void test_extremes(void **state)
{
    (void)state;
    assert_good(read_text("id,op,size,align,p,t_ns\n"
                          "0,alloc,0,1073741824,18446744073709551615,4611686018427387904\n"
                          "18446744073709551615,alloc,70368744177664,2,0,0\n"
                          "18446744073709551615,free,,,18446744073709551615,4611686018427387904\n"), 3);
    assert_event(0, TRACE_ALLOC, 0, 0);
    assert_int_equal(events[0].align_log2, 30);
    assert_int_equal(events[0].time_ns, UINT64_C(1) << 62);
    assert_event(1, TRACE_ALLOC, 1, TRACE_MAX_SIZE);
    assert_int_equal(events[1].stream, 1);
    assert_event(2, TRACE_FREE, 1, 0);
    assert_int_equal(events[2].stream, 0);
}

/* Time is checked on each P, whatever the streams are. */
static void test_streams(void **state)
{
    (void)state;
    static const char text[] = "t_ns,p,g,op\n5,9,70,gc\n4,8,70,gc\n5,9,60,gc\n,8,,gc\n5,8,60,gc\n";
    static const uint32_t by_p[] = {0, 1, 0, 1, 1}, by_g[] = {0, 0, 1, 2, 1};
    assert_good(read_bytes(text, strlen(text), TRACE_STREAM_BY_P), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(events[i].stream, by_p[i]);
    assert_int_equal(events[3].time_ns, 4);
    assert_good(read_bytes(text, strlen(text), TRACE_STREAM_BY_G), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(events[i].stream, by_g[i]);
}

static void test_many_streams(void **state)
{
    (void)state;
    char *text = malloc(64 * 1024);
    size_t length = (size_t)sprintf(text, "p,op\n");
    for (unsigned i = 0; i < 3000; i++)
        length += (size_t)sprintf(text + length, "%u,gc\n", i % 1000 * 4096);
    assert_good(read_text(text), 3000);
    for (unsigned i = 0; i < 3000; i++)
        assert_int_equal(events[i].stream, i % 1000);
    free(text);
}

/* A slot is taken until it is released, however long the lifetime has been over. */
static void test_release(void **state)
{
    (void)state;
    char path[64];
    static const char text[] = "op,id,size\nalloc,1,8\nfree,1,\nalloc,2,8\nalloc,1,8\n"
                               "free,2,\nalloc,3,8\nalloc,4,8\n";
    int fd = memory_file(text, strlen(text), path);
    struct trace_source *source = trace_open(path, TRACE_STREAM_BY_P, &error);
    assert_non_null(source);
    assert_string_equal(source->name, path);
    assert_int_equal(source->read(source, events, 4, &error), 4);
    assert_event(1, TRACE_FREE, 0, 0);
    assert_event(2, TRACE_ALLOC, 1, 8);
    assert_event(3, TRACE_ALLOC, 2, 8);
    source->release(source, 0);
    assert_int_equal(source->read(source, events, 10, &error), 3);
    assert_event(0, TRACE_FREE, 1, 0);
    assert_event(1, TRACE_ALLOC, 0, 8);
    assert_event(2, TRACE_ALLOC, 3, 8);
    source->close(source);
    close(fd);
}

/* ---- ways in ---- */

/* Some hundred rows of all kinds of spelling; the caller frees. */
static char *make_trace(void)
{
    char *text = malloc(64 * 1024);
    size_t length = (size_t)sprintf(text, "\xef\xbb\xbft_ns,p,op,id,size,type\n");
    for (unsigned i = 0; i < 300; i++) {
        static const char *const formats[] = {
            "%u,%u,alloc,%u,%u,T\n",
            "%u,%u,\"alloc\",%u,%u,\"T,\"\"U\"\r\n",
            "\n %u ,%u,alloc,%u,%u, T \n",
        };
        length += (size_t)sprintf(text + length, formats[i % 3], i * 7, i % 5, i, i * 16);
        if (i % 4 == 3)
            length += (size_t)sprintf(text + length, ",%u,free,%u,,\n", i % 5, i - i % 7 % 4);
    }
    return text;
}

static size_t expect_trace(const char *text, struct trace_event *expected)
{
    size_t count = read_text(text);
    assert_good(count, 375);
    memcpy(expected, events, count * sizeof *events);
    return count;
}

static void assert_same(size_t count, const struct trace_event *expected, size_t expected_count)
{
    assert_good(count, expected_count);
    assert_memory_equal(events, expected, count * sizeof *events);
}

struct writer {
    int fd;
    const char *text;
    size_t length, step; /* step 0: 1, 2, ... 7, 1, ... bytes */
};

static void *write_in_steps(void *data)
{
    struct writer *writer = data;
    size_t step = writer->step;
    for (size_t at = 0; at < writer->length;) {
        step = writer->step != 0 ? writer->step : step % 7 + 1;
        size_t part = writer->length - at < step ? writer->length - at : step;
        if (write(writer->fd, writer->text + at, part) != (ssize_t)part)
            break;
        at += part;
    }
    close(writer->fd);
    return NULL;
}

/* Each write is a packet, and each read gets one: O_DIRECT in pipe(7). */
static size_t read_packets(const char *text, size_t length, size_t step)
{
    int ends[2];
    char path[64];
    pthread_t thread;
    assert_int_equal(pipe2(ends, O_DIRECT | O_CLOEXEC), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    struct writer writer = {ends[1], text, length, step};
    assert_int_equal(pthread_create(&thread, NULL, write_in_steps, &writer), 0);
    size_t count = read_path(path, TRACE_STREAM_BY_P, 64);
    close(ends[0]);
    pthread_join(thread, NULL);
    return count;
}

static void test_chunks(void **state)
{
    (void)state;
    struct trace_event expected[400];
    char *text = make_trace();
    size_t length = strlen(text), count = expect_trace(text, expected);
    for (size_t step = 0; step < 12; step++)
        assert_same(read_packets(text, length, step), expected, count);
    for (size_t at = 12; at < 900; at++) /* every boundary in all kinds of rows */
        assert_same(read_packets(text, length, at), expected, count);
    free(text);
}

static void test_batches(void **state)
{
    (void)state;
    char path[64];
    struct trace_event expected[400];
    char *text = make_trace();
    size_t count = expect_trace(text, expected);
    int fd = memory_file(text, strlen(text), path);
    size_t last = 0;
    for (size_t batch = 1; batch < 400; batch += batch) {
        last = read_path(path, TRACE_STREAM_BY_P, batch);
        assert_good(last, count); /* slots differ: they are released later */
        for (size_t i = 0; i < count; i++)
            assert_true(events[i].op == expected[i].op && events[i].time_ns == expected[i].time_ns);
    }
    close(fd);
    free(text);
}

static void test_standard_input(void **state)
{
    (void)state;
    struct trace_event expected[400];
    char path[64];
    char *text = make_trace();
    size_t count = expect_trace(text, expected);
    int fd = memory_file(text, strlen(text), path), saved = dup(STDIN_FILENO);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    assert_same(read_path("-", TRACE_STREAM_BY_P, 64), expected, count);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(ftruncate(fd, 8), 0);
    read_path("-", TRACE_STREAM_BY_P, 64);
    assert_int_equal(strncmp(error.text, "standard input:1: ", 18), 0);
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), 0); /* not closed */
    if (saved >= 0)
        dup2(saved, STDIN_FILENO);
    close(saved);
    close(fd);
    free(text);
}

/* Two frames, with a skippable one before each as pzstd writes them if skippable is set. Returns the
 * length. */
static size_t compress(const char *text, bool skippable, unsigned char *into, size_t room)
{
    static const unsigned char skip[] = {0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 'a', 'b', 'c', 0};
    size_t length = 0, half = strlen(text) / 2;
    for (int i = 0; i < 2; i++) {
        if (skippable) {
            memcpy(into + length, skip, sizeof skip);
            length += sizeof skip;
        }
        size_t size = i == 0 ? half : strlen(text) - half;
        size_t got = ZSTD_compress(into + length, room - length, text + (i == 0 ? 0 : half), size, 1);
        assert_false(ZSTD_isError(got));
        length += got;
    }
    return length;
}

static void test_zstd(void **state)
{
    (void)state;
    static unsigned char packed[64 * 1024];
    struct trace_event expected[400];
    char *text = make_trace();
    size_t count = expect_trace(text, expected);
    for (int skippable = 0; skippable < 2; skippable++) {
        size_t length = compress(text, skippable, packed, sizeof packed);
        assert_same(read_bytes(packed, length, TRACE_STREAM_BY_P), expected, count);
        for (size_t step = 1; step < 20; step++)
            assert_same(read_packets((char *)packed, length, step), expected, count);
    }
    free(text);
}

/* Wherever a file of two frames is cut off but between them, that is an error and not the end. */
static void test_zstd_damage(void **state)
{
    (void)state;
    static unsigned char packed[64 * 1024];
    char *text = make_trace();
    size_t length = compress(text, false, packed, sizeof packed);
    size_t first = ZSTD_findFrameCompressedSize(packed, length);
    assert_false(ZSTD_isError(first));
    for (size_t cut = 4; cut < length; cut++) {
        read_bytes(packed, cut, TRACE_STREAM_BY_P);
        if (cut == first) /* a line is cut off there, too */
            continue;
        assert_non_null(strstr(error.text, "truncated"));
        assert_non_null(strstr(error.text, "/proc/self/fd/"));
    }
    memcpy(packed + length, "op,id\ngc,\n", 10);
    read_bytes(packed, length + 10, TRACE_STREAM_BY_P);
    assert_non_null(strstr(error.text, "expected zstd data"));
    memset(packed + 20, 0xff, 20);
    read_bytes(packed, length, TRACE_STREAM_BY_P);
    assert_non_null(strstr(error.text, "expected zstd data"));
    free(text);
}

/* More than one chunk of each kind, and lines across all their ends. */
static void test_large(void **state)
{
    (void)state;
    size_t room = 4 << 20, length = 0, rows = 4000;
    char *text = malloc(room), *pad = malloc(1000);
    memset(pad, 'x', 999);
    length += (size_t)sprintf(text, "type,op,id,size\n");
    for (unsigned i = 0; i < rows; i++) {
        pad[i % 999] = '\0';
        const char *format = i % 2 ? "%s,alloc,%u,%u\n" : "\"%s\",alloc,%u,%u\n";
        length += (size_t)sprintf(text + length, format, pad, i, i);
        pad[i % 999] = 'x';
    }
    assert_good(read_text(text), rows);
    for (unsigned i = 0; i < rows; i++)
        assert_event(i, TRACE_ALLOC, i, i);
    unsigned char *packed = malloc(room);
    size_t size = compress(text, false, packed, room);
    assert_good(read_bytes(packed, size, TRACE_STREAM_BY_P), rows);
    for (unsigned i = 0; i < rows; i++)
        assert_event(i, TRACE_ALLOC, i, i);
    free(packed);
    free(pad);
    free(text);
}

/* ---- bad files ---- */

/* Every tests/invalid/NAME.csv fails with what NAME.expected says. */
static void test_invalid_folder(void **state)
{
    (void)state;
    static const char folder[] = GOHEAP_SOURCE_DIR "/tests/invalid/";
    unsigned files = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[1024], expected[512] = "";
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".csv") != 0)
            continue;
        snprintf(path, sizeof path, "%s%.*s.expected", folder, (int)(dot - entry->d_name), entry->d_name);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(expected, sizeof expected, file));
        fclose(file);
        expected[strcspn(expected, "\n")] = '\0';
        snprintf(path, sizeof path, "%s%s", folder, entry->d_name);
        read_path(path, TRACE_STREAM_BY_P, 64);
        const char *name = strstr(error.text, entry->d_name); /* long paths are shortened */
        assert_string_equal(name != NULL ? name : error.text, expected);
        files++;
    }
    closedir(dir);
    assert_true(files >= 50);
}

static void test_unreadable(void **state)
{
    (void)state;
    read_path("/", TRACE_STREAM_BY_P, 64);
    assert_string_equal(error.text, "/: cannot read: Is a directory");
    read_path("no such file.csv", TRACE_STREAM_BY_P, 64);
    assert_string_equal(error.text, "no such file.csv: cannot open: No such file or directory");
}

static void assert_error(const char *expected)
{
    const char *colon = strchr(error.text, ':');
    assert_non_null(colon);
    assert_string_equal(colon, expected);
}

static void test_nul(void **state)
{
    (void)state;
    static const char inside[] = "op,id\ngc,\ng\0c,\n", first[] = "\0op\n", last[] = "op\ngc\n\0";
    assert_int_equal(read_bytes(inside, sizeof inside - 1, TRACE_STREAM_BY_P), 1);
    assert_error(":3: expected text, got a NUL byte");
    read_bytes(first, sizeof first - 1, TRACE_STREAM_BY_P);
    assert_error(":1: expected text, got a NUL byte");
    assert_int_equal(read_bytes(last, sizeof last - 1, TRACE_STREAM_BY_P), 1);
    assert_error(":3: expected text, got a NUL byte");
}

/* An endless line, quoted or not: the reader gives up after a MiB of it, and nobody has to hold the
 * rest. */
static void test_endless_line(void **state)
{
    (void)state;
    size_t length = 8 << 20;
    char *text = malloc(length);
    memset(text, 'x', length);
    memcpy(text, "op,type\ngc,", 11);
    assert_int_equal(read_packets(text, length, 4096), 0); /* the writer gets EPIPE in time */
    assert_error(":2: expected a line of at most 1048576 bytes, got a longer one");
    text[11] = '"';
    read_packets(text, length, 4096);
    assert_error(":2: expected a line of at most 1048576 bytes, got a longer one");
    memset(text, ',', length);
    read_packets(text, length, 4096);
    assert_error(":1: expected at most 1024 columns, got more");
    free(text);
}

static void test_longest_line(void **state)
{
    (void)state;
    size_t longest = 1 << 20;
    char *text = malloc(longest + 16);
    memcpy(text, "type,op\n", 8);
    memset(text + 8, 'x', longest);
    memcpy(text + 8 + longest - 4, ",gc\n", 5);
    assert_good(read_text(text), 1);
    memcpy(text + 8 + longest - 4, "x,gc\n", 6);
    read_text(text);
    assert_error(":2: expected a line of at most 1048576 bytes, got a longer one");
    free(text);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ops),        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_empty_traces),   cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_streams),        cmocka_unit_test(test_many_streams),
        cmocka_unit_test(test_release),        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_batches),        cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_zstd),           cmocka_unit_test(test_zstd_damage),
        cmocka_unit_test(test_large),          cmocka_unit_test(test_invalid_folder),
        cmocka_unit_test(test_unreadable),     cmocka_unit_test(test_nul),
        cmocka_unit_test(test_endless_line),   cmocka_unit_test(test_longest_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
