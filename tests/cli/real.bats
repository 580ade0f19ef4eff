#!/usr/bin/env bats
# `goheap replay --real`: the same trace on the real allocator by real threads. What does not depend on time equals the
# simulation's; times are never compared with anything.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    awk 'BEGIN {
        print "p,op,id,size,noscan"
        for (i = 1; i <= 20000; i++) {
            print i % 4 ",alloc," i "," 16 + i * 7 % 3000 "," i % 2
            if (i > 1000) print (i + i / 2000) % 4 ",free," i - 1000 ",,"
        }
    }' | sed 's/\.[0-9]*,free/,free/' >churn.csv
}

# counters FILE: what a document says of mallocs and frees.
counters() {
    awk '/^ "memstats": / { inside = 1 } /^ "size_classes": / { inside = 0 }
        inside && /"(Mallocs|Frees|TotalAlloc|HeapAlloc|HeapObjects|Size)":/' "$1"
}

# keys FILE: the top-level keys and those of run.memstats and the like, without what runs by threads have besides.
keys() {
    grep -oE '^ {1,3}"[^"]+":' "$1" | grep -vE '"(measured|clock|clock_ns|preempt[a-z_]*|frees)":' | sort -u
}

@test "the document is a simulation's, and says that it was measured" {
    silently replay -q --set reclaim=immediate --json simulated.json churn.csv
    silently replay -q --real --set reclaim=immediate --json real.json churn.csv
    is_json real.json
    diff <(keys simulated.json) <(keys real.json)
    grep -q '"measured": {' real.json
    ! grep -q '"measured": {' simulated.json || return 1
    [ "$(field clock_ns real.json)" != 0.0 ]
    grep -q '^  "pacing": "max",$' real.json
    goheap replay --real churn.csv >summary
    grep -q '39,000 events by threads, measured: ' summary
    grep -q '^Locks, most waited for first$' summary
}

@test "mallocs and frees are the simulation's on 1, 2 and 4 threads" {
    for ps in 1 2 4; do
        silently replay -q -P $ps --set scheduler=dealt --set reclaim=immediate --json simulated.json "$redis"
        silently replay -q -P $ps --set reclaim=immediate --real --json real.json "$redis"
        diff <(counters simulated.json) <(counters real.json)
    done
    [ "$(counters real.json | wc -l)" -gt 100 ]
}

@test "one thread allocates at the simulation's addresses" {
    [ -z "${GOHEAP_SANITIZE:-}" ] || skip "a sanitizer has its shadow where the heap would be"
    silently replay -q --set reclaim=immediate --addresses simulated.txt "$sqlite"
    silently replay -q --set reclaim=immediate --addresses real.txt --real "$sqlite"
    [ -s real.txt ]
    cmp simulated.txt real.txt
}

@test "collections happen, and are told of" {
    goheap replay -P 2 --gogc 10 --real --gctrace --json run.json churn.csv >summary 2>trace
    cycles=$(grep -c '^ *"cycle":' run.json)
    [ "$cycles" -gt 1 ]
    [ "$(wc -l <trace)" -eq "$cycles" ]
    grep -qE "^gc 1 @.* ms cpu, .* 2 P$" trace
}

@test "all that -o writes" {
    silently replay -q --real -o out churn.csv
    holds out run.json {classes,cycles,free_runs,heap,heap_map,latency,latency_cdf,locks,refills,spans,waits}.csv
    [ "$(wc -l <out/heap.csv)" -gt 1 ]
}

@test "a pacing that it does not have, and more threads than it makes" {
    refused 1 "expected pacing=max or auto, got recorded" replay --real --set pacing=recorded churn.csv
    refused 1 "expected pacing=max or auto, got think" replay --real --set pacing=think --json run.json churn.csv
    refused 1 "expected at most 1024 threads, got 2000" replay --real -P 2000 churn.csv
    awk 'BEGIN { print "p,op,id,size"; for (i = 0; i < 1025; i++) print i ",alloc," i ",8" }' >streams.csv
    refused 1 "more than 1024 streams, give their threads a number with -P" replay --real streams.csv
    silently replay -q --real -P 3 streams.csv
}

@test "more memory than there is" {
    printf 'op,id,size\nalloc,1,100\nalloc,2,35184372088832\n' >large.csv
    refused 1 "large.csv: no memory for 35184372088832 bytes" replay --real --json run.json large.csv
    [ -z "${GOHEAP_SANITIZE:-}" ] || skip "a sanitizer has no use for an address space limit"
    ulimit -v 600000
    awk 'BEGIN { print "op,id,size"; for (i = 0; i < 1000; i++) print "alloc," i ",1048576" }' >grows.csv
    refused 1 "grows.csv: no memory for 1048576 bytes" replay --real grows.csv
}

@test "scripts/predicted: a row for each trace and number of threads" {
    need timeout
    GOHEAP=$goheap "$root/scripts/predicted" -n 3 -t "1 3" -s reclaim=immediate churn.csv "$sqlite" >table
    figures='NR > 2 { print $1, $2, NF, ($3 > 0 && $4 > 0 && $5 > 0 && $6 ~ /^[0-9.]+-[0-9.]+$/), ($7 >= 0 && $8 >= 0) }'
    awk "$figures" table >rows
    diff rows - <<<"churn 1 8 1 1
churn 3 8 1 1
sqlite 1 8 1 1
sqlite 3 8 1 1"
    for wrong in "-n none" "-r 0" "-c -k cost/seeds"; do
        # shellcheck disable=SC2086 # words are wanted
        run "$root/scripts/predicted" $wrong
        [ "$status" -eq 2 ]
    done
}

@test "scripts/predicted calibrates before each round" {
    need timeout
    [ -z "${GOHEAP_SANITIZE:-}" ] || skip "a sanitizer takes minutes, and has other costs"
    GOHEAP=$goheap "$root/scripts/predicted" -c -r 1 -n 1 -t 1 churn.csv >table
    [ "$(awk 'NR > 2 { print $1, $2, NF, ($3 > 0 && $4 > 0 && $5 > 0) }' table)" = "churn 1 8 1" ]
}
