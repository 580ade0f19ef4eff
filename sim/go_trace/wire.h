/* How a Go execution trace of format v2 is written: opcodes, their arguments, and numbers.
 *
 * After Go's internal/trace/tracev2/events.go (event/go122/event.go up to Go 1.24), where each opcode and argument is
 * described. Numbers are LEB128, as encoding/binary's Uvarint reads them: at most 10 bytes, the tenth at most 1. */
#ifndef GO_TRACE_WIRE_H
#define GO_TRACE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

enum { GO_MAX_BATCH = 64 << 10 /* bytes of payload */, GO_MAX_ARGS = 4, GO_VERSION_OBJECTS = 23 };

#define GO_NONE UINT64_MAX /* no M; and no P, no goroutine */

/* Ticks, counted from whatever the recording machine counted from, stay below this. */
#define GO_MAX_TICKS (UINT64_C(1) << 62)

/* How many numbers, the first of them the time, follow this opcode among the timed events of a trace of this version
 * (its header's, as in 1.25); 0: none do, it is no such event there. */
unsigned go_numbers_after(unsigned version, unsigned op);

/* The number at *at, which is moved on. False, *at unmoved, if it does not end before end or is above 2^64 - 1. */
bool go_number(const unsigned char **at, const unsigned char *end, uint64_t *value);

/* The same where go_number has succeeded before. */
static inline uint64_t go_number_again(const unsigned char **at)
{
    const unsigned char *from = *at;
    uint64_t value = *from & 0x7fu;
    for (unsigned shift = 7; (*from++ & 0x80u) != 0; shift += 7)
        value |= (uint64_t)(*from & 0x7fu) << shift;
    *at = from;
    return value;
}

#endif
