/* What a figure of a run says, in words and numbers, for those who do not see it. */
#ifndef FIGURE_TEXT_H
#define FIGURE_TEXT_H

#include <jansson.h>

enum { FIGURE_TEXT = 2048 };

/* figure: its name, as `goheap plot --figure` has it. Of one that the tree knows nothing about, what there is
 * to say of the heap. */
void figure_text(const char *figure, const json_t *document, char text[FIGURE_TEXT]);

#endif
