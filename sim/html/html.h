/* Text of unknown origin as HTML. */
#ifndef HTML_H
#define HTML_H

#include <stddef.h>
#include <stdio.h>

enum { HTML_ALL = 1 << 30 }; /* characters: no limit that matters */

/* Writes length bytes so that they show as text, in an element as in a quoted attribute, and are nothing else: markup
 * is escaped. What cannot be shown, or would change how the rest is (control characters but for tab and line feed,
 * marks that turn the direction of writing, bytes that are no UTF-8), becomes U+FFFD. Of more than `most` characters
 * the first are written, then an ellipsis. */
void html_text(FILE *out, const char *text, size_t length, size_t most);

/* The same of a string. */
void html_string(FILE *out, const char *text, size_t most);

#endif
