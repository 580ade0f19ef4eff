#!/usr/bin/env bats
# `goheap record`: what it writes is a sound trace of what the program did, however the program ended.
# The stress program counts its own blocks; check.awk must find the same in the trace.

setup_file() {
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    export root
    GOHEAP=$(realpath "${GOHEAP:-$root/build/goheap}")
    export GOHEAP
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -pthread -o "$BATS_FILE_TMPDIR/stress" "$root/tests/record/stress.c"
}

setup() {
    # The recorder cannot be loaded into a process before a sanitizer's own run-time.
    if [ -n "${GOHEAP_SANITIZE:-}" ]; then
        skip "recording does not go together with sanitizers"
    fi
    cd "$BATS_TEST_TMPDIR" || return 1
    ln -sf "$BATS_FILE_TMPDIR/stress" stress
    mkdir -p tmp
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
}

check() {
    awk -f "$root/tests/record/check.awk" "$1"
}

# Runs the stress program recorded, and compares its counts with the trace's. $threads: as the trace has it.
compare() {
    "$GOHEAP" record -o t.csv -- ./stress "$@" >counts 2>summary
    check t.csv >checked
    cat summary checked
    [ "$(cat counts)" = "$(head -n 1 checked)" ]
    if grep -E 'dropped|added|warning' summary; then
        return 1
    fi
    threads=$(tail -n 1 checked)
}

nothing_left() {
    [ -z "$(ls -A tmp)" ]
}

@test "one thread's counts agree" {
    compare 1 50000
    nothing_left
}

@test "eight threads that free each other's blocks agree, in one arena and in many" {
    MALLOC_ARENA_MAX=1 compare 8 20000
    [ "$threads" -ge 8 ]
    MALLOC_ARENA_MAX=8 compare 8 20000
    [ "$threads" -ge 8 ]
}

@test "forked children leave the recording alone" {
    compare 4 40000 fork
}

@test "hundreds of short threads are all there, with what their destructors freed" {
    compare 16 brief 20
    [ "$threads" -ge 320 ]
}

# To see a failure again: ./stress 6 die MS.
@test "kill -9 at any moment leaves a sound prefix" {
    local ms trace
    for i in {1..20}; do
        ms=$((RANDOM % 200 * (RANDOM % 100) / 100)) # early more often than late, which takes longer to check
        trace=$([ $((i % 2)) -eq 0 ] && echo t.csv || echo t.ght)
        echo "$trace, killed after $ms ms"
        run "$GOHEAP" record -o "$trace" -- ./stress 6 die "$ms"
        echo "$output"
        [ "$status" -eq 0 ]
        [[ $output == *"killed by signal 9; the trace holds what came before"* ]]
        [[ $output != *dropped* && $output != *added* && $output != *warning* ]]
        "$GOHEAP" info --verify "$trace"
        if [ "$trace" = t.ght ]; then
            "$GOHEAP" convert -q t.ght t.csv
        fi
        check t.csv
    done
    nothing_left
}

# One signal: a second one would give up the trace (without --foreground timeout sends its to the group, too).
@test "the recorder's own end by signal ends the program and still writes the trace" {
    for signal in INT TERM; do
        run timeout --foreground --preserve-status -s "$signal" 0.3 "$GOHEAP" record -o t.csv -- ./stress 2 die 20000
        [ "$status" -eq 0 ]
        "$GOHEAP" info --verify t.csv
        rm t.csv
    done
    nothing_left
}

@test "a recorder that is killed leaves a trace that can be read up to there, and a program that records no more" {
    # shellcheck disable=SC2016
    "$GOHEAP" record -o t.ght -- sh -c 'echo $$ >program; exec ./stress 2 die 20000' &
    local recorder=$! size=0
    for i in {1..1000}; do
        size=$(stat -c %s "t.ght.tmp.$recorder" 2>/dev/null || echo 0)
        if [ "$size" -gt 200000 ]; then
            break
        fi
        sleep 0.02
    done
    kill -9 "$recorder"
    local before=0 after=1
    for i in {1..50}; do
        before=$after
        sleep 0.1
        after=$(du -k tmp/goheap-record-*/events | cut -f 1)
        if [ "$before" -eq "$after" ]; then
            break
        fi
    done
    kill -9 "$(cat program)"
    [ "$before" -eq "$after" ]
    run "$GOHEAP" info --verify "t.ght.tmp.$recorder"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"cut off, the rows before this are whole" ]]
    "$GOHEAP" convert -q --salvage "t.ght.tmp.$recorder" t.csv
    [ "$(grep -c ',alloc,' t.csv)" -gt 1000 ]
    rm -r tmp/goheap-record-*
}

@test "rows have the columns and the meta data of the format" {
    "$GOHEAP" record -o t.csv -- ./stress 1 10
    [ "$(head -n 1 t.csv)" = "t_ns,p,op,id,size,align,type" ]
    for meta in source=malloc time=recorded size=exact death=exact program=stress; do
        grep -qx ",,meta,,,,\"$meta\"" t.csv
    done
    [ "$(head -n 6 t.csv | grep -c meta)" -eq 5 ]
    "$GOHEAP" record -o t.csv -- ./stress 1 1000
    grep -qE '^[0-9]+,[0-9]+,alloc,[0-9]+,[0-9]+777,4096,$' t.csv
    grep -qE '^[0-9]+,[0-9]+,alloc,[0-9]+,[0-9]*777,64,$' t.csv
    grep -qE '^[0-9]+,[0-9]+,free,[0-9]+,,,$' t.csv
}

@test "a name in .zst is compressed, one in .ght is binary, - is standard output without the program's" {
    "$GOHEAP" record -o t.csv.zst -- ./stress 2 1000
    zstd -q -d t.csv.zst
    check t.csv
    "$GOHEAP" record -o t.ght -- ./stress 2 1000 >counts
    "$GOHEAP" info --verify t.ght
    "$GOHEAP" convert -q t.ght t.csv
    [ "$(cat counts)" = "$(check t.csv | head -n 1)" ]
    "$GOHEAP" record -o - -- ./stress 2 1000 >out.csv 2>talk.txt
    check out.csv
    grep -q '^allocs ' talk.txt
}

@test "what the program becomes by exec is what is recorded" {
    # shellcheck disable=SC2016
    "$GOHEAP" record -o t.csv -- sh -c 'true | cat; exec ./stress 2 5000' >counts
    [ "$(cat counts)" = "$(check t.csv | head -n 1)" ]
}

@test "another preloaded library stays preloaded" {
    # shellcheck disable=SC2016
    LD_PRELOAD=libpthread.so.0 "$GOHEAP" record -o t.csv -- sh -c 'echo "$LD_PRELOAD"' >list
    grep -q ':libpthread.so.0$' list
}

@test "the library is found in ../lib, and a path with spaces is no obstacle" {
    mkdir -p "in stalled/bin" "in stalled/lib"
    cp "$GOHEAP" "in stalled/bin/goheap"
    cp "$(dirname "$GOHEAP")/libgoheap-record.so" "in stalled/lib"
    "in stalled/bin/goheap" record -o t.csv -- ./stress 2 1000
    check t.csv
    rm "in stalled/lib/libgoheap-record.so"
    run "in stalled/bin/goheap" record -o u.csv -- ./stress 2 1000
    [ "$status" -eq 1 ]
    [[ $output == *libgoheap-record.so* ]]
    [ ! -e u.csv ]
    nothing_left
}

@test "a failed write is an error and leaves no file" {
    run "$GOHEAP" record -o /dev/full -- ./stress 2 1000
    [ "$status" -eq 1 ]
    [[ $output == *"/dev/full: No space left on device"* ]]
    [ -c /dev/full ]
    ln -s /dev/full full.csv.zst
    run "$GOHEAP" record -o full.csv.zst -- ./stress 2 1000
    [ "$status" -eq 1 ]
    run "$GOHEAP" record -o none/t.csv -- ./stress 2 1000
    [ "$status" -eq 1 ]
    [[ $output == "goheap: none/t.csv: No such file or directory" ]]
    echo precious >old.csv
    run "$GOHEAP" record -o old.csv -- ./no-such-program
    [ "$status" -eq 1 ]
    [[ $output == *"./no-such-program: No such file or directory"* ]]
    [ "$(cat old.csv)" = precious ]
    nothing_left
    [ "$(find . -name '*.csv*' | sort | tr '\n' ' ')" = "./full.csv.zst ./old.csv " ]
}

@test "a program that cannot be recorded is an error" {
    if ! ${CC:-cc} -D_GNU_SOURCE -static -pthread -o static "$root/tests/record/stress.c"; then
        skip "no static libc here"
    fi
    run "$GOHEAP" record -o t.csv -- ./static 1 10
    [ "$status" -eq 1 ]
    [[ $output == *"static did not load the recorder"* ]]
    [ ! -e t.csv ]
    nothing_left
}

@test "a program that fails is reported, and its trace is written" {
    run "$GOHEAP" record -o t.csv -- sh -c 'exit 3'
    [ "$status" -eq 0 ]
    [[ $output == *"sh exited with status 3"* ]]
    check t.csv
}

@test "wrong usage exits 2, help goes to standard output" {
    run "$GOHEAP" record
    [ "$status" -eq 2 ]
    run "$GOHEAP" record -o t.csv
    [ "$status" -eq 2 ]
    run "$GOHEAP" record -- ./stress 1 10
    [ "$status" -eq 2 ]
    run "$GOHEAP" record --nonsense -o t.csv -- ./stress 1 10
    [ "$status" -eq 2 ]
    [[ $output == *--nonsense* ]]
    "$GOHEAP" record --help >help 2>errors
    grep -q '^Usage: goheap record' help
    [ ! -s errors ]
}
