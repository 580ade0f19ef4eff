/* Tables of size classes on paper: as Go prints its own, and as JSON that a configuration takes. page is the bytes of
 * a page. */
#ifndef CLASSES_CLASS_TABLE_H
#define CLASSES_CLASS_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "base/error.h"
#include "goheap.h"

/* The columns of runtime/sizeclasses.go (mksizeclasses.go, printComment), number for number. */
void class_table_text(const struct goheap_class_table *table, uint32_t page, FILE *out);

/* {"size_classes": [[bytes, pages], ...]}, class 0 left out. With a note it is a file to keep, and says what the
 * table was made for: {"note": note, "page_size": ..., "size_classes": ...}. note NULL: none. */
void class_table_json(const struct goheap_class_table *table, uint32_t page, const char *note, FILE *out);

/* The list of pairs, as a new reference; NULL: no memory. */
json_t *class_table_list(const struct goheap_class_table *table);

/* Writes the file to keep. */
bool class_table_file(const struct goheap_class_table *table, uint32_t page, const char *note, const char *path,
                      struct error *error);

#endif
