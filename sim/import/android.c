/* Android's malloc_debug: a call a line, in the order in which the calls returned (frees: began).
 *
 *   TID: malloc PTR SIZE                  TID: free PTR [PRESENT]
 *   TID: calloc PTR COUNT SIZE            TID: thread_done 0x0 [END_NS]
 *   TID: realloc PTR OLD SIZE             ... and, but for thread_done, [START_NS END_NS] after all of them
 *   TID: memalign PTR ALIGN SIZE          (posix_memalign, aligned_alloc, valloc and pvalloc too)
 *
 * A call's time is its start. PRESENT is how many of the block's bytes were resident. Source: bionic's
 * libc/malloc_debug/RecordData.cpp, and memory_trace::FillInEntryFromString in system/extras. */
#include "import/formats.h"
#include "import/import.h"

enum op { MALLOC, CALLOC, REALLOC, MEMALIGN, FREE, THREAD_DONE, OPS };

static const struct {
    const char *word;
    unsigned arguments; /* after PTR; of realloc the first is an address */
} ops[OPS] = {
    [MALLOC] = {" malloc ", 1},     [CALLOC] = {" calloc ", 2}, [REALLOC] = {" realloc ", 2},
    [MEMALIGN] = {" memalign ", 2}, [FREE] = {" free ", 0},     [THREAD_DONE] = {" thread_done ", 0},
};

static const char source[] = "source=Android malloc_debug";

struct call {
    uint64_t tid, address;
    uint64_t argument[2];
    uint64_t ns; /* if timed */
    bool timed;
    enum op op;
};

struct android {
    struct import import; /* first */
    uint64_t start_ns;    /* of the first call: the trace's 0 */
};

static bool parse_arguments(struct text *line, struct call *call)
{
    for (unsigned i = 0; i < ops[call->op].arguments; i++) {
        bool is_address = call->op == REALLOC && i == 0;
        if (!text_word(line, " ") ||
            !(is_address ? text_address(line, &call->argument[i]) : text_decimal(line, &call->argument[i])))
            return false;
    }
    return true;
}

/* What follows the arguments, up to three numbers. */
static bool parse_time(struct text line, struct call *call)
{
    uint64_t values[3] = {0};
    unsigned count = 0;
    for (; count < 3 && text_word(&line, " "); count++)
        if (!text_decimal(&line, &values[count]))
            return false;
    if (!text_ended(&line))
        return false;
    if (call->op == THREAD_DONE) {
        call->timed = count == 1;
        call->ns = values[0];
        return count <= 1;
    }
    unsigned present = call->op == FREE && count % 2 == 1;
    call->timed = count == present + 2;
    call->ns = values[present];
    return count == present || call->timed;
}

static bool parse_call(struct text line, struct call *call)
{
    if (!text_decimal(&line, &call->tid) || !text_word(&line, ":"))
        return false;
    for (call->op = 0; call->op < OPS; call->op++)
        if (text_word(&line, ops[call->op].word))
            return text_address(&line, &call->address) && parse_arguments(&line, call) && parse_time(line, call);
    return false;
}

/* The first call says whether there are times in the trace. */
static void start(struct android *android, const struct call *call)
{
    android->start_ns = call->ns;
    import_start(&android->import, source, call->timed);
}

static bool set_time(struct android *android, const struct call *call)
{
    struct import *import = &android->import;
    if (import->timed && call->ns >= android->start_ns)
        return import_time(import, call->ns - android->start_ns);
    import->counts[import->timed ? IMPORT_LATE_TIMES : IMPORT_LOST_TIMES]++;
    return true;
}

static bool do_call(struct import *import, const struct call *call)
{
    switch (call->op) {
    case MALLOC:
        return import_alloc(import, call->address, call->argument[0], 0);
    case CALLOC:
        return import_alloc_array(import, call->address, call->argument[0], call->argument[1]);
    case REALLOC:
        return import_realloc(import, call->argument[0], call->address, call->argument[1]);
    case MEMALIGN:
        return import_alloc(import, call->address, call->argument[1], call->argument[0]);
    case FREE:
        return import_free(import, call->address);
    case THREAD_DONE:
    case OPS:
        break;
    }
    import_thread_end(import);
    return true;
}

static bool read_line(struct import *import, struct text line)
{
    struct android *android = (struct android *)import;
    struct call call;
    if (!parse_call(line, &call))
        return import_unexpected(import, "a call such as \"186: malloc 0xb6027400 1024\"", line);
    if (!import->started)
        start(android, &call);
    return import_thread(import, call.tid) && (!call.timed || set_time(android, &call)) && do_call(import, &call);
}

bool android_recognise(const unsigned char *bytes, size_t length)
{
    struct text line;
    struct call call;
    return zip_member_recognise(bytes, length) || (text_first_line(bytes, length, &line) && parse_call(line, &call));
}

struct row_source *android_open(struct byte_stream *bytes, const struct row_options *options, struct error *error)
{
    static const struct import_format format = {
        .size = sizeof(struct android), .columns = IMPORT_TIME | IMPORT_THREAD | IMPORT_ALIGN, .line = read_line,
        .finish = import_finish,
    };
    return import_open(&format, bytes, options, error);
}
