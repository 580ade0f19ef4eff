#include "classes/study.h"

#include <stdlib.h>

const char *const study_objectives[] = {"internal", "inuse", "peak", NULL};

/* Fewer classes than are required, or more than there are candidates, make no table. */
static bool check_classes(const struct study *s, struct error *error)
{
    unsigned least = 0, most = s->candidates.count;
    for (unsigned i = 0; i < s->candidates.count; i++)
        least += s->candidates.all[i].required;
    if (most > GOHEAP_MAX_CLASSES - 1)
        most = GOHEAP_MAX_CLASSES - 1;
    return (s->classes >= least && s->classes <= most) ||
           error_set(error, "a table of %u classes: expected %u to %u, by these rules", s->classes, least, most);
}

bool study_init(struct study *s, const struct goheap_config *core, const char *config_name,
                const struct class_rules *rules, enum demand_objective objective, unsigned classes,
                struct error *error)
{
    *s = (struct study){.core = *core, .config_name = config_name, .objective = objective};
    s->classes = classes > 0 ? classes : core->table.count - 1;
    return candidates_init(&s->candidates, rules, core, error) && check_classes(s, error);
}

void study_free(struct study *s)
{
    for (unsigned i = 0; i < s->count; i++)
        free(s->traces[i]);
    optimum_free(s->optimum);
    candidates_free(&s->candidates);
}

bool study_has_front(const struct study *s, unsigned classes)
{
    return classes >= STUDY_FRONT_FROM && classes <= STUDY_FRONT_TO && optimum_has(s->optimum, classes);
}

unsigned study_fewest(const struct study *s)
{
    for (unsigned n = 1; n < GOHEAP_MAX_CLASSES; n++)
        if (optimum_has(s->optimum, n) && optimum_cost(s->optimum, n) <= s->traces[0]->before.cost)
            return n;
    return 0;
}

static void fill_front(const struct study *s, struct study_trace *trace, const struct demand_weights *w)
{
    struct goheap_class_table table;
    struct waste_sheet sheet;
    for (unsigned n = STUDY_FRONT_FROM; n <= STUDY_FRONT_TO; n++) {
        if (!study_has_front(s, n))
            continue;
        optimum_table(s->optimum, n, &table);
        waste_sheet_fill(&sheet, &s->core, &table, w);
        trace->front[n] = sheet.of[0];
    }
}

/* The trace's own optimum is kept if it is the first one's. */
static bool compare(struct study *s, struct study_trace *trace, const struct demand_weights *w)
{
    struct goheap_class_table table;
    unsigned most = s->count == 0 && s->classes < STUDY_FRONT_TO ? STUDY_FRONT_TO : s->classes;
    struct optimum *own = optimum_find(&s->candidates, w, most);
    if (own == NULL)
        return false;
    if (s->count == 0)
        s->optimum = own;
    waste_sheet_fill(&trace->before, &s->core, &s->core.table, w);
    optimum_table(own, s->classes, &table);
    waste_sheet_fill(&trace->best, &s->core, &table, w);
    optimum_table(s->optimum, s->classes, &table);
    waste_sheet_fill(&trace->after, &s->core, &table, w);
    fill_front(s, trace, w);
    if (s->count > 0)
        optimum_free(own);
    return true;
}

bool study_add(struct study *s, struct demand *demand, const char *name, struct error *error)
{
    struct error why = {.text = ""};
    struct demand_weights *w = demand_weights(demand, s->objective, &why);
    struct study_trace *trace = w != NULL ? calloc(1, sizeof *trace) : NULL;
    if (trace != NULL) {
        trace->name = name;
        trace->objects = demand->objects;
        trace->tiny = demand->tiny;
        trace->large = demand->large;
        trace->empty = demand->empty;
    }
    bool good = trace != NULL && compare(s, trace, w);
    free(w);
    if (good) {
        s->traces[s->count++] = trace;
        return true;
    }
    free(trace);
    return error_set(error, "%.200s: %s", name, why.text[0] != '\0' ? why.text : "out of memory");
}
