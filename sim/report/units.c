#include "report/units.h"

#include <stdio.h>

const char *units_bytes(double n)
{
    static _Thread_local char texts[8][24];
    static _Thread_local unsigned at;
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    char *text = texts[at++ % 8];
    unsigned u = 0;
    while (n >= 1024 && u < 4) {
        n /= 1024;
        u++;
    }
    snprintf(text, sizeof texts[0], u ? "%.1f %s" : "%.0f %s", n, units[u]);
    return text;
}

const char *units_time(double ns, const char *micro)
{
    static _Thread_local char texts[8][24];
    static _Thread_local unsigned at;
    char *text = texts[at++ % 8];
    if (ns < 1e3)
        snprintf(text, sizeof texts[0], "%.0f ns", ns);
    else if (ns < 1e6)
        snprintf(text, sizeof texts[0], "%.1f %s", ns / 1e3, micro);
    else if (ns < 1e9)
        snprintf(text, sizeof texts[0], "%.1f ms", ns / 1e6);
    else
        snprintf(text, sizeof texts[0], "%.2f s", ns / 1e9);
    return text;
}

const char *units_count(double n)
{
    static _Thread_local char texts[8][32];
    static _Thread_local unsigned at;
    char digits[32], *text = texts[at++ % 8], *to = text;
    if (!(n >= 0 && n < 1e20)) { /* no count of anything */
        snprintf(text, sizeof texts[0], "%.3g", n);
        return text;
    }
    int length = snprintf(digits, sizeof digits, "%.0f", n);
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

const char *units_share(double part, double whole)
{
    static _Thread_local char texts[8][24];
    static _Thread_local unsigned at;
    char *text = texts[at++ % 8];
    double percent = whole > 0 ? 100 * part / whole : 0;
    if (percent > 0 && percent < 0.01)
        return "less than 0.01 %";
    int digits = percent >= 9.95 || percent <= 0 ? 0 : percent >= 0.995 ? 1 : 2;
    snprintf(text, sizeof texts[0], "%.*f %%", digits, percent);
    return text;
}
