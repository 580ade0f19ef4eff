#!/usr/bin/env bats
# `goheap plot`: every figure there is data for is drawn, whole or not at all, and what is wrong is said plainly.
# What a figure shows is read back from its SVG, where text is text.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
}

# A gnuplot of our own, first in PATH: the script on stdin.
fake_gnuplot() {
    mkdir "$BATS_TEST_TMPDIR/bin"
    { echo '#!/bin/sh'; cat; } >"$BATS_TEST_TMPDIR/bin/gnuplot"
    chmod +x "$BATS_TEST_TMPDIR/bin/gnuplot"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# A run's directory without running anything: two locks, one of them waited for.
locks() {
    mkdir -p "$1"
    cat >"$1/locks.csv" <<'END'
lock,acquisitions,contended,wait_ns
mheap,1234567,1200,2500000
mcentral 48 noscan,40,0,0
spanset 48 noscan,9,0,0
END
}

heap_header=t_ns,heap_sys_bytes,requested_bytes,rounding_bytes,tiny_bytes,tail_bytes,unused_bytes,dead_bytes,\
free_bytes,released_bytes,goal_bytes,cycles
sweep_header=run,config,trace,size_classes,ps,gogc,pacing,peak_mapped_bytes,lock_wait_ns,error

is_png() {
    [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]
    [ "$(wc -c <"$1")" -gt 10000 ]
}

all_figures=(heap map waste spans turnover collector locks waits latency)

@test "a replay's figures are drawn, and named" {
    need gnuplot
    goheap replay -q -P 4 -o run "$sqlite"
    goheap plot run/ 2>err
    [ "$(cat err)" = "$(printf 'wrote run/%s.png\n' "${all_figures[@]}")" ]
    for figure in "${all_figures[@]}"; do
        is_png "run/$figure.png"
    done
    holds run run.json {classes,cycles,free_runs,heap,heap_map,latency,latency_cdf,locks,refills,spans,waits}.csv \
        "${all_figures[@]/%/.png}"
}

@test "SVG is the same byte for byte, whatever the locale and the user's own settings" {
    need gnuplot
    goheap replay -q -P 4 -c locked-central --set pacing=max -o run "$sqlite"
    goheap plot --format svg run
    mkdir first
    mv run/*.svg first
    mkdir home
    echo 'set title "mine"' >home/.gnuplot
    HOME=$PWD/home LC_ALL=C TZ=Asia/Tokyo goheap plot --format svg run
    for figure in "${all_figures[@]}"; do
        cmp "first/$figure.svg" "run/$figure.svg"
        shows "run/$figure.svg" "sqlite.csv.zst, locked-central, 4 Ps, max pacing"
    done
    shows run/heap.svg "heap memory (MiB)" "virtual time (ms)" "heap goal" "collection" "free pages kept" \
        "dead, not yet swept"
    shows run/map.svg "address, from the lowest (MiB)" released "virtual time (ms)"
    shows run/spans.svg "at the peak" "free runs" large
    shows run/turnover.svg "mean lifetime" "allocations a second for each live object" large " spans swept"
    shows run/collector.svg "marked live" "world stopped: " "assists of all Ps"
    shows run/latency.svg "mcentral: " "µs" "took no longer (%)" 99.9
}

# Figures that were looked at. UPDATE_GOLDEN=1 bats -f golden tests/cli/plot.bats takes today's for them: look at those.
@test "figures of a small trace are the golden ones, byte for byte" {
    need gnuplot
    local golden=$root/tests/cli/golden figures=(heap waste spans turnover collector latency)
    goheap replay -q -P 2 -c go1.19 -o run "$golden/small.csv"
    goheap replay -q -P 2 -c go1.5 -o old "$golden/small.csv"
    silently plot -q --format svg run
    silently plot -q --format svg --figure latency -o both run old
    mv both/latency.svg run/compared.svg
    if [ -n "${UPDATE_GOLDEN-}" ]; then
        gnuplot --version >"$golden/gnuplot"
        for figure in "${figures[@]}" compared; do cp "run/$figure.svg" "$golden"; done
    fi
    [ "$(gnuplot --version)" = "$(cat "$golden/gnuplot")" ] || skip "golden ones are of $(cat "$golden/gnuplot")"
    for figure in "${figures[@]}" compared; do
        cmp "run/$figure.svg" "$golden/$figure.svg"
    done
}

# column_sums FILE.csv TOTAL PART...: in every row the parts make up the total. And there are rows.
column_sums() {
    awk -F, -v total="$2" -v parts="${*:3}" '
        NR == 1 { n = split(parts, part, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
        { sum = 0; for (i = 1; i <= n; i++) sum += $at[part[i]]; bad += sum != $at[total] }
        END { exit bad || NR < 3 }' "$1"
}

@test "what is drawn of the heap sums to HeapSys at every sample, and to the report at the end" {
    need zstd
    local sys
    for reclaim in gc immediate; do
        goheap replay -q -P 2 --set reclaim=$reclaim -o run "$sqlite"
        column_sums run/heap.csv heap_sys_bytes {requested,rounding,tiny,tail,unused,dead,free,released}_bytes
        sys=$(awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } END { print $at["heap_sys_bytes"] }' \
            run/heap.csv)
        [ "$sys" -eq "$(field HeapSys run/run.json)" ]
        # at the peak the spans by occupancy are the spans by class
        [ "$(awk -F, '/^peak/ { sum += $7 } END { print sum }' run/spans.csv)" -eq \
            "$(awk -F, 'NR > 1 { sum += $6 } END { print sum }' run/classes.csv)" ]
        # and nobody is missing among allocations by time taken
        [ "$(awk -F, '/^all/ { sum += $3 } END { print sum }' run/latency_cdf.csv)" -eq \
            "$(awk -F, 'NR > 1 { sum += $2 } END { print sum }' run/latency.csv)" ]
    done
}

@test "several runs are panels of one figure, on the same scales, in a place of their own" {
    need gnuplot
    heap() { # DIRECTORY BYTES: half of them asked for, then all
        mkdir -p "$1"
        echo $heap_header >"$1/heap.csv"
        echo "0,$2,$(($2 / 2)),0,0,0,0,0,$(($2 / 2)),0,0,0" >>"$1/heap.csv"
        echo "900,$2,$2,0,0,0,0,0,0,0,0,0" >>"$1/heap.csv"
    }
    heap small 3145728
    heap big 7340032
    silently plot -q --format svg small big -o out/both
    holds out/both heap.svg
    holds small heap.csv
    shows out/both/heap.svg ">small: small<" ">big: big<" 'width="2000" height="600"'
    [ "$(grep -c '>7<' out/both/heap.svg)" -eq 2 ]
    silently plot -q --format svg small
    [ "$(grep -c '>7<' small/heap.svg)" -eq 0 ]
    # one without rows says so beside the other
    mkdir none
    echo $heap_header >none/heap.csv
    silently plot -q --format svg small none -o out
    shows out/heap.svg ">small: small<" "no data: heap.csv has no rows"
    # a file that one of them lacks is no figure, unless it is asked for
    locks big
    silently plot -q --format svg small big -o two
    holds two heap.svg
    refused 1 "small/locks.csv: No such file or directory" plot --figure locks -o two small big
}

@test "in the terminal: 79 columns of letters on standard output, nothing written" {
    need gnuplot
    locks run
    TERM=xterm silently plot --format term run >out.txt
    [ "$(wc -l <out.txt)" -eq 24 ]
    [ "$(LC_ALL=C.UTF-8 wc -L <out.txt)" -le 79 ]
    grep -q 'Time spent waiting, by lock' out.txt
    grep -q 'mheap.*1,200 of 1.23 million contended' out.txt
    ! grep -q $'[\f\e]' out.txt || return 1
    holds run locks.csv
    run bash -c "\"$goheap\" plot --format term run >/dev/full"
    [ "$status" -eq 1 ]
    [[ $output == "goheap: standard output: "* ]]
}

@test "--figure and --format draw just that, -q says nothing" {
    need gnuplot
    locks run
    silently plot -q --figure locks --format pdf run
    holds run locks.csv locks.pdf
    [ "$(head -c 5 run/locks.pdf)" = "%PDF-" ]
}

@test "locks: the waits with their counts, no lock-free set; acquisitions if nobody waited" {
    need gnuplot
    locks run
    silently plot -q --format svg run
    shows run/locks.svg "time waited (ms); 2.5 ms in all" "1,200 of 1.23 million contended"
    hides run/locks.svg spanset mcentral
    printf 'lock,acquisitions,contended,wait_ns\nmheap,3,0,0\nspanset 8 scan,7,0,0\n' >run/locks.csv
    silently plot -q --format svg run
    shows run/locks.svg "Nobody waited" "mheap" "acquisitions"
    hides run/locks.svg spanset
}

@test "waits: over time; of a few it is only said how many there were" {
    need gnuplot
    locks run
    waits() { # NUMBER: stretches of time with three waits of 500 ns in each
        echo 'lock,t_ns,width_ns,contended,wait_ns'
        for ((i = 0; i < $1; i++)); do echo "all,${i}000000,1000000,3,1500"; done
        for ((i = 0; i < $1; i++)); do echo "mheap,${i}000000,1000000,3,1500"; done
    }
    waits 4 >run/waits.csv
    silently plot -q --format svg run
    shows run/waits.svg "6 µs waited in all" "waits begun per ms" "mheap"
    waits 3 >run/waits.csv
    silently plot -q --format svg run
    shows run/waits.svg "hardly anybody waited: 9 waits, 4.5 µs in all, the last within 3 ms"
    hides run/waits.svg mheap
}

@test "units follow the data: a heap of a tebibyte over a day" {
    need gnuplot
    mkdir run
    printf '%s\n' $heap_header 0,549755813888,9,8,7,6,5,4,3,2,99,0 86400000000000,1099511627776,9,8,7,6,5,4,3,2,99,1 \
        >run/heap.csv
    silently plot -q --format svg run
    shows run/heap.svg "heap memory (TiB)" "virtual time (h)"
}

# height_of FILE.svg TEXT: how far below the picture's upper edge a text stands, in its units.
height_of() {
    awk -v text="$2" 'match($0, /translate\([^)]*\)/) { split(substr($0, RSTART, RLENGTH), at, "[,)]") }
        /<text>/ && index($0, text) { print int(at[2]); exit }' "$1"
}

@test "latency: large numbers in its legend stay clear of the axis" {
    need gnuplot
    mkdir run
    echo tier,up_to_ns,count,slower >run/latency_cdf.csv
    for tier in fast mcentral mheap os all; do echo "$tier,20,123456789,7654321"; done >>run/latency_cdf.csv
    silently plot -q --format svg run
    axis=$(height_of run/latency.svg "time of one allocation")
    [ "$(height_of run/latency.svg "fast: 123 million")" -ge $((axis + 15)) ]
    [ "$(height_of run/latency.svg "all: 123 million")" -ge $((axis + 15)) ]
}

@test "trace: sizes up to tebibytes have labels with room for each" {
    need gnuplot
    mkdir run
    printf '%s\n' of,from,to,objects,bytes size_bytes,1024,2047,3,4096 lifetime_bytes,1099511627776,2199023255551,3,4096 \
        >run/trace.csv
    silently plot -q --format svg run
    shows run/trace.svg ">32 B<" ">1 KiB<" ">1 MiB<" ">1 GiB<" ">1 TiB<"
    hides run/trace.svg ">32 MiB<" ">32 GiB<"
}

@test "waste: human sizes, large, and the rest in one bar" {
    need gnuplot
    mkdir run
    {
        echo class,size_bytes,span_bytes,rounding_bytes,tiny_bytes,tail_bytes,dead_bytes,unused_bytes
        echo 0,0,8192,0,0,0,4096,0
        for i in {1..24}; do
            echo "$i,$((i * 128)),8192,$i,0,0,0,0"
        done
    } >run/classes.csv
    silently plot -q --format svg run
    shows run/waste.svg large "4 KiB, 50 % of its spans; Σ 93.1 %" "768 B" "1.12 KiB" "3 KiB" "5 others" "15 B"
    sed -i '2s/.*/0,0,2097152,0,0,0,1048576,0/' run/classes.csv # bars of the others have no length
    goheap plot -q --format term --figure waste run >term.txt
    grep -F '|21 B, 0.2 % of its spans' term.txt
}

@test "a sweep: series are named by what differs, failed runs left out" {
    need gnuplot
    mkdir run
    {
        echo $sweep_header
        echo '1,go1.19,t/redis.csv,go1.19,1,100,max,4194304,0,'
        echo '2,go1.19,t/redis.csv,no_24,1,100,max,4194304,0,'
        echo '3,go1.19,t/redis.csv,no_24,64,100,max,5242880,7000000,'
        echo '4,go1.19,t/redis.csv,go1.19,64,100,max,6291456,9000000,'
        echo '5,go1.99,t/redis.csv,go1.19,64,100,max,0,0,"no configuration ""go1.99"", none"'
    } >run/results.csv
    silently plot -q --format svg run
    shows run/sweep.svg "go1.19, go1.19 classes" "go1.19, no_24 classes" "GOGC 100, max pacing, redis.csv" "at 64 Ps" \
        "time waited (ms)" "6 MiB" "5 MiB"
    hides run/sweep.svg go1.99
    sed -i '/,64,/d' run/results.csv
    silently plot -q --format svg run
    shows run/sweep.svg "Waiting for locks at 1 P"
}

@test "an empty trace and a trace of one event have figures that say so" {
    need gnuplot
    printf 't_ns,op,id,size\n' >none.csv
    goheap replay -q -o none none.csv
    silently plot -q --format svg none
    shows none/heap.svg "no data: nothing was ever allocated"
    shows none/waste.svg "no data"
    shows none/locks.svg "no data"
    shows none/waits.svg "no data"
    shows none/latency.svg "no data"
    shows none/map.svg "no data"
    shows none/spans.svg "no data"
    shows none/turnover.svg "no data: nothing was allocated"
    shows none/collector.svg "no data"
    printf 't_ns,op,id,size\n5,alloc,1,100\n' >one.csv
    goheap replay -q -o one one.csv
    silently plot -q --format svg one
    shows one/waste.svg "112 B"
    shows one/latency.svg "os: 1 (100 %)" "fast: never"
    shows one/heap.svg "only one moment was sampled"
    shows one/map.svg "the heap was looked at only once: 112 B of"
    shows one/spans.svg "112 B" "at the end"
    shows one/turnover.svg "112 B" "1 refill, at most 0 spans swept"
    shows one/collector.svg "no data: nothing was collected"
}

@test "a CSV with only a header is drawn as no data, not left to gnuplot" {
    need gnuplot
    mkdir run
    echo $heap_header >run/heap.csv
    echo $sweep_header >run/results.csv
    echo class,size_bytes,span_bytes,rounding_bytes,tiny_bytes,tail_bytes,dead_bytes,unused_bytes >run/classes.csv
    echo tier,up_to_ns,count,slower >run/latency_cdf.csv
    echo t_ns,width_ns,from_bytes,height_bytes,objects_bytes,live_bytes,stack_bytes,free_bytes,released_bytes \
        >run/heap_map.csv
    echo moment,class,size_bytes,occupancy_tenths,span_bytes >run/spans.csv
    echo moment,pages_from,pages_to,runs >run/free_runs.csv
    echo end_ns,pause_ns,assist_ns,trigger_bytes,heap_end_bytes,heap_marked_bytes,goal_bytes >run/cycles.csv
    echo lock,acquisitions,contended,wait_ns >run/locks.csv
    silently plot -q --format svg run
    for figure in heap map waste spans collector locks latency sweep; do
        shows "run/$figure.svg" "no data"
    done
}

@test "spans without a free page between them" {
    need gnuplot
    mkdir run
    printf '%s\n' moment,class,size_bytes,occupancy_tenths,span_bytes peak,2,16,10,8192 end,2,16,0,8192 >run/spans.csv
    echo moment,pages_from,pages_to,runs >run/free_runs.csv
    silently plot -q --format svg run
    shows run/spans.svg "no page is free" "16 B" "8 KiB in spans"
    rm run/free_runs.csv
    refused 1 "free_runs.csv: No such file or directory" plot run
}

@test "a directory's name is no command to gnuplot, and no markup" {
    need gnuplot
    local name="<touch pwned; 'q\" {x}_y^2 \$(touch pwned) \`touch pwned\`"
    locks "$name"
    silently plot -q --format svg "$name"
    (cd "$name" && silently plot -q --format svg .)
    shows "$name/locks.svg" "{x}_y^2"
    holds . "$name"
}

@test "an unknown figure or format is wrong usage, and the nearest is named" {
    locks run
    run goheap plot --figure lock run
    [ "$status" -eq 2 ]
    [[ $output == *'there is no figure "lock"; did you mean "locks"?'* ]]
    run goheap plot --figure zebra run
    [ "$status" -eq 2 ]
    [[ $output == *zebra* ]]
    run goheap plot --format pnh run
    [ "$status" -eq 2 ]
    [[ $output == *'did you mean "png"?'* ]]
    run goheap plot
    [ "$status" -eq 2 ]
    run goheap plot run run
    [ "$status" -eq 2 ]
    [[ $output == *'where are figures of 2 runs to go? expected -o DIRECTORY'* ]]
    run goheap plot --format term -o out run
    [ "$status" -eq 2 ]
    holds run locks.csv
}

@test "nowhere, no directory, nothing to draw: one line each" {
    mkdir bare
    echo x >file
    refused 1 "nowhere: No such file or directory" plot nowhere
    refused 1 "file: not a directory" plot file
    refused 1 "bare: nothing to draw; expected any of heap.csv, heap_map.csv, classes.csv" plot bare
    locks run
    refused 1 "heap.csv: No such file or directory" plot --figure heap run
}

@test "a CSV that is not what it should be is named with the column it lacks" {
    mkdir run
    echo lock,acquisitions,contended >run/locks.csv
    refused 1 'locks.csv:1: the header has no column "wait_ns"' plot run
    : >run/locks.csv
    refused 1 'locks.csv: empty; expected a header' plot run
}

@test "without gnuplot: how to get it, and nothing left behind" {
    locks run
    run env PATH=/nonexistent "$goheap" plot run
    [ "$status" -eq 1 ]
    [ "$output" = "goheap: gnuplot is not installed (apt-get install gnuplot-nox); the data in run is whole" ]
    holds run locks.csv
}

@test "a gnuplot that fails is quoted; an older figure stays" {
    locks run
    echo old >run/locks.png
    fake_gnuplot <<'END'
echo 'out of ink' >&2
exit 3
END
    run goheap plot run
    [ "$status" -eq 1 ]
    [ "${lines[0]}" = "out of ink" ]
    [ "${lines[1]}" = "goheap: gnuplot could not draw run/locks.csv (exit status 3)" ]
    holds run locks.csv locks.png
    [ "$(cat run/locks.png)" = old ]
}

@test "a figure cut short is no figure" {
    locks run
    fake_gnuplot <<'END'
echo '<svg> ...' >"$6"
END
    refused 1 "gnuplot could not write all of it" plot --format svg run
}

@test "ended by a signal, neither gnuplot nor half a figure is left" {
    locks run
    fake_gnuplot <<'END'
echo $$ >pid
exec sleep 20
END
    "$goheap" plot run &
    until [ -s pid ]; do sleep 0.02; done
    kill -TERM $!
    wait $! || true
    holds run locks.csv
    for _ in {1..100}; do
        kill -0 "$(cat pid)" 2>/dev/null || break
        sleep 0.02
    done
    ! kill -0 "$(cat pid)" 2>/dev/null || return 1
}

@test "scripts are found through GOHEAP_PLOTS" {
    need gnuplot
    locks run
    cp -r "$root/plots" own
    sed -i "s/Time spent waiting/Time wasted/" own/locks.gp
    GOHEAP_PLOTS=own silently plot -q --format svg run
    shows run/locks.svg "Time wasted"
    sed -i "s/'pngcairo')/'no such terminal')/" own/style.gp
    GOHEAP_PLOTS=own silently plot -q run
    is_png run/locks.png
}
