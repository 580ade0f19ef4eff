/* Sizes by policy: slot, fit and uniform. */
#include "go_trace/sizes.h"

enum { HEADER = 8, HEADER_ABOVE = 512 /* runtime/mbitmap.go, heapBitsInSpan */, LARGEST_SMALL = 32768, PAGE = 8192 };

const uint16_t go_slot_bytes[GO_SIZE_CLASSES] = {
    0,    8,    16,   24,   32,   48,   64,   80,   96,   112,  128,   144,   160,   176,   192,   208,   224,
    240,  256,  288,  320,  352,  384,  416,  448,  480,  512,  576,   640,   704,   768,   896,   1024,  1152,
    1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096,  4864,  5376,  6144,  6528,  6784,  6912,
    8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768,
};

struct go_requests go_requests_of(const struct go_span *span)
{
    if (span->size_class == 0) {
        uint64_t before = span->slot - PAGE, small = LARGEST_SMALL - HEADER;
        return (struct go_requests){before > small ? before : small, span->slot};
    }
    uint64_t before = go_slot_bytes[span->size_class - 1];
    if (go_span_is_tiny(span))
        before = 0;
    if (span->noscan || span->slot <= HEADER_ABOVE)
        return (struct go_requests){before, span->slot};
    return (struct go_requests){before - HEADER > HEADER_ABOVE ? before - HEADER : HEADER_ABOVE, span->slot - HEADER};
}

/* random modulo n, which is so much smaller than 2^64 that it does not matter. */
static uint64_t draw(struct go_requests requests, uint64_t unit, uint64_t random)
{
    uint64_t first = requests.least / unit + 1, last = requests.most / unit;
    return last < first ? requests.most : (first + random % (last - first + 1)) * unit;
}

uint64_t go_request_among(unsigned policy, struct go_requests requests, uint64_t type_size, uint64_t random)
{
    uint64_t unit = type_size > 0 && type_size <= requests.most ? type_size : 1;
    if (policy == SIZE_UNIFORM)
        return draw(requests, unit, random);
    uint64_t array = requests.most / unit * unit;
    return array > requests.least ? array : requests.most;
}

uint64_t go_tiny_request(unsigned policy, bool second_half, uint64_t type_size, uint64_t random)
{
    struct go_requests requests = {0, second_half ? GO_TINY_SLOT / 2 : GO_TINY_SLOT - 1};
    return go_is_single(requests, type_size) ? type_size : go_request_among(policy, requests, type_size, random);
}
