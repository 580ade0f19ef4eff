/* `goheap plot`: figures of a run's or a sweep's directory, drawn by gnuplot.
 *
 *     DIR/heap.csv --there? the columns? any rows?--> gnuplot plots/heap.gp --> DIR/heap.png
 *
 * What is wrong with the data is found here: gnuplot says little about it. gnuplot runs without a shell
 * and without the user's own settings, is given absolute paths (a name that starts with < or | is a command
 * to it), and writes the temporary file of an out_file: the figure is there whole or not at all. */
#include "base/nearest.h"
#include "base/options.h"
#include "base/out_file.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OPT_FORMAT, OPT_FIGURE, OPT_QUIET };

static const struct option_spec options[] = {
    {OPT_FORMAT, '\0', "format", "png|svg|pdf", "what to write; by default png"},
    {OPT_FIGURE, '\0', "figure", "NAME",
     "draw this one only; repeat it for more (by default all there is data for)"},
    {OPT_QUIET, 'q', "quiet", NULL, "do not tell what is written"},
};

static const struct command_spec command = {
    .name = "goheap plot",
    .summary = "draw a run's or a sweep's figures",
    .operands = "DIR",
    .min_operands = 1,
    .max_operands = 1,
    .description = "Draws the CSV files that `goheap replay -o DIR` or `goheap sweep -o DIR` left,\n"
                   "and writes the figures beside them. Needs gnuplot.\n"
                   "\n"
                   "  heap     heap.csv     what was mapped, in use, live and asked for, over virtual time\n"
                   "  waste    classes.csv  bytes without a live object in them, by size class, at the peak\n"
                   "  locks    locks.csv    who waited where, and for how long\n"
                   "  waits    waits.csv    when they waited\n"
                   "  latency  latency.csv  what an allocation took, by who served it\n"
                   "  sweep    results.csv  lock waits and mapped memory over the configurations\n"
                   "  trace    trace.csv    sizes and lifetimes, as `goheap info -o DIR` writes them\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap replay -P 4 -o out/redis traces/redis.csv.zst && goheap plot out/redis\n"
                "goheap plot --format svg --figure heap --figure locks out/redis\n",
};

/* plots/NAME.gp draws CSV, from those of its columns that are listed. */
static const struct figure {
    const char *name, *csv, *columns[14];
} figures[] = {
    {"heap", "heap.csv",
     {"t_ns", "mapped_bytes", "released_bytes", "in_use_bytes", "live_bytes", "requested_bytes", "goal_bytes",
      "cycles"}},
    {"waste", "classes.csv",
     {"class", "size_bytes", "span_bytes", "rounding_bytes", "tiny_bytes", "tail_bytes", "dead_bytes",
      "unused_bytes"}},
    {"locks", "locks.csv", {"lock", "acquisitions", "contended", "wait_ns"}},
    {"waits", "waits.csv", {"lock", "t_ns", "width_ns", "contended", "wait_ns"}},
    {"latency", "latency.csv", {"tier", "count", "mean_ns", "p50_ns", "p99_ns", "max_ns"}},
    {"sweep", "results.csv",
     {"config", "trace", "size_classes", "ps", "gogc", "pacing", "peak_mapped_bytes", "lock_wait_ns"}},
    {"trace", "trace.csv", {"of", "from", "to", "objects", "bytes"}},
};
enum { FIGURES = sizeof figures / sizeof figures[0] };

static const char *const formats[] = {"png", "svg", "pdf"};
static const char *const endings[] = {"IEND", "</svg>", "%%EOF"}; /* at the end of a whole file of the format */
enum { FORMATS = sizeof formats / sizeof formats[0] };

struct plot {
    int format;
    bool chosen[FIGURES], any_chosen, quiet;
    const char *given;         /* DIR as the user wrote it, for messages */
    char directory[PATH_MAX];  /* the same, absolute */
    char scripts[PATH_MAX];    /* where NAME.gp are */
    char title[256];           /* what was run */
};

/* --- the command line ---------------------------------------------------------------------------------- */

static bool unknown(const char *what, const char *word, const char *const *names, size_t n,
                    struct error *error)
{
    const char *near = nearest_name(word, names, n);
    if (near)
        return error_set(error, "there is no %s \"%s\"; did you mean \"%s\"?", what, word, near);
    return error_set(error, "there is no %s \"%s\" (--help lists them)", what, word);
}

static bool take_figure(struct plot *plot, const char *name, struct error *error)
{
    const char *names[FIGURES];
    for (int i = 0; i < FIGURES; i++) {
        names[i] = figures[i].name;
        if (strcmp(name, names[i]) == 0)
            return plot->chosen[i] = plot->any_chosen = true;
    }
    return unknown("figure", name, names, FIGURES, error);
}

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct plot *plot = context;
    switch (id) {
    case OPT_FORMAT:
        for (int i = 0; i < FORMATS; i++)
            if (strcmp(argument, formats[i]) == 0) {
                plot->format = i;
                return true;
            }
        return unknown("format", argument, formats, FORMATS, error);
    case OPT_FIGURE:
        return take_figure(plot, argument, error);
    default:
        return plot->quiet = true;
    }
}

/* --- places and names ---------------------------------------------------------------------------------- */

/* snprintf of a path in a directory; false and *error if it does not fit. */
static bool join(char *path, const char *directory, const char *name, struct error *error)
{
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX)
        return true;
    return error_set(error, "%.200s: the path is too long", directory);
}

/* Where the scripts are: as for configurations, the environment, then the build tree, then the installed. */
static bool find_scripts(struct plot *plot, struct error *error)
{
    const char *chosen = getenv("GOHEAP_PLOTS");
    char self[PATH_MAX], beside[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = '\0';
        *strrchr(self, '/') = '\0';
        if (!join(beside, self, "../plots", error))
            return false;
    }
    const char *places[] = {chosen ? chosen : "", beside, GOHEAP_DATADIR "/plots"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char style[PATH_MAX];
        if (places[i][0] == '\0' || !realpath(places[i], plot->scripts))
            continue;
        if (!join(style, plot->scripts, "style.gp", error))
            return false;
        if (access(style, R_OK) == 0)
            return true;
    }
    return error_set(error, "the gnuplot scripts (style.gp) are neither in $GOHEAP_PLOTS, nor in %s, nor in "
                     GOHEAP_DATADIR "/plots", beside);
}

static bool find_directory(struct plot *plot, struct error *error)
{
    struct stat status;
    if (!realpath(plot->given, plot->directory))
        return error_set(error, "%s: %s", plot->given, strerror(errno));
    if (stat(plot->directory, &status) != 0 || !S_ISDIR(status.st_mode))
        return error_set(error, "%s: not a directory; expected one that `goheap replay -o DIR` wrote",
                         plot->given);
    return true;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "redis.csv.zst" out of the info.json of a trace's figures, else the directory's name. */
static void name_trace(struct plot *plot)
{
    char path[PATH_MAX];
    struct error ignored = {.text = ""};
    const char *trace;
    bool fits = join(path, plot->directory, "info.json", &ignored);
    json_t *document = fits ? json_load_file(path, 0, NULL) : NULL;
    bool known = document && json_unpack(document, "{s:{s:s}}", "trace", "name", &trace) == 0;
    snprintf(plot->title, sizeof plot->title, "%.120s", base_name(known ? trace : plot->directory));
    json_decref(document);
}

/* "redis.csv.zst, go1.19, 4 Ps, recorded pacing" out of run.json; if there is none, another name. */
static void name_run(struct plot *plot)
{
    char path[PATH_MAX];
    struct error ignored = {.text = ""};
    const char *trace, *config, *pacing;
    int ps;
    bool fits = join(path, plot->directory, "run.json", &ignored);
    json_t *document = fits ? json_load_file(path, 0, NULL) : NULL;
    if (document && json_unpack(document, "{s:{s:s, s:{s:s}, s:i, s:s}}", "run", "trace", &trace, "config",
                                "name", &config, "ps", &ps, "pacing", &pacing) == 0)
        snprintf(plot->title, sizeof plot->title, "%.80s, %.60s, %d %s, %s pacing",
                 strcmp(trace, "-") == 0 ? base_name(plot->directory) : base_name(trace), config, ps,
                 ps == 1 ? "P" : "Ps", pacing);
    else
        name_trace(plot);
    json_decref(document);
}

/* --- the data ------------------------------------------------------------------------------------------ */

static bool has_column(const char *header, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = header; *at; at += strspn(at, ",")) {
        size_t here = strcspn(at, ",\r\n");
        if (here == length && memcmp(at, name, length) == 0)
            return true;
        at += here;
        if (*at != ',')
            return false;
    }
    return false;
}

static bool check_header(const struct figure *figure, const char *header, const char *path, struct error *error)
{
    for (const char *const *name = figure->columns; *name; name++)
        if (!has_column(header, *name))
            return error_set(error, "%s:1: the header has no column \"%s\"", path, *name);
    return true;
}

/* Whether there are rows below a header with the figure's columns in it. */
static bool check_csv(const struct figure *figure, const char *path, bool *has_rows, struct error *error)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return error_set(error, "%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    bool ok = getline(&line, &size, f) > 0 || error_set(error, "%s: empty; expected a header", path);
    ok = ok && check_header(figure, line, path, error);
    *has_rows = false;
    while (ok && !*has_rows && getline(&line, &size, f) > 0)
        *has_rows = strspn(line, " \t\r\n") < strlen(line);
    if (ok && ferror(f))
        ok = error_set(error, "%s: cannot be read", path);
    free(line);
    fclose(f);
    return ok;
}

/* --- gnuplot ------------------------------------------------------------------------------------------- */

enum { NOT_RUN = 127 }; /* the child's status if there is no gnuplot to become */

struct talk {
    char text[4096];
    size_t used;
};

/* In the child: never returns. Why exec failed goes where gnuplot's own messages go. */
static void become_gnuplot(char *const *argv, int talk, pid_t parent)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1); /* nobody is left to rename or remove the figure */
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    dup2(talk, STDOUT_FILENO);
    dup2(talk, STDERR_FILENO);
    execvp(argv[0], argv);
    if (errno == ENOENT)
        _exit(NOT_RUN);
    dprintf(STDERR_FILENO, "it cannot be started: %s\n", strerror(errno));
    _exit(1);
}

/* All that comes out of the pipe; the part that fits is kept. */
static void listen_to(int from, struct talk *talk)
{
    char rest[512];
    for (;;) {
        size_t room = sizeof talk->text - 1 - talk->used;
        ssize_t n = read(from, room ? talk->text + talk->used : rest, room ? room : sizeof rest);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        if (n > 0 && room)
            talk->used += (size_t)n;
    }
    while (talk->used && strchr(" \t\n", talk->text[talk->used - 1]))
        talk->used--;
    talk->text[talk->used] = '\0';
}

/* Runs gnuplot to its end; its exit status, or -1 and *error. */
static int run_gnuplot(char *const *argv, struct talk *talk, struct error *error)
{
    int ends[2], status = 0;
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0) {
        error_set(error, "pipe: %s", strerror(errno));
        return -1;
    }
    pid_t child = fork();
    if (child == 0)
        become_gnuplot(argv, ends[1], parent);
    if (child < 0)
        error_set(error, "fork: %s", strerror(errno));
    close(ends[1]);
    if (child > 0) {
        listen_to(ends[0], talk);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    close(ends[0]);
    if (child < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Whether gnuplot, which looks at no write's result, got all of the figure onto the disk. */
static bool is_whole(const char *path, const char *ending)
{
    char tail[33] = "";
    FILE *f = fopen(path, "re");
    size_t n = f && fseek(f, -32, SEEK_END) == 0 ? fread(tail, 1, sizeof tail - 1, f) : 0;
    if (f)
        fclose(f);
    return memmem(tail, n, ending, strlen(ending)) != NULL;
}

/* gnuplot writes the figure to a path; what it says is shown only if it fails. */
static bool draw_to(const struct plot *plot, const struct figure *figure, const char *path, bool has_rows,
                    struct error *error)
{
    char script[PATH_MAX], file[64];
    snprintf(file, sizeof file, "%s.gp", figure->name);
    if (!join(script, plot->scripts, file, error))
        return false;
    if (access(script, R_OK) != 0)
        return error_set(error, "%s: %s", script, strerror(errno));
    const char *argv[] = {"gnuplot", "-d", "-c", script, plot->scripts, plot->directory, path, formats[plot->format],
                          plot->title, has_rows ? "data" : "nothing", NULL};
    struct talk talk = {.used = 0};
    int status = run_gnuplot((char *const *)argv, &talk, error);
    if (status == NOT_RUN)
        return error_set(error, "gnuplot is not installed (apt-get install gnuplot-nox); the data in %s is "
                         "whole", plot->given);
    if (status == 0 || error->text[0])
        return status == 0;
    if (talk.used)
        fprintf(stderr, "%s\n", talk.text);
    return error_set(error, "gnuplot could not draw %s/%s (exit status %d)", plot->given, figure->csv, status);
}

/* --- figures ------------------------------------------------------------------------------------------- */

static bool draw(const struct plot *plot, const struct figure *figure, const char *csv, struct error *error)
{
    char path[PATH_MAX], file[64];
    bool has_rows = false;
    struct out_file out;
    snprintf(file, sizeof file, "%s.%s", figure->name, formats[plot->format]);
    if (!check_csv(figure, csv, &has_rows, error) || !join(path, plot->directory, file, error) ||
        !out_file_open(&out, path, error))
        return false;
    bool direct = out.slot < 0;
    bool ok = draw_to(plot, figure, direct ? path : out.temp, has_rows, error);
    if (ok && !direct && !is_whole(out.temp, endings[plot->format]))
        ok = error_set(error, "%s: gnuplot could not write all of it; is the disk full?", path);
    if (!ok) {
        out_file_abandon(&out);
        return false;
    }
    if (!out_file_commit(&out, error))
        return false;
    if (!plot->quiet)
        fprintf(stderr, "wrote %s%s%s\n", plot->given,
                plot->given[strlen(plot->given) - 1] == '/' ? "" : "/", file);
    return true;
}

static bool nothing_to_draw(const struct plot *plot, struct error *error)
{
    char names[200] = "";
    for (size_t i = 0, used = 0; i < FIGURES; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", figures[i].csv);
    return error_set(error, "%s: nothing to draw; expected any of %s, as `goheap replay -o DIR` writes them",
                     plot->given, names);
}

/* Everything that was chosen, or everything there is data for. */
static bool draw_all(const struct plot *plot, struct error *error)
{
    bool drawn = false;
    for (int i = 0; i < FIGURES; i++) {
        char csv[PATH_MAX];
        if (!join(csv, plot->directory, figures[i].csv, error))
            return false;
        if (plot->any_chosen ? !plot->chosen[i] : access(csv, F_OK) != 0)
            continue;
        if (!draw(plot, &figures[i], csv, error))
            return false;
        drawn = true;
    }
    return drawn || nothing_to_draw(plot, error);
}

int cmd_plot(int argc, char **argv)
{
    struct plot plot = {.format = 0};
    struct error error = {.text = ""};
    int first, code = options_parse(&command, argc, argv, take, &plot, &first);
    if (code != OPTIONS_RUN)
        return code;
    plot.given = argv[first];
    if (find_directory(&plot, &error) && find_scripts(&plot, &error)) {
        name_run(&plot);
        if (draw_all(&plot, &error))
            return 0;
    }
    fprintf(stderr, "goheap: %s\n", error.text);
    return 1;
}
