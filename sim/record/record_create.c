/* The empty recording that the library finds when the program starts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "preload/format.h"
#include "record/record.h"

/* The time stamp counter is for ticks if the kernel itself goes by it: it then has seen that no core's is behind
 * another's, and drops it when it finds out otherwise. */
static bool trust_tsc(void)
{
    char name[16] = "";
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    bool read = file != NULL && fgets(name, sizeof name, file) != NULL;
    if (file != NULL)
        fclose(file);
    return read && strcmp(name, "tsc\n") == 0 && tsc_is_invariant();
}

bool record_create(const char *path, struct error *error)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    union {
        struct record_control control;
        unsigned char bytes[RECORD_SLOT];
    } first = {.control = {.magic = RECORD_MAGIC, .next_slot = 1, .tsc = trust_tsc()}};
    bool written = file >= 0 && write(file, &first, sizeof first) == (ssize_t)sizeof first;
    int reason = errno;
    if (file >= 0)
        close(file);
    return written || error_set(error, "%s: %s", path, strerror(reason));
}
