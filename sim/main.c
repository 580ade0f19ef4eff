/* goheap: finds the subcommand and hands over. */
#include "base/nearest.h"
#include "base/out_file.h"
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"replay", "replay a trace against the simulated allocator", cmd_replay},
    {"sweep", "replay over many configurations, on all cores", cmd_sweep},
    {"plot", "draw a run's or a sweep's figures", cmd_plot},
    {"report", "a run's results, or several runs', as one HTML page", cmd_report},
    {"record", "run a program and record what it allocates", cmd_record},
    {"convert", "turn a trace of any format into one of ours", cmd_convert},
    {"generate", "make a trace out of a profile, or like another trace", cmd_generate},
    {"info", "figures about a trace, or whether it is well-formed", cmd_info},
    {"explain", "how an object of a size is allocated", cmd_explain},
    {"classes", "a size-class table, as text or JSON", cmd_classes},
    {"calibrate", "measure what the allocator costs on this host", cmd_calibrate},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int usage(FILE *out, int code)
{
    fprintf(out, "goheap " GOHEAP_VERSION ": a discrete-event simulator of Go's memory allocator\n\n"
                 "Usage: goheap COMMAND [OPTIONS]...\n\nCommands:\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-11s%s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\nExamples:\n"
                 "  goheap replay -P 4 -o out/redis traces/redis.csv.zst\n"
                 "  goheap plot out/redis\n"
                 "  goheap report out/redis -o redis.html\n"
                 "  goheap explain 33 1000 100000\n"
                 "  goheap record -o ls.csv -- ls -lR /usr\n\n"
                 "`goheap COMMAND --help` tells more.\n");
    return fflush(out) == 0 ? code : 1;
}

static int unknown(const char *word)
{
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    const char *near = nearest_name(word, names, COMMANDS);
    fprintf(stderr, "goheap: there is no command \"%s\"", word);
    if (near)
        fprintf(stderr, "; did you mean \"%s\"?", near);
    fprintf(stderr, " (goheap --help lists them)\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout, 0);
    if (strcmp(argv[1], "--version") == 0)
        return printf("goheap " GOHEAP_VERSION "\n") > 0 && fflush(stdout) == 0 ? 0 : 1;
    out_file_cleanup_on_signals();
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return unknown(argv[1]);
}
