/* Count, speed, share of the file, time left. */
#include "cmd/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { LOOK_EVERY = 1 << 16 };

void progress_begin(struct progress *progress, const char *unit, int when)
{
    bool wanted = when > 0 || (when == 0 && isatty(STDERR_FILENO));
    *progress = (struct progress){.unit = unit, .wanted = wanted, .next = LOOK_EVERY, .began = seconds_now()};
}

void progress_show(struct progress *progress, uint64_t count, uint64_t done, uint64_t total)
{
    if (!progress->wanted || count < progress->next)
        return;
    progress->next = count + LOOK_EVERY;
    double now = seconds_now();
    if (now - progress->shown < 0.1)
        return;
    progress->shown = now;
    double elapsed = now - progress->began;
    fprintf(stderr, "\r\033[K%.1f M %s, %.1f M/s", (double)count / 1e6, progress->unit, (double)count / 1e6 / elapsed);
    if (total != 0 && done != 0) {
        double share = (double)done / (double)total;
        fprintf(stderr, ", %.0f %%, %.0f s left", 100 * share, elapsed * (1 - share) / share);
    }
    fflush(stderr);
}

void progress_wipe(const struct progress *progress)
{
    if (progress->shown > 0)
        fputs("\r\033[K", stderr);
}
