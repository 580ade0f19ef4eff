/* `goheap sweep`: every run of a plan, on all cores, into one table. */
#include "base/clock.h"
#include "base/options.h"
#include "cmd/cmd.h"
#include "sweep/output.h"
#include "sweep/plan.h"
#include "sweep/pool.h"
#include "sweep/results.h"

#include <unistd.h>

enum { OPT_OUT, OPT_JOBS, OPT_JSON, OPT_PROGRESS, OPT_QUIET };

enum { JOBS_MAX = 4096 };

static const struct option_spec options[] = {
    {OPT_OUT, 'o', "output", "DIR",
     "write results.csv and runs/NNNN.json there, made if missing; those of an earlier sweep are removed"},
    {OPT_JOBS, 'j', "jobs", "N", "runs at a time; by default as many as there are processors"},
    {OPT_JSON, '\0', "json", NULL, "print the rows as a JSON array on stdout, instead of the table"},
    {OPT_PROGRESS, '\0', "progress", NULL, "show progress even if stderr is no terminal"},
    {OPT_QUIET, 'q', "quiet", NULL, "no table and no progress"},
};

static const struct command_spec command = {
    .name = "goheap sweep",
    .summary = "replay over many configurations, on all cores",
    .operands = "PLAN",
    .min_operands = 1,
    .max_operands = 1,
    .description = "Runs every combination that a plan names and writes a CSV row for each, in the plan's\n"
                   "order, whatever -j is. A plan is a JSON file, - for stdin, or a name in configs/plans:\n\n"
                   "  {\"traces\": [\"traces/redis.csv.zst\"], \"configs\": [\"go1.19\"],\n"
                   "   \"size_classes\": [\"go1.19\", \"no24\", [[8, 1], ...]], \"ps\": [1, 4],\n"
                   "   \"set\": {\"gogc\": [50, 100], \"pacing\": \"max\"}}\n\n"
                   "Only traces are needed. They are looked for in the plan's directory, then in the working\n"
                   "directory, then in those above the plan's. \"set\" takes any of replay's settings.\n"
                   "The last list varies fastest.\n"
                   "A run that fails has its error in its row; the others go on, and the exit code is 1.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap sweep demo -o out/demo\n"
                "goheap sweep my-plan.json -o out/mine -j 8 && goheap plot out/mine\n",
};

struct sweep {
    struct plan plan;
    struct results results;
    struct output output;
    const char *directory;
    unsigned jobs;
    bool json, quiet, progress;
    double began;
    bool shown; /* progress is on the screen */
};

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct sweep *s = context;
    uint64_t jobs = 0;
    switch (id) {
    case OPT_OUT:
        s->directory = argument;
        return true;
    case OPT_JOBS:
        if (!options_u64(argument, 1, JOBS_MAX, &jobs, error))
            return false;
        s->jobs = (unsigned)jobs;
        return true;
    case OPT_JSON:
        s->json = true;
        return true;
    case OPT_PROGRESS:
        s->progress = true;
        return true;
    default:
        s->quiet = true;
        return true;
    }
}

/* --- one run, on a thread of the pool ------------------------------------------------------------------ */

static json_t *replay_source(const struct plan_run *run, struct sim *sim, struct trace_source *source,
                             struct error *error)
{
    double began = seconds_now();
    if (!sim_run(sim, source, error))
        return NULL;
    json_t *document = report_document(sim, run->trace, (struct wall){.seconds = seconds_now() - began});
    if (!document)
        error_set(error, "out of memory");
    return document;
}

/* The document that `goheap replay` makes of the same configuration and trace; NULL with *error. */
static json_t *replay(const struct plan_run *run, struct error *error)
{
    json_t *document = NULL;
    struct sim *sim = sim_new(&run->config, error);
    struct trace_source *source = sim ? trace_open(run->trace_path, (int)run->config.stream_by, error) : NULL;
    if (source) {
        document = replay_source(run, sim, source, error);
        source->close(source);
    }
    sim_destroy(sim);
    return document;
}

static void replay_one(void *context, size_t index)
{
    struct sweep *s = context;
    struct plan_run run;
    struct error error = {.text = ""};
    bool ok = plan_run_init(&run, &s->plan, index, &error);
    json_t *document = ok ? replay(&run, &error) : NULL;
    ok = document && output_run(&s->output, index, document, &error);
    if (!ok) {
        json_decref(document);
        document = results_unfinished(&run);
    }
    results_take(&s->results, index, document, ok ? NULL : error.text);
    json_decref(document);
    plan_run_clear(&run);
}

/* --- all of them --------------------------------------------------------------------------------------- */

static void tell(void *context, size_t done, size_t n)
{
    struct sweep *s = context;
    double elapsed = seconds_now() - s->began;
    fprintf(stderr, "\r\033[K%zu of %zu runs", done, n);
    if (done)
        fprintf(stderr, ", %.0f s left", elapsed * (double)(n - done) / (double)done);
    fflush(stderr);
    s->shown = true;
}

static int failed(const struct error *error)
{
    fprintf(stderr, "goheap: %s\n", error->text);
    return 1;
}

static bool print(const struct sweep *s, struct error *error)
{
    if (s->json) {
        json_t *rows = results_json(&s->results);
        bool ok = report_write_json(rows, "-", error);
        json_decref(rows);
        return ok;
    }
    if (!s->quiet && !results_table(&s->results, stdout))
        return error_set(error, "out of memory");
    return fflush(stdout) == 0 || error_set(error, "standard output: cannot be written");
}

/* How many runs failed, told with the first of them. */
static size_t count_failures(const struct sweep *s)
{
    size_t failures = 0, first = 0;
    for (size_t i = s->plan.runs; i-- > 0;)
        if (results_failure(&s->results, i)) {
            failures++;
            first = i;
        }
    if (failures)
        fprintf(stderr, "goheap: %zu of %zu runs failed; run %zu: %s\n", failures, s->plan.runs, first + 1,
                results_failure(&s->results, first));
    return failures;
}

static bool run_all(struct sweep *s, struct error *error)
{
    bool watched = s->progress || (!s->quiet && isatty(STDERR_FILENO));
    struct pool_work work = {.run = replay_one, .tell = watched ? tell : NULL, .context = s};
    s->began = seconds_now();
    if (!output_open(&s->output, s->directory, error))
        return false;
    if (!pool_run(&work, s->plan.runs, s->jobs, error)) {
        output_abandon(&s->output);
        return false;
    }
    if (s->shown)
        fputs("\r\033[K", stderr);
    results_csv(&s->results, s->output.csv_stream);
    if (!output_commit(&s->output, error))
        return false;
    if (!s->quiet)
        fprintf(stderr, "wrote %s/results.csv, and each run's results in %s/runs\n", s->directory,
                s->directory);
    return print(s, error);
}

static int sweep(struct sweep *s, const char *plan)
{
    struct error error = {.text = ""};
    bool ok = plan_load(&s->plan, plan, &error) && results_init(&s->results, &s->plan, &error) &&
              run_all(s, &error);
    int code = !ok ? failed(&error) : count_failures(s) ? 1 : 0;
    results_clear(&s->results);
    plan_clear(&s->plan);
    return code;
}

int cmd_sweep(int argc, char **argv)
{
    struct sweep s = {.directory = NULL};
    int first, code = options_parse(&command, argc, argv, take, &s, &first);
    if (code != OPTIONS_RUN)
        return code;
    if (!s.directory)
        return options_misuse(&command, "expected -o DIR");
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (!s.jobs)
        s.jobs = online > 0 && online < JOBS_MAX ? (unsigned)online : 1;
    return sweep(&s, argv[first]);
}
