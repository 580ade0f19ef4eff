/* What a thread of the pool does: a run of the plan, or the fetching of one that has been done elsewhere. */
#include "sweep/runner.h"

#include "base/clock.h"
#include "sweep/pool.h"
#include "sweep/traces.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct runner {
    const struct plan *plan;     /* sweeping: what is run, */
    const struct shard *shard;   /* which part of it, */
    struct traces traces;        /* and with what */
    const struct shards *shards; /* merging: what is joined */
    struct output *output;
    struct results *results;
    const struct runner_watch *watch;
    atomic_size_t found; /* runs that were there */
    pthread_mutex_t lock;
    struct error *error; /* what ends the sweep; under the lock */
};

static bool stop(struct runner *r, const char *why)
{
    pthread_mutex_lock(&r->lock);
    error_set(r->error, "%s", why);
    pthread_mutex_unlock(&r->lock);
    return false;
}

static void tell(void *runner, size_t done, size_t n)
{
    struct runner *r = runner;
    r->watch->tell(r->watch->context, done, n, atomic_load(&r->found));
}

/* Everything that needs an index a run, on all threads. */
static bool do_all(struct runner *r, bool (*run)(void *context, size_t i), unsigned jobs, struct error *error)
{
    struct pool_work work = {.run = run, .tell = r->watch->tell ? tell : NULL, .context = r};
    r->error = error;
    atomic_init(&r->found, 0);
    pthread_mutex_init(&r->lock, NULL);
    bool ok = pool_run(&work, r->results->count, jobs, error) && error->text[0] == '\0';
    pthread_mutex_destroy(&r->lock);
    return ok;
}

/* --- sweeping ------------------------------------------------------------------------------------------ */

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
static json_t *replay(struct runner *r, const struct plan_run *run, struct error *error)
{
    json_t *document = NULL;
    struct sim *sim = sim_new(&run->config, error);
    struct trace_source *source = sim ? traces_open(&r->traces, run, error) : NULL;
    if (source) {
        document = replay_source(run, sim, source, error);
        source->close(source);
    }
    sim_destroy(sim);
    return document;
}

/* The document of a run that was done before; one that failed then is worth another try. */
static json_t *find_done(struct runner *r, size_t index)
{
    struct error ignored = {.text = ""};
    json_t *document = r->output->resumed ? output_load(r->output->directory, index, &ignored) : NULL;
    if (!json_object_get(document, "error")) {
        if (document)
            atomic_fetch_add(&r->found, 1);
        return document;
    }
    json_decref(document);
    return NULL;
}

/* Replays and writes; NULL if that cannot be written. */
static json_t *make(struct runner *r, const struct plan_run *run, size_t index, struct error *failure)
{
    json_t *document = failure->text[0] ? NULL : replay(r, run, failure);
    if (!document)
        document = results_unfinished(run, failure->text);
    struct error error = {.text = ""};
    bool ok = document ? output_run(r->output, index, document, &error) : error_set(&error, "out of memory");
    if (ok)
        return document;
    stop(r, error.text);
    json_decref(document);
    return NULL;
}

static bool run_one(void *runner, size_t i)
{
    struct runner *r = runner;
    struct plan_run run;
    struct error failure = {.text = ""};
    size_t index = shard_index(r->shard, i);
    plan_run_init(&run, r->plan, index, &failure);
    json_t *document = find_done(r, index);
    if (!document)
        document = make(r, &run, index, &failure);
    traces_done(&r->traces, &run);
    if (document)
        results_take(r->results, i, index, document);
    bool more = document != NULL;
    json_decref(document);
    plan_run_clear(&run);
    return more;
}

static bool expect_all(struct runner *r, struct error *error)
{
    for (size_t i = 0; i < r->results->count; i++) {
        struct plan_run run;
        bool ok = plan_run_init(&run, r->plan, shard_index(r->shard, i), error);
        if (ok)
            traces_expect(&r->traces, &run);
        plan_run_clear(&run);
        if (!ok)
            return false;
    }
    return true;
}

/* What a run gives back the next one asks for: kept, it does not have to be had from the kernel page by page again, for
 * which the threads would wait for each other. */
static void keep_memory(void)
{
    enum { LARGE = 32 << 20, KEPT = 1 << 30 };
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, KEPT);
}

bool runner_sweep(const struct plan *plan, const struct shard *shard, struct output *output, struct results *results,
                  unsigned jobs, uint64_t memory, const struct runner_watch *watch, struct error *error)
{
    struct runner r = {.plan = plan, .shard = shard, .output = output, .results = results, .watch = watch};
    keep_memory();
    bool ok = traces_init(&r.traces, plan->trace_count, memory, error) && expect_all(&r, error) &&
              do_all(&r, run_one, jobs, error);
    traces_clear(&r.traces);
    return ok;
}

/* --- merging ------------------------------------------------------------------------------------------- */

/* Puts a directory in its place among the shards. */
static bool place(struct shards *shards, const char *directory, const json_t *manifest, const char *first,
                  struct error *error)
{
    struct shard shard = manifest_shard(manifest);
    const char *difference = manifest_difference(shards->manifest, manifest);
    if (difference)
        return error_set(error, "%.200s: of another sweep than %.200s: its %s", directory, first, difference);
    if (shard.of != shards->count)
        return error_set(error, "%.200s: shard %u of %u, where %.200s is one of %u", directory, shard.number, shard.of,
                         first, shards->count);
    if (!output_is_finished(directory))
        return error_set(error, "%.300s: shard %u of %u is not finished: sweep --resume goes on with it", directory,
                         shard.number, shard.of);
    const char **at = &shards->directories[shard.number - 1];
    if (*at)
        return error_set(error, "%.200s: shard %u of %u, as %.200s is", directory, shard.number, shard.of, *at);
    *at = directory;
    return true;
}

/* The first directory says how many there have to be. */
static bool begin_shards(struct shards *shards, const char *directory, struct error *error)
{
    bool there;
    shards->manifest = manifest_load(directory, &there, error);
    if (!shards->manifest)
        return false;
    shards->count = manifest_shard(shards->manifest).of;
    shards->directories = calloc(shards->count, sizeof *shards->directories);
    json_object_del(shards->manifest, "shard");
    return shards->directories || error_set(error, "out of memory");
}

bool shards_open(struct shards *shards, char **directories, size_t n, struct error *error)
{
    memset(shards, 0, sizeof *shards);
    if (!begin_shards(shards, directories[0], error))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool there;
        json_t *manifest = manifest_load(directories[i], &there, error);
        bool ok = manifest && place(shards, directories[i], manifest, directories[0], error);
        json_decref(manifest);
        if (!ok)
            return false;
    }
    for (uint32_t i = 0; i < shards->count; i++)
        if (!shards->directories[i])
            return error_set(error, "shard %u of %u is missing", i + 1, shards->count);
    return true;
}

void shards_clear(struct shards *shards)
{
    free(shards->directories);
    json_decref(shards->manifest);
}

static bool merge_one(void *runner, size_t index)
{
    struct runner *r = runner;
    struct error error = {.text = ""};
    json_t *document = output_load(r->shards->directories[index % r->shards->count], index, &error);
    bool ok = document && output_run(r->output, index, document, &error);
    if (ok)
        results_take(r->results, index, index, document);
    else
        stop(r, error.text);
    json_decref(document);
    return ok;
}

bool runner_merge(const struct shards *shards, struct output *output, struct results *results, unsigned jobs,
                  const struct runner_watch *watch, struct error *error)
{
    struct runner r = {.shards = shards, .output = output, .results = results, .watch = watch};
    return do_all(&r, merge_one, jobs, error);
}
