/* How a Go execution trace of format v2 is written: opcodes, their arguments, and numbers.
 *
 * After Go's internal/trace/tracev2/events.go (event/go122/event.go up to Go 1.24), where each opcode and argument is
 * described. Numbers are LEB128, as encoding/binary's Uvarint reads them: at most 10 bytes, the tenth at most 1. */
#ifndef GO_TRACE_WIRE_H
#define GO_TRACE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are taken apart eight bytes at a time");

enum go_op {
    GO_EVENT_BATCH = 1,
    GO_STACKS = 2,
    GO_STRINGS = 4,
    GO_CPU_SAMPLES = 6,
    GO_FREQUENCY = 8,
    GO_PROCS_CHANGE = 9, /* the first timed event */
    GO_PROC_START,
    GO_PROC_STOP,
    GO_PROC_STEAL,
    GO_PROC_STATUS,
    GO_CREATE,
    GO_CREATE_SYSCALL,
    GO_START,
    GO_DESTROY,
    GO_DESTROY_SYSCALL,
    GO_STOP,
    GO_BLOCK,
    GO_UNBLOCK,
    GO_SYSCALL_BEGIN,
    GO_SYSCALL_END,
    GO_SYSCALL_END_BLOCKED,
    GO_STATUS,
    GO_STW_BEGIN,
    GO_STW_END,
    GO_GC_ACTIVE,
    GO_GC_BEGIN,
    GO_GC_END,
    GO_HEAP_ALLOC = 37,
    GO_HEAP_GOAL = 38,
    GO_USER_LOG = 44, /* the last of Go 1.22 */
    GO_SWITCH = 45,
    GO_SWITCH_DESTROY,
    GO_CREATE_BLOCKED,
    GO_STATUS_STACK,
    GO_EXPERIMENTAL_BATCH = 49,
    GO_SYNC = 50,
    GO_CLOCK_SNAPSHOT = 51,
    GO_END_OF_GENERATION = 52,
    GO_SPAN = 128, /* exists when the trace begins */
    GO_SPAN_ALLOC,
    GO_SPAN_FREE,
    GO_HEAP_OBJECT, /* exists when the trace begins */
    GO_HEAP_OBJECT_ALLOC,
    GO_HEAP_OBJECT_FREE,
    GO_GOROUTINE_STACK, /* exists when the trace begins */
    GO_GOROUTINE_STACK_ALLOC,
    GO_GOROUTINE_STACK_FREE,
};

enum {
    GO_MAX_BATCH = 64 << 10 /* bytes of payload */,
    GO_MAX_ARGS = 4,
    GO_SLACK = 8, /* bytes that may be read after those of a number, and mean nothing */
};

#define GO_NONE UINT64_MAX /* no M; and no P, no goroutine */

/* Ticks, counted from whatever the recording machine counted from, stay below this. */
#define GO_MAX_TICKS (UINT64_C(1) << 62)

/* How many numbers, the first of them the time, follow an opcode among the timed events, by opcode; 0: it is none of
 * theirs. From Go 1.23 on the same in all versions. */
extern const unsigned char go_numbers_after[256];

/* The number at *at, which is moved on. False, *at unmoved, if it does not end before end or is above 2^64 - 1. */
bool go_number(const unsigned char **at, const unsigned char *end, uint64_t *value);

/* The highest bit of each of the eight bytes that a number ends with. */
static inline uint64_t go_number_ends(const unsigned char *at)
{
    uint64_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return ~bytes & UINT64_C(0x8080808080808080);
}

/* How many bytes so many numbers take, at least one number; 0: more than eight. Reads GO_SLACK bytes. */
static inline unsigned go_numbers_length(const unsigned char *at, unsigned count)
{
    uint64_t ends = go_number_ends(at);
    for (; count > 1; count--)
        ends &= ends - 1;
    return ends != 0 ? (unsigned)__builtin_ctzll(ends) / 8 + 1 : 0;
}

/* What go_number_again does with a number of nine bytes or ten. Returns where it ends. */
const unsigned char *go_long_number_again(const unsigned char *at, uint64_t *value);

/* The number at *at, which is moved on, where go_number has succeeded before. Reads GO_SLACK bytes. */
static inline uint64_t go_number_again(const unsigned char **at)
{
    uint64_t ends = go_number_ends(*at), value;
    if (ends == 0) {
        *at = go_long_number_again(*at, &value);
        return value;
    }
    memcpy(&value, *at, sizeof value);
    *at += (unsigned)__builtin_ctzll(ends) / 8 + 1;
    value &= (ends ^ (ends - 1)) & UINT64_C(0x7f7f7f7f7f7f7f7f);
    value = (value & UINT64_C(0x007f007f007f007f)) | (value & UINT64_C(0x7f007f007f007f00)) >> 1;
    value = (value & UINT64_C(0x00003fff00003fff)) | (value & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (value & UINT64_C(0x000000000fffffff)) | (value & UINT64_C(0x0fffffff00000000)) >> 4;
}

/* Bytes of two numbers of up to eight bytes, and nothing else, into the two. */
static inline void go_join_bits(uint64_t first, uint64_t second, uint64_t numbers[2])
{
    typedef uint64_t pair __attribute__((vector_size(16)));
    pair bits = {first, second};
    bits &= UINT64_C(0x7f7f7f7f7f7f7f7f);
    bits -= (bits & UINT64_C(0x7f007f007f007f00)) >> 1;
    bits = (bits & UINT64_C(0x00003fff00003fff)) | (bits & UINT64_C(0x3fff00003fff0000)) >> 2;
    bits = (bits & UINT64_C(0x000000000fffffff)) | (bits & UINT64_C(0x0fffffff00000000)) >> 4;
    memcpy(numbers, &bits, sizeof bits);
}

/* What go_numbers_again does with none, or more than two, or where two are longer than eight bytes. */
const unsigned char *go_numbers_one_by_one(const unsigned char *at, unsigned count, uint64_t *numbers);

/* So many numbers, where go_number has succeeded with each before; returns where they end. There is room for two in any
 * case, and what comes in the place of one that is not there means nothing. Reads GO_SLACK bytes. */
static inline const unsigned char *go_numbers_again(const unsigned char *at, unsigned count, uint64_t *numbers)
{
    uint64_t bytes, ends = go_number_ends(at), more = ends & (ends - 1), last = count == 1 ? ends : more;
    if (last == 0 || count - 1 > 1)
        return go_numbers_one_by_one(at, count, numbers);
    memcpy(&bytes, at, sizeof bytes);
    go_join_bits(bytes & (ends ^ (ends - 1)), (bytes & (more ^ (more - 1))) >> __builtin_ctzll(ends) >> 1, numbers);
    return at + __builtin_ctzll(last) / 8 + 1;
}

#endif
