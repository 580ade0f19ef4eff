#!/usr/bin/env bats
# `goheap replay` where nothing is wrong: what is written where, and that it says what happened.
# The counts expected are taken from the traces themselves, with awk.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    cat >small.csv <<'END'
t_ns,p,op,id,size,noscan,type
,,meta,,,,time=recorded
0,0,alloc,1,100,0,
5,1,alloc,2,40000,1,
6,0,stats,,,,
7,0,free,1,,,
9,0,gc,,,,
12,0,stats,,,,
13,1,free,2,,,
14,1,gc,,,,
15,0,alloc,3,5,1,
16,0,stats,,,,
END
}

# rows OP TRACE.zst
rows() {
    zstd -dc "$2" | awk -F, -v op="$1" '$3 == op { n++ } END { print n + 0 }'
}

@test "the summary goes to stdout under its headings, and nothing else is left anywhere" {
    mkdir empty
    cd empty
    silently replay "$sqlite" >../summary
    empty .
    head -n 1 ../summary | grep -qF "$sqlite on go1.26, 1 P, pacing recorded"
    for heading in "Heap at the end" "Where the spans' memory was at the peak" "Classes that wasted most then" \
        "Allocations by who served them" "Locks, most waited for first" "Collector: "; do
        grep -q "^$heading" ../summary
    done
    if grep -qE 'nan|inf|null|\?' ../summary; then
        return 1
    fi
}

@test "--quiet prints nothing, --help and --version print on stdout" {
    silently replay -q small.csv >out
    [ ! -s out ]
    silently replay --help >out
    grep -q '^Usage: goheap replay' out
    silently replay --version >out
    grep -qE '^goheap [0-9]' out
    silently --version >out
    grep -qE '^goheap [0-9]' out
    silently --help >out
    grep -q replay out
}

@test "--json - is one JSON document instead of the summary" {
    silently replay --json - "$sqlite" >run.json
    is_json run.json
    for key in run memstats size_classes fragmentation locks lock_waits latency latency_all gc snapshots; do
        grep -q "^ \"$key\": [[{]" run.json
    done
    [ "$(grep -c '^ "' run.json)" -eq 10 ]
    silently replay --json file.json "$sqlite" >summary
    grep -q '^Heap at the end' summary
    diff <(without_wall run.json) <(without_wall file.json)
}

@test "-o DIR holds exactly the run's files, DIR's parents made" {
    goheap replay -o a/b/out --json doc.json "$sqlite" >summary
    grep -q '^Heap at the end' summary
    holds a/b/out run.json {classes,cycles,free_runs,heap,heap_map,latency,latency_cdf,locks,refills,spans,waits}.csv
    cmp doc.json a/b/out/run.json
    for csv in a/b/out/*.csv; do
        awk -F, 'NR == 1 { n = NF } NF != n || /nan|inf|null/ { exit 1 }' "$csv"
        # on one P nobody waits
        [ "$csv" = a/b/out/waits.csv ] || [ "$(wc -l <"$csv")" -ge 2 ]
    done
    # a second run into the same directory replaces the files
    silently replay -q -o a/b/out small.csv
    holds a/b/out run.json {classes,cycles,free_runs,heap,heap_map,latency,latency_cdf,locks,refills,spans,waits}.csv
    grep -q '"trace": "small.csv"' a/b/out/run.json
}

@test "events, allocations and frees are those of the trace" {
    need zstd
    silently replay -q --json run.json "$sqlite"
    allocs=$(rows alloc "$sqlite")
    frees=$(rows free "$sqlite")
    [ "$(field events run.json)" -eq $((allocs + frees + $(rows end "$sqlite"))) ]
    [ "$(field Mallocs run.json)" -eq "$allocs" ]
    [ "$(awk '/^ "latency"/ { on = 1 } /^ "latency_all"/ { on = 0 } on && $1 == "\"count\":" { n += $2 } END { print n }' \
        run.json)" -eq "$allocs" ]
    silently replay -q --json small.json small.csv
    [ "$(field events small.json)" -eq 10 ]
    [ "$(field Mallocs small.json)" -eq 3 ]
}

@test "three runs give the same bytes, but for run.wall" {
    for i in 1 2 3; do
        silently replay -q -P 4 --json $i.json --addresses $i.txt -o $i "$redis"
        without_wall $i.json >$i.same
        rm $i/run.json
    done
    [ "$(wc -l <1.same)" -gt 1000 ]
    cmp 1.same 2.same
    cmp 1.same 3.same
    cmp 1.txt 2.txt
    cmp 1.txt 3.txt
    diff -r 1 2
    diff -r 1 3
}

@test "objects of no size have the same address in every run" {
    printf 'op,id,size\nalloc,1,0\nalloc,2,8\nalloc,3,0\nfree,1,\nalloc,4,0\n' >zero.csv
    silently replay -q --addresses 1.txt zero.csv
    silently replay -q --addresses 2.txt zero.csv
    [ "$(awk '$2 == 0 { print $3 }' 1.txt | sort -u | wc -l)" -eq 1 ]
    cmp 1.txt 2.txt
}

@test "a generation's configuration says all that generations differ in, whatever it is layered on" {
    for of in "$root"/configs/go1.*.json; do
        silently replay -c "$(basename "$of" .json)" --print-config >alone.json
        for below in "$root"/configs/go1.*.json; do
            silently replay -c "$below" -c "$of" --print-config >layered.json
            diff alone.json layered.json
        done
    done
}

@test "--print-config fed back gives the same configuration, and the same run" {
    silently replay --print-config -P 3 --gogc 50 --gomemlimit 64MiB --set costs.lock=7.25 --set pacing=max >1.json
    is_json 1.json
    silently replay -c 1.json --print-config >2.json
    cmp 1.json 2.json
    silently replay -c - --print-config <1.json >3.json
    cmp 1.json 3.json
    [ "$(field ps 1.json) $(field gogc 1.json) $(field gomemlimit 1.json)" = "3 50 67108864" ]
    [ "$(field lock 1.json) $(field pacing 1.json)" = '7.25 "max"' ]
    silently replay -q --json a.json -P 3 --gogc 50 --gomemlimit 64MiB --set costs.lock=7.25 --set pacing=max "$sqlite"
    silently replay -q --json b.json -c 1.json "$sqlite"
    diff <(without_wall a.json) <(without_wall b.json)
}

@test "later -c lie over earlier ones, later --set over earlier ones" {
    echo '{"gogc": 33, "costs": {"lock": 1.5}}' >a.json
    echo '{"gogc": 44}' >b.json
    silently replay -c go1.19 -c a.json -c ./b.json --print-config >ab.json
    silently replay -c go1.19 -c ./b.json -c a.json --print-config >ba.json
    [ "$(field gogc ab.json) $(field lock ab.json) $(field name ab.json)" = '44 1.5 "go1.19"' ]
    [ "$(field gogc ba.json) $(field lock ba.json)" = "33 1.5" ]
    silently replay -c a.json --set gogc=1 --set gogc=2 --print-config >set.json
    [ "$(field gogc set.json)" -eq 2 ]
    silently replay --gogc 70 --set gogc=off --print-config >off.json
    [ "$(field gogc off.json)" = '"off"' ]
    silently replay -c locked-central --print-config >base.json
    [ "$(field name base.json) $(field central_locked base.json)" = '"locked-central" true' ]
    [ "$(field size_classes base.json)" = '"go1.19"' ]
}

@test "--set lies on top of -c wherever it stands" {
    silently replay --set gogc=50 -c go1.19 --print-config >run.json
    [ "$(field gogc run.json)" -eq 50 ]
}

@test "--addresses: a line for every allocation, in the order of the trace" {
    need zstd
    for args in "1 $sqlite" "4 $redis"; do
        read -r ps trace <<<"$args"
        silently replay -q -P "$ps" --gogc off --addresses log.txt "$trace"
        zstd -dc "$trace" | awk -F, '$3 == "alloc" { print $4, $5 }' >expected
        cut -d ' ' -f 1,2 log.txt | cmp - expected
        if grep -qvE '^[0-9]+ [0-9]+ 0x[0-9a-f]+$' log.txt; then
            return 1
        fi
        # nothing is ever reclaimed: no address twice
        [ -z "$(cut -d ' ' -f 3 log.txt | sort | uniq -d)" ]
    done
    silently replay -q --addresses - small.csv >log.txt
    [ "$(cut -d ' ' -f 1,2 log.txt | tr '\n' ';')" = "1 100;2 40000;3 5;" ]
}

@test "two results for stdout are one too many" {
    refused 2 "" replay --json - --addresses - small.csv
}

@test "a trace is the same as .csv, as .csv.zst, by any name, and on stdin" {
    need zstd
    zstd -qdc "$sqlite" >t.csv
    cp "$sqlite" misnamed.csv
    mkdir names
    silently replay -q --json names/plain t.csv
    silently replay -q --json names/zst "$sqlite"
    silently replay -q --json names/misnamed misnamed.csv
    silently replay -q --json names/stdin - <t.csv
    silently replay -q --json names/stdin-zst - <"$sqlite"
    # shellcheck disable=SC2002
    cat t.csv | silently replay -q --json names/pipe -
    for name in names/*; do
        diff <(without_source names/plain) <(without_source "$name")
    done
    [ "$(field trace names/plain) $(field trace names/pipe)" = '"t.csv" "-"' ]
}

@test "a last line without a line feed, CRLF and a byte order mark change nothing" {
    silently replay -q --json plain.json small.csv
    head -c -1 small.csv >cut.csv
    sed 's/$/\r/' small.csv >crlf.csv
    (printf '\357\273\277' && cat small.csv) >bom.csv
    for trace in cut crlf bom; do
        silently replay -q --json $trace.json $trace.csv
        diff <(without_source plain.json) <(without_source $trace.json)
    done
}

@test "-P 1 to 8: the same allocations on as many Ps" {
    for ps in 1 2 3 4 5 6 7 8; do
        silently replay -q -P $ps --json run.json --addresses log.txt "$sqlite"
        [ "$(awk '/^  "ps"/' run.json)" = "  \"ps\": $ps," ]
        cut -d ' ' -f 1,2 log.txt >$ps.txt
        cmp 1.txt $ps.txt
    done
    silently replay -q --json run.json "$redis"
    [ "$(awk '/^  "ps"/' run.json)" = '  "ps": 6,' ]
    silently replay -q -P 1 --json one.json "$redis"
    silently replay -q -P 8 --json eight.json "$redis"
    [ "$(field Mallocs one.json) $(field events one.json)" = "$(field Mallocs eight.json) $(field events eight.json)" ]
}

@test "--gogc off: no cycles, nothing freed; a lower GOGC means more cycles and less memory" {
    silently replay -q --gogc off --json off.json -o off "$sqlite"
    [ "$(field cycles off.json) $(field NumGC off.json) $(field Frees off.json)" = "0 0 0" ]
    [ "$(wc -l <off/cycles.csv)" -eq 1 ]
    silently replay -q --gogc 25 --json low.json "$redis"
    silently replay -q --gogc 100 --json mid.json "$redis"
    silently replay -q --gogc 400 --json high.json "$redis"
    [ "$(field cycles low.json)" -gt "$(field cycles mid.json)" ]
    [ "$(field cycles mid.json)" -gt "$(field cycles high.json)" ]
    [ "$(field peak_mapped_bytes low.json)" -lt "$(field peak_mapped_bytes high.json)" ]
}

@test "no figure is negative, with the collector off either" {
    silently replay -q --gogc off --json off.json "$sqlite"
    silently replay --gogc off "$sqlite" >summary
    if grep -nE ' -[0-9]' off.json summary; then
        return 1
    fi
}

@test "reclaim=immediate: every free is seen, without a collection" {
    need zstd
    silently replay -q --set reclaim=immediate --json run.json "$sqlite"
    [ "$(field cycles run.json)" -eq 0 ]
    [ "$(field Frees run.json)" -eq "$(rows free "$sqlite")" ]
}

@test "gc collects and stats appends a snapshot, where they stand" {
    silently replay -q -P 1 --set scheduler=dealt --json run.json small.csv
    sed '1,/^ "snapshots": /d' run.json >snapshots
    figures() {
        sed -n "s/^   \"$1\": \([0-9]*\),\{0,1\}$/\1/p" snapshots | tr '\n' ' '
    }
    [ "$(figures NumGC)" = "0 1 2 " ]
    [ "$(figures NumForcedGC)" = "0 1 2 " ]
    [ "$(figures Mallocs)" = "2 2 3 " ]
    [ "$(figures Frees)" = "0 1 2 " ]
    [ "$(figures HeapAlloc)" = "41072 40960 16 " ]
    [ "$(field cycles run.json) $(field forced_cycles run.json)" = "2 2" ]
    silently replay -q --json none.json "$sqlite"
    grep -qx ' "snapshots": \[\]' none.json
}

@test "an end row, times and a header alone: a trace may hold nothing to do" {
    printf 'op,id,size\n' >header.csv
    silently replay --json run.json header.csv >summary
    [ "$(field events run.json) $(field Mallocs run.json)" = "0 0" ]
    is_json run.json
    if grep -nE 'nan|inf| -[0-9]' summary run.json; then
        return 1
    fi
    printf 't_ns,op\n12345,end\n' >end.csv
    silently replay -q --json run.json end.csv
    [ "$(field virtual_ns run.json)" -eq 12345 ]
}

@test "an idle heap shrinks: HeapReleased rises, and HeapSys is HeapInuse and HeapIdle in every sample" {
    awk 'BEGIN {
        print "t_ns,op,id,size"
        for (i = 0; i < 400; i++) print i * 1000 ",alloc," i ",65536"
        for (i = 0; i < 400; i++) if (i % 10) print "1000000,free," i ","
        print "2000000,gc,,"; print "3000000,gc,,"; print "20000000000,end,,"
    }' >idle.csv
    for config in go1.19 go1.26; do
        silently replay -q -c $config --gogc off -o $config idle.csv
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
            $at["heap_sys_bytes"] != $at["in_use_bytes"] + $at["heap_idle_bytes"] { exit bad = 1 }
            $at["mapped_bytes"] != $at["heap_sys_bytes"] + $at["stack_inuse_bytes"] { exit bad = 1 }
            $at["released_bytes"] > $at["heap_idle_bytes"] { exit bad = 1 }
            $at["t_ns"] < 2000000 { before = $at["released_bytes"] }
            END { exit bad || $at["released_bytes"] < before + 20000000 }' $config/heap.csv
    done
    silently replay -q --gogc off --set background_scavenge=false --json none.json idle.csv
    [ "$(field released_bytes none.json)" -lt 5000000 ]
}
