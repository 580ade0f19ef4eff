/* Numbers with units, for people. Each call's text is in a buffer of its own among a few, so that one printf can show
 * up to eight of a kind. */
#ifndef UNITS_H
#define UNITS_H

const char *units_bytes(double n); /* "1.5 MiB" */
const char *units_count(double n); /* "1,234" */
/* "12.3 us"; micro: how microseconds are written where it is shown. */
const char *units_time(double ns, const char *micro);
/* "31 %", "1.2 %", "0.04 %", "less than 0.01 %"; of nothing, "0 %". */
const char *units_share(double part, double whole);

#endif
