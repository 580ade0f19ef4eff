#!/usr/bin/env bats
# `goheap info`: figures of a trace worked out by hand, of the recorded ones, and --verify.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    cat >hand.csv <<'END'
t_ns,p,g,op,id,size,noscan,type
,,,meta,,,,source=hand
0,0,7,alloc,1,100,1,
10,0,7,alloc,2,40000,0,
20,0,7,free,2,,,
30,1,8,alloc,3,8,1,
50,1,8,free,1,,,
END
}

# number PATH FILE: the number at a path of keys, as a.b.c
number() {
    python3 -c 'import json, sys
d = json.load(open(sys.argv[2]))
for key in sys.argv[1].split("."):
    d = d[int(key)] if isinstance(d, list) else d[key]
print(d)' "$1" "$2"
}

@test "a trace worked out by hand, as text" {
    silently info hand.csv >text
    cat text
    grep -qx 'hand.csv: 6 rows, 50 ns' text
    grep -qx '  source=hand' text
    grep -qx 'Ps: 2, the busiest first' text
    grep -qx 'Goroutines: 2, the busiest first' text
    grep -qE '^  p 0 +3 +60.0 %$' text
    grep -qE '^  allocated +3 +39.2 KiB   13.1 KiB each$' text
    grep -qE '^  live, most bytes +2 +39.2 KiB   at row 4, 10 ns$' text
    grep -qE '^  live at the end +1 +8 B   never freed: 33.3 % of objects$' text
    grep -qE '^  handed over +50.0 % ' text
    grep -qE '^ +112 +1 +33.3 % +100 B +1$' text
    if grep -q ' $' text; then return 1; fi
}

@test "and as JSON, with its bands and classes" {
    need python3
    silently info --json - hand.csv >hand.json
    is_json hand.json
    [ "$(number trace.rows hand.json)" -eq 6 ]
    [ "$(number trace.rows_by_op.free hand.json)" -eq 2 ]
    [ "$(number live.end.bytes hand.json)" -eq 8 ]
    [ "$(number ps.busiest.0.p hand.json) $(number goroutines.busiest.1.g hand.json)" = "0 8" ]
    [ "$(number lifetimes_ns.max hand.json)" -eq 50 ]
    [ "$(number lifetimes_ns.powers_of_two.0.from hand.json)" -eq 8 ]
    [ "$(number size_classes.classes.0.class hand.json)" -eq 0 ]
    silently info -q --json file.json hand.csv >text
    [ ! -s text ]
    cmp hand.json file.json
    silently info --json - - <hand.csv | sed 's/standard input/hand.csv/' >piped.json
    cmp hand.json piped.json
}

@test "size classes are the configuration's" {
    need python3
    silently info --json - -c go1.19 --set 'size_classes=[[1024, 1], [32768, 4]]' --set tiny_size=0 hand.csv >two.json
    [ "$(number size_classes.classes.1.slot_bytes two.json)" -eq 1024 ]
    [ "$(number size_classes.classes.1.objects two.json)" -eq 2 ]
    refused 2 "the nearest known one is --config" info --confg go1.19 hand.csv
    refused 1 "go1.99" info -c go1.99 hand.csv
}

@test "the recorded traces: what convert counts, and the sums fit" {
    need python3
    silently info --json r.json "$redis" >text
    goheap convert "$redis" - 2>said >/dev/null
    cat said
    grep -q "^goheap: $(number trace.rows r.json) rows: $(number trace.rows_by_op.alloc r.json) alloc, " said
    grep -q " at most $(number live.peak_objects.objects r.json) objects live, and " said
    grep -q " objects live, and $(number live.peak_bytes.bytes r.json) bytes$" said
    python3 - <<'END'
import json
d = json.load(open("r.json"))
count, total = d["objects"]["count"], d["objects"]["bytes"]
for part in d["sizes"]["powers_of_two"], d["size_classes"]["classes"]:
    assert sum(x["objects"] for x in part) == count
    assert sum(x["bytes"] for x in part) == total
for of in "lifetimes_ns", "lifetimes_bytes":
    assert sum(x["objects"] for x in d[of]["powers_of_two"]) == d["objects"]["ended"]
assert d["objects"]["ended"] == count - d["live"]["end"]["objects"]
assert sum(p["events"] for p in d["ps"]["busiest"]) == d["trace"]["rows"] - d["trace"]["rows_by_op"]["meta"]
END
}

@test "a directory has the tables, and plot draws them" {
    silently info -q -o out/redis "$redis"
    holds out/redis info.json trace.csv trace_classes.csv trace_streams.csv
    is_json out/redis/info.json
    [ "$(head -n 1 out/redis/trace.csv)" = "of,from,to,objects,bytes" ]
    [ "$(wc -l <out/redis/trace_streams.csv)" -eq 7 ]
    need gnuplot
    goheap plot -q --format svg out/redis
    holds out/redis info.json trace.csv trace.svg trace_classes.csv trace_streams.csv
    goheap plot -q --format svg out/redis
    grep -q 'Sizes' out/redis/trace.svg
    grep -q "$(basename "$redis")" out/redis/trace.svg
    echo 'op' >empty.csv
    silently info -q -o out/empty empty.csv
    goheap plot -q --format svg out/empty
    grep -q 'no data' out/empty/trace.svg
}

@test "--verify: well-formed, or what is wrong where" {
    [ "$(silently info --verify hand.csv)" = "hand.csv: well-formed, 6 rows" ]
    [ "$(silently info --verify "$redis")" = "$redis: well-formed, 538670 rows" ]
    silently info -q --verify hand.csv >said
    [ ! -s said ]
    echo '60,1,8,free,1,,,' >>hand.csv
    refused 1 "hand.csv:8: id: free of id 1, which is not live" info --verify hand.csv
    refused 1 "hand.csv:8: id: free of id 1, which is not live" info --json x.json -o x hand.csv
    refused 2 "--verify" info --verify --json x.json hand.csv
    refused 2 "--verify" info --verify -o x hand.csv
}

@test "every invalid trace is told as a replay tells it" {
    n=0
    for trace in "$root"/tests/invalid/*.csv; do
        n=$((n + 1))
        status=0
        goheap info --verify "$trace" >out 2>told || status=$?
        [ "$status" -eq 1 ] && [ ! -s out ]
        goheap replay -q "$trace" 2>replayed || true
        diff replayed told
    done
    [ "$n" -ge 50 ]
}

@test "what cannot be read or written" {
    refused 1 "nothing.csv" info nothing.csv
    refused 2 "" info
    refused 2 "" info hand.csv hand.csv
    refused 1 "no/such.json" info -q --json no/such.json hand.csv
    refused 1 "hand.csv" info -q -o hand.csv/x hand.csv
    refused 2 "expected a format that can be read" info --from nonsense hand.csv
    [ -c /dev/full ] || skip "no /dev/full"
    status=0
    goheap info hand.csv >/dev/full 2>said || status=$?
    [ "$status" -eq 1 ]
    grep -q '^goheap: standard output: ' said
}

@test "the end of a pipe that nobody reads is no hang" {
    goheap info "$sqlite" | head -n 1 >first
    grep -q 'rows' first
}
