/* The parts that page.c puts together, and what tables are made of. */
#ifndef PAGE_PARTS_H
#define PAGE_PARTS_H

#include "html/page.h"

enum { NAME_MOST = 100 /* characters of a name */ };

/* "redis.csv.zst" of a path, of "-" the run's. */
const char *page_trace(const struct page_run *run);
/* 'A' of the first run. */
char page_letter(const struct page *page, const struct page_run *run);

enum unit { COUNT, BYTES, NS, SHARE, RATIO, SIZE /* of a class, exact */, TEXT, TRUTH };

/* A table's cell: a number in a unit (not TEXT or TRUTH), which stands in data-v as well, for sorting. */
void page_cell(FILE *out, double value, enum unit unit);
/* Around <thead> and <tbody>, which the end closes. label: what it is, for those who come to it without the heading
 * above. */
void page_begin_table(FILE *out, const char *label, const char *class);
void page_end_table(FILE *out);

/* What a comparison, or the one run, comes to in numbers. */
void page_main_table(FILE *out, const struct page *page);
/* The settings in which runs differ; nothing if there are none. */
void page_settings_table(FILE *out, const struct page *page);
/* Of one run, each with its heading. */
void page_memory_table(FILE *out, const json_t *document);
void page_class_table(FILE *out, const json_t *document);
void page_tier_table(FILE *out, const json_t *document);
void page_lock_table(FILE *out, const json_t *document);
void page_cycle_table(FILE *out, const json_t *document);

/* What was typed, as a shell would take it, and how to get the same without it. */
void page_reproduce(FILE *out, const struct page *page, const struct page_run *run);

#endif
