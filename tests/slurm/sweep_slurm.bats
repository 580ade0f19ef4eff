#!/usr/bin/env bats
# scripts/sweep-slurm on a real Slurm: a controller and two nodes on this machine. `make check-slurm` runs it, in a
# minute or two; it wants Debian's slurm-wlm and munge, and to be root or a user whom munge accepts.

# shellcheck disable=SC2154 # common_setup and start_cluster set the paths
load ../cli/helpers
load cluster

setup() {
    common_setup
    missing=$(cluster_missing | tr '\n' ' ')
    [ -z "$missing" ] || skip "no $missing"
    start_cluster "$BATS_TEST_TMPDIR/slurm" || skip "Slurm does not start: $(tail -n 2 "$BATS_TEST_TMPDIR"/slurm/*.log)"
    cp "$redis" t.csv.zst
    cat >plan.json <<'END'
{"traces": ["t.csv.zst"], "configs": ["go1.19", "go1.26"], "ps": [1, 4], "set": {"gogc": [50, 70, 90, 110, 130, 150]}}
END
    goheap sweep plan.json -o whole -q
}

teardown() {
    stop_cluster
}

as_if_undisturbed() {
    cmp whole/results.csv out/results.csv
    cmp whole/manifest.json out/manifest.json
    holds out manifest.json results.csv runs shards
    [ "$(ls -A whole/runs)" = "$(ls -A out/runs)" ]
}

# Waits until the second node is in the midst of a shard.
wait_for_node() {
    local process
    while :; do
        for process in $(on_node n2); do
            shard=$(tr '\0' '\n' <"/proc/$process/cmdline" 2>/dev/null | grep /shards/) || continue
            [ "$(find "$shard/runs" -name '*.json' 2>/dev/null | wc -l)" -lt 2 ] || return 0
        done
        sleep 0.01
    done
}

@test "an array of tasks on two nodes, merged, is what one machine would have written" {
    "$root/scripts/sweep-slurm" plan.json -o out -n 5 >table
    as_if_undisturbed
    [ "$(wc -l <table)" -eq 25 ]
    # shellcheck disable=SC2046
    holds out/shards manifest.json $(for i in 1 2 3 4 5; do echo "$i-of-5" "$i-of-5.log"; done)
    [ "$(cat out/shards/*.log)" = "" ]
}

@test "a node dies half-way: its task is requeued, goes on where it was, and ends in the same bytes" {
    "$root/scripts/sweep-slurm" plan.json -o out -n 3 >table 2>said &
    wait_for_node
    kill_node n2
    (cd "$shard" && find runs -name '*.json' -exec cksum {} + >"$OLDPWD/before")
    [ ! -e "$shard/results.csv" ]
    wait $!
    as_if_undisturbed
    (cd "$shard" && cut -d' ' -f3 "$OLDPWD/before" | xargs cksum | cmp - "$OLDPWD/before")
    node_becomes n2 down
}

@test "a node is taken for dead whose task lives: nothing is written by two" {
    "$root/scripts/sweep-slurm" plan.json -o out -n 3 >table 2>said &
    wait_for_node
    process=$(on_node n2)
    kill -STOP "$process"
    cut_node n2
    node_becomes n2 down
    until grep -qs 'another sweep is writing there, waiting for it' out/shards/*.log; do sleep 0.1; done
    [ ! -e "$shard/results.csv" ]
    kill -CONT "$process"
    wait $!
    as_if_undisturbed
}
