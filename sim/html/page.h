/* The report: one HTML page that holds all it shows, of one run or of several beside one another.
 *
 *     run.json --report_read--> tree --+
 *     CSVs --gnuplot----------> SVG ---+--page_write--> <!DOCTYPE html>...
 *
 * Nothing in it comes from anywhere else, and what the page says can be read without its script. It stays below
 * PAGE_MOST bytes whatever it is made from: names are cut, tables end with a line that says how many rows are not
 * shown, figures for which no room is left are named. */
#ifndef PAGE_H
#define PAGE_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum { PAGE_MOST = 3000000, PAGE_RUNS = 12 };

struct page_figure {
    const char *name; /* as `goheap plot --figure` has it */
    const char *what; /* is drawn */
    char *svg;        /* gnuplot's, of all runs side by side, followed by a '\0' */
    size_t length;
};

struct page_run {
    const char *name;         /* directory or file, as the user wrote it */
    json_t *document, *trace; /* checked (report/read.h); trace: info.json, NULL: there is none */
};

struct page {
    const struct page_run *runs;
    size_t count; /* 1 to PAGE_RUNS; from the second on, each is held against the first */
    const struct page_figure *figures;
    size_t figure_count;
    const char *remark; /* shown where the figures are or would be; NULL: none */
};

/* False with *error if a figure is not as gnuplot draws them or there is no memory; then part of it may be written. */
bool page_write(FILE *out, const struct page *page, struct error *error);

#endif
