#!/usr/bin/env bats
# `goheap convert`: CSV that comes out is canonical, the same trace, and there whole or not at all.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
}

# replayed TRACE: what a replay says of it, but for the trace's name and the wall clock.
replayed() {
    goheap replay -q --json - "$1" >"$BATS_TEST_TMPDIR/replayed.json"
    without_source "$BATS_TEST_TMPDIR/replayed.json"
}

@test "the bundled traces are canonical: they come out byte by byte" {
    need zstd
    for trace in "$sqlite" "$redis"; do
        zstd -dc "$trace" >plain.csv
        goheap convert -q "$trace" out.csv
        cmp plain.csv out.csv
        goheap convert -q "$trace" out.csv.zst
        zstd -dc out.csv.zst | cmp plain.csv -
        goheap convert -q out.csv.zst - | cmp plain.csv -
    done
    holds . out.csv out.csv.zst plain.csv
}

@test "any column order, unknown columns, quotes and blanks: the canonical form of it" {
    cat >in.csv <<'CSV'
id,size,what?,op,type, g ,t_ns,noscan

,,a b,meta,source=by hand,,,
7,00024,"x,y",alloc,"map[string]int",3,000,0
"8", 16 ,,"alloc","func(int, string)",,5,
9,8,,alloc,"say ""hi""",,5,1
10,8,,alloc,  plain ,,6,
11,8,,alloc,"  blank ",,6,
7,,,free,,3,7,
CSV
    cat >expected.csv <<'CSV'
t_ns,g,op,id,size,noscan,type
,,meta,,,,"source=by hand"
0,3,alloc,7,24,0,map[string]int
5,,alloc,8,16,,"func(int, string)"
5,,alloc,9,8,1,"say ""hi"""
6,,alloc,10,8,,plain
6,,alloc,11,8,,"  blank "
7,3,free,7,,,
CSV
    goheap convert -q in.csv out.csv
    diff expected.csv out.csv
    goheap convert -q out.csv again.csv
    cmp out.csv again.csv
    [ "$(replayed in.csv)" = "$(replayed out.csv)" ]
}

@test "what was converted is told, but not with -q" {
    printf 'p,op,id,size\n0,alloc,1,100\n4,alloc,2,50\n0,dead,1,\n0,free,1,\n4,alloc,3,7\n,stats,,\n' >in.csv
    goheap convert in.csv out.csv 2>told
    cat told
    diff told - <<'TOLD'
goheap: 6 rows: 3 alloc, 1 free, 1 dead, 1 stats
goheap: 2 streams; at most 2 objects live, and 150 bytes
TOLD
    silently convert -q in.csv out.csv
    goheap convert in.csv - 2>told >out.csv # data and talk are apart
    [ "$(wc -l <told)" -eq 2 ]
    [ "$(wc -l <out.csv)" -eq 7 ]
}

@test "progress is for terminals, or on demand" {
    goheap convert --progress "$redis" out.csv 2>told
    grep -q $'\r\033\\[K.* M rows, .* M/s, .* %, .* s left' told
    [ "$(grep -c 'goheap: ' told)" -eq 2 ]
}

@test "stdin, stdout, pipes, and onto itself" {
    need zstd
    goheap convert -q "$sqlite" plain.csv
    # shellcheck disable=SC2002
    cat "$sqlite" | goheap convert -q - - | cmp plain.csv -
    goheap convert -q <(cat "$sqlite") >(cat >piped.csv) # the reader may need a moment
    for _ in $(seq 50); do
        cmp -s plain.csv piped.csv && break
        sleep 0.1
    done
    cmp plain.csv piped.csv
    printf 'size,op,id\n8,alloc,1\n' >in.csv
    goheap convert -q in.csv in.csv
    [ "$(cat in.csv)" = $'op,id,size\nalloc,1,8' ]
    goheap convert -q "$sqlite" - | head -n 3 | cmp - <(head -n 3 plain.csv)
}

@test "what cannot be replayed cannot be converted: tests/invalid" {
    echo precious >out.csv
    for trace in "$root"/tests/invalid/*.csv; do
        cp "$trace" .
        refused 1 "$(cat "${trace%.csv}.expected")" convert "$(basename "$trace")" out.csv
    done
    [ "$(cat out.csv)" = precious ]
}

@test "an error far into a trace, or a file that is cut off, leaves nothing" {
    need zstd
    mkdir out
    { zstd -dc "$sqlite" && echo 9,0,free,x,,,; } >bad.csv
    refused 1 "bad.csv:" convert bad.csv out/t.csv
    head -c 100000 "$sqlite" >cut.csv.zst
    refused 1 "cut.csv.zst: the file is truncated" convert cut.csv.zst out/t.csv.zst
    empty out
}

@test "files that cannot be read or written" {
    refused 1 "none.csv: cannot open: No such file or directory" convert none.csv out.csv
    refused 1 "none/out.csv: No such file or directory" convert "$sqlite" none/out.csv
    refused 1 "/dev/full: No space left on device" convert "$sqlite" /dev/full
    mkdir directory
    refused 1 "directory: Is a directory" convert "$sqlite" directory
    status=0
    goheap convert "$sqlite" - >/dev/full 2>err || status=$?
    [ "$status" -eq 1 ]
    [ "$(cat err)" = "goheap: standard output: No space left on device" ]
}

@test "a disk that is full is noticed before an endless trace ends" {
    endless() {
        awk 'BEGIN { print "op,id,size"; for (i = 0;; i++) print "alloc," i ",64\nfree," i "," }' 2>/dev/null
    }
    refused 1 "/dev/full: No space left on device" convert - /dev/full < <(endless)
}

@test "^C, TERM and HUP leave nothing behind" {
    endless() {
        awk 'BEGIN { print "op,id,size"; for (i = 0;; i++) print "alloc," i ",64\nfree," i "," }' 2>/dev/null
    }
    mkdir out
    for signal in INT:130 TERM:143 HUP:129; do
        (sleep 0.4 && ls out >during) 3>&- &
        status=0
        endless 3>&- | timeout --foreground --preserve-status -s "${signal%:*}" 0.8 \
            "$goheap" convert - out/t.csv.zst 2>err || status=$?
        wait
        echo "$signal: $status, during: $(cat during), after: $(ls -A out)"
        grep -q '^t.csv.zst.tmp' during
        empty out
        [ "$status" -eq "${signal#*:}" ]
    done
}

@test "content that no format has, and formats by name" {
    printf '\037\213\010\000\000\000\000\000\000\003op' >t.csv.gz
    refused 1 "t.csv.gz:1: expected a trace in a format that can be read (" convert t.csv.gz out.csv
    refused 1 "t.csv.gz:1: expected a trace in a format that can be read (" replay t.csv.gz
    refused 1 "t.csv.gz:1: expected text, got a NUL byte" convert --from csv t.csv.gz out.csv
    need zstd
    zstd -q t.csv.gz
    refused 1 "t.csv.gz.zst:1: expected a trace in a format that can be read (" convert t.csv.gz.zst out.csv
    printf 'op,id,size\nalloc,1,8\n' >in
    goheap convert -q --from csv --to csv in out.xyz
    cmp in out.xyz
}

@test "wrong usage" {
    refused 2 "expected IN OUT" convert
    refused 2 "expected IN OUT" convert in.csv
    refused 2 'unexpected operand "more"' convert in.csv out.csv more
    refused 2 '--from: expected a format that can be read (' convert --from cvs in.csv out.csv
    refused 2 '--to: expected a format that can be written (' convert --to go in.csv out.csv
    refused 2 '--size: expected fit, slot or uniform, got "exact"' convert --size exact in.csv out.csv
    refused 2 '--death: expected uniform, gc or sweep, got ""' convert --death "" in.csv out.csv
    refused 2 '--seed: expected a whole number' convert --seed -1 in.csv out.csv
    for choice in --size=slot --size=fit --size=uniform --death=gc --death=sweep --death=uniform --salvage --seed=7; do
        printf 'op,id,size\nalloc,1,8\n' >in.csv
        goheap convert -q $choice in.csv out.csv # CSV leaves none of it open
        cmp in.csv out.csv
    done
}
