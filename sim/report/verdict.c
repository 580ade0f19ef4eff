/* The rules, by which a reader can check a sentence:
 *
 *   memory      what is largest of the heap's memory at its peak that no live object had asked for, and, if at most
 *               three size classes hold three quarters of it, which; below 5 % the heap is said to be well used.
 *               The heap's memory is what is in spans and in free pages that the OS has not got back.
 *   collecting  cycles, share of the Ps' time, pauses; by how much marking ended past the goal, at worst; assists from
 *               a quarter on of the marking time that the program could have used. Without a cycle, why there was none.
 *   waiting     for locks or, if that took longer, for a P; then the 99th percentile of every tier that served. */
#include "report/verdict.h"

#include "report/report.h"
#include "report/units.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char micro[] = "µs";

/* Appends to a text in VERDICT_TEXT bytes; what does not fit is cut. */
__attribute__((format(printf, 2, 3))) static void say(char *text, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, VERDICT_TEXT - used, format, arguments);
    va_end(arguments);
}

static const char *plural(double n)
{
    return n == 1 ? "" : "s";
}

static const char *text_at(const json_t *document, const char *path)
{
    const char *text = json_string_value(report_at(document, path));
    return text ? text : "";
}

/* --- memory -------------------------------------------------------------------------------------------- */

/* Memory that no live object had asked for. */
struct part {
    const char *what;
    const char *path;     /* within the moment */
    const char *of_class; /* within a size class; NULL: it is in none */
};

static const struct part parts[] = {
    {"unused slots in spans", "external.unused_slot_bytes", "peak.unused_bytes"},
    {"dead objects not swept yet", "dead_bytes", "peak.dead_bytes"},
    {"rounding up to size classes", "internal.rounding_bytes", "peak.rounding_bytes"},
    {"room left in tiny blocks", "internal.tiny_bytes", "peak.tiny_bytes"},
    {"tails of spans", "internal.tail_bytes", "peak.tail_bytes"},
    {"free pages kept", NULL, NULL},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

static double part_bytes(const struct part *part, const json_t *moment)
{
    return part->path ? report_number(moment, part->path) : report_kept_pages(moment);
}

static const struct part *largest_part(const json_t *moment)
{
    const struct part *largest = &parts[0];
    for (int i = 1; i < PARTS; i++)
        if (part_bytes(&parts[i], moment) > part_bytes(largest, moment))
            largest = &parts[i];
    return largest;
}

/* The classes with most of a part, most first, as many as hold three quarters of all: 0 if it takes more than the
 * three there is room for, of which the first is there still. *sum: what is in them. */
enum { NAMED = 3 };

static int where(const json_t *classes, const char *path, double all, const json_t *top[NAMED], double *sum)
{
    const json_t *class;
    size_t i;
    double bytes[NAMED] = {0};
    json_array_foreach(classes, i, class) {
        double here = report_number(class, path);
        int at = NAMED;
        while (at > 0 && here > bytes[at - 1])
            at--;
        if (at == NAMED)
            continue;
        memmove(bytes + at + 1, bytes + at, (size_t)(NAMED - 1 - at) * sizeof bytes[0]);
        memmove(top + at + 1, top + at, (size_t)(NAMED - 1 - at) * sizeof top[0]);
        bytes[at] = here;
        top[at] = class;
    }
    *sum = 0;
    for (int n = 0; n < NAMED; n++)
        if ((*sum += bytes[n]) >= 0.75 * all)
            return n + 1;
    *sum = bytes[0];
    return 0;
}

/* "1,152 B", "1,152 and 4,864 B", "64 B and large objects" */
static void name_classes(char *text, const json_t *const *classes, int n)
{
    for (int i = 0; i < n; i++) {
        double size = report_number(classes[i], "size");
        const char *before = i == 0 ? "" : i == n - 1 ? " and " : ", ";
        bool unit_follows = i + 1 < n && report_number(classes[i + 1], "size") > 0;
        if (size > 0)
            say(text, "%s%s%s", before, units_count(size), unit_follows ? "" : " B");
        else
            say(text, "%slarge objects", before);
    }
}

static void say_where(char *text, const json_t *document, const struct part *part, double all)
{
    static const char *const words[] = {"", "one class", "two classes", "three classes"};
    const json_t *top[NAMED] = {0};
    double sum;
    if (!part->of_class) {
        say(text, ", the longest run of them %s",
            units_bytes(report_number(document, "fragmentation.peak.external.longest_free_run_bytes")));
        return;
    }
    int n = where(report_at(document, "size_classes"), part->of_class, all, top, &sum);
    if (!top[0])
        return;
    if (sum >= all)
        say(text, ", all of that in ");
    else
        say(text, ", %s of that in ", units_share(sum, all));
    if (n == 0) {
        name_classes(text, top, 1);
        say(text, " and the rest spread over other classes");
    } else {
        say(text, "%s: ", words[n]);
        name_classes(text, top, n);
    }
}

static void memory(const json_t *document, char *text)
{
    const json_t *peak = report_at(document, "fragmentation.peak");
    double asked = report_number(peak, "requested_bytes");
    double all = report_number(peak, "in_use_bytes") + report_kept_pages(peak);
    if (all <= 0) {
        say(text, "Nothing was allocated, so there is no heap to look at.");
        return;
    }
    char when[128];
    snprintf(when, sizeof when, "the heap's %s at its peak, %s into the run,", units_bytes(all),
             units_time(report_number(peak, "t_ns"), micro));
    const struct part *part = largest_part(peak);
    double bytes = part_bytes(part, peak);
    if (bytes < 0.05 * all) {
        say(text, "%s of %s was what live objects had asked for; the largest loss was %s, %s.",
            units_share(asked, all), when, units_share(bytes, all), part->what);
        return;
    }
    say(text, "%s of %s was %s", units_share(bytes, all), when, part->what);
    say_where(text, document, part, bytes);
    say(text, "; live objects had asked for %s.", units_share(asked, all));
}

/* --- collecting ---------------------------------------------------------------------------------------- */

static void why_none(const json_t *document, char *text)
{
    double goal = report_number(document, "gc.next_goal_bytes");
    if (strcmp(text_at(document, "run.config.reclaim"), "immediate") == 0)
        say(text, "Nothing was collected: with reclaim=immediate what is freed can be used again without that.");
    else if (goal >= 0x1p62)
        say(text, "Nothing was collected: the collector is off.");
    else
        say(text, "No collection began: the heap did not grow enough, its goal was %s.", units_bytes(goal));
}

/* How far beyond the goal marking ended, of the cycles that are told one by one. */
static void say_goal(char *text, const json_t *records)
{
    const json_t *record;
    size_t i, past = 0;
    double worst = 0, end_then = 0, goal_then = 0;
    json_array_foreach(records, i, record) {
        double end = report_number(record, "heap_end_bytes"), goal = report_number(record, "goal_bytes");
        if (goal <= 0 || end <= goal)
            continue;
        past++;
        if (end / goal > worst) {
            worst = end / goal;
            end_then = end;
            goal_then = goal;
        }
    }
    if (past == 0)
        say(text, "; the heap never ended a cycle past its goal");
    else
        say(text, "; the heap ended %zu of them past its goal, at worst by %s (%s instead of %s)", past,
            units_share(end_then - goal_then, goal_then), units_bytes(end_then), units_bytes(goal_then));
}

static void collecting(const json_t *document, char *text)
{
    const json_t *gc = report_at(document, "gc");
    double cycles = report_number(gc, "cycles"), forced = report_number(gc, "forced_cycles");
    double marking = report_number(gc, "mark_cpu_ns"), assists = report_number(gc, "assist_ns");
    if (cycles <= 0) {
        why_none(document, text);
        return;
    }
    say(text, "%s collection%s", units_count(cycles), plural(cycles));
    if (forced >= cycles)
        say(text, ", %sforced,", cycles > 1 ? "all " : "");
    else if (forced > 0)
        say(text, ", %s of them forced,", units_count(forced));
    say(text, " took %s of the Ps' time and stopped the world for %s",
        units_share(report_number(gc, "cpu_fraction"), 1), units_time(report_number(gc, "pauses.total_ns"), micro));
    if (cycles > 1)
        say(text, " in all, at the longest %s", units_time(report_number(gc, "pauses.max_ns"), micro));
    if (marking > 0 && assists >= 0.25 * marking)
        say(text, "; assists were %s of the marking that idle Ps did not do", units_share(assists, marking));
    say_goal(text, report_at(gc, "records"));
    say(text, ".");
}

/* --- waiting ------------------------------------------------------------------------------------------- */

static const json_t *most_waited_for(const json_t *locks)
{
    const json_t *lock, *most = NULL;
    size_t i;
    json_array_foreach(locks, i, lock)
        if (json_is_true(report_at(lock, "waits")) &&
            report_number(lock, "wait_ns") > (most ? report_number(most, "wait_ns") : 0))
            most = lock;
    return most;
}

static void say_locks(char *text, const json_t *document, const json_t *lock, double all)
{
    double of_ps = report_number(document, "run.ps") * report_number(document, "run.virtual_ns");
    double wait = report_number(lock, "wait_ns"), contended = report_number(lock, "contended");
    say(text, "Ps waited %s for locks, %s of their time, ", units_time(all, micro), units_share(all, of_ps));
    if (wait < all)
        say(text, "%s of that", units_share(wait, all));
    else
        say(text, "all of that");
    say(text, " for %.60s (%s of %s acquisitions, at worst %s)", text_at(lock, "name"), units_count(contended),
        units_count(report_number(lock, "acquisitions")), units_time(report_number(lock, "wait_max_ns"), micro));
}

static void latency(const json_t *document, char *text)
{
    static const struct { const char *tier, *what; } names[] = {
        {"fast", "on the fast path"}, {"mcentral", "through mcentral"}, {"mheap", "through mheap"},
        {"os", "with memory from the OS"}};
    const json_t *tier;
    size_t i;
    const char *before = "99 % of the allocations took at most ";
    json_array_foreach(report_at(document, "latency"), i, tier)
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            if (report_number(tier, "count") > 0 && strcmp(text_at(tier, "tier"), names[k].tier) == 0) {
                say(text, "%s%s %s", before, units_time(report_number(tier, "p99_ns"), micro), names[k].what);
                before = ", ";
            }
    say(text, *text ? "." : "Nothing was allocated.");
}

static void locks(const json_t *document, char *text)
{
    double for_locks = report_lock_sum(document, "wait_ns", NULL);
    double for_p = report_number(document, "run.scheduler.latency.total_ns");
    const json_t *lock = most_waited_for(report_at(document, "locks"));
    if (for_p > for_locks)
        say(text, "Streams waited %s for one of the %s P%s, at worst %s, and %s for locks", units_time(for_p, micro),
            units_count(report_number(document, "run.ps")), plural(report_number(document, "run.ps")),
            units_time(report_number(document, "run.scheduler.latency.max_ns"), micro), units_time(for_locks, micro));
    else if (lock)
        say_locks(text, document, lock, for_locks);
    else
        say(text, "Nobody waited for a lock");
    say(text, ".");
}

void verdict_of(const json_t *document, struct verdict *verdict)
{
    *verdict = (struct verdict){.memory = ""};
    memory(document, verdict->memory);
    collecting(document, verdict->collecting);
    locks(document, verdict->locks);
    latency(document, verdict->latency);
}
