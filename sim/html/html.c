#include "html/html.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { REPLACEMENT = 0xFFFD };

/* The code point that begins at text, of length > 0 bytes, and in *used how many bytes it takes; REPLACEMENT for a byte
 * that is not UTF-8 (RFC 3629, so without surrogates and overlong forms). */
static uint32_t decode(const unsigned char *text, size_t length, size_t *used)
{
    static const struct { unsigned char mask, lead; uint32_t least; } forms[] = {
        {0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    *used = 1;
    for (size_t n = 0; n < 4; n++) {
        if ((text[0] & forms[n].mask) != forms[n].lead)
            continue;
        uint32_t code = text[0] & (unsigned char)~forms[n].mask;
        for (size_t i = 1; i <= n; i++) {
            if (i == length || (text[i] & 0xC0) != 0x80)
                return REPLACEMENT;
            code = code << 6 | (text[i] & 0x3F);
        }
        if (code < forms[n].least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return REPLACEMENT;
        *used = n + 1;
        return code;
    }
    return REPLACEMENT;
}

static bool can_be_shown(uint32_t code)
{
    if (code == '\t' || code == '\n')
        return true;
    bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    bool turns = code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
                 (code >= 0x2066 && code <= 0x2069);
    bool nothing = (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF);
    return !control && !turns && !nothing;
}

static void put(FILE *out, const char *text, size_t used, uint32_t code)
{
    switch (code) {
    case '<':
        fputs("&lt;", out);
        break;
    case '>':
        fputs("&gt;", out);
        break;
    case '&':
        fputs("&amp;", out);
        break;
    case '"':
        fputs("&quot;", out);
        break;
    case '\'':
        fputs("&#39;", out);
        break;
    default:
        if (code != REPLACEMENT && can_be_shown(code))
            fwrite(text, 1, used, out);
        else
            fputs("\xEF\xBF\xBD", out);
    }
}

void html_text(FILE *out, const char *text, size_t length, size_t most)
{
    for (size_t at = 0, shown = 0; at < length; shown++) {
        if (shown == most) {
            fputs("…", out);
            return;
        }
        size_t used;
        uint32_t code = decode((const unsigned char *)text + at, length - at, &used);
        put(out, text + at, used, code);
        at += used;
    }
}

void html_string(FILE *out, const char *text, size_t most)
{
    html_text(out, text, strlen(text), most);
}
