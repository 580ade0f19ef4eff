#include "plot/figure.h"

#include "plot/gnuplot.h"
#include "plot/sweep_figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const plot_formats[PLOT_FORMATS] = {"png", "svg", "pdf", "term"};

/* --- places -------------------------------------------------------------------------------------------- */

/* Where the scripts are: as for configurations, the environment, then the build tree, then the installed. */
static bool find_scripts(struct plot_runs *runs, struct error *error)
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
        if (places[i][0] == '\0' || !realpath(places[i], runs->scripts))
            continue;
        if (!plot_join(style, runs->scripts, "style.gp", error))
            return false;
        if (access(style, R_OK) == 0)
            return true;
    }
    return error_set(error, "the gnuplot scripts (style.gp) are neither in $GOHEAP_PLOTS, nor in %s, nor in "
                     GOHEAP_DATADIR "/plots", beside);
}

static bool find_run(struct plot_run *run, const char *given, bool one_of_several, struct error *error)
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

bool plot_open(struct plot_runs *runs, char *const *directories, unsigned n, struct error *error)
{
    runs->n = 0;
    runs->choice = NULL;
    runs->all = calloc(n, sizeof *runs->all);
    if (!runs->all)
        return error_set(error, "out of memory");
    for (; runs->n < n; runs->n++)
        if (!find_run(&runs->all[runs->n], directories[runs->n], n > 1, error))
            return false;
    return find_scripts(runs, error);
}

void plot_close(struct plot_runs *runs)
{
    free(runs->all);
    runs->all = NULL;
    runs->n = 0;
}

/* Writes what gnuplot draws of a sweep. */
static enum sweep_outcome write_sweep(const struct plot_runs *runs, const struct plot_run *run,
                                      const struct plot_figure *figure, FILE *out, struct error *error)
{
    char path[PATH_MAX];
    struct sweep_table table;
    struct error why = {.text = ""};
    if (!plot_join(path, run->directory, figure->csv[0].name, error))
        return SWEEP_WRONG;
    enum sweep_outcome outcome = sweep_table_read(&table, path, error)
                                     ? sweep_writer_of(figure->name)(&table, runs->choice, run->title, out, &why)
                                     : SWEEP_WRONG;
    if (why.text[0])
        error_set(error, "%s: %s%s: %s", run->given, outcome == SWEEP_NOTHING ? "nothing to draw as " : "",
                  figure->name, why.text);
    sweep_table_free(&table);
    return outcome;
}

static bool shows_nothing(const struct plot_runs *runs, const struct plot_run *run, const struct plot_figure *figure)
{
    struct error ignored = {.text = ""};
    FILE *out = fopen("/dev/null", "we");
    bool nothing = out && write_sweep(runs, run, figure, out, &ignored) == SWEEP_NOTHING;
    if (out)
        fclose(out);
    return nothing;
}

bool plot_has_data(const struct plot_runs *runs, const struct plot_figure *figure)
{
    struct error ignored = {.text = ""};
    for (unsigned i = 0; i < runs->n; i++) {
        char path[PATH_MAX];
        if (!plot_join(path, runs->all[i].directory, figure->csv[0].name, &ignored) || access(path, F_OK) != 0)
            return false;
        if (sweep_writer_of(figure->name) && shows_nothing(runs, &runs->all[i], figure))
            return false;
    }
    return true;
}

/* --- drawing ------------------------------------------------------------------------------------------- */

/* What all runs have to say to draw.gp: their directories, one behind the other, and their titles, a line each. */
struct lists {
    char directories[PLOT_MOST_RUNS * PATH_MAX], titles[PLOT_MOST_RUNS * (PLOT_TITLE + 1)];
    char has_rows[PLOT_MOST_RUNS + 1];
    FILE *sweeps[PLOT_MOST_RUNS]; /* what is drawn of each sweep; NULL: the files in its directory are */
};

static void put_run(struct lists *lists, const char *directory, const struct plot_run *run, bool has_rows)
{
    bool first = lists->has_rows[0] == '\0';
    size_t d = strlen(lists->directories), t = strlen(lists->titles);
    snprintf(lists->directories + d, sizeof lists->directories - d, "%s%s", first ? "" : "/", directory);
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

/* gnuplot writes the figure to a path. */
static enum plot_result run_gnuplot(const struct plot_runs *runs, const struct plot_figure *figure, char *const *argv,
                                    struct error *error)
{
    struct gnuplot_talk talk = {.used = 0};
    int status = gnuplot_run(argv, &talk, error);
    if (status == 0)
        return PLOT_DRAWN;
    if (status == GNUPLOT_NOT_FOUND) {
        error_set(error, "gnuplot is not installed (apt-get install gnuplot-nox); the data in %s is whole",
                  runs->all[0].given);
        return PLOT_NO_GNUPLOT;
    }
    if (talk.used)
        fprintf(stderr, "%s\n", talk.text);
    error_set(error, "gnuplot could not draw %s/%s (exit status %d)", runs->all[0].given, figure->csv[0].name, status);
    return PLOT_FAILED;
}

static enum plot_result draw_lists(const struct plot_runs *runs, const struct plot_figure *figure,
                                   enum plot_format format, const struct lists *lists, const char *path,
                                   struct error *error)
{
    char driver[PATH_MAX], script[PATH_MAX], file[64], terminal[64];
    snprintf(file, sizeof file, "%s.gp", figure->name);
    describe_terminal(terminal, sizeof terminal);
    if (!plot_join(driver, runs->scripts, "draw.gp", error) || !plot_join(script, runs->scripts, file, error))
        return PLOT_FAILED;
    if (access(script, R_OK) != 0) {
        error_set(error, "%s: %s", script, strerror(errno));
        return PLOT_FAILED;
    }
    const char *argv[] = {"gnuplot", "-d", "-c", driver, runs->scripts, lists->directories, path, plot_formats[format],
                          lists->titles, lists->has_rows, figure->name, terminal, NULL};
    return run_gnuplot(runs, figure, (char *const *)argv, error);
}

/* A sweep's figure is drawn from a file in memory, which gnuplot has as well. */
static bool add_sweep(struct lists *lists, const struct plot_runs *runs, unsigned i, const struct plot_figure *figure,
                      struct error *error)
{
    char path[64];
    int fd = memfd_create("goheap-sweep", 0);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out) {
        if (fd >= 0)
            close(fd);
        return error_set(error, "memfd_create: %s", strerror(errno));
    }
    lists->sweeps[i] = out;
    if (write_sweep(runs, &runs->all[i], figure, out, error) != SWEEP_GOOD)
        return false;
    if (fflush(out) != 0)
        return error_set(error, "out of memory");
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    put_run(lists, path, &runs->all[i], true);
    return true;
}

static bool add_run(struct lists *lists, const struct plot_runs *runs, unsigned i, const struct plot_figure *figure,
                    struct error *error)
{
    const struct plot_run *run = &runs->all[i];
    bool has_rows = false, ignored;
    if (!plot_check_csv(&figure->csv[0], run->directory, &has_rows, error) ||
        (figure->csv[1].name && !plot_check_csv(&figure->csv[1], run->directory, &ignored, error)))
        return false;
    if (sweep_writer_of(figure->name))
        return add_sweep(lists, runs, i, figure, error);
    put_run(lists, run->directory, run, has_rows);
    return true;
}

enum plot_result plot_draw(const struct plot_runs *runs, const struct plot_figure *figure, enum plot_format format,
                           const char *path, struct error *error)
{
    struct lists *lists = calloc(1, sizeof *lists);
    bool ok = lists || error_set(error, "out of memory");
    for (unsigned i = 0; ok && i < runs->n; i++)
        ok = add_run(lists, runs, i, figure, error);
    enum plot_result result = ok ? draw_lists(runs, figure, format, lists, path, error) : PLOT_FAILED;
    for (unsigned i = 0; lists && i < runs->n; i++)
        if (lists->sweeps[i])
            fclose(lists->sweeps[i]);
    free(lists);
    return result;
}

bool plot_is_whole(const char *path, enum plot_format format)
{
    static const char *const endings[PLOT_FORMATS] = {"IEND", "</svg>", "%%EOF", ""};
    return gnuplot_finished(path, endings[format]);
}

/* --- into memory --------------------------------------------------------------------------------------- */

/* All of a file, and a '\0'; NULL and *error. */
static char *contents(int fd, size_t *length, struct error *error)
{
    struct stat status;
    char *text = fstat(fd, &status) == 0 ? malloc((size_t)status.st_size + 1) : NULL;
    if (!text || pread(fd, text, (size_t)status.st_size, 0) != status.st_size) {
        free(text);
        error_set(error, "out of memory");
        return NULL;
    }
    *length = (size_t)status.st_size;
    text[*length] = '\0';
    return text;
}

enum plot_result plot_svg(const struct plot_runs *runs, const struct plot_figure *figure, char **svg, size_t *length,
                          struct error *error)
{
    char path[64];
    int fd = memfd_create("goheap-figure", 0); /* which gnuplot has as well */
    if (fd < 0) {
        error_set(error, "memfd_create: %s", strerror(errno));
        return PLOT_FAILED;
    }
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    enum plot_result result = plot_draw(runs, figure, PLOT_SVG, path, error);
    if (result == PLOT_DRAWN && !plot_is_whole(path, PLOT_SVG)) {
        error_set(error, "gnuplot could not write all of figure %s", figure->name);
        result = PLOT_FAILED;
    }
    if (result == PLOT_DRAWN && !(*svg = contents(fd, length, error)))
        result = PLOT_FAILED;
    close(fd);
    return result;
}
