#include "html/svg.h"

#include "html/html.h"
#include "html/svg_path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What may come through. */
static const char *const elements[] = {
    "g", "path", "polygon", "rect", "circle", "use", "text", "tspan", "defs", "image",
};
enum { ELEMENTS = sizeof elements / sizeof elements[0], DEEPEST = 16 };

static const char *const attributes[] = {
    "x", "y", "width", "height", "r", "cx", "cy", "dx", "dy", "transform", "fill", "fill-opacity", "stroke",
    "stroke-opacity", "stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-dasharray", "color", "opacity",
    "font-family", "font-size", "font-weight", "font-style", "text-anchor", "shape-rendering", "preserveAspectRatio",
};

struct word {
    const char *text;
    size_t length;
};

/* A point of a plot: gnuplot's mark at a place, scaled, in a colour. */
struct mark {
    struct word href, colour;
    double x, y, scale;
};

struct filter {
    FILE *out;
    const char *at, *end;
    const char *id;              /* before the ids */
    const char *open[DEEPEST];   /* names of elements that are */
    size_t depth, dropped;       /* dropped: how deep within what does not come through */
    struct mark mark;            /* the last, if it may be the first of a run; href.text NULL: none */
    unsigned runs;               /* of marks, so far; the last is being written if in_run */
    bool in_run;
    struct error *error;
};

struct tag {
    struct word name, rest; /* rest: the attributes */
    bool closing, empty;
};

static bool is(struct word word, const char *name)
{
    return strlen(name) == word.length && memcmp(word.text, name, word.length) == 0;
}

static const char *find(struct word word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is(word, names[i]))
            return names[i];
    return NULL;
}

static bool broken(struct filter *f, const char *why)
{
    return error_set(f->error, "figure %s: gnuplot's SVG is not as expected: %s", f->id, why);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* --- attributes ---------------------------------------------------------------------------------------- */

/* The next NAME="VALUE"; blanks around = are fine. False at the end, or at what is none. */
static bool next_attribute(struct word *rest, struct word *name, struct word *value)
{
    const char *at = rest->text, *end = at + rest->length;
    while (at < end && is_blank(*at))
        at++;
    name->text = at;
    while (at < end && *at != '=' && !is_blank(*at))
        at++;
    name->length = (size_t)(at - name->text);
    while (at < end && (is_blank(*at) || *at == '='))
        at++;
    if (at == end || (*at != '"' && *at != '\''))
        return false;
    const char *close = memchr(at + 1, *at, (size_t)(end - at - 1));
    if (!close)
        return false;
    *value = (struct word){at + 1, (size_t)(close - at - 1)};
    *rest = (struct word){close + 1, (size_t)(end - close - 1)};
    return true;
}

/* Numbers, colours, names, transformations; nothing that a url() could be written with. */
static bool is_plain(struct word value)
{
    for (size_t i = 0; i < value.length; i++) {
        char c = value.text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr(" .,()%#+-_", c)))
            return false;
    }
    return !memmem(value.text, value.length, "url", 3);
}

/* An id on this page, or an image in the address itself. */
static void put_reference(struct filter *f, struct word value)
{
    static const char inside[] = "data:image/png;base64,";
    size_t n = sizeof inside - 1;
    if (value.length > 1 && value.text[0] == '#' && is_plain(value))
        fprintf(f->out, " href=\"#%s-%.*s\"", f->id, (int)value.length - 1, value.text + 1);
    else if (value.length > n && memcmp(value.text, inside, n) == 0 &&
             strspn(value.text + n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") >=
                 value.length - n) {
        fputs(" href=\"", f->out);
        fwrite(value.text, 1, value.length, f->out);
        fputc('"', f->out);
    }
}

static void put_attribute(struct filter *f, struct word name, struct word value)
{
    if (is(name, "xlink:href"))
        put_reference(f, value);
    else if (is(name, "id") && is_plain(value))
        fprintf(f->out, " id=\"%s-%.*s\"", f->id, (int)value.length, value.text);
    else if (find(name, attributes, sizeof attributes / sizeof attributes[0]) && is_plain(value))
        fprintf(f->out, " %.*s=\"%.*s\"", (int)name.length, name.text, (int)value.length, value.text);
}

static void put_attributes(struct filter *f, struct word rest)
{
    struct word name, value;
    while (next_attribute(&rest, &name, &value))
        put_attribute(f, name, value);
}

static struct word attribute(struct word rest, const char *wanted)
{
    struct word name, value;
    while (next_attribute(&rest, &name, &value))
        if (is(name, wanted))
            return value;
    return (struct word){"", 0};
}

/* --- marks --------------------------------------------------------------------------------------------- */

/* Of a plot with thousands of points most would be markup, so that a run of the same mark becomes a path that nobody
 * sees, with the mark at each of its corners. */

/* <use xlink:href='#gpPt6' transform='translate(546.18,245.43) scale(1.90)' color='rgb(0, 0, 0)'/> */
static bool is_mark(const struct tag *tag, struct mark *mark)
{
    struct word place = attribute(tag->rest, "transform");
    char text[64], end;
    *mark = (struct mark){.href = attribute(tag->rest, "xlink:href"), .colour = attribute(tag->rest, "color")};
    snprintf(text, sizeof text, "%.*s", (int)place.length, place.text);
    bool refers = mark->href.length > 1 && mark->href.text[0] == '#' && is_plain(mark->href);
    bool coloured = mark->colour.length > 0 && is_plain(mark->colour);
    return tag->empty && refers && coloured && place.length < sizeof text && attribute(tag->rest, "id").length == 0 &&
           sscanf(text, "translate(%lf,%lf) scale(%lf%c", &mark->x, &mark->y, &mark->scale, &end) == 4 &&
           end == ')' && fabs(mark->x) < 1e6 && fabs(mark->y) < 1e6 && fabs(mark->scale) < 1e3;
}

static bool same_word(struct word a, struct word b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

static void put_use(struct filter *f, const struct mark *mark, const char *place)
{
    fprintf(f->out, "<use href=\"#%s-%.*s\" transform=\"%sscale(%g)\" color=\"%.*s\"/>", f->id,
            (int)mark->href.length - 1, mark->href.text + 1, place, mark->scale, (int)mark->colour.length,
            mark->colour.text);
}

static void begin_run(struct filter *f)
{
    f->in_run = true;
    f->runs++;
    fprintf(f->out, "<marker id=\"%s-run%u\" overflow=\"visible\" markerUnits=\"userSpaceOnUse\">", f->id, f->runs);
    put_use(f, &f->mark, "");
    fputs("</marker><path fill=\"none\" stroke=\"none\"", f->out);
    static const char *const corners[] = {"start", "mid", "end"};
    for (size_t i = 0; i < sizeof corners / sizeof corners[0]; i++)
        fprintf(f->out, " marker-%s=\"url(#%s-run%u)\"", corners[i], f->id, f->runs);
    fprintf(f->out, " d=\"M%.1f %.1f", f->mark.x, f->mark.y);
}

static void end_marks(struct filter *f)
{
    char place[64];
    if (f->in_run) {
        fputs("\"/>", f->out);
    } else if (f->mark.href.text) {
        snprintf(place, sizeof place, "translate(%.1f,%.1f)", f->mark.x, f->mark.y);
        put_use(f, &f->mark, place);
    }
    f->in_run = false;
    f->mark.href.text = NULL;
}

static void put_mark(struct filter *f, const struct mark *mark)
{
    bool same = f->mark.href.text && same_word(mark->href, f->mark.href) && same_word(mark->colour, f->mark.colour) &&
                mark->scale <= f->mark.scale && mark->scale >= f->mark.scale;
    if (same && !f->in_run)
        begin_run(f);
    if (same)
        fprintf(f->out, "L%.1f %.1f", mark->x, mark->y);
    else
        end_marks(f);
    f->mark = *mark;
}

/* --- elements ------------------------------------------------------------------------------------------ */

static bool inside(const struct filter *f, const char *name)
{
    for (size_t i = 0; i < f->depth; i++)
        if (strcmp(f->open[i], name) == 0)
            return true;
    return false;
}

/* A line or an area, both as a path; markers, which are scaled up, stay as they are. */
static bool put_path(struct filter *f, const struct tag *tag)
{
    bool is_path = is(tag->name, "path"), empty = false;
    struct word data = attribute(tag->rest, is_path ? "d" : "points");
    char *text = NULL;
    size_t size = 0;
    if (!tag->empty)
        return broken(f, "a path with something in it");
    if (inside(f, "defs")) {
        if (!is_plain(data))
            return broken(f, "the path of a marker");
        fprintf(f->out, "<path d=\"%.*s\"", (int)data.length, data.text);
        put_attributes(f, tag->rest);
        fputs("/>", f->out);
        return true;
    }
    FILE *path = open_memstream(&text, &size);
    if (!path)
        return error_set(f->error, "out of memory");
    bool ok = svg_path_shorten(path, data.text, data.length, &empty);
    if (fclose(path) != 0)
        ok = error_set(f->error, "out of memory");
    else if (!ok)
        broken(f, "a path of other than straight lines");
    if (ok && !empty) {
        fprintf(f->out, "<path d=\"%s%s\"", text, is_path ? "" : "z");
        put_attributes(f, tag->rest);
        fputs("/>", f->out);
    }
    free(text);
    return ok;
}

static bool open_element(struct filter *f, const struct tag *tag)
{
    const char *name = find(tag->name, elements, ELEMENTS);
    struct mark mark;
    if (!name || f->dropped) {
        f->dropped += !tag->empty;
        return true;
    }
    if (strcmp(name, "use") == 0 && is_mark(tag, &mark)) {
        put_mark(f, &mark);
        return true;
    }
    end_marks(f);
    if (strcmp(name, "path") == 0 || strcmp(name, "polygon") == 0)
        return put_path(f, tag);
    if (!tag->empty && f->depth == DEEPEST)
        return broken(f, "elements in elements in elements");
    fprintf(f->out, "<%s", name);
    put_attributes(f, tag->rest);
    fputs(tag->empty ? "/>" : ">", f->out);
    if (!tag->empty)
        f->open[f->depth++] = name;
    return true;
}

static bool close_element(struct filter *f, const struct tag *tag)
{
    end_marks(f);
    if (f->dropped) {
        f->dropped--;
        return true;
    }
    if (f->depth == 0 || !is(tag->name, f->open[f->depth - 1]))
        return broken(f, "an element that ends without having begun");
    fprintf(f->out, "</%s>", f->open[--f->depth]);
    return true;
}

/* --- texts and tags ------------------------------------------------------------------------------------ */

/* The length of a reference to a character, "&lt;" or "&#160;", at the beginning; 0 if there is none. */
static size_t reference(struct word text)
{
    static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (text.length >= strlen(known[i]) && memcmp(text.text, known[i], strlen(known[i])) == 0)
            return strlen(known[i]);
    if (text.length < 4 || memcmp(text.text, "&#", 2) != 0)
        return 0;
    bool hex = text.text[2] == 'x';
    size_t digits = 2 + hex;
    size_t n = digits + strspn(text.text + digits, hex ? "0123456789abcdefABCDEF" : "0123456789");
    return n > digits && n <= digits + 7 && n < text.length && text.text[n] == ';' ? n + 1 : 0;
}

static void put_text(struct filter *f, struct word text)
{
    bool wanted = f->dropped == 0 && (inside(f, "text") || inside(f, "tspan"));
    while (wanted && text.length) {
        const char *and = memchr(text.text, '&', text.length);
        size_t before = and ? (size_t)(and - text.text) : text.length;
        html_text(f->out, text.text, before, HTML_ALL);
        text = (struct word){text.text + before, text.length - before};
        size_t whole = reference(text), taken = whole ? whole : text.length > 0;
        if (whole)
            fwrite(text.text, 1, whole, f->out);
        else
            html_text(f->out, text.text, taken, HTML_ALL);
        text = (struct word){text.text + taken, text.length - taken};
    }
}

/* The '>' that ends a tag, past those in quotes; NULL if there is none. */
static const char *tag_end(const char *at, const char *end)
{
    char quote = '\0';
    for (; at < end; at++) {
        if (quote)
            quote = *at == quote ? '\0' : quote;
        else if (*at == '"' || *at == '\'')
            quote = *at;
        else if (*at == '>')
            return at;
    }
    return NULL;
}

/* The next tag of an element, and the text before it into *text. Declarations, comments and the like are skipped. */
static bool next_tag(struct filter *f, struct word *text, struct tag *tag)
{
    for (;;) {
        const char *begin = memchr(f->at, '<', (size_t)(f->end - f->at));
        const char *close = begin ? tag_end(begin, f->end) : NULL;
        if (!close)
            return broken(f, "it ends early");
        *text = (struct word){f->at, (size_t)(begin - f->at)};
        f->at = close + 1;
        if (begin[1] == '!' || begin[1] == '?')
            continue;
        tag->closing = begin[1] == '/';
        tag->empty = close[-1] == '/';
        const char *name = begin + 1 + tag->closing, *end = close - (tag->empty && !tag->closing), *to = name;
        while (to < end && !is_blank(*to))
            to++;
        tag->name = (struct word){name, (size_t)(to - name)};
        tag->rest = (struct word){to, (size_t)(end - to)};
        return true;
    }
}

static bool begin_svg(struct filter *f, const struct svg_label *label)
{
    struct word before;
    struct tag tag;
    if (!next_tag(f, &before, &tag))
        return false;
    struct word box = attribute(tag.rest, "viewBox");
    if (!is(tag.name, "svg") || box.length == 0 || !is_plain(box))
        return broken(f, "it does not begin with <svg viewBox=...>");
    fprintf(f->out, "<svg role=\"img\" aria-labelledby=\"%s-title %s-desc\" viewBox=\"%.*s\">", label->id, label->id,
            (int)box.length, box.text);
    fprintf(f->out, "<title id=\"%s-title\">", label->id);
    html_string(f->out, label->title, HTML_ALL);
    fprintf(f->out, "</title><desc id=\"%s-desc\">", label->id);
    html_string(f->out, label->description, HTML_ALL);
    fputs("</desc>", f->out);
    return true;
}

bool svg_inline(FILE *out, const char *svg, size_t length, const struct svg_label *label, struct error *error)
{
    struct filter f = {.out = out, .at = svg, .end = svg + length, .id = label->id, .error = error};
    if (!begin_svg(&f, label))
        return false;
    for (;;) {
        struct word text;
        struct tag tag;
        if (!next_tag(&f, &text, &tag))
            return false;
        put_text(&f, text);
        if (tag.closing && f.depth == 0 && f.dropped == 0 && is(tag.name, "svg"))
            break;
        if (!(tag.closing ? close_element(&f, &tag) : open_element(&f, &tag)))
            return false;
    }
    end_marks(&f);
    fputs("</svg>\n", out);
    return true;
}
