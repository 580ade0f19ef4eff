#include "html/html.h"
#include "html/page_parts.h"
#include "report/report.h"
#include "report/units.h"

#include <string.h>

enum { COMMAND_MOST = 4000 /* characters */ };

/* A word as a shell reads it back. */
static void put_word(FILE *out, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./=:,@%+-";
    if (*word && word[strspn(word, plain)] == '\0') {
        html_string(out, word, COMMAND_MOST);
        return;
    }
    fputs("&#39;", out);
    for (const char *at = word; *at;) {
        size_t n = strcspn(at, "'");
        html_text(out, at, n, COMMAND_MOST);
        at += n;
        if (*at) {
            fputs("&#39;\\&#39;&#39;", out);
            at++;
        }
    }
    fputs("&#39;", out);
}

static void put_command(FILE *out, const json_t *words)
{
    const json_t *word;
    size_t i, room = COMMAND_MOST;
    fputs("<pre>", out);
    json_array_foreach(words, i, word) {
        const char *text = json_string_value(word) ? json_string_value(word) : "";
        if (strlen(text) >= room) {
            fputs(" …", out);
            break;
        }
        room -= strlen(text) + 1;
        if (i)
            fputc(' ', out);
        put_word(out, text);
    }
    fputs("</pre>\n", out);
}

void page_reproduce(FILE *out, const struct page *page, const struct page_run *run)
{
    const json_t *document = run->document, *command = report_at(document, "run.command");
    if (page->count > 1)
        fprintf(out, "<h3>%c</h3>\n", page_letter(page, run));
    fputs("<p>With goheap ", out);
    html_string(out, json_string_value(report_at(document, "run.goheap")), NAME_MOST);
    fprintf(out, ", of a trace of %s events:</p>\n", units_count(report_number(document, "run.events")));
    if (json_array_size(command) > 0)
        put_command(out, command);
    else
        fputs("<p>The command line is not recorded in this document.</p>\n", out);
    fputs("<p class=\"soft\">Or with the effective configuration, saved as a file: <code>goheap replay -c ./FILE.json ",
          out);
    html_string(out, page_trace(run), NAME_MOST);
    fputs("</code>.", out);
    if (report_at(document, "run.measured"))
        fputs(" This one was measured: times will differ.", out);
    else
        fputs(" All but how long the simulation itself took comes out the same, byte for byte.", out);
    fputs("</p>\n", out);
}
