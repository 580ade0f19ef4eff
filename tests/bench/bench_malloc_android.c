/* Android's memory_replay text, plain or as the one file in a zip, to steps. A line is a call:
 *
 *   TID: malloc PTR SIZE          TID: calloc PTR N SIZE        TID: memalign PTR ALIGN SIZE
 *   TID: realloc NEW OLD SIZE     TID: free PTR                 TID: thread_done 0x0
 *
 * pointers in hex, newer ones with two times at the end. Frees of NULL and of blocks from before the recording
 * are left out. */
#include "bench_malloc_decode.h"

#include "trace/lifetimes.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct replay_text {
    struct lifetimes blocks; /* by their recorded addresses */
    struct step_writer *writer;
};

static bool add(struct replay_text *t, uint64_t address, struct step step)
{
    uint32_t slot;
    if (address == 0) /* it failed */
        return true;
    if (lifetimes_open(&t->blocks, address, LIFETIME_OBJECT, &slot) != LIFETIME_OK)
        return false;
    step.slot = slot;
    step_write(t->writer, step);
    return true;
}

/* The slot of the block that ends here; it may be taken again at once. */
static bool drop(struct replay_text *t, uint64_t address, uint32_t *slot)
{
    if (lifetimes_close(&t->blocks, address, LIFETIME_OBJECT, slot) != LIFETIME_OK)
        return false;
    lifetimes_release(&t->blocks, *slot);
    return true;
}

/* Free slots are taken last in, first out: the grown block gets the slot that the old one has left. */
static bool add_realloc(struct replay_text *t, uint64_t new, uint64_t old, uint64_t size)
{
    uint32_t slot;
    if (size > 0 && new == 0) /* it failed, and the old block stays */
        return true;
    bool was_there = drop(t, old, &slot);
    if (size > 0)
        return add(t, new, (struct step){.op = was_there ? STEP_REALLOC : STEP_MALLOC, .size = size & STEP_SIZE_MAX});
    if (was_there)
        step_write(t->writer, (struct step){.op = STEP_FREE, .slot = slot});
    return true;
}

static bool add_aligned(struct replay_text *t, uint64_t address, uint64_t align, uint64_t size)
{
    struct step step = {.op = align > 16 ? STEP_ALIGNED : STEP_MALLOC, .size = size & STEP_SIZE_MAX};
    if (align == 0 || (align & (align - 1)) != 0)
        return false;
    step.align_log2 = (uint8_t)__builtin_ctzll(align);
    return add(t, address, step);
}

static bool add_call(struct replay_text *t, const char *call, const uint64_t number[3], int numbers)
{
    uint32_t slot;
    if (strcmp(call, "free") == 0 && numbers >= 1) {
        if (number[0] && drop(t, number[0], &slot))
            step_write(t->writer, (struct step){.op = STEP_FREE, .slot = slot});
        return true;
    }
    if (strcmp(call, "malloc") == 0 && numbers >= 2)
        return add(t, number[0], (struct step){.op = STEP_MALLOC, .size = number[1] & STEP_SIZE_MAX});
    if (strcmp(call, "calloc") == 0 && numbers == 3)
        return add(t, number[0], (struct step){.op = STEP_CALLOC, .size = number[1] * number[2] & STEP_SIZE_MAX});
    if (strcmp(call, "realloc") == 0 && numbers == 3)
        return add_realloc(t, number[0], number[1], number[2]);
    if (strcmp(call, "memalign") == 0 && numbers == 3)
        return add_aligned(t, number[0], number[1], number[2]);
    return strcmp(call, "thread_done") == 0;
}

/* Cuts the line after the call's name. */
static bool add_line(struct replay_text *t, char *line)
{
    size_t tid = strspn(line, "0123456789");
    if (tid == 0 || line[tid] != ':' || line[tid + 1] != ' ')
        return false;
    char *call = line + tid + 2;
    char *at = call + strcspn(call, " ");
    if (*at)
        *at++ = '\0';
    uint64_t number[3];
    int numbers = 0;
    for (char *end; numbers < 3; numbers++, at = end) {
        number[numbers] = strtoull(at, &end, 0);
        if (end == at)
            break;
    }
    return add_call(t, call, number, numbers);
}

/* --- where the text comes from ------------------------------------------------------------------------- */

static FILE *open_text(const char *path, pid_t *unzip)
{
    int ends[2];
    *unzip = 0;
    if (!strstr(path, ".zip"))
        return fopen(path, "r");
    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    *unzip = fork();
    if (*unzip == 0) {
        unsetenv("LD_PRELOAD");
        dup2(ends[1], STDOUT_FILENO);
        execlp("unzip", "unzip", "-p", path, (char *)NULL);
        _exit(BENCH_ABSENT);
    }
    close(ends[1]);
    return fdopen(ends[0], "r");
}

static enum bench_status unzipped(pid_t unzip)
{
    int status;
    if (unzip == 0)
        return BENCH_OK;
    if (unzip < 0 || waitpid(unzip, &status, 0) != unzip || !WIFEXITED(status))
        return bench_fail(BENCH_FAILED, "unzip came to no end");
    if (WEXITSTATUS(status) == BENCH_ABSENT)
        return bench_fail(BENCH_ABSENT, "there is no unzip");
    return WEXITSTATUS(status) == 0 ? BENCH_OK : bench_fail(BENCH_FAILED, "unzip failed");
}

enum bench_status decode_memory_replay(const char *path, struct step_writer *writer)
{
    struct replay_text text = {.writer = writer};
    char line[256];
    uint64_t number = 0;
    pid_t unzip;
    bool good = true;
    FILE *file = open_text(path, &unzip);
    if (!file || !lifetimes_init(&text.blocks, 1))
        return bench_fail(BENCH_FAILED, "%s: cannot be read", path);
    while (good && fgets(line, sizeof line, file)) {
        number++;
        good = add_line(&text, line);
    }
    fclose(file);
    lifetimes_free(&text.blocks);
    if (!good)
        return bench_fail(BENCH_FAILED, "%s:%" PRIu64 ": not a call that can be made", path, number);
    return unzipped(unzip);
}
