#!/usr/bin/env bats
# Go execution traces as recorded from real programs: what comes out of `goheap convert` is what an independent count of
# the file's events finds. The traces are not the project's: they are looked for in $GOHEAP_DATA/go-traces or in
# shared/data beside the project.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    traces=${GOHEAP_DATA:-$root/../shared/data}/go-traces
}

# counted TRACE: the importer's rows, by both policies, are as many of each kind as the trace has events.
counted() {
    [ -e "$traces/$1" ] || skip "no $traces/$1"
    need python3
    goheap convert -q --death=sweep "$traces/$1" rows.csv
    goheap convert -q --death=sweep --size=slot "$traces/$1" slots.csv
    python3 "$root/tests/oracle/go_trace_count.py" "$traces/$1" >events
    python3 "$root/tests/oracle/go_trace_count.py" --rows rows.csv slots.csv >rows
    [ "$(grep -c '^slots of' events)" -gt 40 ]
    diff events rows
}

@test "Go 1.23: allocations, frees, size classes, Ps as an independent count has them" {
    counted esbuild-go1.23.1.trace
}

@test "Go 1.25: the same" {
    counted esbuild-go1.25.5.trace
}

@test "Go 1.26: the same" {
    counted esbuild-go1.26.5.trace
}

@test "a Go trace replays, and converting it first changes nothing" {
    trace=$traces/esbuild-go1.26.5.trace
    [ -e "$trace" ] || skip "no $trace"
    for options in "" "--size=uniform --death=gc --seed=3"; do
        # shellcheck disable=SC2086 # several options
        goheap replay -q $options --gogc off --json - "$trace" >direct.json
        # shellcheck disable=SC2086
        goheap convert -q $options "$trace" rows.csv
        goheap replay -q --gogc off --json - rows.csv >converted.json
        diff <(without_source direct.json) <(without_source converted.json)
        [ "$(field Mallocs direct.json)" -gt 300000 ]
    done
}

# heap_as_recorded TRACE OPTION...: by the recorded cycles, the replay's heap is within 5 % of the recorded runtime's as
# each of them begins and ends, and at 95 of 100 moments in between; so are the goals.
heap_as_recorded() {
    [ -e "$1" ] || skip "no $1"
    need python3
    goheap convert -q "$1" rows.csv
    shift
    goheap replay -q --set gc=recorded "$@" -o out rows.csv
    python3 "$root/tests/oracle/go_trace_heap.py" rows.csv out
}

@test "Go 1.23, 1.25 and 1.26: the heap is in the replay what the runtime said that it was" {
    heap_as_recorded "$traces/esbuild-go1.23.1.trace" -c go1.22 --gogc off
    heap_as_recorded "$traces/esbuild-go1.25.5.trace" -c go1.22 --gogc off
    heap_as_recorded "$traces/esbuild-go1.26.5.trace" -c go1.26 --gogc off
}

@test "the bundled Go trace: the same, in eight cycles" {
    heap_as_recorded "$root/traces/go.csv.zst" -c go1.26
    [ "$(jq .gc.cycles out/run.json)" -eq 8 ]
}

@test "by its own cycles the bundled trace's replay has others" {
    need python3
    goheap replay -q -o out "$root/traces/go.csv.zst"
    goheap convert -q "$root/traces/go.csv.zst" rows.csv
    run python3 "$root/tests/oracle/go_trace_heap.py" rows.csv out
    [ "$status" -eq 1 ]
}

@test "a cut trace is an error that says where, and salvaged as far as it goes" {
    trace=$traces/esbuild-go1.25.5.trace
    [ -e "$trace" ] || skip "no $trace"
    head -c 1000000 "$trace" >cut.trace
    refused 1 "cut.trace: byte 1000000: expected the rest of a batch, got the end of the file: it is truncated" \
        convert -q cut.trace out.csv
    goheap convert --salvage cut.trace out.csv 2>said
    grep -qF "the trace ends where it is broken: cut.trace: byte 1000000: " said
    [ "$(grep -c ',alloc,' out.csv)" -gt 130000 ] # of 1,000,000 bytes, 7.3 each
    goheap replay -q --json /dev/null out.csv
}

# allocations ROWS: when, where, how large, without the types, which are lost.
allocations() {
    grep ',alloc,' "$1" | cut -d, -f1-4,6,7 | sort
}

@test "what is salvaged of a first second without its end is as in the whole trace" {
    trace=$traces/esbuild-go1.26.5.trace
    [ -e "$trace" ] || skip "no $trace"
    head -c 1000000 "$trace" >cut.trace
    goheap convert -q --size=slot --salvage cut.trace cut.csv
    goheap convert -q --size=slot "$trace" whole.csv
    [ "$(allocations cut.csv | wc -l)" -gt 130000 ]
    [ -z "$(comm -23 <(allocations cut.csv) <(allocations whole.csv))" ]
}

@test "recorded cycles are of simulated Ps" {
    refused 2 "gc=recorded follows recorded times: not with --real" \
        replay --real --set gc=recorded "$root/traces/go.csv.zst"
}
