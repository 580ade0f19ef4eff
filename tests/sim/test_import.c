/* The readers of what other tools record: every kind of line, every repair, every error, and files cut off anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zstd.h>

#include "import_rows.h"

#define META(line, source, time) \
    line " meta source=" source "\n" line " meta time=" time "\n" line " meta size=exact\n" line " meta death=exact\n"

/* ---- heaptrack ---- */

static const char heaptrack_raw[] = "v 10400 3\n"
                                    "x 6 /bin/p\n"
                                    "X /bin/p -c one\n"
                                    "two lines\n"
                                    "I 1000 3e8\n"
                                    "S leak:libfoo\n"
                                    "m 1 -\n"
                                    "m 6 /bin/p 0 0 10\n"
                                    "t 1149 0\n"
                                    "+ 10 1 a000\n"
                                    "c a\n"
                                    "t 1150 1\n"
                                    "+ 20 2 b000\n"
                                    "R 10\n"
                                    "- a000\n"
                                    "- b000\n"
                                    "+ 40 1 7ffff000\n"
                                    "# a comment\n"
                                    "\n"
                                    "A\n"
                                    "+ 0 1 a000\n";

#define HEAPTRACK META("1", "heaptrack 1.4.0", "recorded")

static void heaptrack_raw_form(void **state)
{
    (void)state;
    assert_import(heaptrack_open, heaptrack_raw,
                  HEAPTRACK
                  "10 alloc t=0 id=1 size=16\n"
                  "13 alloc t=10000000 id=2 size=32\n"
                  "15 free t=10000000 id=1\n"
                  "16 free t=10000000 id=2\n"
                  "17 alloc t=10000000 id=3 size=64\n"
                  "21 alloc t=10000000 id=4 size=0\n", "");
    assert_cuts(heaptrack_open, heaptrack_raw, sizeof heaptrack_raw - 1, true);
}

static const char heaptrack_interpreted[] = "v 10201 2\n"
                                            "X p\n"
                                            "I 1000 3e8\n"
                                            "s 4 main\n"
                                            "i 401149 0 1 0 0\n"
                                            "t 1 0\n"
                                            "a 10 1\n"
                                            "+ 0\n"
                                            "+ 0\n"
                                            "a 1f 2\n"
                                            "+ 1\n"
                                            "c 5\n"
                                            "- 0\n"
                                            "+ 0\n"
                                            "- 0\n"
                                            "- 0\n"
                                            "- 0\n"
                                            "- 1\n";

/* A free ends the youngest of its pair. */
static void heaptrack_interpreted_form(void **state)
{
    (void)state;
    assert_import(heaptrack_open, heaptrack_interpreted,
                  META("1", "heaptrack 1.2.1", "recorded")
                  "8 alloc t=0 id=1 size=16\n"
                  "9 alloc t=0 id=2 size=16\n"
                  "11 alloc t=0 id=3 size=31\n"
                  "13 free t=5000000 id=2\n"
                  "14 alloc t=5000000 id=4 size=16\n"
                  "15 free t=5000000 id=4\n"
                  "16 free t=5000000 id=1\n"
                  "18 free t=5000000 id=3\n",
                  "FILE: frees of blocks that were not live, left out: 1\n");
    assert_cuts(heaptrack_open, heaptrack_interpreted, sizeof heaptrack_interpreted - 1, true);
}

static void heaptrack_repairs(void **state)
{
    (void)state;
    assert_import(heaptrack_open,
                  "v 10400 3\nc 7\n+ 8 1 a0\n+ 9 1 a0\n- b0\n- 0\n+ 5 1 0\nc 6\n- a0\n- a0\n",
                  HEAPTRACK
                  "3 alloc t=7000000 id=1 size=8\n"
                  "4 free t=7000000 id=1\n"
                  "4 alloc t=7000000 id=2 size=9\n"
                  "9 free t=7000000 id=2\n",
                  "FILE: frees of blocks that were not live, left out: 2\n"
                  "FILE: allocations where a block was live, which was taken to end there: 1\n"
                  "FILE: calls that failed, left out: 1\n"
                  "FILE: times before the first or the thread's latest, moved up to it: 1\n");
}

static void heaptrack_errors(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "error: FILE: expected heaptrack's version, such as \"v 10400 3\", got the end of the file\n"},
        {"+ 1 1 1\n", "error: FILE:1: expected heaptrack's version, such as \"v 10400 3\", got \"+ 1 1 1\"\n"},
        {"v 10400\n", "error: FILE:1: expected heaptrack's version, such as \"v 10400 3\", got \"v 10400\"\n"},
        {"v 10400 4\n", "error: FILE:1: expected a heaptrack file of format 1 to 3, got \"v 10400 4\"\n"},
    };
    static const char *const later[][2] = {
        {"q\n", "error: FILE:2: expected a line of heaptrack, got \"q\"\n"},
        {"X p\nI 1 1\nq\x01\n", "error: FILE:4: expected a line of heaptrack, got \"q?\"\n"},
        {"+ 1 1\n", "error: FILE:2: expected a size, a backtrace and an address after +, got \"+ 1 1\"\n"},
        {"+ 1 1 1 1\n", "error: FILE:2: expected a size, a backtrace and an address after +, got \"+ 1 1 1 1\"\n"},
        {"+ 1 1 10000000000000000\n",
         "error: FILE:2: expected a size, a backtrace and an address after +, got \"+ 1 1 10000000000000000\"\n"},
        {"+ 400000000001 1 1\n",
         "error: FILE:2: expected a size of at most 70368744177664 bytes (64 TiB), got 70368744177665\n"},
        {"- x\n", "error: FILE:2: expected an address after -, got \"- x\"\n"},
        {"+ 1\n", "error: FILE:2: expected a size, a backtrace and an address after +, got \"+ 1\"\n"},
        {"a 1 1\n+ 1\n", "error: FILE:3: expected the number of a line with a, from 0, after +, got \"+ 1\"\n"},
        {"a 1 1\n- 1\n", "error: FILE:3: expected the number of a line with a, from 0, after -, got \"- 1\"\n"},
        {"a 1 1\n+ 1 1 1\n", "error: FILE:3: expected the number of a line with a, from 0, after +, got \"+ 1 1 1\"\n"},
        {"a 1\n", "error: FILE:2: expected a size and a backtrace after a, in an interpreted file, got \"a 1\"\n"},
        {"c\n", "error: FILE:2: expected a number of milliseconds after c, got \"c\"\n"},
        {"c ffffffffffff\n", "error: FILE:2: expected a number of milliseconds after c, got \"c ffffffffffff\"\n"},
        {"c 800000000000\n", "error: FILE:2: expected a number of milliseconds after c, got \"c 800000000000\"\n"},
        {"c 7fffffffff0\n", "error: FILE:2: expected a time of at most 4611686018427387904 ns (146 years) after the "
                            "first, got 8796093022192000000\n"},
        {"v 10400 3\n", "error: FILE:2: expected a line of heaptrack, got \"v 10400 3\"\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_import(heaptrack_open, cases[i][0], "", cases[i][1]);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        char text[256];
        snprintf(text, sizeof text, "v 10400 3\n%s", later[i][0]);
        assert_import(heaptrack_open, text, HEAPTRACK, later[i][1]);
    }
}

/* With more text behind them calls are read many at a time. Then they, and what is none, mean the same. */
static void heaptrack_many_calls(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "+ 10 1 a0\n- a0\n+ 0 0 FFFFFFFFFFFFFFF0\n- fffffffffffffff0\n", "+ aBc 12345678 123456789AbcDEf\n",
        "+ 3fffffffffff fffffffffffffff0 10\n- 0010\n",  "+ 9 1 a0\n+ 9 1 a0\n- b0\n- 0\n+ 5 1 0\n- a0\n- a0\n",
        "+ 8 1 10\r\n- 10\r\n",                          "c 5\n+ 8 1 10\nc 9\n- 10\n",
        "\n+ 8 1 10\n\n# text\n- 10\n\n",                "+ 400000000001 1 1\n",
        "- 10\n+ 8 1\n",  "+ 8 1 10000000000000000\n",   "- 10000000000000000\n", "+ 8  1 10\n", "+  8 1 10\n",
        "+ 8 1 10 1\n",    "+ 8 1 10 \n",                 "- \n",     "-10\n",  "- 10 10\n", "- x\n",  "- 1g\n",
        "+ 8 1 0x10\n",    "+ 8 1 10\xe1\n",              "+ 8 1 @\n", "+ 8 1 `\n", "+ 8:1 1 1\n",
    };
    char padding[202], few[512], many[1024];
    memset(padding, '#', sizeof padding - 2);
    strcpy(padding + sizeof padding - 2, "\n");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        snprintf(few, sizeof few, "v 10400 3\n+ 1 1 1\n%s", lines[i]);
        snprintf(many, sizeof many, "%s%s", few, padding);
        struct import_text text = read_import(heaptrack_open, few, strlen(few), false, 64);
        assert_import(heaptrack_open, many, text.rows, text.tell);
        free_text(&text);
    }
    snprintf(many, sizeof many, "v 10400 3\n+ 1 1 1\n+ aB 7 123456789abcdEF\n- 123456789abcdef\n+ 0 1 20\n%s", padding);
    assert_import(heaptrack_open, many,
                  HEAPTRACK "2 alloc t=0 id=1 size=1\n3 alloc t=0 id=2 size=171\n4 free t=0 id=2\n"
                            "5 alloc t=0 id=3 size=0\n", "");
}

/* ---- Android ---- */

static const char android[] = "186: malloc 0xb6027400 1024\n"
                              "187: calloc 0xb6037058 3 20\n"
                              "186: realloc 0xb6037100 0xb6027400 2048\n"
                              "186: realloc 0xb6037200 0x0 5\n"
                              "187: memalign 0xb6038000 48 100\n"
                              "187: free 0xb6037058\n"
                              "187: free 0x0\n"
                              "186: realloc 0x0 0xb6037200 0\n"
                              "187: thread_done 0x0\n"
                              "187: free 0xb6037100\n"
                              "186: realloc 0xb6038000 0xb6038000 200\r\n";

static void android_without_times(void **state)
{
    (void)state;
    assert_import(android_open, android,
                  META("1", "Android malloc_debug", "virtual")
                  "1 alloc p=0 g=186 id=1 size=1024\n"
                  "2 alloc p=1 g=187 id=2 size=60\n"
                  "3 free p=0 g=186 id=1\n"
                  "3 alloc p=0 g=186 id=3 size=2048\n"
                  "4 alloc p=0 g=186 id=4 size=5\n"
                  "5 alloc p=1 g=187 id=5 size=100 align=64\n"
                  "6 free p=1 g=187 id=2\n"
                  "8 free p=0 g=186 id=4\n"
                  "9 end p=1 g=187\n"
                  "10 free p=2 g=187 id=3\n"
                  "11 free p=0 g=186 id=5\n"
                  "11 alloc p=0 g=186 id=6 size=200\n", "");
    assert_cuts(android_open, android, sizeof android - 1, true);
}

static const char android_timed[] = "1: malloc 0x10 8 1000 1500\n"
                                    "2: malloc 0x20 8 900 1600\n"
                                    "1: calloc 0x30 2 8 1700 1800\n"
                                    "2: memalign 0x40 16 8 1900 2000\n"
                                    "1: free 0x20 4096 2100 2200\n"
                                    "1: free 0x40 4096\n"
                                    "1: realloc 0x50 0x30 9 2000 2400\n"
                                    "2: free 0x10 2500 2600\n"
                                    "2: thread_done 0x0 3000\n"
                                    "1: free 0x50\n";

static void android_with_times(void **state)
{
    (void)state;
    assert_import(android_open, android_timed,
                  META("1", "Android malloc_debug", "recorded")
                  "1 alloc t=0 p=0 g=1 id=1 size=8\n"
                  "2 alloc t=0 p=1 g=2 id=2 size=8\n"
                  "3 alloc t=700 p=0 g=1 id=3 size=16\n"
                  "4 alloc t=900 p=1 g=2 id=4 size=8 align=16\n"
                  "5 free t=1100 p=0 g=1 id=2\n"
                  "6 free t=1100 p=0 g=1 id=4\n"
                  "7 free t=1100 p=0 g=1 id=3\n"
                  "7 alloc t=1100 p=0 g=1 id=5 size=9\n"
                  "8 free t=1500 p=1 g=2 id=1\n"
                  "9 end t=2000 p=1 g=2\n"
                  "10 free t=1100 p=0 g=1 id=5\n",
                  "FILE: times before the first or the thread's latest, moved up to it: 2\n");
    assert_cuts(android_open, android_timed, sizeof android_timed - 1, true);
}

static void android_repairs(void **state)
{
    (void)state;
    assert_import(android_open,
                  "3: malloc 0x0 8\n1: malloc 0x10 8\n1: malloc 0x10 9 5 6\n1: realloc 0x10 0x77 10\n1: malloc 0x0 11\n"
                  "1: realloc 0x0 0x10 12\n1: calloc 0x0 18446744073709551615 16\n1: free 0x10\n1: free 0x10\n",
                  META("1", "Android malloc_debug", "virtual")
                  "2 alloc p=0 g=1 id=1 size=8\n"
                  "3 free p=0 g=1 id=1\n"
                  "3 alloc p=0 g=1 id=2 size=9\n"
                  "4 free p=0 g=1 id=2\n"
                  "4 alloc p=0 g=1 id=3 size=10\n"
                  "8 free p=0 g=1 id=3\n",
                  "FILE: frees of blocks that were not live, left out: 2\n"
                  "FILE: allocations where a block was live, which was taken to end there: 2\n"
                  "FILE: calls that failed, left out: 4\n"
                  "FILE: times left out, as the first call has none: 1\n");
}

static void android_errors(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "186 malloc 0x10 8", "186: valloc 0x10 8",       "186: malloc 10 8",         "186: malloc 0x10",
        "186: malloc 0x10 x", "186: malloc 0x10 8 1",    "186: malloc 0x10 8 1 2 3", "186: calloc 0x10 8",
        ": malloc 0x10 8",    "186: realloc 0x10 10 8",  "186: free 0x10 1 2 3 4",   "186: thread_done 0x0 1 2",
        "186: free",          "x",                       "186: malloc 0x 8",         "186: malloc 0x10 8 ",
        "186: malloc 0x11111111111111111 8",             "99999999999999999999: free 0x10",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[128], error[256];
        snprintf(text, sizeof text, "%s\n", lines[i]);
        snprintf(error, sizeof error,
                 "error: FILE:1: expected a call such as \"186: malloc 0xb6027400 1024\", got \"%s\"\n", lines[i]);
        assert_import(android_open, text, "", error);
    }
    assert_import(android_open, "", "", "error: FILE: expected calls of malloc and its relatives, got none\n");
    assert_import(android_open, "\n", "", "error: FILE:1: expected calls of malloc and its relatives, got none\n");
    assert_import(android_open, "1: calloc 0x1 4294967296 4294967296\n", META("1", "Android malloc_debug", "virtual"),
                  "error: FILE:1: expected a size of at most 70368744177664 bytes (64 TiB), got 4294967296 times "
                  "4294967296\n");
    assert_import(android_open, "1: memalign 0x1 1073741825 1\n", META("1", "Android malloc_debug", "virtual"),
                  "error: FILE:1: expected an alignment of at most 1073741824 bytes, got 1073741825\n");
    assert_import(android_open, "1: free 0x1 0 0\n1: free 0x1 9223372036854775807 0\n",
                  META("1", "Android malloc_debug", "recorded"),
                  "FILE: frees of blocks that were not live, left out: 1\n"
                  "error: FILE:2: expected a time of at most 4611686018427387904 ns (146 years) after the first, got "
                  "9223372036854775807\n");
}

/* ---- mtrace ---- */

static const char mtrace[] = "= Start\n"
                             "@ ./a.out:(main+0x1d)[0x1139] + 0x5581e0 0x18\n"
                             "@ /a path] + 1/a.out:[0x1150] + 0x558200 0\n"
                             "@ [0x7f0011] - 0x558200\n"
                             "@ ./a.out:(main-0x1d)[0x1139] < 0x5581e0\n"
                             "@ ./a.out:(main-0x1d)[0x1139] > 0x5582a0 0x40\n"
                             "+ 0x558300 0x10\n"
                             "@ [0x7f0011] ! 0x5582a0 0x7fffffffffffffff\n"
                             "@ [0x7f0011] + (nil) 0x7fffffffffffffff\n"
                             "= End\n";

static void mtrace_lines(void **state)
{
    (void)state;
    assert_import(mtrace_open, mtrace,
                  META("1", "mtrace", "virtual")
                  "2 alloc id=1 size=24\n"
                  "3 alloc id=2 size=0\n"
                  "4 free id=2\n"
                  "5 free id=1\n"
                  "6 alloc id=3 size=64\n"
                  "7 alloc id=4 size=16\n",
                  "FILE: calls that failed, left out: 2\n");
    assert_cuts(mtrace_open, mtrace, sizeof mtrace - 1, true);
}

static void mtrace_repairs_and_errors(void **state)
{
    (void)state;
    const char *start = META("1", "mtrace", "virtual");
    assert_import(mtrace_open, "= Start\n- 0x10\n+ 0x10 0x1\n+ 0x10 0x2\n< 0x10\n",
                  META("1", "mtrace", "virtual")
                  "3 alloc id=1 size=1\n4 free id=1\n4 alloc id=2 size=2\n5 free id=2\n",
                  "FILE: frees of blocks that were not live, left out: 1\n"
                  "FILE: allocations where a block was live, which was taken to end there: 1\n"
                  "FILE: it was cut off between the two lines of a realloc: the block's new place is missing\n");
    static const char *const lines[] = {
        "@ ./a.out + 0x10 0x8", "@ [0x1]+ 0x10 0x8", "@ [0x1] + 0x10", "@ [0x1] - 0x10 0x8", "@ [0x1] * 0x10 0x8",
        "@ [0x1] ",             "@ [0x1] + 10 0x8",  "= Stop",         "@ [0x1] + 0x10 8",   "@ [0x1]",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[128], error[256];
        snprintf(text, sizeof text, "= Start\n%s\n", lines[i]);
        snprintf(error, sizeof error,
                 "error: FILE:2: expected a call such as \"@ ./a.out:[0x1139] + 0x5581e0 0x18\", got \"%s\"\n",
                 lines[i]);
        assert_import(mtrace_open, text, start, error);
    }
    assert_import(mtrace_open, "", "", "error: FILE: expected calls of malloc and its relatives, got none\n");
}

/* ---- logalloc ---- */

static const char logalloc[] = "13663 140005 malloc(42)=0x7f0c33502040\n"
                               "13663 140006 calloc(3,20)=0x7f0c33503040\n"
                               "13663 140005 free(0x7f0c33502040)\n"
                               "13700 140007 malloc(9)=0x7f0c33502040\n"
                               "13663 140005 realloc(0x7f0c33503040,64)=0x7f0c33502040\n"
                               "13663 140005 realloc((nil),1)=0x7f0c33505040\n"
                               "13663 140005 memalign(64,10)=0x7f0c33506040\n"
                               "13663 140005 posix_memalign(8,11)=0x7f0c33507040\n"
                               "13663 140005 aligned_alloc(16,16)=0x7f0c33508040\n"
                               "13663 140005 valloc(12)=0x7f0c33509000\n"
                               "13663 140006 free((nil))\n"
                               "13663 140006 malloc(18446744073709551615)=(nil)\n"
                               "13663 140006 realloc(0x7f0c33509000,99999999999)=0\n"
                               "13663 140006 realloc(0x7f0c33509000,0)=(nil)\n"
                               "13663 140006 jemalloc_stats()\n";

static void logalloc_as_logged(void **state)
{
    (void)state;
    assert_import(logalloc_open, logalloc,
                  META("1", "logalloc", "virtual")
                  "1 alloc p=0 g=140005 id=1 size=42\n"
                  "2 alloc p=1 g=140006 id=2 size=60\n"
                  "3 free p=0 g=140005 id=1\n"
                  "5 free p=0 g=140005 id=2\n"
                  "5 alloc p=0 g=140005 id=3 size=64\n"
                  "6 alloc p=0 g=140005 id=4 size=1\n"
                  "7 alloc p=0 g=140005 id=5 size=10 align=64\n"
                  "8 alloc p=0 g=140005 id=6 size=11 align=8\n"
                  "9 alloc p=0 g=140005 id=7 size=16 align=16\n"
                  "10 alloc p=0 g=140005 id=8 size=12 align=4096\n"
                  "14 free p=1 g=140006 id=8\n",
                  "FILE: calls that failed, left out: 2\n"
                  "FILE: calls of other processes than the first, left out: 1\n");
    assert_cuts(logalloc_open, logalloc, sizeof logalloc - 1, true);
}

static void logalloc_munged_and_old(void **state)
{
    (void)state;
    assert_import(logalloc_open,
                  "1 1 malloc(42)=#1\n1 2 free(#1)\n1 1 realloc(#0,7)=#1\n1 1 realloc(#1,8)=#2\n1 1 free(#0)\n",
                  META("1", "logalloc", "virtual")
                  "1 alloc p=0 g=1 id=1 size=42\n"
                  "2 free p=1 g=2 id=1\n"
                  "3 alloc p=0 g=1 id=2 size=7\n"
                  "4 free p=0 g=1 id=2\n"
                  "4 alloc p=0 g=1 id=3 size=8\n", "");
    assert_import(logalloc_open, "7 malloc(42)=0x10\n7 free(0x10)\n7 free(0x10)\n7 malloc(1)=0x10\n7 malloc(2)=0x10\n",
                  META("1", "logalloc", "virtual")
                  "1 alloc p=0 g=7 id=1 size=42\n"
                  "2 free p=0 g=7 id=1\n"
                  "4 alloc p=0 g=7 id=2 size=1\n"
                  "5 free p=0 g=7 id=2\n"
                  "5 alloc p=0 g=7 id=3 size=2\n",
                  "FILE: frees of blocks that were not live, left out: 1\n"
                  "FILE: allocations where a block was live, which was taken to end there: 1\n");
}

static void logalloc_errors(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "1 1 malloc(42)",     "1 1 malloc(42)=#",  "1 1 malloc(42)=#1 ", "1 1 malloc(4,2)=#1", "1 1 calloc(4)=#1",
        "1 1 free(42)",       "1 1 free(#4)=#1",   "1 1 xalloc(4)=#1",   "malloc(4)=#1",       "1 1 malloc(-1)=#1",
        "1 1malloc(4)=#1",    "1 1 1 malloc(4)=#1", "1 1 malloc(4=#1",   "1 1 realloc(1,4)=#1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[128], error[256];
        snprintf(text, sizeof text, "%s\n", lines[i]);
        snprintf(error, sizeof error,
                 "error: FILE:1: expected a call such as \"1 1 malloc(42)=0x7f0c33502040\", got \"%s\"\n", lines[i]);
        assert_import(logalloc_open, text, "", error);
    }
    assert_import(logalloc_open, "", "", "error: FILE: expected calls of malloc and its relatives, got none\n");
}

/* ---- valgrind ---- */

static const char valgrind[] = "==12== Memcheck, a memory error detector\n"
                               "--12-- Reading syms from /bin/p\n"
                               "--12-- malloc(42) = 0x4A4F040\n"
                               "hello, world\n"
                               "--12-- calloc(3,20) = 0x4A4F0B0\n"
                               "--12-- realloc(0x4A4F040,64) = 0x4A4F140\n"
                               "--12-- realloc(0x0,5)malloc(5) = 0x4A4F1C0\n"
                               "--12-- memalign(al 64, size 100) = 0x4A4F200\n"
                               "--12-- _Znwm(8) = 0x4A4F300\n"
                               "--12-- _ZnwmSt11align_val_t(size 7, al 128) = 0x4A4F380\n"
                               "--12-- _ZdlPvm(0x4A4F300)\n"
                               "--12-- malloc_usable_size(0x4A4F380) = 7\n"
                               "--12-- free(0x4A4F0B0)\n"
                               "--12-- free(0x0)\n"
                               "--13-- malloc(6) = 0x4A4F040\n"
                               "--12-- realloc(0x4A4F1C0,0)free(0x4A4F1C0)\n"
                               "--12--  = 0\n"
                               "--12-- calloc(4294967296,4294967296)malloc(4) = 0x4A4F400\n"
                               "--12-- malloc(9223372036854775807) = 0x0\n"
                               "==12== HEAP SUMMARY:\n";

static void valgrind_lines(void **state)
{
    (void)state;
    assert_import(valgrind_open, valgrind,
                  META("3", "valgrind --trace-malloc", "virtual")
                  "3 alloc id=1 size=42\n"
                  "5 alloc id=2 size=60\n"
                  "6 free id=1\n"
                  "6 alloc id=3 size=64\n"
                  "7 alloc id=4 size=5\n"
                  "8 alloc id=5 size=100 align=64\n"
                  "9 alloc id=6 size=8\n"
                  "10 alloc id=7 size=7 align=128\n"
                  "11 free id=6\n"
                  "13 free id=2\n"
                  "16 free id=4\n"
                  "18 alloc id=8 size=4\n",
                  "FILE: calls that failed, left out: 2\n"
                  "FILE: calls of other processes than the first, left out: 1\n");
    assert_cuts(valgrind_open, valgrind, sizeof valgrind - 1, true);
}

/* A line that another thread's has broken into. */
static void valgrind_broken_lines(void **state)
{
    (void)state;
    assert_import(valgrind_open,
                  "--1-- malloc(10)--1-- malloc(20) = 0x10\n--1--  = 0x20\n--1-- malloc(1\n--1-- free(0x10)free(0x20)\n"
                  "--1-- realloc(0x30,5)malloc(4) = 0x40\n--1-- free(0x40)\n--1-- free(0x40)\n"
                  "--1-- malloc(2) = 0x50 x\n",
                  META("1", "valgrind --trace-malloc", "virtual")
                  "1 alloc id=1 size=20\n"
                  "5 alloc id=2 size=4\n"
                  "6 free id=2\n",
                  "FILE: frees of blocks that were not live, left out: 2\n"
                  "FILE: calls broken off in the middle of their line, left out: 5\n");
    assert_import(valgrind_open, "==1== Memcheck\n==1== bye\n", "",
                  "error: FILE:2: expected calls of malloc and its relatives, got none\n");
}

/* ---- what they share ---- */

static const struct {
    const char *name, *text;
    bool (*recognise)(const unsigned char *bytes, size_t length);
    open_function *open;
} formats[] = {
    {"heaptrack", heaptrack_raw, heaptrack_recognise, heaptrack_open},
    {"heaptrack", heaptrack_interpreted, heaptrack_recognise, heaptrack_open},
    {"android", android, android_recognise, android_open},
    {"android", android_timed, android_recognise, android_open},
    {"mtrace", mtrace, mtrace_recognise, mtrace_open},
    {"logalloc", logalloc, logalloc_recognise, logalloc_open},
    {"valgrind", valgrind, valgrind_recognise, valgrind_open},
};

enum { FORMATS = sizeof formats / sizeof *formats };

static bool recognised(size_t format, const char *text, size_t length)
{
    /* In memory of its own, so that reading past the end is found. */
    unsigned char *bytes = malloc(length > 0 ? length : 1);
    memcpy(bytes, text, length);
    bool is = formats[format].recognise(bytes, length);
    free(bytes);
    return is;
}

static void each_recognises_its_own(void **state)
{
    (void)state;
    static const char *const others[] = {
        "t_ns,p,g,op,id,size,noscan,align,type\n0,0,0,alloc,1,8,1,,\n", "op,id,size\nalloc,1,8\n", "", "\n", "op\n",
        "\"v 10400 3\"\n", "v 10400 3,op\n", "1\n", "go 1.25 trace\n", "=\n", "= Start,op\n", "==1== x\n",
        "--1-- x\n", "@ x\n",
    };
    for (size_t i = 0; i < FORMATS; i++) {
        for (size_t j = 0; j < FORMATS; j++)
            assert_int_equal(recognised(i, formats[j].text, strlen(formats[j].text)),
                             strcmp(formats[i].name, formats[j].name) == 0);
        for (size_t j = 0; j < sizeof others / sizeof *others; j++)
            assert_false(recognised(i, others[j], strlen(others[j])));
        for (size_t length = 0; length < strlen(formats[i].text); length++)
            recognised(i, formats[i].text, length);
    }
    assert_true(recognised(4, "@ [0x1] + 0x10 0x8\n", 19));
}

/* As heaptrack writes it. */
static void zstd_file(void **state)
{
    (void)state;
    char packed[4096];
    size_t length = ZSTD_compress(packed, sizeof packed, heaptrack_raw, sizeof heaptrack_raw - 1, 3);
    assert_false(ZSTD_isError(length));
    struct error error = {.text = ""};
    struct row_options options = {.salvage = false};
    char path[64];
    int fd = memfd_create("import", MFD_CLOEXEC);
    assert_int_equal(write(fd, packed, length), (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct byte_stream *stream = byte_stream_open(path, &error);
    assert_true(stream != NULL && byte_stream_inflate(stream, &error));
    struct row_source *source = heaptrack_open(stream, &options, &error);
    struct trace_row rows[64];
    assert_int_equal(source->read(source, rows, 64, &error), 10);
    assert_int_equal(rows[9].line, 21);
    assert_int_equal(source->read(source, rows, 64, &error), 0);
    assert_string_equal(error.text, "");
    source->close(source);
    close(fd);
}

static void salvage_keeps_what_is_good(void **state)
{
    (void)state;
    const char *text = "v 10400 3\n+ 8 1 10\n- 10 10\n+ 8 1 20\n";
    struct import_text got = read_import(heaptrack_open, text, strlen(text), true, 64);
    assert_string_equal(got.rows, HEAPTRACK "2 alloc t=0 id=1 size=8\n");
    assert_string_equal(got.tell, "FILE:3: expected an address after -, got \"- 10 10\": what follows is left out\n");
    free_text(&got);
}

/* Lines that lie across the chunks in which a file is read, and one that is too long. */
static void long_lines(void **state)
{
    (void)state;
    enum { LONG = (1 << 20) + 1 };
    char *text = malloc(LONG + 64);
    for (size_t length = 65500; length < 65560; length++) {
        int at = sprintf(text, "v 10400 3\n#");
        memset(text + at, 'x', length);
        strcpy(text + at + length, "\n+ 8 1 10\n- 10\n");
        assert_import(heaptrack_open, text, HEAPTRACK "3 alloc t=0 id=1 size=8\n4 free t=0 id=1\n", "");
    }
    for (size_t length = LONG - 1; length <= LONG; length++) {
        int at = sprintf(text, "v 10400 3\n");
        memset(text + at, '#', length);
        strcpy(text + at + length, "\n- 10\n");
        assert_import(heaptrack_open, text, HEAPTRACK,
                      length < LONG ? "FILE: frees of blocks that were not live, left out: 1\n"
                                    : "error: FILE:2: expected a line of at most 1048576 bytes, got a longer one\n");
    }
    free(text);
}

/* A long trace of few live blocks and threads takes little memory; slots and threads are used again. */
static void many_blocks_and_threads(void **state)
{
    (void)state;
    enum { ROUNDS = 1000 };
    char *text, *rows;
    size_t text_size, rows_size;
    FILE *in = open_memstream(&text, &text_size), *out = open_memstream(&rows, &rows_size);
    fputs(META("1", "Android malloc_debug", "virtual"), out);
    for (int i = 0; i < ROUNDS; i++) {
        int line = 5 * i;
        fprintf(in, "9: malloc 0x10 %d\n8: malloc 0x%x 1\n9: free 0x10\n8: thread_done 0x0\n9: thread_done 0x0\n", i,
                0x20 + i);
        fprintf(out, "%d alloc p=%d g=9 id=%d size=%d\n", line + 1, 2 * i, 2 * i + 1, i);
        fprintf(out, "%d alloc p=%d g=8 id=%d size=1\n", line + 2, 2 * i + 1, 2 * i + 2);
        fprintf(out, "%d free p=%d g=9 id=%d\n%d end p=%d g=8\n%d end p=%d g=9\n", line + 3, 2 * i, 2 * i + 1, line + 4,
                2 * i + 1, line + 5, 2 * i);
    }
    fclose(in);
    fclose(out);
    assert_import(android_open, text, rows, "");
    free(text);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heaptrack_raw_form),
        cmocka_unit_test(heaptrack_interpreted_form),
        cmocka_unit_test(heaptrack_repairs),
        cmocka_unit_test(heaptrack_errors),
        cmocka_unit_test(heaptrack_many_calls),
        cmocka_unit_test(android_without_times),
        cmocka_unit_test(android_with_times),
        cmocka_unit_test(android_repairs),
        cmocka_unit_test(android_errors),
        cmocka_unit_test(mtrace_lines),
        cmocka_unit_test(mtrace_repairs_and_errors),
        cmocka_unit_test(logalloc_as_logged),
        cmocka_unit_test(logalloc_munged_and_old),
        cmocka_unit_test(logalloc_errors),
        cmocka_unit_test(valgrind_lines),
        cmocka_unit_test(valgrind_broken_lines),
        cmocka_unit_test(each_recognises_its_own),
        cmocka_unit_test(zstd_file),
        cmocka_unit_test(salvage_keeps_what_is_good),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(many_blocks_and_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
