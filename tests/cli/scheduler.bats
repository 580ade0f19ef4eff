#!/usr/bin/env bats
# More streams than Ps: `goheap replay` runs them in turns, and says so.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    awk 'BEGIN {
        print "p,g,op,id,size"
        for (i = 1; i <= 3000; i++) print i % 6 "," i % 6 ",alloc," i ",0"
    }' >six.csv
}

@test "run.scheduler has streams, switches, preemptions and latency where streams outnumber the Ps, and else is not there" {
    for args in "-P 5" "-P 1 --set scheduler=queue" "-P 1 --set stream_by=g"; do
        # shellcheck disable=SC2086 # words are wanted
        silently replay -q $args --json run.json six.csv
        is_json run.json
        grep -q '^  "scheduler": {$' run.json
        [ "$(field streams run.json)" -eq 6 ]
        [ "$(field events run.json)" -eq 3000 ]
    done
    for args in "-P 6" "-P 8" "" "-P 1" "-P 5 --set scheduler=dealt"; do
        # shellcheck disable=SC2086 # words are wanted
        silently replay -q $args --json run.json six.csv
        ! grep -q '^  "scheduler": {$' run.json || return 1
    done
}

# One P: the events, and a switch to each stream but the first; what each waits is what the others took before it.
@test "switches take time, and waiting for the P is what was run before" {
    silently replay -q -P 1 --set scheduler=queue --set costs.alloc=10 --set costs.goroutine_switch=1000 --json run.json six.csv
    [ "$(field switches run.json) $(field preemptions run.json)" = "5 0" ]
    [ "$(field virtual_ns run.json)" -eq $((3000 * 10 + 5 * 1000)) ]
    sed -n '/^  "scheduler": {$/,/^  }/p' run.json >scheduler
    [ "$(field total_ns scheduler)" -eq $((5000 + 11000 + 17000 + 23000 + 29000)) ]
    [ "$(field max_ns scheduler)" -eq 29000 ]
}

@test "a time slice ends where others wait" {
    silently replay -q -P 1 --set scheduler=queue --set costs.alloc=10 --set timeslice_ns=1000 --json run.json six.csv
    [ "$(field preemptions run.json)" -eq $((6 * 4)) ]
    [ "$(field switches run.json)" -eq $((6 * 5 - 1)) ]
}
