#!/usr/bin/env bats
# `goheap report`: one page with all that a run found, or several beside one another. That browsers show it is for
# tests/browser.

# shellcheck disable=SC2154,SC2016 # common_setup sets the paths; what is in single quotes is for jq
load helpers

setup() {
    common_setup
    need python3
    need jq
}

# A run of few events on 2 Ps, with a figure for each, in a directory.
small() { # DIR [OPTION...]
    local directory=$1
    shift
    [ -e small.csv ] || {
        echo t_ns,p,op,id,size
        for ((i = 0; i < 400; i++)); do
            echo "${i}00,$((i % 2)),alloc,$i,$((i % 7 * 400 + 16))"
            ((i % 3)) || echo "${i}50,$((i % 2)),free,$i,"
        done
        echo 40000,0,gc,,
    } >small.csv
    goheap replay -q -P 2 "$@" -o "$directory" small.csv
}

# A page as it has to be: whole, in UTF-8, elements closed in the order in which they were opened, ids once, nothing
# from anywhere else, no script but ours, which the policy knows by its digest.
is_page() {
    [ "$(wc -c <"$1")" -lt 3000000 ] || return 1
    python3 - "$1" <<'END'
import base64, hashlib, html.parser, re, sys

text = open(sys.argv[1], 'rb').read().decode('utf-8')
void = {'meta', 'br'}
control = re.search('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]', text)
assert not control, f'control character {control!r}'
assert text.startswith('<!DOCTYPE html>\n') and text.endswith('</html>\n')

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.references, self.scripts, self.policy = [], set(), [], [], None

    def handle_starttag(self, tag, attributes, empty=False):
        for name, value in attributes:
            assert not name.startswith('on') and name not in ('src', 'style', 'action'), (tag, name)
            if name == 'id':
                assert value not in self.ids, f'{value} twice'
                self.ids.add(value)
            if name == 'href':
                assert value.startswith(('#', 'data:image/png;base64,')), value
                self.references += [value[1:]] if value[0] == '#' else []
            if name in ('aria-labelledby',):
                self.references += value.split()
        if dict(attributes).get('http-equiv') == 'Content-Security-Policy':
            self.policy = dict(attributes)['content']
        assert tag not in ('link', 'iframe', 'object', 'embed', 'base', 'form', 'img', 'a'), tag
        if tag not in void and not empty:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes, True)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f'</{tag}>'

    def handle_data(self, data):
        if self.open[-1:] == ['script']:
            self.scripts.append(data)

page = Page()
page.feed(text)
page.close()
assert not page.open, page.open
assert set(page.references) <= page.ids, set(page.references) - page.ids
script = ''.join(page.scripts)
digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
assert script and f"script-src 'sha256-{digest}'" in page.policy, f'the digest is {digest}'
assert page.policy.startswith("default-src 'none';") and text.count('<script>') == 1
END
}

# A report as it is without gnuplot, which takes most of the time.
without_figures() {
    PATH=/nonexistent "$goheap" report "$@" 2>err
}

figures() {
    grep -c '<svg role="img"' "$1" || true
}

# Changes a run's document: change DIR JQ-FILTER [JQ-ARGUMENT...]
change() {
    local directory=$1 filter=$2
    shift 2
    jq "$@" "$filter" "$directory/run.json" >changed.json
    mv changed.json "$directory/run.json"
}

@test "a run: verdict, figures with words for them, tables, configuration, how to get the same" {
    need gnuplot
    small run --gogc 50
    goheap report run -o page.html 2>err
    [ "$(cat err)" = "wrote page.html" ]
    is_page page.html
    [ "$(figures page.html)" -eq 9 ]
    shows page.html '<h1>small.csv</h1>' 'go1.26, 2 Ps, recorded pacing; 535 events, ' \
        "of the heap&#39;s" '1 collection, forced, took' 'of the allocations took at most' '&quot;gogc&quot;: 50,' \
        'goheap replay -q -P 2 --gogc 50 -o run small.csv' "goheap $("$goheap" --version | cut -d' ' -f2)"
    for figure in heap map waste spans turnover collector locks waits latency; do
        shows page.html "<title id=\"figure-$figure-title\">" "<desc id=\"figure-$figure-desc\">"
    done
    [ "$(grep -c '<table class="sort">' page.html)" -eq 4 ]
}

@test "a run of nothing, of one object, without a collector: three sentences each" {
    printf 't_ns,op,id,size\n' >none.csv
    printf 't_ns,op,id,size\n5,alloc,1,100\n' >one.csv
    goheap replay -q -o none none.csv
    goheap replay -q -o one one.csv
    small immediate --set reclaim=immediate
    for run in none one immediate; do
        without_figures "$run" -o "$run.html"
        is_page "$run.html"
        [ "$(sed -n '/class="verdict"/,/<\/div>/p' "$run.html" | grep -c '^<p>')" -eq 3 ]
    done
    shows none.html 'Nothing was allocated, so there is no heap' 'No collection began' \
        'Nobody waited for a lock. Nothing'
    shows one.html 'all of that in one class: 112 B'
    shows immediate.html 'Nothing was collected: with reclaim=immediate'
}

@test "several runs: each against the first, what differs in the settings, figures of all in one" {
    need gnuplot
    small a
    small b -c go1.19 -P 1
    rm ./*/heap_map.csv # which takes most of the time
    goheap report -q a b -o page.html
    is_page page.html
    [ "$(figures page.html)" -eq 8 ]
    shows page.html '2 runs beside one another' 'B against A' '<h2>Settings that differ</h2>' \
        '<th scope="row">name</th><td>go1.26</td><td>go1.19</td></tr>' \
        '<desc id="figure-heap-desc">A: At most 4.0 MiB' \
        '<th scope="row">ps</th><td>2</td><td>1</td></tr>' 'goheap replay -q -P 2 -c go1.19 -P 1 -o b small.csv'
    [ "$(grep -c 'class="verdict"' page.html)" -eq 2 ]
    goheap report a b -o - | cmp - page.html # the same bytes every time
    [ "$(grep -c '<th scope="row">gogc</th>' page.html)" -eq 0 ]
    # a run against itself differs in nothing
    without_figures a a -o same.html
    is_page same.html
    [ "$(grep -c 'Settings that differ' same.html)" -eq 0 ]
    [ "$(grep -c '<td>=</td></tr>' same.html)" -eq "$(grep -c '<th scope="row">' same.html)" ]
}

@test "what the trace says of itself, if info told" {
    small run
    { echo 't_ns,op,id,size,type'; echo ',meta,,,"program=<script>alert(1)</script>"'
        printf ',meta,,,"key=\xC3\x28'; head -c 65536 /dev/zero | tr '\0' x; echo '"'
        echo '1,alloc,1,8,"a<b>"'; } >t.csv
    goheap info -q -o run t.csv
    without_figures run -o page.html
    is_page page.html
    shows page.html '<li><code>program=&lt;script&gt;alert(1)&lt;/script&gt;</code></li>' '<li><code>key='
    [ "$(grep -o 'x*' page.html | awk '{ if (length > n) n = length } END { print n }')" -lt 300 ]
}

@test "hostile names show up as text, and are cut" {
    need gnuplot
    local name=$'<img src=x onerror=alert(1)>\'"&\x01\x1b[31m\xff\xe2\x80\xae{x}_y^2 `touch pwned` $(touch pwned)'
    small plain
    cp small.csv "$name.csv"
    mkdir "$name"
    (cd "$name" && goheap replay -q -P 2 -o . "../$name.csv" && rm heap_map.csv && goheap report -q . -o ../page.html)
    is_page page.html
    shows page.html '&lt;img src=x onerror=alert(1)&gt;'
    [ ! -e pwned ]
    # a document that was written by somebody else
    change plain '.run.trace = "<b>" + $long + "\u0001\u202e" | .run.config.name = "</title><script>" + $long |
        .locks[0].name = "<i>" + $long | .locks[0].wait_ns = 9 | .latency[0].tier = "\u0007<u>" |
        .run.pacing = "</pre>" | .run.goheap = "<s>" | .run.command = ["<script>", "a b", $long, "never shown"] |
        .run.config.other = {"</pre><script>": $long}' --arg long "$(head -c 65536 /dev/zero | tr '\0' y)"
    without_figures plain -o page.html
    is_page page.html
    shows page.html '&lt;b&gt;yyy' '&lt;/title&gt;&lt;script&gt;yyy' '&lt;i&gt;yyy' \
        '&#39;&lt;script&gt;&#39; &#39;a b&#39; …'
    without_figures plain "$name" -o two.html
    is_page two.html
}

@test "a page is bounded, whatever the document has" {
    small run
    change run '.size_classes[1].allocs = 1 |
        .gc.records = [range(500) as $i | .gc.records[0]] | .size_classes = [range(500) as $i | .size_classes[1]] |
        .locks = [range(500) as $i | .locks[0] + {waits: true}] | .run.config.note = [range(100000)]'
    without_figures run -o page.html
    is_page page.html
    shows page.html '100 more are in cycles.csv.' '100 more are in locks.csv.' '100 more are in classes.csv.'
}

@test "without gnuplot: all but the figures, and a line that says so" {
    small run
    without_figures -q run -o page.html
    [ "$(cat err)" = "goheap: no figures, as gnuplot is not installed (apt-get install gnuplot-nox)" ]
    is_page page.html
    [ "$(figures page.html)" -eq 0 ]
    shows page.html 'gnuplot is not installed where this was made' '<h2>Size classes</h2>'
}

@test "documents by themselves, as of a sweep: no figures, all else" {
    small run
    cp run/run.json b.json
    PATH=/nonexistent "$goheap" report run b.json -o page.html 2>err # gnuplot is not asked for
    [ "$(cat err)" = "wrote page.html" ]
    is_page page.html
    [ "$(figures page.html)" -eq 0 ]
    shows page.html '2 runs beside one another' 'has no CSV files' '<strong>B</strong>: b.json'
    without_figures b.json -o page.html
    is_page page.html
}

@test "wrong usage" {
    small run
    refused 2 "expected -o FILE" report run
    refused 2 "expected RUN" report -o page.html
    refused 2 "unexpected operand" report -o page.html run run run run run run run run run run run run run
}

@test "no run, half a run, somebody else's JSON: one line, and no page" {
    mkdir empty
    refused 1 "nowhere/run.json: No such file or directory" report nowhere -o page.html
    refused 1 "empty/run.json: No such file or directory; expected a directory that" report empty -o page.html
    for text in '' '{' '[]' '{"run": 1}' '{"a": 1, "a": 2}' '"\u0000"' "$(printf '"\xff"')" 1e999; do
        echo "$text" >empty/run.json
        refused 1 "empty/run.json:" report empty -o page.html
    done
    head -c 100000 /dev/zero | tr '\0' '[' >empty/run.json
    refused 1 "empty/run.json:" report empty -o page.html
    truncate -s 200M empty/run.json
    refused 1 "empty/run.json: expected a file of at most 128 MiB" report empty -o page.html
    rm empty/run.json
    mkfifo empty/run.json
    refused 1 "empty/run.json: expected a file" report empty -o page.html
    small run
    echo '{"trace": 1}' >run/info.json
    refused 1 "run/info.json: trace.name: expected text" report run -o page.html
    rm run/info.json
    small other
    change other 'del(.gc.pauses.max_ns)'
    refused 1 "other/run.json: gc.pauses.max_ns: expected a number from 0 to 2^64" report run other -o page.html
}

@test "a CSV that is none, or far too large: one line, and the old page stays" {
    need gnuplot
    small run
    echo old >page.html
    echo t_ns >run/heap.csv
    refused 1 'run/heap.csv:1: the header has no column "heap_sys_bytes"' report run -o page.html
    truncate -s 17M run/heap.csv
    refused 1 "run/heap.csv: expected at most 16 MiB" report run -o page.html
    [ "$(cat page.html)" = old ]
    refused 1 "nowhere/page.html: No such file or directory" report run -o nowhere/page.html
}
