/* Making, reading and comparing manifests. */
#include "sweep/manifest.h"

#include "report/report.h"
#include "trace/crc32c.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char file_name[] = "manifest.json";

bool manifest_join(char *path, const char *directory, const char *file, struct error *error)
{
    return snprintf(path, PATH_MAX, "%s/%s", directory, file) < PATH_MAX ||
           error_set(error, "%.300s: %s", directory, strerror(ENAMETOOLONG));
}

/* --- shards -------------------------------------------------------------------------------------------- */

size_t shard_count(const struct shard *shard, size_t runs)
{
    return runs / shard->of + (runs % shard->of >= shard->number);
}

size_t shard_index(const struct shard *shard, size_t i)
{
    return shard->number - 1 + i * shard->of;
}

/* 0 for what is no sensible number. */
static uint32_t number_of(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    return number > 0 && number <= PLAN_RUNS_MAX ? (uint32_t)number : 0;
}

struct shard manifest_shard(const json_t *manifest)
{
    const json_t *shard = json_object_get(manifest, "shard");
    return shard ? (struct shard){number_of(shard, "number"), number_of(shard, "of")} : (struct shard){1, 1};
}

size_t manifest_runs(const json_t *manifest)
{
    return number_of(manifest, "runs");
}

/* --- making -------------------------------------------------------------------------------------------- */

static bool digest_file(const char *path, uint64_t *bytes, uint32_t *digest, struct error *error)
{
    enum { CHUNK = 1 << 18 };
    FILE *f = fopen(path, "rbe");
    char *chunk = malloc(CHUNK);
    *bytes = *digest = 0;
    for (size_t n; f && chunk && (n = fread(chunk, 1, CHUNK, f)) > 0; *bytes += n)
        *digest = crc32c(*digest, chunk, n);
    bool ok = chunk && f && !ferror(f);
    if (!ok)
        error_set(error, "%.300s: %s", path, strerror(chunk ? errno : ENOMEM));
    free(chunk);
    if (f)
        fclose(f);
    return ok;
}

static json_t *describe_traces(const struct plan *plan, struct error *error)
{
    json_t *traces = json_array();
    for (size_t i = 0; i < plan->trace_count; i++) {
        uint64_t bytes;
        uint32_t digest;
        char hex[16];
        if (!digest_file(plan->trace_paths[i], &bytes, &digest, error)) {
            json_decref(traces);
            return NULL;
        }
        snprintf(hex, sizeof hex, "%08" PRIx32, digest);
        json_array_append_new(traces, json_pack("{s:O, s:I, s:s}", "name", json_array_get(plan->trace_names, i),
                                                "bytes", (json_int_t)bytes, "crc32c", hex));
    }
    return traces;
}

json_t *manifest_new(const struct plan *plan, const struct shard *shard, struct error *error)
{
    json_t *traces = describe_traces(plan, error), *manifest;
    char hex[16];
    if (!traces)
        return NULL;
    snprintf(hex, sizeof hex, "%08" PRIx32, plan->digest);
    manifest = json_pack("{s:s, s:I, s:O, s:o, s:s}", "goheap", GOHEAP_VERSION, "runs", (json_int_t)plan->runs,
                         "settings", plan->settings, "traces", traces, "configurations", hex);
    if (!manifest || (shard->of > 1 && json_object_set_new(manifest, "shard",
                                                           json_pack("{s:I, s:I}", "number", (json_int_t)shard->number,
                                                                     "of", (json_int_t)shard->of)) != 0))
        error_set(error, "out of memory");
    return manifest;
}

/* --- files --------------------------------------------------------------------------------------------- */

/* What a manifest needs to be one, lest anything in it is relied upon that is not there. */
static bool is_sound(const json_t *manifest)
{
    struct shard shard = manifest_shard(manifest);
    const json_t *settings = json_object_get(manifest, "settings"), *key;
    size_t i;
    json_array_foreach(settings, i, key)
        if (!json_is_string(key))
            return false;
    return json_is_array(settings) && manifest_runs(manifest) && shard.number && shard.number <= shard.of;
}

json_t *manifest_load(const char *directory, bool *there, struct error *error)
{
    char path[PATH_MAX];
    json_error_t why;
    if (!manifest_join(path, directory, file_name, error))
        return NULL;
    *there = access(path, F_OK) == 0;
    json_t *manifest = *there ? json_load_file(path, JSON_REJECT_DUPLICATES, &why) : NULL;
    if (manifest && is_sound(manifest))
        return manifest;
    json_decref(manifest);
    error_set(error, "%.300s: %s", path, *there ? "expected the manifest of a sweep" : strerror(ENOENT));
    return NULL;
}

bool manifest_save(const json_t *manifest, const char *directory, struct error *error)
{
    char path[PATH_MAX];
    return manifest_join(path, directory, file_name, error) && report_write_json(manifest, path, error);
}

bool manifest_remove(const char *directory, struct error *error)
{
    char path[PATH_MAX];
    if (!manifest_join(path, directory, file_name, error))
        return false;
    return unlink(path) == 0 || errno == ENOENT || error_set(error, "%.300s: %s", path, strerror(errno));
}

const char *manifest_difference(const json_t *a, const json_t *b)
{
    static const struct {
        const char *key, *words;
    } parts[] = {{"goheap", "version of goheap differs"},
                 {"traces", "traces differ"},
                 {"runs", "number of runs differs"},
                 {"settings", "settings differ"},
                 {"configurations", "configurations differ"}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!json_equal(json_object_get(a, parts[i].key), json_object_get(b, parts[i].key)))
            return parts[i].words;
    return NULL;
}
