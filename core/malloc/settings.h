/* What the environment may say: GOHEAP_STATS=1, and GOHEAP_CONFIG=FILE with lines `key = value`:
 *
 *     # a comment, here or behind a value
 *     address_space = 1T            # the most the heap can ever map: a power of two, 4G to 64T
 *     scavenge_delay_ms = 1000      # what stays free for longer goes back to the OS: 1 to 3600000, or off
 *     retain = 10%                  # free memory to keep: bytes, or a share of the memory in use
 *
 * Bytes are a number, with K, M, G or T behind it for powers of 1024. Whatever is not as it should be ends the
 * process with one line on stderr and status 1. A set-uid program reads neither variable.
 */
#ifndef GM_SETTINGS_H
#define GM_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

enum { GM_SETTINGS_BYTES = 4096 }; /* the largest file */

struct gm_settings {
    uint64_t address_space;                /* 0: as the library has it */
    uint64_t scavenge_delay_ms;            /* 0: off */
    uint64_t retain_bytes, retain_percent; /* one of them is 0 */
    bool stats;
};

extern struct gm_settings gm_settings;

/* Fills gm_settings in; does not return if the file is bad. */
void gm_settings_read(void);

#endif
