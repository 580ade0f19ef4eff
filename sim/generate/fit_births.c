/* Objects dealt from a fit's cells, window by window, as often round as is asked for.
 *
 *   windows 0 1 2 ... n-1 | 0 1 2 ... n-1 | ...      in the first round of all cells, then of those whose objects end
 *
 * In the recorded trace nothing that ends outlives it, so what is left of one round is gone by the same point of the
 * next one: the live heap repeats itself. What never ends is allocated once, in the first round; were it allocated
 * again, a long trace would leak what the program only set up.
 *
 * A window deals as a pack of cards does, every object that it counted once, in an order of its own: rare large ones,
 * of which the mean size and the peak may consist, come as often as they did. Only of windows too large for a pack are
 * objects drawn by their number.
 *
 * The clock counts allocations, in parts of 1 / CLOCK. */
#include "generate/fit_births.h"

#include <inttypes.h>
#include <stdlib.h>

#include "generate/alias.h"

enum { CLOCK = 256, PACK_MAX = 1 << 20 /* cards: 4 MiB */ };

struct window {
    size_t first;          /* of its cells */
    struct alias all, mortal; /* its cells */
    struct alias gaps;     /* bands */
    uint64_t allocs, mortals; /* objects */
    size_t cells;
};

struct fit_births {
    struct births births; /* first: the two share their address */
    const struct fit *fit;
    struct fit_options options;
    struct random random;
    struct alias handovers; /* if the cells have no Ps: from * FIT_PS + to */
    unsigned at, windows;
    bool again;            /* not the first round */
    uint64_t left;         /* allocations to come in this window */
    uint32_t *pack;        /* if there is one for it: for each of them a cell; the first ones are those to come */
    bool has_pack;
    uint64_t allocs;       /* so far */
    double now_ns;
    struct window window[FIT_WINDOWS];
};

static bool has_mortals(const struct fit_births *b)
{
    return b->fit->ended > 0;
}

static void start_window(struct fit_births *b)
{
    const struct window *window = &b->window[b->at];
    const struct alias *kinds = b->again ? &window->mortal : &window->all;
    uint32_t n = 0;
    b->left = b->again ? window->mortals : window->allocs;
    b->has_pack = b->left <= PACK_MAX;
    if (!b->has_pack)
        return;
    for (uint32_t i = 0; i < window->cells; i++)
        if (kinds == &window->all || !fit_kind(b->fit, &b->fit->cells[window->first + i]).never_ends)
            for (uint64_t k = b->fit->cells[window->first + i].count; k > 0; k--)
                b->pack[n++] = i;
}

/* To a window that has something to deal. False: there is none. */
static bool next_window(struct fit_births *b)
{
    while (b->left == 0) {
        if (++b->at == b->windows) {
            b->at = 0;
            b->again = true;
            b->now_ns += (double)(b->fit->clock_ns - b->fit->last_alloc_ns);
        }
        if (b->again && !has_mortals(b))
            return false;
        start_window(b);
    }
    return true;
}

/* The index of the next object's cell in the window. */
static uint32_t deal(struct fit_births *b)
{
    const struct window *window = &b->window[b->at];
    if (!b->has_pack)
        return alias_draw(b->again ? &window->mortal : &window->all, &b->random);
    uint64_t at = random_below(&b->random, (uint32_t)b->left);
    uint32_t cell = b->pack[at];
    b->pack[at] = b->pack[b->left - 1];
    return cell;
}

static double draw_gap(struct fit_births *b)
{
    const struct fit_gaps *gaps = &b->fit->gaps[b->at];
    double low, high;
    unsigned band = alias_draw(&b->window[b->at].gaps, &b->random);
    double least = band == 0 ? 0 : (double)(UINT64_C(1) << (band - 1));
    fit_around(gaps->sum[band] / (double)gaps->count[band], least, band == 0 ? 0 : 2 * least - 1, &low, &high);
    return low + (high - low) * random_unit(&b->random);
}

/* As they were; of more Ps than the trace has, any of as many groups of them as there are. */
static void set_ps(struct fit_births *b, const struct fit_kind *kind, struct birth *birth)
{
    uint64_t had = b->fit->ps < FIT_PS ? b->fit->ps : FIT_PS, ps = b->options.ps > 0 ? b->options.ps : had;
    uint64_t from = kind->from, to = kind->to;
    if (b->fit->ps_apart) {
        uint32_t pair = alias_draw(&b->handovers, &b->random);
        from = pair / FIT_PS;
        to = pair % FIT_PS;
    }
    uint64_t groups = ps / had, shift = groups > 1 ? random_below(&b->random, (uint32_t)groups) * had : 0;
    birth->p = (uint16_t)((from + shift) % ps);
    birth->death_p = (uint16_t)((to + shift) % ps);
}

static bool next_birth(struct births *births, struct birth *birth, struct error *error)
{
    struct fit_births *b = (struct fit_births *)births;
    if (!next_window(b))
        return false;
    struct fit_kind kind = fit_kind(b->fit, &b->fit->cells[b->window[b->at].first + deal(b)]);
    b->now_ns += draw_gap(b);
    if (b->now_ns >= (double)BIRTH_LATEST)
        return error_set(error, "%.200s: expected a trace of at most 73 years, got gaps that give a longer one",
                         b->options.name);
    birth->clock = b->allocs++ * CLOCK;
    birth->t_ns = (uint64_t)b->now_ns;
    double lifetime = kind.lifetime_low + (kind.lifetime_high - kind.lifetime_low) * random_unit(&b->random);
    birth->death = birth->clock + 1 + (uint64_t)((lifetime + random_unit(&b->random)) * (CLOCK - 1));
    if (kind.never_ends)
        birth->death = BIRTH_NEVER;
    birth->size = kind.size;
    birth->noscan = kind.noscan;
    set_ps(b, &kind, birth);
    b->left--;
    return true;
}

static void tell(const struct births *births, FILE *out)
{
    const struct fit_births *b = (const struct fit_births *)births;
    fprintf(out, "like %s: %" PRIu64 " allocations in %u windows, %zu kinds of objects%s, seed %" PRIu64 "\n",
            b->options.name, b->fit->allocs, b->windows, b->fit->cell_count,
            b->fit->ps_apart ? ", threads apart from them" : "", b->options.seed);
    if (!has_mortals(b))
        fprintf(out, "nothing in it ever ends: it is not repeated\n");
}

static void close_births(struct births *births)
{
    struct fit_births *b = (struct fit_births *)births;
    for (unsigned w = 0; w < FIT_WINDOWS; w++) {
        alias_free(&b->window[w].all);
        alias_free(&b->window[w].mortal);
        alias_free(&b->window[w].gaps);
    }
    alias_free(&b->handovers);
    free(b->pack);
    free(b);
}

/* ---- tables ---- */

static bool make_gaps(struct fit_births *b, unsigned w)
{
    double weights[FIT_GAPS];
    for (unsigned i = 0; i < FIT_GAPS; i++)
        weights[i] = (double)b->fit->gaps[w].count[i];
    return alias_init(&b->window[w].gaps, weights, FIT_GAPS);
}

/* Its cells are n from first on. weights: room for them. */
static bool make_window(struct fit_births *b, unsigned w, size_t first, size_t n, double *weights)
{
    const struct fit_cell *cells = &b->fit->cells[first];
    struct window *window = &b->window[w];
    *window = (struct window){.first = first, .cells = n};
    for (size_t i = 0; i < n; i++) {
        window->allocs += cells[i].count;
        weights[i] = (double)cells[i].count;
    }
    if (!alias_init(&window->all, weights, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (fit_kind(b->fit, &cells[i]).never_ends)
            weights[i] = 0;
        else
            window->mortals += cells[i].count;
    }
    return alias_init(&window->mortal, weights, n) && make_gaps(b, w);
}

static bool make_windows(struct fit_births *b)
{
    const struct fit *fit = b->fit;
    double *weights = calloc(fit->cell_count, sizeof *weights);
    bool good = weights != NULL;
    for (size_t first = 0; good && first < fit->cell_count;) {
        unsigned w = fit_kind(fit, &fit->cells[first]).window;
        size_t end = first + 1;
        while (end < fit->cell_count && fit_kind(fit, &fit->cells[end]).window == w)
            end++;
        good = make_window(b, w, first, end - first, weights);
        b->windows = w + 1;
        first = end;
    }
    free(weights);
    return good;
}

static bool make_handovers(struct fit_births *b)
{
    double *weights = calloc((size_t)FIT_PS * FIT_PS, sizeof *weights);
    if (weights == NULL)
        return false;
    for (size_t i = 0; i < (size_t)FIT_PS * FIT_PS; i++)
        weights[i] = (double)b->fit->handovers[i / FIT_PS][i % FIT_PS];
    bool good = alias_init(&b->handovers, weights, (size_t)FIT_PS * FIT_PS);
    free(weights);
    return good;
}

struct births *fit_births_open(const struct fit *fit, const struct fit_options *options, struct error *error)
{
    if (fit->allocs == 0) {
        error_set(error, "%.200s: expected allocations to be like, got none", options->name);
        return NULL;
    }
    struct fit_births *b = calloc(1, sizeof *b);
    bool good = b != NULL && (b->pack = calloc(PACK_MAX, sizeof *b->pack)) != NULL;
    if (good)
        b->fit = fit;
    if (!good || !make_windows(b) || (fit->ps_apart && !make_handovers(b))) {
        error_set(error, "%.200s: out of memory", options->name);
        if (b != NULL)
            close_births(&b->births);
        return NULL;
    }
    b->births = (struct births){next_birth, tell, close_births, options->timed};
    b->options = *options;
    random_seed(&b->random, options->seed);
    start_window(b);
    return &b->births;
}
