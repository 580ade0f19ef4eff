/* The outermost layer of a Go execution trace: a header, then records one after another.
 *
 *   bytes --go_input--> "go 1.25 trace\0\0\0"  batch  batch  ...  end of generation  batch ...
 *
 * Every failure names the byte of the file, or of what was compressed in it, at which it was seen. */
#ifndef GO_TRACE_FRAMING_H
#define GO_TRACE_FRAMING_H

#include "base/error.h"
#include "trace/byte_stream.h"

enum { GO_HEADER = 16 /* bytes */ };

/* Reading on, with the place known. */
struct go_input {
    struct byte_stream *bytes; /* the owner's */
    const unsigned char *next, *end;
    uint64_t offset; /* of next in the file */
    bool broken;     /* the file cannot be read any more: no matter of its content */
};

/* A batch: what one M (thread) wrote, or a table. */
struct go_batch {
    struct go_batch *next;
    uint64_t generation, m, time; /* time: ticks, what its first event counts from */
    uint64_t offset;              /* of the payload in the file */
    uint32_t size;                /* of the payload: at most GO_MAX_BATCH */
    uint8_t experiment;           /* 0: of none; 1: AllocFree */
    unsigned char payload[];      /* and GO_SLACK bytes */
};

enum go_record { GO_RECORD_BATCH, GO_RECORD_GENERATION_ENDS, GO_RECORD_FILE_ENDS, GO_RECORD_BAD };

/* Sets *error to "NAME: byte OFFSET: ..."; false. */
bool go_fail(struct error *error, const struct go_input *input, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether these bytes begin as a Go execution trace of any version does. */
bool go_is_trace(const unsigned char *bytes, size_t length);

/* Reads the header. Returns the version, 25 for Go 1.25; 0 with *error if there are no allocation events in traces of
 * that version, or none is known of this number. */
unsigned go_read_header(struct go_input *input, struct error *error);

/* The next record. GO_RECORD_BATCH: *batch is the caller's to free; GO_RECORD_BAD: *error is set. version: which
 * records there are. */
enum go_record go_read_record(struct go_input *input, unsigned version, struct go_batch **batch, struct error *error);

#endif
