/* A line a collection, as Go prints them under GODEBUG=gctrace=1 (mgc.go, gcMarkTermination):
 *
 *     gc 4 @0.089s 6%: 0.047+32+2.2 ms clock, 0.095+1.2/3.4/26+4.5 ms cpu, 20->28->27 MB, 24 MB goal, ..., 2 P
 *            since    of    stop  mark stop        assists/workers/idle Ps   heap at start, end, marked
 *           start     CPU
 */
#include "report/report.h"

/* fmtNSAsMS: three digits, or all of them from 10 ms on. */
static void put_ms(FILE *out, uint64_t ns)
{
    if (ns >= 10000000) {
        fprintf(out, "%llu", (unsigned long long)(ns / 1000000));
        return;
    }
    uint64_t x = ns / 1000; /* us */
    int decimals = 3;
    for (; x >= 100 && decimals > 0; decimals--)
        x /= 10;
    uint64_t unit = decimals == 3 ? 1000 : decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
    if (x == 0)
        fputc('0', out);
    else if (decimals == 0)
        fprintf(out, "%llu", (unsigned long long)x);
    else
        fprintf(out, "%llu.%0*llu", (unsigned long long)(x / unit), decimals, (unsigned long long)(x % unit));
}

static void put_clock(FILE *out, const struct cycle_record *r, uint64_t last_stop)
{
    put_ms(out, r->first_stop_ns);
    fputc('+', out);
    put_ms(out, r->mark_ns);
    fputc('+', out);
    put_ms(out, last_stop);
    fputs(" ms clock, ", out);
}

static void put_cpu(FILE *out, const struct cycle_record *r, uint64_t last_stop, uint64_t ps)
{
    const struct { uint64_t ns; const char *after; } parts[] = {
        {r->first_stop_ns * ps, "+"}, {r->assist_ns, "/"}, {r->background_ns, "/"},
        {r->idle_ns, "+"},            {last_stop * ps, " ms cpu, "}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        put_ms(out, parts[i].ns);
        fputs(parts[i].after, out);
    }
}

void report_gctrace(void *stream, const struct sim *sim, const struct cycle_record *r)
{
    FILE *out = stream;
    uint64_t last_stop = r->pause_ns - r->first_stop_ns;
    if (r->by_clock)
        fputs("GC forced\n", out); /* as proc.go's forcegchelper has it; runtime.GC's are marked in the line */
    fprintf(out, "gc %llu @%.3fs %d%%: ", (unsigned long long)r->number, (double)(r->start_ns / 1000000) / 1e3,
            (int)(r->cpu_fraction * 100));
    put_clock(out, r, last_stop);
    put_cpu(out, r, last_stop, sim->p_count);
    fprintf(out, "%llu->%llu->%llu MB, %llu MB goal, %llu MB stacks, %llu MB globals, %u P%s\n",
            (unsigned long long)(r->heap_start >> 20), (unsigned long long)(r->heap_end >> 20),
            (unsigned long long)(r->heap_marked >> 20), (unsigned long long)(r->goal >> 20),
            (unsigned long long)(sim->config.stack_bytes >> 20), (unsigned long long)(sim->config.globals_bytes >> 20),
            sim->p_count, r->forced ? " (forced)" : "");
}
