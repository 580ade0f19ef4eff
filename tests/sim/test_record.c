/* The merge of a recording, pass by pass, with threads that exist only as their windows: what they do between two
 * passes, and how far they get, is up to each test. Ticks are ns; the program began a second ago, so that a pass sees
 * everything that is stamped within that second as past. */
#include "record/record.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "preload/format.h"

#define SECOND UINT64_C(1000000000)
#define META 6 /* lines of a trace before its events: the columns, and what it says of itself */

/* Places of the recording below; the file is a sparse one. */
enum { DIRECTORY_BYTES = 64, PATH_BYTES = 128, SLOTS = 512 };

struct fixture {
    char directory[DIRECTORY_BYTES], recording[PATH_BYTES], trace[PATH_BYTES];
    int file;
    unsigned char *map; /* of SLOTS slots */
    struct record_control *control;
    uint64_t start;
    _Atomic unsigned writing; /* threads that still do */
    volatile sig_atomic_t interrupted;
    struct record_options options;
    struct record_merge *merge;
    struct record_summary summary;
    struct error error;
    char *text; /* of the finished trace */
};

/* What recording.c knows of a thread. */
struct thread {
    struct fixture *f;
    struct record_window *window;
    uint64_t chunk, ticks, position;
};

static struct record_window *slot_at(const struct fixture *f, uint64_t slot)
{
    assert_true(slot < SLOTS);
    return (void *)(f->map + slot * RECORD_SLOT);
}

/* As the library does when it finds itself in a new program. */
static void begin_program(struct fixture *f)
{
    f->start = record_monotonic_ns() - SECOND;
    f->control->owner = (uint32_t)getpid();
    f->control->threads = 0;
    f->control->start_ticks = f->control->start_ns = f->start;
    f->control->incarnation++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->directory, "/tmp/test_record.XXXXXX");
    if (f == NULL || mkdtemp(f->directory) == NULL)
        return -1;
    snprintf(f->recording, sizeof f->recording, "%s/events", f->directory);
    snprintf(f->trace, sizeof f->trace, "%s/t.csv", f->directory);
    if (!record_create(f->recording, &f->error))
        return -1;
    f->file = open(f->recording, O_RDWR);
    if (f->file < 0 || ftruncate(f->file, (off_t)SLOTS * RECORD_SLOT) != 0)
        return -1;
    f->map = mmap(NULL, (size_t)SLOTS * RECORD_SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, f->file, 0);
    if (f->map == MAP_FAILED)
        return -1;
    f->control = (void *)f->map;
    f->control->tsc = 0;
    f->options = (struct record_options){.program = "test", .trace = f->trace, .interrupted = &f->interrupted};
    f->merge = record_merge_open(f->recording, &f->options, &f->error);
    begin_program(f);
    *state = f;
    return f->merge != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    record_merge_close(f->merge);
    munmap(f->map, (size_t)SLOTS * RECORD_SLOT);
    close(f->file);
    unlink(f->recording);
    unlink(f->trace);
    int status = rmdir(f->directory); /* no temporary file is left */
    free(f->text);
    free(f);
    return status;
}

/* For what is given back alone. */
struct slots {
    struct record_control control;
    _Atomic unsigned owners[1000]; /* of each slot given */
    _Atomic unsigned takers;       /* that still do */
    _Atomic uint64_t taken;        /* of those given */
};

/* ---- threads ---- */

static struct thread begin_thread(struct fixture *f)
{
    uint64_t slot = record_take_slot(f->control);
    struct thread t = {.f = f, .window = slot_at(f, slot), .ticks = f->start};
    t.window->incarnation = f->control->incarnation;
    t.window->thread = atomic_fetch_add(&f->control->threads, 1);
    t.window->tid = (uint32_t)syscall(SYS_gettid);
    t.window->start_ticks = f->start;
    t.window->end_ticks = t.window->position = 0;
    t.window->magic = RECORD_WINDOW_MAGIC;
    t.window->older = f->control->newest;
    f->control->newest = slot;
    return t;
}

static void flush_window(struct thread *t)
{
    if (t->chunk == 0)
        t->window->first = t->chunk = record_take_slot(t->f->control);
    uint64_t next = record_take_slot(t->f->control);
    atomic_store_explicit(&t->window->then, next, memory_order_relaxed);
    assert_int_equal(pwrite(t->f->file, t->window, RECORD_SLOT, (off_t)(t->chunk * RECORD_SLOT)), RECORD_SLOT);
    t->chunk = next;
    t->position = ((t->position >> 32) + 1) << 32;
    atomic_store(&t->window->position, t->position);
}

static void put_unit(struct thread *t, const struct record_event *event)
{
    if ((uint32_t)t->position == RECORD_UNITS)
        flush_window(t);
    record_pack(&t->window->units[(uint32_t)t->position], event);
    atomic_store_explicit(&t->window->position, ++t->position, memory_order_release);
}

/* An event so many ns after the program's start. */
static void put_aligned(struct thread *t, uint64_t at, enum record_op op, uint64_t address, uint64_t size, uint8_t log2)
{
    struct record_event event = {t->f->start + at - t->ticks, address, size, (uint8_t)op, log2};
    t->ticks = t->f->start + at;
    if (record_is_wide(&event)) {
        struct record_event high = record_high(&event);
        put_unit(t, &high);
    }
    put_unit(t, &event);
}

static void put(struct thread *t, uint64_t at, enum record_op op, uint64_t address, uint64_t size)
{
    put_aligned(t, at, op, address, size, 0);
}

/* ---- the merge ---- */

static void pass(struct fixture *f)
{
    if (!record_merge_pass(f->merge, &f->error))
        fail_msg("%s", f->error.text);
}

/* Two passes: the second merges what came before the first. */
static void catch_up(struct fixture *f)
{
    pass(f);
    pass(f);
}

/* Ends the program a second after its start and reads the trace into f->text. */
static bool try_finish(struct fixture *f)
{
    uint64_t now = record_monotonic_ns();
    struct record_moment end = {now, now};
    if (!record_merge_finish(f->merge, &end, &f->summary, &f->error))
        return false;
    FILE *file = fopen(f->trace, "r");
    struct stat status;
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    f->text = calloc(1, (size_t)status.st_size + 1);
    assert_non_null(f->text);
    assert_int_equal(fread(f->text, 1, (size_t)status.st_size, file), status.st_size);
    fclose(file);
    return true;
}

static void finish(struct fixture *f)
{
    if (!try_finish(f))
        fail_msg("%s", f->error.text);
}

struct line {
    uint64_t t, p, id, size, align;
    char op[8];
};

/* Numbers that are not there are 0. */
static struct line parse(const char *at)
{
    struct line line = {.op = ""};
    uint64_t *numbers[] = {&line.t, &line.p, NULL, &line.id, &line.size, &line.align};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++, at = strchr(at, ',') + 1) {
        if (numbers[i] != NULL)
            *numbers[i] = strtoull(at, NULL, 10);
        else
            memcpy(line.op, at, strcspn(at, ",") < 7 ? strcspn(at, ",") : 7);
    }
    return line;
}

/* The trace's n-th event, from 0. */
static struct line event(const struct fixture *f, unsigned n)
{
    const char *at = f->text;
    for (n += META; n > 0; n--, at++) {
        at = strchr(at, '\n');
        assert_non_null(at);
    }
    return parse(at);
}

static void assert_event(const struct fixture *f, unsigned n, const char *op, uint64_t p, uint64_t t, uint64_t id)
{
    struct line line = event(f, n);
    assert_string_equal(line.op, op);
    assert_int_equal(line.p, p);
    assert_int_equal(line.t, t);
    assert_int_equal(line.id, id);
}

/* ---- the tests ---- */

static void threads_are_merged_by_time(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f), b = begin_thread(f);
    put(&a, 10, RECORD_ALLOC, 0x1000, 8);
    put_aligned(&b, 20, RECORD_ALLOC, 0x2000, 16, 6);
    put(&b, 30, RECORD_FREE, 0x1000, 0);
    catch_up(f);
    put(&a, 40, RECORD_FREE, 0x2000, 0);
    finish(f);
    assert_event(f, 0, "alloc", 0, 10, 1);
    assert_event(f, 1, "alloc", 1, 20, 2);
    assert_int_equal(event(f, 1).size, 16);
    assert_int_equal(event(f, 1).align, 64);
    assert_event(f, 2, "free", 1, 30, 1);
    assert_string_equal(event(f, 3).op, "free");
    assert_int_equal(f->summary.allocs, 2);
    assert_int_equal(f->summary.frees, 2);
    assert_int_equal(f->summary.peak_bytes, 24);
    assert_int_equal(f->summary.unknown_frees + f->summary.missed_frees, 0);
}

/* Stopped between the stamp and making it visible: the free takes place when the passes have got to, and before the
 * allocation that took the address, which had to wait for it. */
static void a_late_event_is_put_where_the_passes_have_got_to(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f), b = begin_thread(f);
    put(&a, 10, RECORD_ALLOC, 0x1000, 8);
    put(&b, 500, RECORD_ALLOC, 0x2000, 8);
    catch_up(f);
    put(&a, 100, RECORD_FREE, 0x1000, 0);
    put(&b, record_monotonic_ns() - f->start, RECORD_ALLOC, 0x1000, 8);
    catch_up(f);
    finish(f);
    assert_event(f, 1, "alloc", 1, 500, 2);
    assert_string_equal(event(f, 2).op, "free");
    assert_true(event(f, 2).t >= SECOND);
    assert_string_equal(event(f, 3).op, "alloc");
    assert_int_equal(event(f, 3).id, 3);
    assert_true(event(f, 3).t >= event(f, 2).t);
    assert_int_equal(f->summary.missed_frees + f->summary.unknown_frees, 0);
}

static void a_realloc_under_way_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f), b = begin_thread(f);
    put(&a, 10, RECORD_ALLOC, 0x1000, 8);
    put(&a, 20, RECORD_RESIZE, 0x1000, 0);
    put(&b, 30, RECORD_ALLOC, 0x1000, 24);
    catch_up(f);
    put(&a, 40, RECORD_RESIZED, 0x3000, 16);
    catch_up(f);
    finish(f);
    assert_event(f, 0, "alloc", 0, 10, 1);
    assert_event(f, 1, "free", 0, 20, 1);
    assert_event(f, 2, "alloc", 1, 30, 2);
    assert_event(f, 3, "alloc", 0, 40, 3);
    assert_int_equal(f->summary.missed_frees, 0);
}

static void a_realloc_that_changes_nothing_is_no_event(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f);
    put(&a, 10, RECORD_ALLOC, 0x1000, 8);
    put(&a, 20, RECORD_RESIZE, 0x1000, 0);
    catch_up(f);
    put(&a, 30, RECORD_RESIZED, 0x1000, 8);
    put(&a, 40, RECORD_RESIZE, 0x1000, 0);
    catch_up(f);
    put(&a, 50, RECORD_CANCEL, 0x1000, 0);
    put(&a, 60, RECORD_RESIZE, 0x1000, 0);
    finish(f);
    assert_int_equal(f->summary.allocs, 1);
    assert_int_equal(f->summary.frees, 1); /* what was killed within realloc */
    assert_string_equal(event(f, 1).op, "free");
    assert_string_equal(event(f, 2).op, "end");
}

/* At one time a thread's allocation waits for the other's realloc, of which nothing is known yet but that it began. */
static void equal_times_wait_for_a_realloc(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f), b = begin_thread(f);
    put(&b, 10, RECORD_ALLOC, 0x1000, 8);
    put(&a, 20, RECORD_ALLOC, 0x1000, 8);
    put(&b, 20, RECORD_ALLOC, 0x3000, 8);
    put(&b, 20, RECORD_RESIZE, 0x1000, 0);
    catch_up(f);
    put(&b, 20, RECORD_RESIZED, 0x2000, 8);
    catch_up(f);
    finish(f);
    assert_event(f, 1, "alloc", 1, 20, 2);
    assert_event(f, 2, "free", 1, 20, 1);
    assert_int_equal(f->summary.missed_frees + f->summary.unknown_frees, 0);
    assert_int_equal(f->summary.allocs, 4);
}

static void numbers_of_any_size_come_through(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f);
    for (unsigned i = 0; i < RECORD_UNITS - 1; i++)
        put(&a, i, i % 2 == 0 ? RECORD_ALLOC : RECORD_FREE, 0x10, 1);
    /* Its two halves are the last of a chunk and the first of the next. */
    put(&a, RECORD_UNITS, RECORD_ALLOC, UINT64_C(0xb400000012345678), UINT64_C(0x123456789a));
    put(&a, UINT64_C(0x500000000), RECORD_FREE, UINT64_C(0xb400000012345678), 0);
    put(&a, UINT64_C(0x600000000), RECORD_FREE, UINT64_C(0x12345678), 0);
    finish(f);
    assert_int_equal(event(f, RECORD_UNITS - 1).size, UINT64_C(0x123456789a));
    assert_string_equal(event(f, RECORD_UNITS).op, "free");
    assert_int_equal(event(f, RECORD_UNITS).t, UINT64_C(0x500000000));
    assert_int_equal(f->summary.unknown_frees, 1); /* of the last */
}

/* Passes that find a window at any stage of its filling, and its chunks; all events come once and in order. */
static void chunks_and_window_are_one_stream(void **state)
{
    enum { FULL = RECORD_UNITS };
    static const unsigned steps[] = {1, 700, FULL - 701, 1, FULL, 3 * FULL + 5, 1, 2 * FULL};
    struct fixture *f = *state;
    struct thread a = begin_thread(f);
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        for (unsigned j = 0; j < steps[i]; j++, n++)
            put(&a, n, n % 2 == 0 ? RECORD_ALLOC : RECORD_FREE, 0x10, n);
        catch_up(f);
    }
    finish(f);
    assert_int_equal(f->summary.allocs + f->summary.frees, n);
    const char *at = f->text;
    for (unsigned i = 0; i < META; i++)
        at = strchr(at, '\n') + 1;
    for (uint64_t i = 0; i < n; i++, at = strchr(at, '\n') + 1) {
        struct line line = parse(at);
        assert_string_equal(line.op, i % 2 == 0 ? "alloc" : "free");
        assert_int_equal(line.id, i / 2 + 1);
        assert_int_equal(line.size, i % 2 == 0 ? i : 0);
    }
}

static void *just_end(void *tid)
{
    *(uint32_t *)tid = (uint32_t)syscall(SYS_gettid);
    return NULL;
}

/* However much is recorded: if it is read in time it needs no more slots. */
static void slots_are_taken_again(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f), b = begin_thread(f);
    for (unsigned n = 0; n < 20 * RECORD_UNITS; n++) {
        put(&a, n, n % 2 == 0 ? RECORD_ALLOC : RECORD_FREE, 0x10, 8);
        put(&b, n, n % 2 == 0 ? RECORD_ALLOC : RECORD_FREE, 0x20, 8);
        if (n % RECORD_UNITS == RECORD_UNITS / 2)
            pass(f);
    }
    finish(f);
    assert_int_equal(f->summary.allocs, 20 * RECORD_UNITS);
    assert_int_equal(f->summary.unknown_frees + f->summary.missed_frees, 0);
    assert_in_range(f->control->next_slot, 5, 12);
}

/* Twenty threads, one after the other, each with a chunk and a window. */
static void slots_of_ended_threads_are_taken_again(void **state)
{
    struct fixture *f = *state;
    pthread_t ended;
    uint32_t tid;
    assert_int_equal(pthread_create(&ended, NULL, just_end, &tid), 0);
    assert_int_equal(pthread_join(ended, NULL), 0);
    while (syscall(SYS_tgkill, getpid(), tid, 0) == 0) /* joined, but not all of it gone */
        usleep(100);
    for (unsigned i = 0; i < 20; i++) {
        struct thread a = begin_thread(f);
        for (unsigned n = 0; n < RECORD_UNITS + 10; n++)
            put(&a, n, n % 2 == 0 ? RECORD_ALLOC : RECORD_FREE, 0x10, 8);
        a.window->tid = tid;
        a.window->end_ticks = a.ticks;
        catch_up(f);
    }
    finish(f);
    assert_int_equal(f->summary.allocs, 10 * (RECORD_UNITS + 10));
    assert_int_equal(f->summary.threads, 20);
    assert_in_range(f->control->next_slot, 4, 8);
}

/* Those that were taken and read as zeros. */
static unsigned empty_slots(const struct fixture *f)
{
    unsigned count = 0;
    for (uint64_t slot = 1; slot < f->control->next_slot; slot++)
        count += slot_at(f, slot)->magic == 0;
    return count;
}

/* What is more than enough slots is punched out of the file. */
static void a_backlog_is_given_back(void **state)
{
    enum { MORE = 40, CHUNKS = RECORD_SPARES + MORE };
    struct fixture *f = *state;
    struct thread a = begin_thread(f);
    for (unsigned n = 0; n < RECORD_UNITS; n++)
        put(&a, n, RECORD_FREE, 0x10, 0);
    for (unsigned chunk = 1; chunk < CHUNKS; chunk++) { /* the same, again and again */
        flush_window(&a);
        a.position += RECORD_UNITS;
        atomic_store(&a.window->position, a.position);
    }
    assert_int_equal(empty_slots(f), 1); /* the next chunk's */
    off_t last = (off_t)(SLOTS - 1) * RECORD_SLOT;
    if (fallocate(f->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, last, RECORD_SLOT) != 0)
        skip();
    catch_up(f);
    assert_int_equal(empty_slots(f), MORE);
    finish(f);
    assert_int_equal(f->summary.unknown_frees, CHUNKS * RECORD_UNITS);
}

static void *take_and_count(void *argument)
{
    struct slots *slots = argument;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t slot = record_take_slot(&slots->control);
        if (slot < 1000) {
            slots->owners[slot]++;
            slots->taken++;
        }
    }
    slots->takers--;
    return NULL;
}

/* While some take and one gives, no slot has two owners. */
static void a_slot_has_one_owner(void **state)
{
    enum { TAKERS = 3, GIVEN = 1000 };
    struct slots *slots = calloc(1, sizeof *slots);
    pthread_t threads[TAKERS];
    uint64_t given = 0;
    (void)state;
    assert_non_null(slots);
    slots->control.next_slot = GIVEN;
    slots->takers = TAKERS;
    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_count, slots), 0);
    while (slots->takers > 0 && given < GIVEN)
        given += record_give_slot(&slots->control, given);
    for (size_t i = 0; i < TAKERS; i++)
        pthread_join(threads[i], NULL);
    for (uint64_t left = slots->control.spares_given - slots->control.spares_taken; left > 0; left--)
        slots->owners[record_take_slot(&slots->control)]++;
    for (uint64_t slot = 0; slot < given; slot++)
        assert_int_equal(slots->owners[slot], 1);
    assert_in_range(slots->control.next_slot + slots->taken, GIVEN + TAKERS * 20000, GIVEN + TAKERS * 20000);
    free(slots);
}

static void what_becomes_another_program_is_begun_anew(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f);
    put(&a, 10, RECORD_ALLOC, 0x1000, 8);
    catch_up(f);
    struct thread unseen = begin_thread(f);
    put(&unseen, 20, RECORD_ALLOC, 0x2000, 8);
    begin_program(f);
    struct thread b = begin_thread(f);
    put(&b, 30, RECORD_ALLOC, 0x1000, 24);
    catch_up(f);
    finish(f);
    assert_event(f, 0, "alloc", 0, 30, 1);
    assert_int_equal(event(f, 0).size, 24);
    assert_string_equal(event(f, 1).op, "end");
    assert_int_equal(f->summary.allocs, 1);
    assert_int_equal(f->summary.threads, 1);
}

/* libc frees what is its own after a thread's last destructor, so that the end has to wait for the thread's. */
static void a_thread_ends_when_it_is_no_more(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f), b = begin_thread(f);
    pthread_t ended;
    assert_int_equal(pthread_create(&ended, NULL, just_end, &b.window->tid), 0);
    assert_int_equal(pthread_join(ended, NULL), 0);
    put(&a, 10, RECORD_ALLOC, 0x1000, 8);
    put(&b, 10, RECORD_ALLOC, 0x2000, 8);
    put(&a, 40, RECORD_ALLOC, 0x3000, 8);
    a.window->end_ticks = b.window->end_ticks = f->start + 30;
    while (syscall(SYS_tgkill, getpid(), b.window->tid, 0) == 0) /* joined, but not all of it gone */
        usleep(100);
    catch_up(f);
    put(&a, 50, RECORD_FREE, 0x3000, 0);
    finish(f);
    assert_event(f, 2, "end", 1, 30, 0);
    assert_event(f, 3, "alloc", 0, 40, 3);
    assert_string_equal(event(f, 4).op, "free");
    assert_string_equal(event(f, 5).op, "end");
}

static void *write_along(void *thread)
{
    struct thread *t = thread;
    uint64_t address = 0x10 + t->window->thread;
    for (unsigned n = 0; n < 10 * RECORD_UNITS; n++)
        put(t, record_monotonic_ns() - t->f->start, n % 2 == 0 ? RECORD_ALLOC : RECORD_FREE, address, n);
    t->f->writing--;
    return NULL;
}

/* The real thing, but for the processes: threads that write while the merge reads. */
static void threads_write_while_it_reads(void **state)
{
    enum { THREADS = 3 };
    struct fixture *f = *state;
    struct thread threads[THREADS];
    pthread_t ids[THREADS];
    f->writing = THREADS;
    for (size_t i = 0; i < THREADS; i++)
        threads[i] = begin_thread(f);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, write_along, &threads[i]), 0);
    while (f->writing > 0)
        pass(f);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    finish(f);
    assert_int_equal(f->summary.allocs, THREADS * 5 * RECORD_UNITS);
    assert_int_equal(f->summary.frees, THREADS * 5 * RECORD_UNITS);
    assert_int_equal(f->summary.unknown_frees + f->summary.missed_frees, 0);
}

/* Runs passes and the end over what was damaged, which must fail with these words and leave no trace. */
static void assert_damaged(struct fixture *f, const char *words)
{
    bool good = record_merge_pass(f->merge, &f->error) && record_merge_pass(f->merge, &f->error) && try_finish(f);
    assert_false(good);
    if (strstr(f->error.text, words) == NULL)
        fail_msg("%s", f->error.text);
    assert_int_equal(f->control->closed, 1);
    assert_int_equal(access(f->trace, F_OK), -1);
}

static struct thread two_chunks(struct fixture *f)
{
    struct thread a = begin_thread(f);
    for (unsigned n = 0; n < 2 * RECORD_UNITS + 1; n++)
        put(&a, n, n % 2 == 0 ? RECORD_ALLOC : RECORD_FREE, 0x10, 8);
    return a;
}

static void a_damaged_chunk_is_an_error(void **state)
{
    struct fixture *f = *state;
    two_chunks(f);
    slot_at(f, 2)->thread = 7;
    assert_damaged(f, "the recording is damaged: a chunk of thread 0");
}

static void a_chunk_that_is_nowhere_is_an_error(void **state)
{
    struct fixture *f = *state;
    two_chunks(f);
    slot_at(f, 2)->then = UINT64_MAX;
    assert_damaged(f, "the recording is damaged: the place of a chunk of thread 0");
}

static void a_chunk_past_the_end_is_an_error(void **state)
{
    struct fixture *f = *state;
    two_chunks(f);
    slot_at(f, 2)->then = SLOTS;
    assert_damaged(f, "the recording: it ends early");
}

static void a_damaged_window_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct thread a = two_chunks(f);
    a.window->position = RECORD_UNITS + 1;
    assert_damaged(f, "the recording is damaged: the window of thread 0");
}

static void a_damaged_event_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct thread a = begin_thread(f);
    put(&a, 10, RECORD_ALLOC, 0, 8);
    assert_damaged(f, "the recording is damaged: an event of thread 0");
}

static void a_window_that_is_nowhere_is_an_error(void **state)
{
    struct fixture *f = *state;
    f->control->newest = SLOTS;
    assert_damaged(f, "the recording: a thread's window");
}

static void a_program_that_never_loaded_the_library_is_an_error(void **state)
{
    struct fixture *f = *state;
    f->control->owner = 0;
    f->control->incarnation = 0;
    assert_damaged(f, "test did not load the recorder");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(threads_are_merged_by_time),
        TEST(a_late_event_is_put_where_the_passes_have_got_to),
        TEST(a_realloc_under_way_is_waited_for),
        TEST(a_realloc_that_changes_nothing_is_no_event),
        TEST(equal_times_wait_for_a_realloc),
        TEST(numbers_of_any_size_come_through),
        TEST(chunks_and_window_are_one_stream),
        TEST(slots_are_taken_again),
        TEST(slots_of_ended_threads_are_taken_again),
        TEST(a_backlog_is_given_back),
        cmocka_unit_test(a_slot_has_one_owner),
        TEST(what_becomes_another_program_is_begun_anew),
        TEST(a_thread_ends_when_it_is_no_more),
        TEST(threads_write_while_it_reads),
        TEST(a_damaged_chunk_is_an_error),
        TEST(a_chunk_that_is_nowhere_is_an_error),
        TEST(a_chunk_past_the_end_is_an_error),
        TEST(a_damaged_window_is_an_error),
        TEST(a_damaged_event_is_an_error),
        TEST(a_window_that_is_nowhere_is_an_error),
        TEST(a_program_that_never_loaded_the_library_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
