/* mtrace(3): a call a line, in the order in which they returned (frees: began), as one lock has it. No threads, no
 * times.
 *
 *   = Start                                    = End
 *   @ WHERE + PTR SIZE                         malloc and its relatives; calloc with its product
 *   @ WHERE - PTR                              free, and realloc to 0
 *   @ WHERE < OLD     @ WHERE > PTR SIZE       realloc, in two lines
 *   @ WHERE ! PTR SIZE                         realloc that failed
 *
 * WHERE is FILE:(SYMBOL+OFFSET)[ADDRESS], or less of it; it ends in the line's last bracket. Source: glibc's
 * malloc/mtrace-impl.c (malloc_mtrace_after and its neighbours). */
#include "import/formats.h"
#include "import/import.h"

struct mtrace {
    struct import import; /* first */
    bool in_realloc;      /* the latest line was the first of the two */
};

static const char source[] = "source=mtrace";

struct call {
    uint64_t address, size;
    char op;
};

static bool parse_call(struct text line, struct call *call)
{
    if (text_word(&line, "@ ")) {
        const char *bracket = memrchr(line.at, ']', (size_t)(line.end - line.at));
        if (bracket == NULL)
            return false;
        line.at = bracket + 1;
        if (!text_word(&line, " "))
            return false;
    }
    call->op = *line.at;
    call->size = 0;
    if (text_ended(&line) || memchr("+-<>!", call->op, 5) == NULL)
        return false;
    line.at++;
    bool has_size = call->op != '-' && call->op != '<';
    return text_word(&line, " ") && text_address(&line, &call->address) &&
           (!has_size || (text_word(&line, " ") && text_address(&line, &call->size))) && text_ended(&line);
}

static bool read_call(struct mtrace *m, const struct call *call)
{
    m->in_realloc = call->op == '<';
    switch (call->op) {
    case '!':
        m->import.counts[IMPORT_FAILED_CALLS]++;
        return true;
    case '-':
    case '<':
        return import_free(&m->import, call->address);
    default:
        return import_alloc(&m->import, call->address, call->size, 0);
    }
}

static bool is_mark(struct text line)
{
    return (text_word(&line, "= Start") || text_word(&line, "= End")) && text_ended(&line);
}

static bool read_line(struct import *import, struct text line)
{
    struct call call;
    if (!import->started)
        import_start(import, source, false);
    if (is_mark(line))
        return true;
    if (!parse_call(line, &call))
        return import_unexpected(import, "a call such as \"@ ./a.out:[0x1139] + 0x5581e0 0x18\"", line);
    return read_call((struct mtrace *)import, &call);
}

static bool finish(struct import *import)
{
    if (((struct mtrace *)import)->in_realloc)
        import->note = "it was cut off between the two lines of a realloc: the block's new place is missing";
    return import_finish(import);
}

bool mtrace_recognise(const unsigned char *bytes, size_t length)
{
    struct text line;
    struct call call;
    return text_first_line(bytes, length, &line) && (is_mark(line) || (*line.at == '@' && parse_call(line, &call)));
}

struct row_source *mtrace_open(struct byte_stream *bytes, const struct row_options *options, struct error *error)
{
    static const struct import_format format = {
        .size = sizeof(struct mtrace), .line = read_line,
        .finish = finish,
    };
    return import_open(&format, bytes, options, error);
}
