/* `goheap sweep`: every run of a plan, on all cores, into one table; or the shards of one joined. */
#include "base/clock.h"
#include "base/options.h"
#include "cmd/cmd.h"
#include "sweep/plan.h"
#include "sweep/runner.h"

#include <string.h>
#include <unistd.h>

enum { OPT_OUT, OPT_JOBS, OPT_RESUME, OPT_SHARD, OPT_MERGE, OPT_CHECK, OPT_MEMORY, OPT_JSON, OPT_PROGRESS, OPT_QUIET };

enum { JOBS_MAX = 4096 };

#define MEMORY_DEFAULT (UINT64_C(2) << 30)

static const struct option_spec options[] = {
    {OPT_OUT, 'o', "output", "DIR",
     "write results.csv and runs/NNNN.json there, made if missing; a finished sweep in it is removed"},
    {OPT_JOBS, 'j', "jobs", "N", "runs at a time; by default as many as there are processors"},
    {OPT_RESUME, '\0', "resume", NULL, "go on with what DIR holds of this very sweep, if anything"},
    {OPT_SHARD, '\0', "shard", "I/N", "only run I and every Nth after it, for --merge"},
    {OPT_MERGE, '\0', "merge", NULL, "join shards, each a DIR, into what a single sweep would have written"},
    {OPT_CHECK, '\0', "check", NULL,
     "run nothing, and print as JSON how many runs there would be, and what tells this sweep from others"},
    {OPT_MEMORY, '\0', "memory", "SIZE",
     "for decoded traces, by default 2GiB; those that do not fit are read anew for each run"},
    {OPT_JSON, '\0', "json", NULL, "print the rows as a JSON array on stdout, instead of the table"},
    {OPT_PROGRESS, '\0', "progress", NULL, "show progress even if stderr is no terminal"},
    {OPT_QUIET, 'q', "quiet", NULL, "no table and no progress"},
};

static const struct command_spec command = {
    .name = "goheap sweep",
    .summary = "replay over many configurations, on all cores",
    .operands = "PLAN | --merge DIR...",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .description =
        "Runs every combination that a plan names and writes a CSV row for each, in the plan's\n"
        "order, whatever -j is. A plan is a JSON file, - for stdin, or a name in configs/plans:\n\n"
        "  {\"traces\": [\"traces/redis.csv.zst\"], \"configs\": [\"go1.19\", [\"go1.26\", \"cost/seeds\"]],\n"
        "   \"size_classes\": [\"go1.19\", \"no24\", [[8, 1], ...]], \"ps\": [1, 4],\n"
        "   \"set\": {\"gogc\": [50, 100], \"page_size\": [\"8KiB\", \"16KiB\"], \"pacing\": \"max\"},\n"
        "   \"list\": [{\"tiny_size\": 16}, {\"tiny_size\": 0, \"quantum_ns\": 500}],\n"
        "   \"skip\": [{\"ps\": 4, \"gogc\": 50}], \"sample\": {\"runs\": 10, \"seed\": 1}}\n\n"
        "Only traces are needed. They are looked for in the plan's directory, then in the working\n"
        "directory, then in those above the plan's. Several configs in a list are laid over one\n"
        "another. \"set\" takes any of replay's settings. The last list varies fastest.\n\n"
        "An entry of \"list\" sets all its keys together (\"trace\" and \"config\" among them): with\n"
        "nothing but a list, runs are given one by one. \"skip\" leaves out the runs that agree with\n"
        "all of one of its entries; a list there means any of its values. \"sample\" runs so many of\n"
        "what is left, drawn by the seed, none twice. Replays draw nothing at random, so there is\n"
        "nothing to repeat.\n\n"
        "A run that fails has its error in its row; the others go on, and the exit code is 1.\n"
        "Runs that are done stay done, whatever ends the sweep: --resume goes on from there, and\n"
        "tries those that failed again.\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap sweep demo -o out/demo\n"
                "goheap sweep my-plan.json -o out/mine -j 8 --resume && goheap plot out/mine\n"
                "goheap sweep my-plan.json -o out/1 --shard 1/2    (and 2/2 elsewhere)\n"
                "goheap sweep --merge out/1 out/2 -o out/mine\n",
};

struct sweep {
    const char *directory;
    struct shard shard; /* number 0: not given */
    unsigned jobs;
    uint64_t memory; /* bytes; 0: not given */
    bool resume, merge, check, json, quiet, progress;
    json_t *manifest;
    struct results results;
    struct output output;
    double began;
    bool shown; /* progress is on the screen */
};

/* --- options ------------------------------------------------------------------------------------------- */

static bool take_shard(struct shard *shard, const char *argument, struct error *error)
{
    char number_text[16];
    struct error ignored = {.text = ""};
    uint64_t number, of;
    size_t n = strcspn(argument, "/");
    snprintf(number_text, sizeof number_text, "%.*s", n < sizeof number_text ? (int)n : 0, argument);
    if (argument[n] != '/' || !options_u64(argument + n + 1, 1, PLAN_RUNS_MAX, &of, &ignored) ||
        !options_u64(number_text, 1, of, &number, &ignored))
        return error_set(error, "expected I/N with 1 <= I <= N <= %d, got \"%.40s\"", PLAN_RUNS_MAX, argument);
    *shard = (struct shard){(uint32_t)number, (uint32_t)of};
    return true;
}

static bool take_jobs(struct sweep *s, const char *argument, struct error *error)
{
    uint64_t jobs;
    if (!options_u64(argument, 1, JOBS_MAX, &jobs, error))
        return false;
    s->jobs = (unsigned)jobs;
    return true;
}

static bool take_memory(struct sweep *s, const char *argument, struct error *error)
{
    return (settings_parse_bytes(argument, &s->memory) && s->memory) ||
           error_set(error, "expected a size, as 500MiB, got \"%.40s\"", argument);
}

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct sweep *s = context;
    switch (id) {
    case OPT_OUT:
        s->directory = argument;
        return true;
    case OPT_JOBS:
        return take_jobs(s, argument, error);
    case OPT_SHARD:
        return take_shard(&s->shard, argument, error);
    case OPT_MEMORY:
        return take_memory(s, argument, error);
    case OPT_RESUME:
        return s->resume = true;
    case OPT_MERGE:
        return s->merge = true;
    case OPT_CHECK:
        return s->check = true;
    case OPT_JSON:
        return s->json = true;
    case OPT_PROGRESS:
        return s->progress = true;
    default:
        return s->quiet = true;
    }
}

/* What goes with what; then the defaults. */
static int check_usage(struct sweep *s, int operands)
{
    if (!s->directory && !s->check)
        return options_misuse(&command, "expected -o DIR");
    if (!s->merge && operands > 1)
        return options_misuse(&command, "expected one PLAN");
    if (s->merge && (s->shard.number || s->memory || s->resume || s->check))
        return options_misuse(&command, "--merge runs nothing: not with --shard, --memory, --resume or --check");
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (!s->jobs)
        s->jobs = online > 0 && online < JOBS_MAX ? (unsigned)online : 1;
    if (!s->shard.number)
        s->shard = (struct shard){1, 1};
    if (!s->memory)
        s->memory = MEMORY_DEFAULT;
    return OPTIONS_RUN;
}

/* --- what is told -------------------------------------------------------------------------------------- */

/* Time left is told from what has been run now; what was there took none. */
static void tell(void *context, size_t done, size_t n, size_t found)
{
    struct sweep *s = context;
    double elapsed = seconds_now() - s->began;
    fprintf(stderr, "\r\033[K%zu of %zu runs", done, n);
    if (done > found) {
        double left = elapsed * (double)(n - done) / (double)(done - found);
        fprintf(stderr, left < 600 ? ", %.0f s left" : ", %.0f min left", left < 600 ? left : left / 60);
    }
    fflush(stderr);
    s->shown = true;
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
    for (size_t i = s->results.count; i-- > 0;)
        if (results_failure(&s->results, i)) {
            failures++;
            first = i;
        }
    if (failures)
        fprintf(stderr, "goheap: %zu of %zu runs failed; run %zu: %s\n", failures, s->results.count,
                results_number(&s->results, first), results_failure(&s->results, first));
    return failures;
}

/* --- the work ------------------------------------------------------------------------------------------ */

/* Runs the plan, or joins the shards; the other is NULL. */
static bool do_runs(struct sweep *s, const struct plan *plan, const struct shards *shards, struct error *error)
{
    bool watched = s->progress || (!s->quiet && isatty(STDERR_FILENO));
    struct runner_watch watch = {.tell = watched ? tell : NULL, .context = s};
    s->began = seconds_now();
    bool ok = plan ? runner_sweep(plan, &s->shard, &s->output, &s->results, s->jobs, s->memory, &watch, error)
                   : runner_merge(shards, &s->output, &s->results, s->jobs, &watch, error);
    if (s->shown)
        fputs("\r\033[K", stderr);
    return ok;
}

/* From the directory being opened to results.csv in place. */
static bool write_all(struct sweep *s, const struct plan *plan, const struct shards *shards, struct error *error)
{
    if (!results_init(&s->results, shard_count(&s->shard, manifest_runs(s->manifest)),
                      json_object_get(s->manifest, "settings"), error) ||
        !output_open(&s->output, s->directory, s->manifest, s->resume, error))
        return false;
    if (!do_runs(s, plan, shards, error)) {
        output_abandon(&s->output);
        return false;
    }
    results_csv(&s->results, s->output.csv_stream);
    if (!output_commit(&s->output, error))
        return false;
    if (!s->quiet)
        fprintf(stderr, "wrote %s/results.csv, and each run's results in %s/runs\n", s->directory,
                s->directory);
    return print(s, error);
}

static bool sweep(struct sweep *s, const char *name, struct error *error)
{
    struct plan plan;
    bool ok = plan_load(&plan, name, error) && (s->manifest = manifest_new(&plan, &s->shard, error)) &&
              (s->check ? report_write_json(s->manifest, "-", error) : write_all(s, &plan, NULL, error));
    plan_clear(&plan);
    return ok;
}

/* A merge that was interrupted is done again over what it left. */
static bool merge(struct sweep *s, char **directories, size_t n, struct error *error)
{
    struct shards shards;
    s->resume = true;
    bool ok = shards_open(&shards, directories, n, error);
    s->manifest = json_incref(shards.manifest);
    ok = ok && write_all(s, NULL, &shards, error);
    shards_clear(&shards);
    return ok;
}

int cmd_sweep(int argc, char **argv)
{
    struct sweep s = {.directory = NULL};
    struct error error = {.text = ""};
    int first, code = options_parse(&command, argc, argv, take, &s, &first);
    if (code == OPTIONS_RUN)
        code = check_usage(&s, argc - first);
    if (code != OPTIONS_RUN)
        return code;
    bool ok = s.merge ? merge(&s, argv + first, (size_t)(argc - first), &error) : sweep(&s, argv[first], &error);
    if (!ok)
        fprintf(stderr, "goheap: %s\n", error.text);
    code = !ok || count_failures(&s) ? 1 : 0;
    results_clear(&s.results);
    json_decref(s.manifest);
    return code;
}
