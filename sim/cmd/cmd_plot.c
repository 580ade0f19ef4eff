/* `goheap plot`: figures of the directories of runs or sweeps, drawn by gnuplot.
 *
 *     DIR/heap.csv --there? the columns? any rows?--> gnuplot plots/draw.gp heap --> DIR/heap.png
 *
 * What is wrong with the data is found in plot_data.c. gnuplot is given absolute paths (a name that starts with < or |
 * is a command to it), and writes the temporary file of an out_file: the figure is there whole or not at all. */
#include "base/nearest.h"
#include "base/options.h"
#include "base/out_file.h"
#include "cmd/cmd.h"
#include "cmd/plot_data.h"
#include "cmd/plot_gnuplot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPT_FORMAT, OPT_FIGURE, OPT_OUTPUT, OPT_QUIET };
enum { MOST_RUNS = 12 };

static const struct option_spec options[] = {
    {OPT_FORMAT, '\0', "format", "png|svg|pdf|term",
     "what to write; by default png. term draws with letters, on standard output"},
    {OPT_FIGURE, '\0', "figure", "NAME",
     "draw this one only; repeat it for more (by default all there is data for)"},
    {OPT_OUTPUT, 'o', "output", "DIRECTORY",
     "where the figures go (made if missing); by default to the CSV files. Needed for several DIRs"},
    {OPT_QUIET, 'q', "quiet", NULL, "do not tell what is written"},
};

static const struct command_spec command = {
    .name = "goheap plot",
    .summary = "draw a run's or a sweep's figures",
    .operands = "DIR...",
    .min_operands = 1,
    .max_operands = MOST_RUNS,
    .description = "Draws the CSV files that `goheap replay -o DIR` or `goheap sweep -o DIR` left,\n"
                   "and writes the figures beside them. Several DIRs are drawn side by side in each\n"
                   "figure, on the same scales. Needs gnuplot.\n"
                   "\n"
                   "  heap       heap.csv         what the heap's memory was used for, over time\n"
                   "  map        heap_map.csv     the same by address: full, free, given back\n"
                   "  waste      classes.csv      bytes at the peak without a live object, by class\n"
                   "  spans      spans.csv        how full spans are; of free_runs.csv, how long\n"
                   "                              the free runs between them\n"
                   "  collector  cycles.csv       each collection: live heap, trigger, peak, goal,\n"
                   "                              pauses and assists\n"
                   "  locks      locks.csv        who waited where, and for how long\n"
                   "  waits      waits.csv        when they waited\n"
                   "  latency    latency_cdf.csv  what an allocation took, by who served it\n"
                   "  sweep      results.csv      lock waits and mapped memory, by configuration\n"
                   "  trace      trace.csv        sizes and lifetimes, of `goheap info -o DIR`\n",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .examples = "goheap replay -P 4 -o out/redis traces/redis.csv.zst && goheap plot out/redis\n"
                "goheap plot --format svg --figure heap --figure locks out/redis\n"
                "goheap plot --figure map -o out out/redis-1.19 out/redis-1.26\n"
                "goheap plot --format term --figure heap out/redis\n",
};

static const char *const formats[] = {"png", "svg", "pdf", "term"};
static const char *const endings[] = {"IEND", "</svg>", "%%EOF"}; /* at the end of a whole file of the format */
enum { FORMATS = sizeof formats / sizeof formats[0], FORMAT_TERM = FORMATS - 1 };

/* A directory to draw from. */
struct run {
    const char *given;          /* as the user wrote it, for messages */
    char directory[PATH_MAX];   /* the same, absolute */
    char title[PLOT_TITLE];
};

struct plot {
    int format;
    bool chosen[PLOT_FIGURES], any_chosen, quiet;
    const char *output;         /* directory; NULL: the run's own */
    char scripts[PATH_MAX];     /* where draw.gp is */
    struct run *runs;
    unsigned n;
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
    const char *names[PLOT_FIGURES];
    for (int i = 0; i < PLOT_FIGURES; i++) {
        names[i] = plot_figures[i].name;
        if (strcmp(name, names[i]) == 0)
            return plot->chosen[i] = plot->any_chosen = true;
    }
    return unknown("figure", name, names, PLOT_FIGURES, error);
}

static bool take_format(struct plot *plot, const char *name, struct error *error)
{
    for (int i = 0; i < FORMATS; i++)
        if (strcmp(name, formats[i]) == 0) {
            plot->format = i;
            return true;
        }
    return unknown("format", name, formats, FORMATS, error);
}

static bool take(void *context, int id, const char *argument, struct error *error)
{
    struct plot *plot = context;
    switch (id) {
    case OPT_FORMAT:
        return take_format(plot, argument, error);
    case OPT_FIGURE:
        return take_figure(plot, argument, error);
    case OPT_OUTPUT:
        plot->output = argument;
        return argument[0] != '\0' || error_set(error, "expected a directory");
    default:
        return plot->quiet = true;
    }
}

/* --- places -------------------------------------------------------------------------------------------- */

/* Where the scripts are: as for configurations, the environment, then the build tree, then the installed. */
static bool find_scripts(struct plot *plot, struct error *error)
{
    const char *chosen = getenv("GOHEAP_PLOTS");
    char self[PATH_MAX], beside[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = '\0';
        *strrchr(self, '/') = '\0';
        if (!plot_join(beside, self, "../plots", error))
            return false;
    }
    const char *places[] = {chosen ? chosen : "", beside, GOHEAP_DATADIR "/plots"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char style[PATH_MAX];
        if (places[i][0] == '\0' || !realpath(places[i], plot->scripts))
            continue;
        if (!plot_join(style, plot->scripts, "style.gp", error))
            return false;
        if (access(style, R_OK) == 0)
            return true;
    }
    return error_set(error, "the gnuplot scripts (style.gp) are neither in $GOHEAP_PLOTS, nor in %s, nor in "
                     GOHEAP_DATADIR "/plots", beside);
}


static bool find_run(struct run *run, const char *given, bool one_of_several, struct error *error)
{
    struct stat status;
    run->given = given;
    if (!realpath(given, run->directory))
        return error_set(error, "%s: %s", given, strerror(errno));
    if (stat(run->directory, &status) != 0 || !S_ISDIR(status.st_mode))
        return error_set(error, "%s: not a directory; expected one that `goheap replay -o DIR` wrote", given);
    plot_title(run->directory, one_of_several, run->title);
    return true;
}

/* --- drawing ------------------------------------------------------------------------------------------- */

/* What all runs have to say to draw.gp: their directories, one behind the other, and their titles, a line each. */
struct lists {
    char directories[MOST_RUNS * PATH_MAX], titles[MOST_RUNS * (PLOT_TITLE + 1)], has_rows[MOST_RUNS + 1];
};

static void put_run(struct lists *lists, const struct run *run, bool has_rows)
{
    bool first = lists->has_rows[0] == '\0';
    size_t d = strlen(lists->directories), t = strlen(lists->titles);
    snprintf(lists->directories + d, sizeof lists->directories - d, "%s%s", first ? "" : "/", run->directory);
    snprintf(lists->titles + t, sizeof lists->titles - t, "%s%s", first ? "" : "\n", run->title);
    lists->has_rows[strlen(lists->has_rows)] = has_rows ? 'd' : 'n';
}

/* "COLUMNS LINES COLOUR" of standard output: 79 x 24 where it is no terminal, or a smaller one. */
static void describe_terminal(char *text, size_t size)
{
    struct winsize window = {.ws_col = 0};
    const char *kind = getenv("TERM"), *plain = getenv("NO_COLOR");
    bool terminal = ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0;
    bool colour = terminal && !(plain && *plain) && kind && strcmp(kind, "dumb") != 0;
    int columns = window.ws_col > 80 ? window.ws_col - 1 : 79, lines = window.ws_row > 25 ? window.ws_row - 1 : 24;
    snprintf(text, size, "%d %d %d", columns < 200 ? columns : 200, lines < 60 ? lines : 60, colour);
}

/* gnuplot writes the figure to a path; what it says is shown only if it fails. */
static bool draw_to(const struct plot *plot, const struct plot_figure *figure, const struct lists *lists,
                    const char *path, struct error *error)
{
    char driver[PATH_MAX], script[PATH_MAX], file[64], terminal[64];
    snprintf(file, sizeof file, "%s.gp", figure->name);
    describe_terminal(terminal, sizeof terminal);
    if (!plot_join(driver, plot->scripts, "draw.gp", error) || !plot_join(script, plot->scripts, file, error))
        return false;
    if (access(script, R_OK) != 0)
        return error_set(error, "%s: %s", script, strerror(errno));
    const char *argv[] = {"gnuplot", "-d", "-c", driver, plot->scripts, lists->directories, path, formats[plot->format],
                          lists->titles, lists->has_rows, figure->name, terminal, NULL};
    struct gnuplot_talk talk = {.used = 0};
    int status = gnuplot_run((char *const *)argv, &talk, error);
    if (status == GNUPLOT_NOT_FOUND)
        return error_set(error, "gnuplot is not installed (apt-get install gnuplot-nox); the data in %s is "
                         "whole", plot->runs[0].given);
    if (status == 0 || error->text[0])
        return status == 0;
    if (talk.used)
        fprintf(stderr, "%s\n", talk.text);
    return error_set(error, "gnuplot could not draw %s/%s (exit status %d)", plot->runs[0].given, figure->csv[0].name,
                     status);
}

static bool draw_file(const struct plot *plot, const struct plot_figure *figure, const struct lists *lists,
                      struct error *error)
{
    char path[PATH_MAX], file[64];
    const char *where = plot->output ? plot->output : plot->runs[0].given;
    struct out_file out;
    snprintf(file, sizeof file, "%s.%s", figure->name, formats[plot->format]);
    if (!plot_join(path, plot->output ? plot->output : plot->runs[0].directory, file, error) ||
        !out_file_open(&out, path, error))
        return false;
    bool direct = out.slot < 0;
    char target[PATH_MAX];
    bool ok = realpath(direct ? path : out.temp, target) || error_set(error, "%s: %s", path, strerror(errno));
    ok = ok && draw_to(plot, figure, lists, target, error);
    if (ok && !direct && !gnuplot_finished(out.temp, endings[plot->format]))
        ok = error_set(error, "%s: gnuplot could not write all of it; is the disk full?", path);
    if (!ok) {
        out_file_abandon(&out);
        return false;
    }
    if (!out_file_commit(&out, error))
        return false;
    if (!plot->quiet)
        fprintf(stderr, "wrote %s%s%s\n", where, where[strlen(where) - 1] == '/' ? "" : "/", file);
    return true;
}

/* By way of a file without a name: gnuplot begins with a form feed, which no terminal wants. */
static bool draw_term(const struct plot *plot, const struct plot_figure *figure, const struct lists *lists,
                      struct error *error)
{
    char path[64];
    FILE *f = tmpfile();
    if (!f)
        return error_set(error, "no temporary file: %s", strerror(errno));
    snprintf(path, sizeof path, "/dev/fd/%d", fileno(f));
    bool ok = draw_to(plot, figure, lists, path, error);
    for (int c; ok && (c = fgetc(f)) != EOF;)
        if (c != '\f')
            putchar(c);
    ok = ok && (fflush(stdout) == 0 || error_set(error, "standard output: %s", strerror(errno)));
    fclose(f);
    return ok;
}

static bool draw(const struct plot *plot, const struct plot_figure *figure, struct error *error)
{
    struct lists *lists = calloc(1, sizeof *lists);
    bool ok = lists || error_set(error, "out of memory");
    for (unsigned i = 0; ok && i < plot->n; i++) {
        bool has_rows = false, ignored;
        ok = plot_check_csv(&figure->csv[0], plot->runs[i].directory, &has_rows, error) &&
             (!figure->csv[1].name || plot_check_csv(&figure->csv[1], plot->runs[i].directory, &ignored, error));
        put_run(lists, &plot->runs[i], has_rows);
    }
    ok = ok && (plot->format == FORMAT_TERM ? draw_term : draw_file)(plot, figure, lists, error);
    free(lists);
    return ok;
}

/* --- figures ------------------------------------------------------------------------------------------- */

static bool nothing_to_draw(const struct plot *plot, struct error *error)
{
    char names[200] = "";
    for (size_t i = 0, used = 0; i < PLOT_FIGURES; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", plot_figures[i].csv[0].name);
    return error_set(error, "%s: nothing to draw; expected any of %s, as `goheap replay -o DIR` writes them",
                     plot->runs[0].given, names);
}

/* Whether every run has the figure's file. */
static bool has_data(const struct plot *plot, const struct plot_figure *figure)
{
    struct error ignored = {.text = ""};
    for (unsigned i = 0; i < plot->n; i++) {
        char path[PATH_MAX];
        if (!plot_join(path, plot->runs[i].directory, figure->csv[0].name, &ignored) || access(path, F_OK) != 0)
            return false;
    }
    return true;
}

/* Everything that was chosen, or everything there is data for. */
static bool draw_all(const struct plot *plot, struct error *error)
{
    bool drawn = false;
    for (int i = 0; i < PLOT_FIGURES; i++) {
        if (plot->any_chosen ? !plot->chosen[i] : !has_data(plot, &plot_figures[i]))
            continue;
        if (!draw(plot, &plot_figures[i], error))
            return false;
        drawn = true;
    }
    return drawn || nothing_to_draw(plot, error);
}

static bool plot_runs(struct plot *plot, char **directories, struct error *error)
{
    for (unsigned i = 0; i < plot->n; i++)
        if (!find_run(&plot->runs[i], directories[i], plot->n > 1, error))
            return false;
    if (!find_scripts(plot, error) || (plot->output && !make_directory(plot->output, error)))
        return false;
    return draw_all(plot, error);
}

int cmd_plot(int argc, char **argv)
{
    struct plot plot = {.format = 0};
    struct error error = {.text = ""};
    int first, code = options_parse(&command, argc, argv, take, &plot, &first);
    if (code != OPTIONS_RUN)
        return code;
    plot.n = (unsigned)(argc - first);
    if (plot.format == FORMAT_TERM && plot.output)
        return options_misuse(&command, "--format term draws on standard output: not with -o");
    if (plot.format != FORMAT_TERM && plot.n > 1 && !plot.output)
        return options_misuse(&command, "where are figures of %u runs to go? expected -o DIRECTORY", plot.n);
    plot.runs = calloc(plot.n, sizeof *plot.runs);
    bool ok = (plot.runs || error_set(&error, "out of memory")) && plot_runs(&plot, argv + first, &error);
    free(plot.runs);
    if (!ok)
        fprintf(stderr, "goheap: %s\n", error.text);
    return ok ? 0 : 1;
}
