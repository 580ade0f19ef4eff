/* Births and deaths in the order of the model's clock, as rows. Ids count births. */
#include "generate/generator.h"

#include <stdlib.h>
#include <string.h>

#include "generate/deaths.h"

struct generator {
    struct row_source source; /* first: the two share their address */
    struct births *births;
    struct generator_options options;
    struct deaths deaths;
    struct birth next;           /* the one that comes next, if has_next */
    uint64_t last_clock, last_ns; /* of the one before it */
    uint64_t next_id;
    uint64_t lines, events; /* told so far */
    bool has_next, done;
    struct error failure;
};

/* The time of a death between two births: it is as far between them as it is on the model's clock. */
static uint64_t time_of_death(const struct generator *g, uint64_t clock)
{
    uint64_t clocks = g->next.clock - g->last_clock, ns = g->next.t_ns - g->last_ns;
    if (ns == clocks || clocks == 0)
        return clocks == 0 ? g->next.t_ns : g->last_ns + (clock - g->last_clock);
    __extension__ unsigned __int128 product = (unsigned __int128)(clock - g->last_clock) * ns;
    return g->last_ns + (uint64_t)(product / clocks);
}

static void tell_meta(struct generator *g, struct trace_row *row)
{
    const char *text = g->options.meta[g->lines];
    *row = row_begin(TRACE_META, ++g->lines);
    row_set_type(row, text, strlen(text));
}

static void tell_event(struct generator *g, struct trace_row *row, uint8_t op, uint64_t t_ns, uint16_t p, uint64_t id)
{
    *row = row_begin(op, ++g->lines);
    if (g->births->timed)
        row_set(row, ROW_T_NS, t_ns);
    row_set(row, ROW_P, p);
    row_set(row, ROW_ID, id);
    g->events++;
}

static bool tell_birth(struct generator *g, struct trace_row *row)
{
    const struct birth *birth = &g->next;
    if (birth->death != BIRTH_NEVER && !deaths_push(&g->deaths, birth->death, g->next_id, birth->death_p))
        return row_fail(&g->failure, g->options.name, 0, "out of memory");
    tell_event(g, row, TRACE_ALLOC, birth->t_ns, birth->p, g->next_id++);
    row_set(row, ROW_SIZE, birth->size);
    row_set(row, ROW_NOSCAN, birth->noscan);
    g->last_clock = birth->clock;
    g->last_ns = birth->t_ns;
    g->has_next = false;
    return true;
}

static bool next_row(struct generator *g, struct trace_row *row)
{
    if (g->lines < g->options.meta_count) {
        tell_meta(g, row);
        return true;
    }
    if (g->events == g->options.events)
        return false;
    if (!g->has_next && !g->births->next(g->births, &g->next, &g->failure))
        return false;
    g->has_next = true;
    if (g->deaths.count == 0 || g->deaths.heap[0].time > g->next.clock)
        return tell_birth(g, row);
    struct death death = deaths_pop(&g->deaths);
    tell_event(g, row, TRACE_FREE, time_of_death(g, death.time), (uint16_t)death.id_p, death.id_p >> 16);
    return true;
}

static size_t read_rows(struct row_source *source, struct trace_row *rows, size_t max, struct error *error)
{
    struct generator *g = (struct generator *)source;
    size_t count = 0;
    while (count < max && !g->done) {
        g->done = !next_row(g, &rows[count]);
        count += !g->done;
    }
    if (count == 0 && g->failure.text[0] != '\0')
        error_set(error, "%s", g->failure.text);
    return count;
}

static void tell_births(const struct row_source *source, FILE *out)
{
    const struct generator *g = (const struct generator *)source;
    if (g->births->tell != NULL)
        g->births->tell(g->births, out);
}

static void close_generator(struct row_source *source)
{
    struct generator *g = (struct generator *)source;
    deaths_free(&g->deaths);
    g->births->close(g->births);
    free(g);
}

struct row_source *generator_open(struct births *births, const struct generator_options *options, struct error *error)
{
    struct generator *g = calloc(1, sizeof *g);
    if (g == NULL) {
        row_fail(error, options->name, 0, "out of memory");
        births->close(births);
        return NULL;
    }
    g->births = births;
    g->options = *options;
    unsigned columns = 1u << ROW_P | 1u << ROW_OP | 1u << ROW_ID | 1u << ROW_SIZE | 1u << ROW_NOSCAN | 1u << ROW_TYPE;
    if (births->timed)
        columns |= 1u << ROW_T_NS;
    g->source = (struct row_source){.read = read_rows, .tell = tell_births, .close = close_generator,
                                    .name = g->options.name, .columns = (uint16_t)columns};
    return &g->source;
}
