/* The decoding process; steps of goheap's own traces. Those of memory_replay are in bench_malloc_android.c. */
#include "bench_malloc_decode.h"

#include "trace/trace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct step_writer {
    FILE *file;
    struct decoded *decoded; /* shared with the process that asked */
};

void step_write(struct step_writer *writer, struct step step)
{
    struct decoded *d = writer->decoded;
    d->steps++;
    if (step.slot >= d->slots)
        d->slots = step.slot + 1;
    fwrite(&step, sizeof step, 1, writer->file); /* ferror is asked at the end */
}

/* False: it is no call of malloc's family. */
static bool step_of_event(const struct trace_event *e, struct step *step)
{
    *step = (struct step){.slot = e->slot, .op = STEP_FREE};
    if (e->op != TRACE_ALLOC)
        return e->op == TRACE_FREE;
    step->op = e->align_log2 > 4 ? STEP_ALIGNED : STEP_MALLOC;
    step->size = e->size;
    step->align_log2 = e->align_log2;
    return true;
}

static enum bench_status decode_goheap(const char *path, struct step_writer *writer)
{
    enum { EVENTS = 1024 };
    struct trace_event events[EVENTS];
    struct error error = {.text = ""};
    struct trace_source *source = trace_open(path, TRACE_STREAM_BY_P, &error);
    for (size_t n; source && (n = source->read(source, events, EVENTS, &error)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            struct step step;
            if (!step_of_event(&events[i], &step))
                continue;
            step_write(writer, step);
            if (step.op == STEP_FREE)
                source->release(source, step.slot);
        }
    }
    if (source)
        source->close(source);
    if (error.text[0])
        return bench_fail(BENCH_FAILED, "%s", error.text);
    return BENCH_OK;
}

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static enum bench_status decode(const char *path, struct decoded *decoded)
{
    struct step_writer writer = {.file = fdopen(decoded->file, "w"), .decoded = decoded};
    if (!writer.file)
        return bench_fail(BENCH_FAILED, "%s: %s", path, strerror(errno));
    bool is_android = ends_in(path, ".zip") || ends_in(path, ".txt");
    enum bench_status status = (is_android ? decode_memory_replay : decode_goheap)(path, &writer);
    if (status != BENCH_OK)
        return status;
    bool bad = ferror(writer.file);
    if (fclose(writer.file) != 0 || bad)
        return bench_fail(BENCH_FAILED, "%s: no room for its steps", path);
    return BENCH_OK;
}

enum bench_status bench_decode(const char *path, struct decoded *decoded)
{
    int status;
    if (access(path, R_OK) != 0)
        return bench_fail(BENCH_ABSENT, "%s: not there", path);
    struct decoded *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return bench_fail(BENCH_FAILED, "no memory");
    shared->file = memfd_create("steps", MFD_CLOEXEC);
    pid_t child = fork();
    if (child == 0)
        _exit((int)decode(path, shared));
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return bench_fail(BENCH_FAILED, "%s: decoding it came to no end", path);
    *decoded = *shared;
    munmap(shared, sizeof *shared);
    if (WEXITSTATUS(status) == BENCH_OK && decoded->steps == 0)
        return bench_fail(BENCH_FAILED, "%s: nothing is allocated in it", path);
    return (enum bench_status)WEXITSTATUS(status);
}
