/* Firefox's logalloc: a call a line, under one lock: frees before they happen, all others after. No times.
 *
 *   PID TID malloc(SIZE)=PTR              PID TID memalign(ALIGN,SIZE)=PTR       (posix_memalign, aligned_alloc)
 *   PID TID calloc(COUNT,SIZE)=PTR        PID TID valloc(SIZE)=PTR
 *   PID TID realloc(OLD,SIZE)=PTR         PID TID free(PTR)      PID TID jemalloc_stats()
 *
 * Old logs have no TID. In a munged log PTR is #NUMBER, 0 for none. A log may be of several processes, which share no
 * heap: the trace is of the first. Source: Firefox's memory/replace/logalloc/LogAlloc.cpp and, in replay/ beside it,
 * logalloc_munge.py. */
#include "import/formats.h"
#include "import/import.h"

enum { PAGE = 4096 /* bytes, valloc's alignment */ };

enum op { MALLOC, CALLOC, REALLOC, MEMALIGN, POSIX_MEMALIGN, ALIGNED_ALLOC, VALLOC, FREE, JEMALLOC_STATS, OPS };

static const struct {
    const char *word;
    const char *arguments; /* n: a number, p: a pointer */
    bool has_result;
} ops[OPS] = {
    [MALLOC] = {"malloc(", "n", true},
    [CALLOC] = {"calloc(", "nn", true},
    [REALLOC] = {"realloc(", "pn", true},
    [MEMALIGN] = {"memalign(", "nn", true},
    [POSIX_MEMALIGN] = {"posix_memalign(", "nn", true},
    [ALIGNED_ALLOC] = {"aligned_alloc(", "nn", true},
    [VALLOC] = {"valloc(", "n", true},
    [FREE] = {"free(", "p", false},
    [JEMALLOC_STATS] = {"jemalloc_stats(", "", false},
};

static const char source[] = "source=logalloc";

struct call {
    uint64_t pid, tid;
    uint64_t argument[2];
    uint64_t address; /* the result */
    enum op op;
};

struct logalloc {
    struct import import; /* first */
    uint64_t pid;         /* of the first process */
};

static bool parse_pointer(struct text *line, uint64_t *address)
{
    return text_word(line, "#") ? text_decimal(line, address) : text_address(line, address);
}

static bool parse_arguments(struct text *line, struct call *call)
{
    const char *arguments = ops[call->op].arguments;
    for (unsigned i = 0; arguments[i] != '\0'; i++) {
        if (i > 0 && !text_word(line, ","))
            return false;
        if (!(arguments[i] == 'p' ? parse_pointer(line, &call->argument[i]) : text_decimal(line, &call->argument[i])))
            return false;
    }
    return text_word(line, ")");
}

static bool parse_call(struct text line, struct call *call)
{
    if (!text_decimal(&line, &call->pid) || !text_word(&line, " "))
        return false;
    call->tid = call->pid;
    struct text tid = line;
    if (text_decimal(&tid, &call->tid)) {
        line = tid;
        if (!text_word(&line, " "))
            return false;
    }
    for (call->op = 0; call->op < OPS; call->op++)
        if (text_word(&line, ops[call->op].word))
            return parse_arguments(&line, call) &&
                   (!ops[call->op].has_result || (text_word(&line, "=") && parse_pointer(&line, &call->address))) &&
                   text_ended(&line);
    return false;
}

static bool do_call(struct import *import, const struct call *call)
{
    const uint64_t *argument = call->argument;
    switch (call->op) {
    case MALLOC:
        return import_alloc(import, call->address, argument[0], 0);
    case CALLOC:
        return import_alloc_array(import, call->address, argument[0], argument[1]);
    case REALLOC:
        return import_realloc(import, argument[0], call->address, argument[1]);
    case MEMALIGN:
    case POSIX_MEMALIGN:
    case ALIGNED_ALLOC:
        return import_alloc(import, call->address, argument[1], argument[0]);
    case VALLOC:
        return import_alloc(import, call->address, argument[0], PAGE);
    case FREE:
        return import_free(import, argument[0]);
    case JEMALLOC_STATS:
    case OPS:
        break;
    }
    return true;
}

static bool read_line(struct import *import, struct text line)
{
    struct logalloc *log = (struct logalloc *)import;
    struct call call;
    if (!parse_call(line, &call))
        return import_unexpected(import, "a call such as \"1 1 malloc(42)=0x7f0c33502040\"", line);
    if (!import->started) {
        import_start(import, source, false);
        log->pid = call.pid;
    }
    if (call.pid != log->pid) {
        import->counts[IMPORT_OTHER_PROCESSES]++;
        return true;
    }
    return import_thread(import, call.tid) && do_call(import, &call);
}

bool logalloc_recognise(const unsigned char *bytes, size_t length)
{
    struct text line;
    struct call call;
    return text_first_line(bytes, length, &line) && parse_call(line, &call);
}

struct row_source *logalloc_open(struct byte_stream *bytes, const struct row_options *options, struct error *error)
{
    static const struct import_format format = {
        .size = sizeof(struct logalloc), .columns = IMPORT_THREAD | IMPORT_ALIGN, .line = read_line,
        .finish = import_finish,
    };
    return import_open(&format, bytes, options, error);
}
