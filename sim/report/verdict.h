/* What a run comes to, in three sentences: where the heap's memory was, what collecting cost, whether anybody waited.
 * What each speaks of is chosen by what matters most in this run; verdict.c has the rules. */
#ifndef VERDICT_H
#define VERDICT_H

#include <jansson.h>

enum { VERDICT_TEXT = 640 };

struct verdict {
    char memory[VERDICT_TEXT], collecting[VERDICT_TEXT];
    char locks[VERDICT_TEXT], latency[VERDICT_TEXT]; /* the third is made of these two */
};

/* Of a tree that report_document made or report_read has checked. Plain text in UTF-8. */
void verdict_of(const json_t *document, struct verdict *verdict);

#endif
