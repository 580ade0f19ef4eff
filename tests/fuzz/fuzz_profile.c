/* libFuzzer: any bytes as a profile, and a short trace made from it if it is one. First byte of the input: Ps, and how
 * long the trace becomes.
 *
 * Beyond what the sanitizers see, it checks that there is an error or a profile, and that every row of the trace is
 * taken by row_checks, which a replay relies on.
 *
 * scripts/check says how it is built and run. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "promises.h"
#include "generate/profile_births.h"
#include "trace/row_check.h"

static bool load(struct profile *profile, const uint8_t *data, size_t size, struct error *error)
{
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size, "memfd");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool good = profile_load(profile, path, error);
    if (good && profile->sizes_json != NULL && json_is_string(profile->sizes_json))
        good = error_set(error, "files beside it are no part of this");
    good = good && profile_finish(profile, error);
    close(fd);
    return good;
}

static void check_rows(struct row_source *source, struct error *error)
{
    struct trace_row rows[16];
    struct trace_event event;
    struct row_checks checks;
    check(row_checks_init(&checks, source, TRACE_STREAM_BY_P), "memory");
    for (size_t n; (n = source->read(source, rows, 16, error)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            check(row_checks_take(&checks, &rows[i], &event) == ROW_EVENT, "a generated row is a good one");
            if (event.op == TRACE_FREE)
                lifetimes_release(&checks.lifetimes, event.slot);
        }
    }
    row_checks_free(&checks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct profile profile;
    struct error error = {.text = ""};
    if (size == 0)
        return 0;
    profile_init(&profile);
    bool good = load(&profile, data + 1, size - 1, &error);
    check(good == (error.text[0] == '\0'), "an error, or a profile");
    struct generator_options options = {.events = (data[0] & 0x3f) + 1, .name = "fuzz"};
    struct births *births = good ? profile_births_open(&profile, &error) : NULL;
    struct row_source *source = births != NULL ? generator_open(births, &options, &error) : NULL;
    if (source != NULL) {
        check_rows(source, &error);
        source->close(source);
    }
    profile_clear(&profile);
    return 0;
}
