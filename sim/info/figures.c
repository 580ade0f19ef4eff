/* Counting. Objects by slot: as many entries as slots were ever taken at once, whatever the length of the trace. */
#include "info/figures.h"

#include <stdlib.h>
#include <string.h>

struct figures_object {
    uint64_t born_ns, born_bytes; /* the trace's time, and the bytes allocated before it */
    uint64_t size : 48;
    uint64_t class : 8;
    uint64_t is_live : 1;
    uint32_t p; /* number */
};

_Static_assert(GOHEAP_MAX_CLASSES <= 256, "a class fits figures_object");

struct figures *figures_new(const struct gh_size_classes *classes)
{
    struct figures *figures = calloc(1, sizeof *figures);
    if (figures == NULL)
        return NULL;
    figures->classes = classes;
    bool ps = streams_init(&figures->ps, 0), gs = streams_init(&figures->gs, 0);
    if (ps && gs)
        return figures;
    figures_free(figures);
    return NULL;
}

void figures_free(struct figures *figures)
{
    if (figures == NULL)
        return;
    streams_free(&figures->ps);
    streams_free(&figures->gs);
    free(figures->live_objects);
    free(figures);
}

/* ---- one object ---- */

/* So that live_objects has the slot. */
static bool grow(struct figures *figures, uint32_t slot)
{
    size_t capacity = ((size_t)slot + 1) * 2;
    struct figures_object *larger = reallocarray(figures->live_objects, capacity, sizeof *larger);
    if (larger == NULL)
        return false;
    memset(larger + figures->capacity, 0, (capacity - figures->capacity) * sizeof *larger);
    figures->live_objects = larger;
    figures->capacity = capacity;
    return true;
}

static void note_peaks(struct figures *figures, uint64_t time_ns, uint64_t line)
{
    struct figures_peak now = {figures->live, figures->live_bytes, time_ns, line};
    if (now.objects > figures->peak_objects.objects)
        figures->peak_objects = now;
    if (now.bytes > figures->peak_bytes.bytes)
        figures->peak_bytes = now;
}

/* Large objects and those of no bytes are in no class. */
static unsigned class_of(const struct figures *figures, const struct trace_event *event)
{
    return event->size == 0 ? 0 : gh_class_of(figures->classes, event->size, event->noscan);
}

static void begin(struct figures *figures, const struct trace_event *event, uint64_t line)
{
    unsigned class = class_of(figures, event);
    figures->live_objects[event->slot] = (struct figures_object){
        .born_ns = event->time_ns, .born_bytes = figures->bytes, .size = event->size, .class = class & 0xff,
        .is_live = 1, .p = event->stream};
    struct figures_class *of_class = &figures->by_class[class];
    of_class->objects++;
    of_class->bytes += event->size;
    if (++of_class->live > of_class->peak_live)
        of_class->peak_live = of_class->live;
    figures->objects++;
    figures->bytes += event->size;
    figures->noscan_objects += event->noscan;
    figures->noscan_bytes += event->noscan ? event->size : 0;
    figures->live++;
    figures->live_bytes += event->size;
    spread_add(&figures->sizes, event->size, event->size);
    note_peaks(figures, event->time_ns, line);
}

/* For the second time too: a free after a dead. */
static void end(struct figures *figures, const struct trace_event *event)
{
    struct figures_object *object = &figures->live_objects[event->slot];
    if (!object->is_live)
        return;
    object->is_live = 0;
    figures->by_class[object->class].live--;
    figures->live--;
    figures->live_bytes -= object->size;
    figures->ended++;
    figures->elsewhere += object->p != event->stream;
    /* another P's clock may be behind */
    uint64_t ns = event->time_ns > object->born_ns ? event->time_ns - object->born_ns : 0;
    if (figures->timed)
        spread_add(&figures->lifetimes_ns, ns, object->size);
    spread_add(&figures->lifetimes_bytes, figures->bytes - object->born_bytes - object->size, object->size);
}

/* ---- rows ---- */

static void keep_meta(struct figures *figures, const struct trace_row *row)
{
    if (figures->meta_count == FIGURES_META)
        return;
    char *text = figures->meta[figures->meta_count++];
    size_t length = row->type_length < FIGURES_META_TEXT - 1 ? row->type_length : FIGURES_META_TEXT - 1;
    memcpy(text, row->type, length);
    text[length] = '\0';
}

static bool take_event(struct figures *figures, const struct trace_row *row, const struct trace_event *event,
                       const char *name, struct error *error)
{
    if (figures->ps.count == 0)
        figures->timed = (row->present & 1u << ROW_T_NS) != 0;
    if (event->time_ns > figures->duration_ns)
        figures->duration_ns = event->time_ns;
    bool has_g = (row->present & 1u << ROW_G) != 0;
    if (!streams_add(&figures->ps, row->value[ROW_P]) || (has_g && !streams_add(&figures->gs, row->value[ROW_G])))
        return row_fail(error, name, row->line, "out of memory");
    if (event->op == TRACE_ALLOC) {
        if (event->size > INT64_MAX - figures->bytes)
            return row_fail(error, name, row->line, "size: expected less than 2^63 bytes allocated in all, got more");
        if (event->slot >= figures->capacity && !grow(figures, event->slot))
            return row_fail(error, name, row->line, "out of memory");
        begin(figures, event, row->line);
    } else if (event->op == TRACE_FREE || event->op == TRACE_DEAD) {
        end(figures, event);
    }
    return true;
}

bool figures_take(struct figures *figures, const struct trace_row *row, const struct trace_event *event,
                  const char *name, struct error *error)
{
    figures->rows[row->op]++;
    if (event != NULL)
        return take_event(figures, row, event, name, error);
    keep_meta(figures, row);
    return true;
}

void figures_finish(struct figures *figures)
{
    streams_sort(&figures->ps);
    streams_sort(&figures->gs);
}

uint64_t figures_rows(const struct figures *figures)
{
    uint64_t rows = 0;
    for (int op = 0; op < ROW_OPS; op++)
        rows += figures->rows[op];
    return rows;
}
