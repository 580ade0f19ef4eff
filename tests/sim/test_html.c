/* Text of unknown origin in HTML, and gnuplot's SVG as a part of a page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "html/html.h"
#include "html/svg.h"
#include "html/svg_path.h"

#define BAD "\xEF\xBF\xBD" /* U+FFFD */

static void shows_cut(const char *text, size_t length, size_t most, const char *expected)
{
    char *got;
    size_t size;
    FILE *out = open_memstream(&got, &size);
    html_text(out, text, length, most);
    fclose(out);
    assert_string_equal(got, expected);
    free(got);
}

static void shows(const char *text, const char *expected)
{
    shows_cut(text, strlen(text), HTML_ALL, expected);
}

static void test_markup(void **state)
{
    (void)state;
    shows("", "");
    shows("redis.csv", "redis.csv");
    shows("<script>alert(\"1\")</script>", "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;");
    shows("' onload='x", "&#39; onload=&#39;x");
    shows("&lt;", "&amp;lt;");
    shows("]]>--><!--", "]]&gt;--&gt;&lt;!--");
}

static void test_characters(void **state)
{
    (void)state;
    shows("µs → 日本 🙂", "µs → 日本 🙂");
    shows("a\tb\nc", "a\tb\nc");
    shows("a\x01\x1B[31m\r\x7F", "a" BAD BAD "[31m" BAD BAD);
    shows("\xC2\x85|\xC2\xA0", BAD "|\xC2\xA0"); /* NEL is a control character, a fixed blank is none */
    shows("\xE2\x80\xAE" "cod.exe\xE2\x81\xA6", BAD "cod.exe" BAD); /* right-to-left override, isolate */
    shows("\xEF\xBF\xBE\xEF\xB7\x90", BAD BAD); /* U+FFFE, U+FDD0 */
    shows_cut("a\0b", 3, HTML_ALL, "a" BAD "b");
}

static void test_bytes_that_are_no_utf8(void **state)
{
    (void)state;
    shows("\x80\xFF", BAD BAD);
    shows("\xC3(", BAD "(");
    shows("\xC3", BAD);
    shows("\xE2\x82", BAD BAD);
    shows("\xC0\xBC", BAD BAD);             /* an overlong < */
    shows("\xE0\x80\xBC", BAD BAD BAD);     /* the same in three bytes */
    shows("\xED\xA0\x80", BAD BAD BAD);     /* a surrogate */
    shows("\xF4\x90\x80\x80", BAD BAD BAD BAD); /* beyond U+10FFFF */
    shows("\xC3<b>", BAD "&lt;b&gt;");      /* the lead byte does not swallow the < */
}

static void test_cut(void **state)
{
    (void)state;
    shows_cut("abcdef", 6, 6, "abcdef");
    shows_cut("abcdef", 6, 5, "abcde…");
    shows_cut("äöü", 6, 2, "äö…");
    shows_cut("<<<", 3, 1, "&lt;…");
    shows_cut("\xE4\xB8\xAD", 2, HTML_ALL, BAD BAD); /* a character that the length cuts */
}

/* --- paths --------------------------------------------------------------------------------------------- */

static void path(const char *text, const char *expected)
{
    char *got;
    size_t size;
    bool empty;
    FILE *out = open_memstream(&got, &size);
    assert_true(svg_path_shorten(out, text, strlen(text), &empty));
    fclose(out);
    assert_string_equal(got, expected);
    assert_true(empty == (*expected == '\0'));
    free(got);
}

static void test_path(void **state)
{
    (void)state;
    path("M10,20 L30,20  ", "M10 20h20");
    path("M10.04,20.06 L30.04,25.16", "M10 20.1l20 5.1");
    path("M1,1 L2,2 L4,1 3,0.5", "M1 1l1 1 2-1-1-.5");
    path("M0,0 L1,0 L2,0 L2,5 L2,9 L2,8", "M0 0h2v9-1"); /* on along an axis is one step, back is another */
    path("M0,0 L0,0 M5,5 L6,6 Z M7,7", "M5 5l1 1z");
    path("M1,1 L3,1 M1,2 L3,2", "M1 1h2M1 2h2");
    path("1,1 3,1 3,2 1,2", "M1 1h2v1h-2");
    path("M-0.01,0.04 L-1,-2.55 ", "M0 0l-1-2.6");
    path("M209.34,135.44  ", "");
    path("", "");
}

static void test_path_that_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"M1", "M1,2 C1,2 3,4 5,6", "M1,2 Lx,3", "M1e9,0 L2,2", "Mnan,1", "m1,2",
        "M1,inf"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool empty;
        FILE *out = fopen("/dev/null", "w");
        assert_false(svg_path_shorten(out, texts[i], strlen(texts[i]), &empty));
        fclose(out);
    }
}

/* --- SVG ----------------------------------------------------------------------------------------------- */

/* The filtered SVG, NULL if it was refused; the caller frees it. */
static char *filtered(const char *svg, struct error *error)
{
    static const struct svg_label label = {"A-heap", "Heap", "31 % of <it>"};
    char *got;
    size_t size;
    FILE *out = open_memstream(&got, &size);
    bool ok = svg_inline(out, svg, strlen(svg), &label, error);
    fclose(out);
    if (ok)
        return got;
    free(got);
    return NULL;
}

#define HEAD "<svg role=\"img\" aria-labelledby=\"A-heap-title A-heap-desc\" viewBox=\"0 0 10 10\">" \
    "<title id=\"A-heap-title\">Heap</title><desc id=\"A-heap-desc\">31 % of &lt;it&gt;</desc>"

static void becomes(const char *inside, const char *expected)
{
    char svg[4096], wanted[4096];
    struct error error = {.text = ""};
    snprintf(svg, sizeof svg, "<?xml version=\"1.0\"?>\n<svg width='9' viewBox=\"0 0 10 10\" xmlns='x'>%s</svg>",
        inside);
    snprintf(wanted, sizeof wanted, "%s%s</svg>\n", HEAD, expected);
    char *got = filtered(svg, &error);
    assert_string_equal(error.text, "");
    assert_non_null(got);
    assert_string_equal(got, wanted);
    free(got);
}

static void test_svg(void **state)
{
    (void)state;
    becomes("\n<title>goheap</title><desc>Produced by GNUPLOT</desc>\n", "");
    becomes("<g id=\"gnuplot_canvas\">\n<rect x=\"0\" y='1' fill = '#ffffff'/>\n</g>",
            "<g id=\"A-heap-gnuplot_canvas\"><rect x=\"0\" y=\"1\" fill=\"#ffffff\"/></g>");
    becomes("<path stroke='rgb( 1,  2,  3)' class=\"gridline\" d='M1,1 L2,1  '/><path d='M1,1 '/>",
            "<path d=\"M1 1h1\" stroke=\"rgb( 1,  2,  3)\"/>");
    becomes("<polygon fill = 'red' points = '0,0 1,0 1,1 '/>", "<path d=\"M0 0h1v1z\" fill=\"red\"/>");
    becomes("<defs><circle id='gpDot' r='0.5'/><path id='gpPt0' d='M-1,0 h2'/><filter "
            "id='f'><feFlood/></filter></defs>",
            "<defs><circle id=\"A-heap-gpDot\" r=\"0.5\"/><path d=\"M-1,0 h2\" id=\"A-heap-gpPt0\"/></defs>");
    becomes("<use xlink:href='#gpPt0' transform='translate(1,2) scale(3)'/>",
            "<use href=\"#A-heap-gpPt0\" transform=\"translate(1,2) scale(3)\"/>");
}

#define USE(mark, x, y, colour) \
    "<use xlink:href='#" mark "' transform='translate(" x "," y ") scale(1.90)' color='" colour "'/>\n"
#define RUN(n, mark, colour, path) \
    "<marker id=\"A-heap-run" n "\" overflow=\"visible\" markerUnits=\"userSpaceOnUse\"><use href=\"#A-heap-" mark \
    "\" transform=\"scale(1.9)\" color=\"" colour "\"/></marker><path fill=\"none\" stroke=\"none\" " \
    "marker-start=\"url(#A-heap-run" n ")\" marker-mid=\"url(#A-heap-run" n ")\" " \
    "marker-end=\"url(#A-heap-run" n ")\" d=\"" path "\"/>"

/* Marks of the same kind in one path, a single one by itself. */
static void test_svg_marks(void **state)
{
    (void)state;
    becomes(USE("gpPt6", "1.25", "2.00", "red"),
            "<use href=\"#A-heap-gpPt6\" transform=\"translate(1.2,2.0)scale(1.9)\" color=\"red\"/>");
    becomes(USE("gpPt6", "1", "2", "red") USE("gpPt6", "3.04", "-4", "red") USE("gpPt6", "5", "6", "red")
            USE("gpPt6", "7", "8", "blue") USE("gpPt7", "9", "1", "blue") USE("gpPt7", "2", "3", "blue") "<g></g>"
            USE("gpPt7", "4", "5", "blue"),
            RUN("1", "gpPt6", "red", "M1.0 2.0L3.0 -4.0L5.0 6.0")
            "<use href=\"#A-heap-gpPt6\" transform=\"translate(7.0,8.0)scale(1.9)\" color=\"blue\"/>"
            RUN("2", "gpPt7", "blue", "M9.0 1.0L2.0 3.0") "<g></g>"
            "<use href=\"#A-heap-gpPt7\" transform=\"translate(4.0,5.0)scale(1.9)\" color=\"blue\"/>");
    becomes(USE("gpPt6", "1e300", "2", "red") USE("gpPt6", "1", "2", "url(#x)"),
            "<use href=\"#A-heap-gpPt6\" transform=\"translate(1e300,2) scale(1.90)\" color=\"red\"/>"
            "<use href=\"#A-heap-gpPt6\" transform=\"translate(1,2) scale(1.90)\"/>");
}

static void test_svg_texts(void **state)
{
    (void)state;
    becomes("<text><tspan font-family=\"A\">4 &lt; 5 &amp; 6</tspan></text>",
            "<text><tspan font-family=\"A\">4 &lt; 5 &amp; 6</tspan></text>");
    becomes("<text>a & b\x01\xFF &#160;&#x26; &#x; &bogus;</text>",
            "<text>a &amp; b" BAD BAD " &#160;&#x26; &amp;#x; &amp;bogus;</text>");
    becomes("not in a text<g>nor here</g>", "<g></g>");
}

static void test_svg_that_is_hostile(void **state)
{
    (void)state;
    becomes("<script>alert(1)<g></g></script><g onload='x()' style='background:url(http://x)'/>", "<g/>");
    becomes("<a xlink:href='http://x'><text>t</text></a>", "");
    becomes("<use xlink:href='http://x/#y'/><use xlink:href='javascript:x'/>", "<use/><use/>");
    becomes("<g fill='url(#p)' stroke='\"><b>' transform='a;b'/>", "<g/>");
    becomes("<image xlink:href='data:image/png;base64,QUJD+/=='/><image xlink:href='data:image/svg+xml;base64,QQ=='/>",
            "<image href=\"data:image/png;base64,QUJD+/==\"/><image/>");
    becomes("<image xlink:href='http://x/y.png'/><foreignObject><div>x</div></foreignObject>", "<image/>");
    becomes("<!-- <g> --><![CDATA[ x ]]>", "");
}

static void test_svg_that_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "no markup", "<html></html>", "<svg>", "<svg viewBox='0 0 1 1'>", "<svg viewBox='0 0 1 1'></g></svg>",
        "<svg viewBox='0 0 1 1'><g></text></g></svg>", "<svg viewBox='0 0 1 1'><g></svg>",
        "<svg viewBox='0 0 1 1'><path d='M1,1 C2,2 3,3 4,4'/></svg>", "<svg viewBox='0 0 1 1'><path d='M1,1 L2,",
        "<svg viewBox='0 0 1 1'><path d='M1,1 L2,2'>", "<svg viewBox='url(x)'></svg>"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct error error = {.text = ""};
        char *got = filtered(texts[i], &error);
        assert_null(got);
        assert_non_null(strstr(error.text, "figure A-heap: gnuplot's SVG is not as expected"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markup),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_bytes_that_are_no_utf8),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_path_that_is_none),
        cmocka_unit_test(test_svg),
        cmocka_unit_test(test_svg_marks),
        cmocka_unit_test(test_svg_texts),
        cmocka_unit_test(test_svg_that_is_hostile),
        cmocka_unit_test(test_svg_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
