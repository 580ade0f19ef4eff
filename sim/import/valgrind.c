/* valgrind --trace-malloc=yes: calls among whatever else valgrind and the program say. One thread at a time runs; there
 * are no thread numbers and no times.
 *
 *   --PID-- malloc(N) = 0xP                    --PID-- memalign(al A, size N) = 0xP
 *   --PID-- calloc(N,M) = 0xP                  --PID-- free(0xP)
 *   --PID-- realloc(0xO,N) = 0xP               the same with the symbols of C++'s operators new and delete
 *
 * The name is printed before the call is served and the result after it, so that one line holds two calls where the
 * first never has a result: realloc(0x0,N) goes on as malloc(N), realloc(0xO,0) as free(0xO), and a calloc whose
 * product overflows just returns; or where another thread has come between. A file may be of several processes: the
 * trace is of the first. Source: valgrind's coregrind/m_replacemalloc/vg_replace_malloc.c (MALLOC_TRACE). */
#include "import/formats.h"
#include "import/import.h"

enum op { ALLOC, CALLOC, REALLOC, FREE, USABLE_SIZE };

/* Names, or the start of mangled ones. */
static const struct {
    const char *start;
    bool whole;
    enum op op;
} names[] = {
    {"malloc", true, ALLOC},       {"calloc", true, CALLOC},       {"realloc", true, REALLOC}, {"free", true, FREE},
    {"_Znw", false, ALLOC},        {"_Zna", false, ALLOC},         {"_Zdl", false, FREE},      {"_Zda", false, FREE},
    {"memalign", true, ALLOC},     {"cfree", true, FREE},          {"malloc_usable_size", true, USABLE_SIZE},
    {"__builtin_new", true, ALLOC},   {"__builtin_vec_new", true, ALLOC},
    {"__builtin_delete", true, FREE}, {"__builtin_vec_delete", true, FREE},
};

enum { NAMES = sizeof names / sizeof *names };

static const char source[] = "source=valgrind --trace-malloc";

struct call {
    uint64_t number[2]; /* arguments without a word before them: sizes and addresses */
    unsigned numbers;
    uint64_t align;
    enum op op;
};

struct valgrind {
    struct import import; /* first */
    uint64_t pid;         /* of the first process that made a call */
};

/* Takes it, or nothing. */
static bool parse_prefix(struct text *line, uint64_t *pid)
{
    struct text rest = *line;
    if (!text_word(&rest, "--") || !text_decimal(&rest, pid) || !text_word(&rest, "-- "))
        return false;
    *line = rest;
    return true;
}

/* The name of a call with its opening parenthesis, or nothing. */
static bool parse_name(struct text *line, enum op *op)
{
    for (unsigned i = 0; i < NAMES; i++) {
        struct text rest = *line;
        if (!text_word(&rest, names[i].start))
            continue;
        while (!names[i].whole && !text_ended(&rest) && *rest.at != '(')
            rest.at++;
        if (text_word(&rest, "(")) {
            *line = rest;
            *op = names[i].op;
            return true;
        }
    }
    return false;
}

static bool parse_argument(struct text *line, struct call *call)
{
    if (text_word(line, "al "))
        return text_decimal(line, &call->align);
    text_word(line, "size ");
    if (call->numbers == 2)
        return false;
    uint64_t *number = &call->number[call->numbers++];
    return text_word(line, "0x") ? text_hex(line, number) : text_decimal(line, number);
}

/* What follows the name, up to the closing parenthesis: as many arguments as the call needs. */
static bool parse_arguments(struct text *line, struct call *call)
{
    if (!parse_argument(line, call))
        return false;
    while (text_word(line, ", ") || text_word(line, ","))
        if (!parse_argument(line, call))
            return false;
    bool two = call->op == CALLOC || call->op == REALLOC;
    return text_word(line, ")") && call->numbers == (two ? 2 : 1);
}

static bool parse_result(struct text line, uint64_t *address)
{
    return text_word(&line, " = ") && text_address(&line, address) && text_ended(&line);
}

static bool do_call(struct import *import, const struct call *call, uint64_t address)
{
    switch (call->op) {
    case ALLOC:
        return import_alloc(import, address, call->number[0], call->align);
    case CALLOC:
        return import_alloc_array(import, address, call->number[0], call->number[1]);
    case REALLOC:
        return import_realloc(import, call->number[0], address, call->number[1]);
    case FREE:
        return import_free(import, call->number[0]);
    case USABLE_SIZE:
        break;
    }
    return true;
}

/* What it means that something else than its result comes after a call. */
static void leave(struct import *import, const struct call *call)
{
    uint64_t product;
    if (call->op == CALLOC && __builtin_mul_overflow(call->number[0], call->number[1], &product))
        import->counts[IMPORT_FAILED_CALLS]++;
    else if (call->op != REALLOC || (call->number[0] != 0 && call->number[1] != 0))
        import->counts[IMPORT_BROKEN_CALLS]++;
}

/* The calls of a line, from behind the name of the first. */
static bool read_calls(struct import *import, struct text line, enum op op)
{
    uint64_t address = 0, pid;
    do {
        struct call call = {.op = op};
        if (!parse_arguments(&line, &call)) {
            import->counts[IMPORT_BROKEN_CALLS]++;
            return true;
        }
        if (op == USABLE_SIZE)
            return true;
        if (op == FREE ? text_ended(&line) : parse_result(line, &address))
            return do_call(import, &call, address);
        leave(import, &call);
        parse_prefix(&line, &pid);
    } while (parse_name(&line, &op));
    return true;
}

static bool read_line(struct import *import, struct text line)
{
    struct valgrind *valgrind = (struct valgrind *)import;
    enum op op;
    uint64_t pid;
    if (!parse_prefix(&line, &pid) || !parse_name(&line, &op))
        return true; /* what else there is to be said; a file without any call is a fault all the same */
    if (!import->started) {
        import_start(import, source, false);
        valgrind->pid = pid;
    }
    if (pid == valgrind->pid)
        return read_calls(import, line, op);
    import->counts[IMPORT_OTHER_PROCESSES]++;
    return true;
}

/* The first line is valgrind's, and one of those that follow is a call. */
bool valgrind_recognise(const unsigned char *bytes, size_t length)
{
    struct text line, first;
    uint64_t pid;
    if (!text_first_line(bytes, length, &first) ||
        !((text_word(&first, "==") && text_decimal(&first, &pid) && text_word(&first, "== ")) ||
          parse_prefix(&first, &pid)))
        return false;
    while (text_first_line(bytes, length, &line)) {
        struct call call = {0};
        size_t taken = (size_t)((const unsigned char *)memchr(bytes, '\n', length) - bytes) + 1;
        if (parse_prefix(&line, &pid) && parse_name(&line, &call.op) && parse_arguments(&line, &call))
            return true;
        bytes += taken;
        length -= taken;
    }
    return false;
}

struct row_source *valgrind_open(struct byte_stream *bytes, const struct row_options *options, struct error *error)
{
    static const struct import_format format = {
        .size = sizeof(struct valgrind), .columns = IMPORT_ALIGN, .line = read_line,
        .finish = import_finish,
    };
    return import_open(&format, bytes, options, error);
}
