#!/usr/bin/env bats
# `goheap generate`: what comes out is a trace, the same for a seed, and like what it was made from. That its figures
# are those of the profile is for tests/sim/test_generate.c.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    printf 'size,rate,live\n16,1000,500\n64,100,200\n1024,10,100\n' >mine.csv
}

# number PATH FILE: the number at a path of keys, as a.b.c
number() {
    python3 -c 'import json, sys
d = json.load(open(sys.argv[2]))
for key in sys.argv[1].split("."):
    d = d[key]
print(d)' "$1" "$2"
}

# near A B PERCENT: A is within so many percent of B.
near() {
    echo "$1 for $2"
    awk -v a="$1" -v b="$2" -v p="$3" 'BEGIN { d = a > b ? a - b : b - a; exit !(d <= b * p / 100) }'
}

@test "the same seed gives the same bytes, another seed others" {
    silently generate -q -n 20000 -P 3 --seed 5 -o a.csv mine.csv
    silently generate -q -n 20000 -P 3 --seed 5 -o b.csv mine.csv
    silently generate -q -n 20000 -P 3 --seed 6 -o c.csv mine.csv
    cmp a.csv b.csv
    if cmp -s a.csv c.csv; then return 1; fi
    silently generate -q --like "$redis" -n 20000 -o d.csv
    silently generate -q --like "$redis" -n 20000 -o e.csv
    silently generate -q --like "$redis" -n 20000 -o f.csv --seed 1
    cmp d.csv e.csv
    if cmp -s d.csv f.csv; then return 1; fi
}

@test "on every machine: the digest of one trace" {
    silently generate -q -n 5000 -P 4 --seed 9 -o - --set lifetime=pareto --set handover.share=0.5 \
        --set bursts.every_s=0.1 --set diurnal.amplitude=0.5 --set diurnal.period_s=1 mine.csv | cksum >sum
    cat sum
    [ "$(cat sum)" = "1652585930 131716" ]
}

@test "what comes out is a trace, in each form, and replays" {
    silently generate -q -n 20000 -P 3 -o a.csv mine.csv
    [ "$(silently info --verify a.csv)" = "a.csv: well-formed, 20006 rows" ]
    silently replay -q --json run.json a.csv
    [ "$(field events run.json)" -eq 20000 ]
    silently generate -q -n 20000 -P 3 -o a.csv.zst mine.csv
    silently info --verify a.csv.zst
    silently generate -q -n 20000 -P 3 -o - - <mine.csv | sed 's/profile=-/profile=mine.csv/' >piped.csv
    cmp a.csv piped.csv
    silently generate -q -n 20000 -P 3 -o a.txt --to csv mine.csv
    cmp a.csv a.txt
    silently generate -q -n 1 -o one.csv mine.csv
    [ "$(grep -c ,alloc, one.csv)" -eq 1 ]
}

@test "a reader that goes away is no hang" {
    goheap generate -q -n 100000000 -o - mine.csv | head -n 3 >first
    [ "$(wc -l <first)" -eq 3 ]
}

@test "JSON: settings, rows in it or beside it, options on top" {
    mkdir there
    cp mine.csv there
    echo '{"note": "ours", "sizes": "mine.csv", "events": 3000, "ps": 2, "seed": 4}' >there/p.json
    echo '{"sizes": [[16, 1000, 500], [64, 100, 200], [1024, 10, 100]], "events": 7, "ps": 9}' >q.json
    silently generate -q -o a.csv there/p.json
    silently generate -q -n 3000 -P 2 --seed 4 -o b.csv mine.csv
    silently generate -q --set events=3000 --set ps=2 --set seed=4 -o c.csv q.json
    silently generate -q --set events=3000 --set ps=2 --set seed=4 \
        --set sizes='[[16,1000,500],[64,100,200],[1024,10,100]]' -o d.csv mine.csv
    for t in b c d; do
        diff <(grep -v meta a.csv) <(grep -v meta $t.csv)
    done
    [ "$(grep -c -e ,alloc, -e ,free, a.csv)" -eq 3000 ]
}

@test "what is told" {
    goheap generate -n 1000 -o a.csv mine.csv 2>said
    [ "$(cat said)" = "goheap: 3 rows, times 0.25125: 201 objects live, 278.887 allocations a second, seed 0" ]
    goheap generate --like a.csv -o b.csv 2>said
    cat said
    grep -q '^goheap: like a.csv: [0-9]* allocations in [0-9]* windows, [0-9]* kinds of objects, seed 0$' said
}

@test "fleetbench's distributions: live and rate are the profile's, scaled" {
    need python3
    data=${GOHEAP_DATA:-$root/../shared/data}/fleetbench
    [ -e "$data/TCMALLOC_1.csv" ] || skip "no fleetbench here"
    silently generate -q -n 1000000 -P 4 --set live=100000 -o t.csv "$data/TCMALLOC_1.csv"
    silently info -q --json t.json t.csv
    # 659865 objects live, 236973 a second
    near "$(number live.end.objects t.json)" 100000 2
    seconds=$(($(number trace.duration_ns t.json) / 1000000))
    near $((($(number objects.count t.json) - 100000) * 1000 / seconds)) 35912 1
    for n in 0 2 3 4 5 6 7 8 9; do
        silently generate -q -n 20000 -o "$n.csv" "$data/TCMALLOC_$n.csv"
        silently info --verify "$n.csv"
    done
}

# agree TRACE MADE: both as info's JSON, made as long as recorded.
agree() {
    near "$(number sizes.mean "$2")" "$(number sizes.mean "$1")" 2
    near "$(number objects.count "$2")" "$(number objects.count "$1")" 2
    near "$(number objects.noscan_count "$2")" "$(number objects.noscan_count "$1")" 2
    near "$(number live.peak_objects.objects "$2")" "$(number live.peak_objects.objects "$1")" 25
    near "$(number live.peak_bytes.bytes "$2")" "$(number live.peak_bytes.bytes "$1")" 25
    near "$(number lifetimes_bytes.mean "$2")" "$(number lifetimes_bytes.mean "$1")" 20
    near "$(number lifetimes_bytes.p90 "$2")" "$(number lifetimes_bytes.p90 "$1")" 25
}

@test "like a recorded trace: sizes, live peak, lifetimes and hand-over agree" {
    need python3
    for trace in "$redis" "$sqlite"; do
        silently info -q --json was.json "$trace"
        silently generate -q --like "$trace" -o made.csv
        silently info -q --json made.json made.csv
        agree was.json made.json
        near "$(number trace.duration_ns made.json)" "$(number trace.duration_ns was.json)" 15
        near "$(number objects.ended_on_another_p made.json)" "$(number objects.ended_on_another_p was.json)" 3
    done
}

@test "and when it goes on for five times as long, the live heap does not grow" {
    need python3
    silently info -q --json was.json "$redis"
    silently generate -q --like "$redis" -n 2700000 -o made.csv
    silently info -q --json made.json made.csv
    near "$(number sizes.mean made.json)" "$(number sizes.mean was.json)" 10
    # at most what was set up more
    [ "$(number live.peak_objects.objects made.json)" -lt $((40862 + 21481)) ]
    [ "$(number live.peak_objects.objects made.json)" -gt 36000 ]
}

@test "like a trace without times: one without times" {
    cut -d, -f2- <(goheap generate -q -n 5000 -o - mine.csv) >untimed.csv
    silently generate -q --like untimed.csv -o made.csv
    [ "$(head -n 1 made.csv)" = "p,op,id,size,noscan,type" ]
    silently info --verify made.csv
}

# nonsense TEXT EXPECTED: a profile, and what is said of it.
nonsense() {
    printf '%s' "$1" >n.txt
    refused 1 "$2" generate -q -o out.csv n.txt
}

@test "nonsense in CSV: one clear error each" {
    nonsense '' 'n.txt: expected rows of size, rate and live, got none'
    nonsense $'\n\n' 'n.txt: expected rows of size, rate and live, got none'
    nonsense 'size,rate,live' 'n.txt: expected rows of size, rate and live, got none'
    nonsense $'size,rate\n1,2\n' 'n.txt:1: expected a column "live"'
    nonsense $'size,rate,liv\n1,2,3\n' 'n.txt:1: unknown column "liv"; the nearest known one is "live"'
    nonsense $'size,rate,live,size\n' 'n.txt:1: expected each column once, got "size" twice'
    nonsense $'1,2\n' 'n.txt:1: expected 3 fields, got 2'
    nonsense $'1,2,3\n1,2\n' 'n.txt:2: expected 3 fields, got 2'
    nonsense $'1,2,3\n\n1,2,3,4\n' 'n.txt:3: expected 3 fields, got more'
    nonsense $'1,2,3,1,5\n' 'n.txt:1: expected at most 4 fields, got more'
    nonsense $'1,2,x\n' 'n.txt:1: live: expected a number of at least 0, got "x"'
    nonsense $'1,2,3\n1.5,2,3\n' 'n.txt:2: size: expected a whole number of bytes, got "1.5"'
    nonsense $'1,-2,3\n' 'n.txt:1: rate: expected a number of at least 0, got "-2"'
    nonsense $'1,0x10,3\n' 'n.txt:1: rate: expected a number'
    nonsense $'1,nan,3\n' 'n.txt:1: rate: expected a number'
    nonsense $'1,1e400,3\n' 'n.txt:1: rate: expected a number from 0 to 1e15, got inf'
    nonsense $'1,2,3e16\n' 'n.txt:1: live: expected a number from 0 to 1e15'
    nonsense $'1,2,3,1.5\n' 'n.txt:1: noscan: expected a share from 0 to 1'
    nonsense $'99999999999999999,2,3\n' 'n.txt:1: size: expected at most 70368744177664 bytes (64 TiB)'
    nonsense $'1,2,"3\n' 'n.txt:'
    nonsense $'1,0,3\n' 'n.txt: expected rates above 0, got none in any phase'
    printf '1,2,3\n\0' >n.txt
    refused 1 'n.txt: expected a profile, JSON or CSV, got a NUL byte' generate -q -o out.csv n.txt
}

@test "nonsense in JSON: one clear error each" {
    nonsense '{"sizes": [[1, 2, 3]], "evnts": 1}' 'n.txt: unknown key "evnts"; the nearest known one is "events"'
    nonsense '{"sizes": [[1, 2, 3]], "bursts": {"evry_s": 1}}' 'the nearest known one is "bursts.every_s"'
    nonsense '{"sizes": [[1, 2, 3]]' 'n.txt:1:'
    nonsense '{"sizes": [[1, 2, 3]], "ps": 1, "ps": 2}' 'n.txt:1:'
    nonsense '{}' 'n.txt: sizes: expected an array of [size, rate, live], or a CSV file'"'"'s name, got none'
    nonsense '{"sizes": []}' 'n.txt: sizes: expected rows of size, rate and live, got none'
    nonsense '{"sizes": 7}' 'n.txt: sizes: expected an array'
    nonsense '{"sizes": [[1, 2, 3], [1, 2]]}' 'n.txt: sizes[1]: expected [size, rate, live]'
    nonsense '{"sizes": [[1, 2, "3"]]}' 'n.txt: sizes[0]: expected'
    nonsense '{"sizes": [[1, 2, -3]]}' 'n.txt: sizes[0]: live: expected'
    nonsense '{"sizes": "no.csv"}' 'no.csv: No such file'
    nonsense '{"sizes": [[1, 2, 3]], "ps": 0}' 'ps'
    nonsense '{"sizes": [[1, 2, 3]], "lifetime": "long"}' 'expected one of "exponential", "constant", "pareto"'
    nonsense '{"sizes": [[1, 2, 3]], "noscan": 2}' 'noscan'
    nonsense '{"sizes": [[1, 2, 3]], "handover": {"share": 0.1}}' 'n.txt: handover.share: expected at least 2 ps'
    nonsense '{"sizes": [[1, 2, 3]], "ps": 2, "handover": {"producers": 2}}' 'n.txt: handover.producers: expected fewer'
    nonsense '{"sizes": [[1, 2, 3]], "phases": []}' 'n.txt: phases: expected an array of 1 to 1024 objects'
    nonsense '{"sizes": [[1, 2, 3]], "phases": [{"load": 1}]}' 'n.txt: phases[0]: duration_s: expected'
    nonsense '{"sizes": [[1, 2, 3]], "phases": [{"duration_s": 1, "laod": 1}]}' 'the nearest known one is "load"'
    nonsense '{"sizes": [[1, 2, 3]], "phases": [{"duration_s": 1, "load": 0}]}' 'n.txt: expected rates above 0'
    nonsense '{"sizes": [[1, 2, 3]], "phases": [{"duration_s": 1e-6}]}' \
        'n.txt: expected an allocation in a thousand phases'
    nonsense '{"sizes": [[1, 1e-15, 0]]}' 'n.txt: expected a trace of at most 73 years'
}

@test "wrong usage" {
    refused 2 "expected -o TRACE" generate mine.csv
    refused 2 "expected a PROFILE or --like TRACE, got neither" generate -o out.csv
    refused 2 "expected a PROFILE or --like TRACE, got both" generate -o out.csv --like mine.csv mine.csv
    refused 2 "--set changes a profile" generate -o out.csv --like mine.csv --set ps=2
    refused 2 'unknown key "handover.shre"' generate -o out.csv --set handover.shre=1 mine.csv
    refused 2 "events" generate -o out.csv -n 0 mine.csv
    refused 2 "ps" generate -o out.csv -P 65537 mine.csv
    refused 2 "expected a format that can be written" generate -o out.csv --to nonsense mine.csv
    refused 1 "no.csv: No such file" generate -o out.csv no.csv
    refused 1 "no.csv" generate -o out.csv --like no.csv
    refused 1 "no/out.csv" generate -q -o no/out.csv mine.csv
    refused 1 "mine.csv:1: expected a header line with at least the column op" generate -o out.csv --like mine.csv
    echo op >none.csv
    refused 1 "none.csv: expected allocations to be like, got none" generate -o out.csv --like none.csv
    printf 'op,id,size\nalloc,1,8\nfree,2,\n' >bad.csv
    refused 1 "bad.csv:3: id: free of id 2, which is not live" generate -o out.csv --like bad.csv
}
