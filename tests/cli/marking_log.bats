#!/usr/bin/env bats
# The real Go's collector, job by job.

go=/usr/lib/go-1.19/bin/go

setup() {
    cd "$BATS_TEST_TMPDIR"
    log=$BATS_TEST_DIRNAME/../../scripts/marking-log
}

@test "each job has its cycle, its time, its P and what it is" {
    [ -x "$go" ] || skip "no Go 1.19 here"
    [ -z "${GOHEAP_SANITIZE-}" ] || skip "nothing of goheap's runs"
    awk 'BEGIN { print "op,id,size,noscan"; for (i = 1; i <= 60000; i++) print "alloc," i ",1024,0" }' >t.csv
    GOGC=100 "$log" -g "$go" -p 2 t.csv >log
    grep -Eq '^ +[0-9]+ +[0-9.]+ +[0-9.]+  P[01]  assist [0-9]+$' log
    grep -Eq '^ +[0-9]+ +[0-9.]+ +[0-9.]+  P[01]  worker (fractional|idle)$' log
    grep -Eq '^ +[0-9]+ +[0-9.]+ +[0-9.]+  P[01]    root 2 [0-9]+$' log
    grep -Eq '^ +[0-9]+ +[0-9.]+ +[0-9.]+  P[01]    piece 131072$' log
    grep -Eq '^ +[0-9]+ +[0-9.]+ +[0-9.]+  P[01]  ask *$' log
}

@test "without a trace it says what it expects" {
    run "$log" -p 2
    [ "$status" -eq 2 ]
    [ "$output" = "marking-log: expected one TRACE.csv that can be read; see -h" ]
    run "$log" none.csv
    [ "$status" -eq 2 ]
    [ "$output" = "marking-log: expected one TRACE.csv that can be read, got none.csv; see -h" ]
}
