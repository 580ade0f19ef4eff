/* Go execution traces with allocations: what runtime/trace records under GODEBUG=traceallocfree=1, Go 1.23 to 1.26. */
#ifndef GO_TRACE_H
#define GO_TRACE_H

#include "trace/byte_stream.h"
#include "trace/row.h"

/* Whether a file that begins with these bytes is a Go execution trace, of whatever version. */
bool go_trace_recognise(const unsigned char *bytes, size_t length);

/* Takes the stream over, of which nothing has been consumed: closes it with the source, or at once if it returns NULL
 * (*error says why). The options are copied. */
struct row_source *go_trace_open(struct byte_stream *bytes, const struct row_options *options, struct error *error);

#endif
