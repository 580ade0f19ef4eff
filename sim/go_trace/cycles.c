/* Which collection has found an object dead, and when it died by the policy. */
#include "go_trace/cycles.h"

#include "go_trace/draw.h"

void go_cycles_begin(struct go_cycles *cycles, struct go_cycle cycle)
{
    cycles->marking = true;
    cycles->count++;
    cycles->latest[2] = cycles->latest[1];
    cycles->latest[1] = cycles->latest[0];
    cycles->latest[0] = cycle;
}

/* The collection that found an object dead which is swept now. Sweeping ends when the next collection begins, by its
 * event a little later; an object as young as that is one of the next, whose end has been written by a slower clock. */
static const struct go_cycle *found_by(const struct go_cycles *cycles, uint64_t born)
{
    return &cycles->latest[cycles->marking && born <= cycles->latest[1].begin ? 1 : 0];
}

/* Not while the collection marked: what can be reached from the heap as it begins is kept (mbarrier.go: the deletion
 * barrier), what is allocated meanwhile too. */
struct go_death go_cycles_death(struct go_cycles *cycles, const struct row_options *options, struct go_object object)
{
    const struct go_cycle *cycle = found_by(cycles, object.born);
    uint64_t begin = cycle[0].begin, before = cycle[1].begin;
    struct go_death death = {.ns = cycle->begin_ns, .who = object.who};
    cycles->late_births += object.born > begin;
    death.when = object.born < begin ? begin : object.born + 1;
    if (options->death == DEATH_UNIFORM) {
        uint64_t least = object.born > before ? object.born : before;
        if (least < begin)
            death.when = least + 1 + go_draw(options->seed, ~go_who_id(object.who)) % (begin - least);
        death.ns = least < begin ? death.when : object.born;
    }
    return death;
}

/* Deaths that are yet to come are found out by the latest collection or a later one. */
uint64_t go_cycles_end(struct go_cycles *cycles, const struct row_options *options)
{
    cycles->marking = false;
    return options->death == DEATH_UNIFORM ? cycles->latest[1].begin + 1 : cycles->latest[0].begin;
}
