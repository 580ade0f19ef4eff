/* The table of opcodes, and numbers that may be cut off or too large. */
#include "go_trace/wire.h"

const unsigned char go_numbers_after[256] = {
    [GO_PROCS_CHANGE] = 3,     [GO_PROC_START] = 3,
    [GO_PROC_STOP] = 1,        [GO_PROC_STEAL] = 4,
    [GO_PROC_STATUS] = 3,      [GO_CREATE] = 4,
    [GO_CREATE_SYSCALL] = 2,   [GO_START] = 3,
    [GO_DESTROY] = 1,          [GO_DESTROY_SYSCALL] = 1,
    [GO_STOP] = 3,             [GO_BLOCK] = 3,
    [GO_UNBLOCK] = 4,          [GO_SYSCALL_BEGIN] = 3,
    [GO_SYSCALL_END] = 1,      [GO_SYSCALL_END_BLOCKED] = 1,
    [GO_STATUS] = 4,           [GO_STW_BEGIN] = 3,
    [GO_STW_END] = 1,          [GO_GC_ACTIVE] = 2,
    [GO_GC_BEGIN] = 3,         [GO_GC_END] = 2,
    [31] = 2 /* GCSweepActive */,
    [32] = 2 /* GCSweepBegin */,
    [33] = 3 /* GCSweepEnd */,
    [34] = 2 /* GCMarkAssistActive */,
    [35] = 2 /* GCMarkAssistBegin */,
    [36] = 1 /* GCMarkAssistEnd */,
    [GO_HEAP_ALLOC] = 2,       [GO_HEAP_GOAL] = 2,
    [39] = 2 /* GoLabel */,
    [40] = 5 /* UserTaskBegin */,
    [41] = 3 /* UserTaskEnd */,
    [42] = 4 /* UserRegionBegin */,
    [43] = 4 /* UserRegionEnd */,
    [GO_USER_LOG] = 5,         [GO_SWITCH] = 3,
    [GO_SWITCH_DESTROY] = 3,   [GO_CREATE_BLOCKED] = 4,
    [GO_STATUS_STACK] = 5,     [GO_SPAN] = 4,
    [GO_SPAN_ALLOC] = 4,       [GO_SPAN_FREE] = 2,
    [GO_HEAP_OBJECT] = 3,      [GO_HEAP_OBJECT_ALLOC] = 3,
    [GO_HEAP_OBJECT_FREE] = 2, [GO_GOROUTINE_STACK] = 3,
    [GO_GOROUTINE_STACK_ALLOC] = 3,
    [GO_GOROUTINE_STACK_FREE] = 2,
};

bool go_number(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    const unsigned char *from = *at;
    uint64_t sum = 0;
    for (unsigned shift = 0; from < end; shift += 7) {
        unsigned char byte = *from++;
        if (shift == 63 && byte > 1)
            return false;
        sum |= (uint64_t)(byte & 0x7fu) << shift;
        if (byte < 0x80) {
            *value = sum;
            *at = from;
            return true;
        }
    }
    return false;
}

const unsigned char *go_long_number_again(const unsigned char *at, uint64_t *value)
{
    uint64_t sum = *at & 0x7fu;
    for (unsigned shift = 7; (*at++ & 0x80u) != 0; shift += 7)
        sum |= (uint64_t)(*at & 0x7fu) << shift;
    *value = sum;
    return at;
}

const unsigned char *go_numbers_one_by_one(const unsigned char *at, unsigned count, uint64_t *numbers)
{
    for (unsigned i = 0; i < count; i++)
        numbers[i] = go_number_again(&at);
    return at;
}
