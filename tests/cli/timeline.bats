#!/usr/bin/env bats
# `goheap replay --timeline FILE`, and waits over time in what -o DIR holds. What the slices add up to is checked in
# tests/sim/test_timeline.c.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
}

# Four Ps that allocate all at once: they wait for locks.
crowd() {
    awk 'BEGIN {
        print "t_ns,p,op,id,size"
        for (i = 0; i < 4000; i++) for (p = 0; p < 4; p++) print i * 10 "," p ",alloc," i * 4 + p ",40000"
    }'
}

@test "--timeline: one JSON document in the form of trace events, a track a P" {
    need jq
    silently replay -q -P 4 --timeline t.json "$redis"
    is_json t.json
    [ "$(jq -c keys t.json)" = '["displayTimeUnit","traceEvents"]' ]
    [ "$(jq -c '[.traceEvents[] | .ph] | unique' t.json)" = '["C","M","X","i"]' ]
    [ "$(jq -r '[.traceEvents[] | select(.name == "process_name").args.name] | join(",")' t.json)" = goheap ]
    [ "$(jq -r '[.traceEvents[] | select(.name == "thread_name").args.name | select(startswith("P "))] | join(",")' \
        t.json)" = "P 0,P 1,P 2,P 3" ]
    # every track that has slices has a name, and the counters are there
    [ "$(jq -c '[.traceEvents[] | select(.ph == "X").tid] | unique' t.json)" = \
        "$(jq -c '[.traceEvents[] | select(.name == "thread_name").tid] | unique' t.json)" ]
    [ "$(jq -c '[.traceEvents[] | select(.ph == "C").name] | unique' t.json)" = \
        '["heap goal","heap in use","heap live"]' ]
    # nothing takes less than no time, and names are known where there are slices
    jq -e 'all(.traceEvents[] | select(.ph == "X"); .dur >= 0 and .ts >= 0 and (.cat | length > 0))' t.json
}

@test "--timeline: as many waits as the locks count, and as long" {
    need jq
    crowd | silently replay -q -P 4 --set pacing=max --json run.json --timeline t.json -
    [ "$(jq '[.locks[] | select(.waits) | .contended] | add' run.json)" -gt 100 ]
    jq -r '.locks[] | select(.contended > 0) | "\(.name) \(.contended) \(.wait_ns)"' run.json | sort >reported
    jq -r '[.traceEvents[] | select(.cat == "waiting")] | group_by(.args.lock)[] |
        "\(.[0].args.lock) \(length) \(map(.dur * 1000 | round) | add)"' t.json | sort >told
    diff reported told
}

@test "--timeline twice gives the same bytes, and the same results as without" {
    for i in 1 2; do
        silently replay -q -P 4 --timeline $i.json --json run-$i.json "$sqlite"
    done
    cmp 1.json 2.json
    silently replay -q -P 4 --json plain.json "$sqlite"
    diff <(without_wall plain.json) <(without_wall run-1.json)
    silently replay -q -P 4 --timeline - "$sqlite" >stdout.json
    cmp 1.json stdout.json
}

@test "--timeline of a run that fails is not there, and the one that was there is as it was" {
    printf 'op,id,size\nalloc,1,8\nfree,2,\n' >bad.csv
    refused 1 "bad.csv:3: " replay --timeline t.json bad.csv
    [ ! -e t.json ]
    echo before >t.json
    refused 1 "bad.csv:3: " replay --timeline t.json bad.csv
    [ "$(cat t.json)" = before ]
    refused 1 "none/t.json: No such file" replay --timeline none/t.json "$sqlite"
    refused 2 "--json and --timeline cannot both go to standard output" replay --json - --timeline - "$sqlite"
    refused 2 "--addresses and --timeline cannot both go to x" replay --addresses x --timeline x "$sqlite"
}

@test "--timeline of a trace with nothing to do is a document all the same" {
    printf 'op,id,size\n' >header.csv
    silently replay -q --timeline t.json header.csv
    is_json t.json
    grep -q '"P 0"' t.json
}

@test "a disk that is full is an error" {
    [ -e /dev/full ] || skip "no /dev/full here"
    refused 1 "/dev/full" replay -q --timeline /dev/full "$sqlite"
}

@test "waits.csv adds up to locks.csv, and is what the document says" {
    need jq
    crowd | silently replay -q -P 4 --set pacing=max -o run -
    totals() {
        awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
            $at["lock"] == name || name == "" { c += $at["contended"]; w += $at["wait_ns"] }
            END { print c + 0, w + 0 }' "$1"
    }
    [ "$(totals run/waits.csv all)" = "$(totals run/locks.csv "")" ]
    [ "$(totals run/waits.csv all)" != "0 0" ]
    most=$(sed -n '2s/,.*//p' run/locks.csv)
    [ "$(totals run/waits.csv "$most")" = "$(totals run/locks.csv "$most")" ]
    jq -r '.lock_waits | .width_ns as $width | .locks[] | .name as $name | .rows[] |
        "\($name),\(.t_ns),\($width),\(.contended),\(.wait_ns)"' run/run.json | diff <(tail -n +2 run/waits.csv) -
}

@test "the figure of waits is drawn" {
    need gnuplot
    crowd | silently replay -q -P 4 --set pacing=max -o run -
    goheap plot -q --format svg --figure waits run
    grep -qF 'Time spent waiting for locks, over time' run/waits.svg
    grep -qF 'waits begun' run/waits.svg
    grep -qF "$(sed -n '2s/,.*//p' run/locks.csv)" run/waits.svg
    silently replay -q -P 1 -o alone "$sqlite"
    goheap plot -q --format svg --figure waits alone
    grep -qF 'nobody waited for a lock' alone/waits.svg
}
