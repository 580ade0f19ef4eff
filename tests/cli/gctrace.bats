#!/usr/bin/env bats
# `goheap replay --gctrace`: Go's own lines, one a collection, and that they say what the results say.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    awk 'BEGIN {
        print "op,id,size,noscan"
        for (i = 1; i <= 60000; i++) {
            print "alloc," i "," 16 + i % 500 "," i % 2
            if (i > 9000) print "free," i - 9000 ",,"
        }
        print "gc,,,"
    }' >churn.csv
}

ms='(0|0\.[0-9]{2,3}|[0-9]\.[0-9]|[0-9]+)'
line="^gc [0-9]+ @[0-9]+\.[0-9]{3}s [0-9]+%: $ms\+$ms\+$ms ms clock, $ms\+$ms/$ms/$ms\+$ms ms cpu, "
line+="[0-9]+->[0-9]+->[0-9]+ MB, [0-9]+ MB goal, [0-9]+ MB stacks, [0-9]+ MB globals, 2 P( \(forced\))?$"

@test "one line of Go's form a cycle on stderr, the summary on stdout as ever" {
    goheap replay -P 2 --gctrace --json run.json churn.csv >summary 2>trace
    grep -q '^Collector: ' summary
    cycles=$(grep -c '^ *"cycle":' run.json)
    [ "$cycles" -gt 3 ]
    [ "$(wc -l <trace)" -eq "$cycles" ]
    if grep -vE "$line" trace; then
        return 1
    fi
    awk '{ if ($2 != NR) exit 1 }' trace
    [ "$(grep -c '(forced)$' trace)" -eq 1 ]
    tail -n 1 trace | grep -q '(forced)$'
}

@test "heap sizes and goals are those of the document, in MiB" {
    goheap replay -q -P 2 --gctrace --json run.json churn.csv 2>trace
    diff <(sed -E 's/.* cpu, ([0-9]+)->([0-9]+)->([0-9]+) MB, ([0-9]+) MB goal.*/\1 \2 \3 \4/' trace) \
        <(awk -F'[:,] *' '
            / "heap_start_bytes"/ { a = int($2 / 1048576) }
            / "heap_end_bytes"/ { b = int($2 / 1048576) }
            / "heap_marked_bytes"/ { c = int($2 / 1048576) }
            / "goal_bytes"/ { print a, b, c, int($2 / 1048576) }' run.json)
}

@test "without collections there is nothing to tell; the lines repeat exactly" {
    goheap replay -q --gogc off --gctrace <(grep -v gc churn.csv) 2>trace
    [ ! -s trace ]
    goheap replay -q --gctrace churn.csv 2>first
    goheap replay -q --gctrace churn.csv 2>second
    cmp first second
}

# No P has a worker to itself, and several goroutines wait for credit while others are idle.
@test "few workers among many Ps, or long ones: each collection ends" {
    for args in "-c go1.26 -P 5" "-c go1.11 -P 7" "-c go1.19 -P 3" "-c go1.26 -P 2 --set timeslice_ns=0"; do
        # shellcheck disable=SC2086 # words are wanted
        goheap replay -q $args --set mark_share=0.03 --gogc 25 --set scheduler=dealt --gctrace "$root/traces/go.csv.zst" 2>trace
        [ "$(grep -c '^gc ' trace)" -gt 20 ]
    done
}
