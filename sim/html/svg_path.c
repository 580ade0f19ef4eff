#include "html/svg_path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All lengths are in tenths of a unit. A step along an axis is held back: the next may lengthen it. */
struct pen {
    FILE *out;
    long x, y;             /* where it stands, with what is held back */
    long begin_x, begin_y; /* of this stroke */
    long held_x, held_y;
    bool down;             /* a point of this stroke has been written */
    char last;             /* command written last; '\0': none */
};

/* "-.5", "12", with a blank in front where digits would run together. */
static void put_number(struct pen *pen, long tenths, bool first)
{
    if (tenths >= 0 && !first)
        fputc(' ', pen->out);
    if (tenths < 0)
        fputc('-', pen->out);
    tenths = labs(tenths);
    if (tenths >= 10 || tenths == 0)
        fprintf(pen->out, "%ld", tenths / 10);
    if (tenths % 10)
        fprintf(pen->out, ".%ld", tenths % 10);
}

static void put_command(struct pen *pen, char command, long x, long y)
{
    bool repeated = command == pen->last && command != 'M';
    if (!repeated)
        fputc(command, pen->out);
    pen->last = command;
    if (command != 'v')
        put_number(pen, x, !repeated);
    if (command != 'h')
        put_number(pen, y, command == 'v' && !repeated);
}

static void put_held(struct pen *pen)
{
    if (pen->held_x == 0 && pen->held_y == 0)
        return;
    if (!pen->down) {
        put_command(pen, 'M', pen->begin_x, pen->begin_y);
        pen->down = true;
    }
    put_command(pen, pen->held_y == 0 ? 'h' : pen->held_x == 0 ? 'v' : 'l', pen->held_x, pen->held_y);
    pen->held_x = pen->held_y = 0;
}

static void move_to(struct pen *pen, long x, long y)
{
    put_held(pen);
    pen->x = pen->begin_x = x;
    pen->y = pen->begin_y = y;
    pen->down = false;
}

static bool same_way(long a, long b)
{
    return (a > 0 && b > 0) || (a < 0 && b < 0);
}

static void line_to(struct pen *pen, long x, long y)
{
    long dx = x - pen->x, dy = y - pen->y;
    bool goes_on = (dy == 0 && pen->held_y == 0 && same_way(dx, pen->held_x)) ||
                   (dx == 0 && pen->held_x == 0 && same_way(dy, pen->held_y));
    if (dx == 0 && dy == 0)
        return;
    if (!goes_on)
        put_held(pen);
    pen->held_x += dx;
    pen->held_y += dy;
    pen->x = x;
    pen->y = y;
}

static void close_stroke(struct pen *pen)
{
    put_held(pen);
    if (pen->down) {
        fputc('z', pen->out);
        pen->last = 'z';
    }
    pen->x = pen->begin_x;
    pen->y = pen->begin_y;
}

static bool read_number(const char **at, const char *end, long *tenths)
{
    char *after;
    while (*at < end && strchr(" ,\t\n", **at))
        (*at)++;
    if (*at == end || !strchr("+-.0123456789", **at))
        return false;
    double number = strtod(*at, &after);
    if (after == *at || after > end || !(fabs(number) < 1e6))
        return false;
    *tenths = lround(10 * number);
    *at = after;
    return true;
}

bool svg_path_shorten(FILE *out, const char *text, size_t length, bool *empty)
{
    struct pen pen = {.out = out};
    const char *end = text + length;
    char command = 'M';
    for (const char *at = text;;) {
        while (at < end && strchr(" ,\t\n", *at))
            at++;
        if (at == end)
            break;
        if (*at == 'Z' || *at == 'z') {
            close_stroke(&pen);
            at++;
            continue;
        }
        if (*at == 'M' || *at == 'L')
            command = *at++;
        long x, y;
        if (!read_number(&at, end, &x) || !read_number(&at, end, &y))
            return false;
        if (command == 'M')
            move_to(&pen, x, y);
        else
            line_to(&pen, x, y);
        command = 'L';
    }
    put_held(&pen);
    *empty = pen.last == '\0';
    return true;
}
