/* How far a command has come, on a line of stderr that is written anew ten times a second. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *unit; /* what is counted: "rows" */
    bool wanted;
    uint64_t next; /* no look at the clock before there are so many */
    double began, shown;
};

/* when: 1 always, 0 on a terminal, -1 never. */
void progress_begin(struct progress *progress, const char *unit, int when);

/* done of total bytes have been read; total 0: nobody knows how many there are. */
void progress_show(struct progress *progress, uint64_t count, uint64_t done, uint64_t total);

/* Leaves the line empty, if there was one. */
void progress_wipe(const struct progress *progress);

#endif
