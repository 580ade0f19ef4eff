#!/usr/bin/env bats
# `mutex`: how locks are waited for.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

# 16 threads at one size class.
setup() {
    common_setup
    awk 'BEGIN {
        print "p,op,id,size"
        for (i = 0; i < 8000; i++)
            printf "%d,alloc,%d,8000\n", i % 16, i
    }' >threads.csv
}

replay_with() { # MUTEX FILE
    silently replay -q -c locked-central --set "mutex=$1" --json "$2" threads.csv
}

@test "under Go's mutex a run repeats, and waits for other lengths of time than first come, first served" {
    replay_with go go.json
    replay_with go again.json
    replay_with fifo fifo.json
    diff <(without_wall go.json) <(without_wall again.json)
    [ "$(field Mallocs go.json)" = "$(field Mallocs fifo.json)" ]
    [ "$(field wait_ns go.json)" -gt 0 ]
    [ "$(field wait_ns go.json)" -ne "$(field wait_ns fifo.json)" ]
}

@test "without --set locks are first come, first served" {
    replay_with fifo fifo.json
    silently replay -q -c locked-central --json default.json threads.csv
    diff <(without_wall fifo.json) <(without_wall default.json)
}

@test "no other way of waiting is known" {
    refused "1|2" 'mutex: expected one of "fifo", "go", got "lifo"' replay --set mutex=lifo threads.csv
}
