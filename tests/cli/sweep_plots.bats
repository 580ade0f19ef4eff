#!/usr/bin/env bats
# Figures of sweeps: which columns they show, what they say is left out, and that they say so when there is nothing to
# show. What a figure shows is read back from its SVG, where text is text.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    need gnuplot
}

header=run,config,trace,size_classes,ps,gogc,pacing,peak_mapped_bytes,lock_wait_ns,gc_cpu_ns,page_size,error

# sweep DIR ROW...: a sweep's directory without running anything; rows are as the header, error left out.
sweep() {
    mkdir -p "$1"
    echo $header >"$1/results.csv"
    printf '%s,\n' "${@:2}" >>"$1/results.csv"
}

# Two configurations at 1 to 8 Ps: 2 MiB to 18 MiB, waits up to 9 ms.
usual() {
    sweep "$1" 1,go1.19,t/redis.csv.zst,go1.19,1,100,max,2097152,0,1000,8192 \
        2,go1.19,t/redis.csv.zst,go1.19,2,100,max,4194304,1000000,2000,8192 \
        3,go1.19,t/redis.csv.zst,go1.19,8,100,max,6291456,3000000,4000,8192 \
        4,go1.26,t/redis.csv.zst,go1.19,1,100,max,14680064,0,1500,8192 \
        5,go1.26,t/redis.csv.zst,go1.19,2,100,max,16777216,3000000,900,8192 \
        6,go1.26,t/redis.csv.zst,go1.19,8,100,max,18874368,9000000,800,8192
}

# labels FILE.svg TEXT...: each is all of a text in the figure.
labels() {
    local file=$1 texts
    shift
    texts=("${@/#/>}")
    shows "$file" "${texts[@]/%/<}"
}

@test "what was varied is found in results.csv, and units are named" {
    usual s
    goheap plot --format svg s 2>err
    [ "$(cat err)" = "$(printf 'wrote s/%s.svg\n' sweep lines grid front)" ]
    labels s/lines.svg "What the runs of a sweep took, by Ps" "s: redis, go1.19 classes, GOGC 100, max pacing" \
        "most memory mapped (MiB)" "collector's CPU time (µs)" "time waited for locks (ms)" "Ps (log scale)" go1.19 \
        go1.26 1 2 8
    hides s/lines.svg page
    labels s/grid.svg "Most memory mapped (MiB)" go1.19 go1.26 2 4 6 14 16 18 Ps
    labels s/front.svg "Most memory mapped against collector's CPU time" "most memory mapped (MiB)" \
        "collector's CPU time (µs)" "go1.19, 1 P" "go1.26, 8 Ps"
    hides s/front.svg "go1.26, 1 P"
}

@test "the same bytes again, and in every format" {
    usual s
    for format in svg png; do
        goheap plot -q --format $format --figure lines --figure grid --figure front -o one s
        goheap plot -q --format $format --figure lines --figure grid --figure front -o two s
    done
    diff -r one two
    goheap plot -q --format pdf --figure lines -o one s
    [ "$(head -c 5 one/lines.pdf)" = %PDF- ]
    for figure in lines grid front; do
        goheap plot --format term --figure $figure s >$figure.txt
        grep -q "Ps" $figure.txt
    done
    grep -q "s: redis, go1.19 classes" lines.txt
}

@test "columns of one's choice; without a figure they are lines" {
    usual s
    silently plot -q --format svg --x ps --y lock_wait_ns --by config s
    holds s lines.svg results.csv
    labels s/lines.svg "Time waited for locks, by Ps" "time waited for locks (ms)"
    hides s/lines.svg "most memory mapped"
    silently plot -q --format svg --figure grid --x config --y gc_cpu_ns --by ps s
    labels s/grid.svg "Collector's CPU time (µs)" "1 P" "8 Ps" 1.5 0.9 0.8
    silently plot -q --format svg --x ps --y peak_mapped_bytes --by size_classes s
    labels s/lines.svg "s: redis, go1.19 classes, GOGC 100, max pacing; means of up to 2 runs"
    silently plot -q --format svg --figure front --x ps --y lock_wait_ns s
    labels s/front.svg "Time waited for locks against Ps"
}

@test "an unknown column names the nearest, one without numbers is refused" {
    usual s
    refused 1 'lines: results.csv has no column "gcog"; did you mean "gogc"?' plot --x gcog s
    refused 1 'did you mean "lock_wait_ns"?' plot --figure grid --y lock_wait s
    refused 1 'has no column "weather" (its first line names them)' plot --by weather s
    refused 1 'column "config" of results.csv holds no numbers' plot --x config s
    refused 1 'column "trace" of results.csv holds no numbers' plot --figure front --y trace s
    run goheap plot --y a --y b --y c --y d --y e s
    [ "$status" -eq 2 ]
    [[ $output == *"expected at most 4 columns"* ]]
    run goheap plot --figure waste --x ps s
    [ "$status" -eq 2 ]
    [[ $output == *"--x, --y and --by are for --figure lines, grid and front"* ]]
    holds s results.csv
}

@test "what has nothing to show is not drawn, and says so if asked for" {
    sweep one 1,go1.19,t.csv,go1.19,4,100,max,2097152,5,7,8192
    goheap plot --format svg one 2>err
    [ "$(cat err)" = "wrote one/sweep.svg" ]
    refused 1 "one: nothing to draw as lines: nothing that was varied is a number" plot --figure lines one
    refused 1 "one: nothing to draw as grid: nothing was varied" plot --figure grid one
    refused 1 "one: nothing to draw as front: " plot --figure front one
    refused 1 "one: nothing to draw as lines: all runs have the same ps" plot --x ps one
    sweep names 1,a,t.csv,go1.19,4,100,max,2097152,5,7,8192 2,b,t.csv,no24,4,100,max,2097153,5,7,8192
    goheap plot --format svg names 2>err
    [ "$(cat err)" = "wrote names/sweep.svg" ]
    echo $header >names/results.csv
    refused 1 "nothing to draw as lines: no run of the sweep succeeded" plot --figure lines names
    echo "1,2" >>names/results.csv
    refused 1 "names/results.csv: row 2: expected 12 fields, as the header has, got 2" plot --figure lines names
}

@test "failed runs, values that are no numbers and too many series are left out, and counted" {
    usual s
    echo '7,go1.26,t/redis.csv.zst,go1.19,16,100,max,,,,8192,"broken, ""here"""' >>s/results.csv
    echo '8,go1.26,t/redis.csv.zst,go1.19,32,100,max,,,,8192,broken' >>s/results.csv
    silently plot -q --format svg --figure lines s
    labels s/lines.svg "s: redis, go1.19 classes, GOGC 100, max pacing; 2 failed runs left out"
    hides s/lines.svg ">16<" broken
    local rows=() i
    for i in {1..20}; do
        rows+=("$i,c$i,t.csv,go1.19,1,50,max,1,0,0,8192" "$((i + 20)),c$i,t.csv,go1.19,1,200,max,$((i + 1)),0,0,8192")
    done
    sweep many "${rows[@]}" 41,c1,t.csv,go1.19,1,off,max,50,0,0,8192
    silently plot -q --format svg --figure lines many
    labels many/lines.svg c16 \
        "many: t, go1.19 classes, 1 P, max pacing; 4 series left out; 1 run without such a number left out"
    hides many/lines.svg ">c17<"
}

@test "series without a point, and metrics that some runs have not" {
    sweep gaps 1,a,t.csv,go1.19,1,50,max,7,5,,8192 2,a,t.csv,go1.19,1,100,max,,6,,8192 \
        3,b,t.csv,go1.19,1,off,max,8,7,9,8192 4,c,t.csv,go1.19,1,50,max,9,,9,8192
    silently plot -q --format svg --y peak_mapped_bytes --y lock_wait_ns --y gc_cpu_ns gaps
    labels gaps/lines.svg "gaps: t, go1.19 classes, 1 P, max pacing; 1 run without such a number left out" \
        "most memory mapped (B)" "time waited for locks (ns)" "collector's CPU time (ns)" a b c
    silently plot -q --format svg --figure grid --y lock_wait_ns gaps
    labels gaps/grid.svg 5 6 7 off
}

@test "hostile names show up as text" {
    usual s
    sed -i "s,go1.26,\"\`touch broken\` <b> @x '\$(touch broken)' #\\\\\\\\ %d {/Bold \"\"x\"\"}\"," s/results.csv
    silently plot -q --format svg --figure lines --figure grid --figure front s
    labels s/lines.svg "\`touch broken\` &lt;…\ %d {/Bold 'x'}"
    for figure in lines grid front; do
        grep -qF "\`touch broken\`" s/$figure.svg
    done
    hides s/lines.svg "<b>"
    printf '%s\n' $header "1,$(printf '"a\tb\r\033[2J"'),x,,1,1,,5,1,1,," "2,$(printf 'a\377'),x,,2,1,,6,1,1,," \
        "3,$(head -c 65536 /dev/zero | tr '\0' x),x,,4,1,,7,1,1,," >s/results.csv
    silently plot -q --format svg --figure grid --by config s
    hides s/grid.svg "$(printf '\033')"
    labels s/grid.svg "a?b??[2J" "a?" xxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxx
    [ "$(wc -c <s/grid.svg)" -lt 100000 ]
}

@test "two sweeps are side by side" {
    usual a
    sweep b 1,go1.19,t.csv,go1.19,1,100,max,2097152,0,1000,8192 2,go1.19,t.csv,go1.19,64,100,max,2097153,9,1000,8192
    silently plot -q --format svg --figure lines -o both a b
    labels both/lines.svg "a: a: redis, go1.19 classes, GOGC 100, max pacing" \
        "b: b: go1.19, t, go1.19 classes, GOGC 100, max pacing" 64
    # What one cannot show ends it all.
    echo $header >b/results.csv
    refused 1 "b: nothing to draw as lines" plot --figure lines -o both a b
}

@test "bundled plans have the picture that they say" {
    for plan in headers page-cache; do
        goheap sweep -q -o "$plan" "$plan"
    done
    silently plot -q --format svg --figure grid --x pointer_bits_max --y mean_in_use_bytes headers
    labels headers/grid.svg "Memory in use, mean over time (MiB)" "header 8 B" "header 0 B" "pointer bits max" "512 B"
    silently plot -q --format svg --figure lines --y mheap_acquisitions --y mheap_wait_ns page-cache
    labels page-cache/lines.svg "heap lock acquisitions" "page cache true" "page cache false"
}

@test "the page of questions has its pictures, and scripts/gallery makes each of them" {
    local page=$root/plots/questions.md picture
    sed -n 's/.*](gallery\/\(.*\)).*/\1/p' "$page" >pictures
    [ -s pictures ]
    while read -r picture; do
        [ "$(wc -c <"$root/plots/gallery/$picture")" -lt 60000 ]
        grep -q "^    build/goheap plot .*out/${picture%.*}\( \|$\)" "$page"
    done <pictures
    [ "$(grep -c '^!' "$page")" -eq "$(grep -c '^## ' "$page")" ]
}
