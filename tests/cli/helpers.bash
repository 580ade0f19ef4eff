# shellcheck shell=bash
# What the tests of the command line share. Load it at the top of a .bats file; $goheap is the program,
# $root the repository, the current directory an empty one of the test's own.

common_setup() {
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    goheap=$(realpath "${GOHEAP:-$root/build/goheap}")
    sqlite=$root/traces/sqlite.csv.zst
    redis=$root/traces/redis.csv.zst
    export root goheap sqlite redis
    mkdir "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here" || return 1
}

# Nothing that is tested here takes longer; what hangs must not hang the suite.
goheap() {
    timeout 30 "$goheap" "$@"
}

# refused STATUS TEXT [ARGUMENT...]: `goheap ARGUMENT...` exits with the status ("1", or "1|2" where either is
# right), prints nothing on stdout, and on stderr one line that starts with "goheap: " and contains TEXT. What
# `here` holds stays as it was.
refused() {
    local wanted=$1 text=$2 status=0 before
    shift 2
    before=$(ls -AR)
    goheap "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
    echo "goheap $*: exit $status: $(tr -d '\0' <"$BATS_TEST_TMPDIR/err")"
    [[ $status =~ ^($wanted)$ ]] || return 1
    [ ! -s "$BATS_TEST_TMPDIR/out" ] || return 1
    [ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -eq 1 ] || return 1
    [ "$(head -c 8 "$BATS_TEST_TMPDIR/err")" = "goheap: " ] || return 1
    grep -qF -- "$text" "$BATS_TEST_TMPDIR/err" || return 1
    [ "$(ls -AR)" = "$before" ]
}

# The program ran, and said nothing on stderr.
silently() {
    goheap "$@" 2>"$BATS_TEST_TMPDIR/err"
    cat "$BATS_TEST_TMPDIR/err" >&2
    [ ! -s "$BATS_TEST_TMPDIR/err" ]
}

# field KEY FILE: the first value of the key in JSON that goheap wrote, a member a line.
field() {
    awk -v key="\"$1\":" '$1 == key { sub(/,$/, "", $2); print $2; exit }' "$2"
}

# The document without what depends on the wall clock and on how the command was typed; without_source: and without
# what was replayed.
without_wall() {
    sed -e '/^  "wall": {$/,/^  }/d' -e '/^  "command": \[$/,/^  \]/d' "$1"
}

without_source() {
    without_wall "$1" | sed '/^  "trace": /d'
}

# One JSON document and nothing after it, with no number that JSON does not have.
is_json() {
    if command -v python3 >/dev/null; then
        python3 -c 'import json, sys; json.load(open(sys.argv[1]), parse_constant=sys.exit)' "$1"
    elif command -v jq >/dev/null; then
        [ "$(jq -s length "$1")" -eq 1 ]
    else
        head -n 1 "$1" | grep -q '^[[{]' && tail -n 1 "$1" | grep -q '^[]}]$'
    fi
}

need() {
    command -v "$1" >/dev/null || skip "no $1 here"
}

# A directory holds these files and no others.
holds() {
    local directory=$1
    shift
    [ "$(ls -A "$directory")" = "$(printf '%s\n' "$@" | sort)" ]
}

# empty DIRECTORY
empty() {
    [ -z "$(ls -A "$1")" ]
}

# shows FILE TEXT...: each text stands in the file, a figure in SVG or a page.
shows() {
    local file=$1 text
    shift
    for text; do
        grep -qF -- "$text" "$file" || { echo "$file does not show: $text"; return 1; }
    done
}

# hides FILE TEXT...: none of them does.
hides() {
    local file=$1 text
    shift
    for text; do
        ! grep -F -- "$text" "$file" || return 1
    done
}
