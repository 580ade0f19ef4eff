#!/usr/bin/env bats
# `goheap replay` where something is wrong: one line on stderr that names the file and the line, exit code 1 for
# bad input and 2 for wrong usage, nothing on stdout, and no file left that was not there before (helpers.bash,
# refused, looks after all of it). What a CSV reader can refuse is in tests/invalid, one file a case.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    # Whatever bad input makes of goheap, it does not take the machine down. A sanitizer's shadow is larger.
    [ -n "${GOHEAP_SANITIZE:-}" ] || ulimit -v 4194304
    mkdir out
    printf 'op,id,size\nalloc,1,100\nfree,1,\n' >good.csv
}

teardown() {
    if [ -e "$BATS_TEST_TMPDIR/mounted" ]; then
        umount "$BATS_TEST_TMPDIR/here/disk"
    fi
}

# bad TEXT LINE...: a trace of these lines is refused with the text, though every kind of output was asked for.
bad() {
    local text=$1
    shift
    printf '%s\n' "$@" >bad.csv
    refused 1 "$text" replay --json out/run.json --addresses out/log.txt -o out bad.csv
    refused 1 "${text/bad.csv/standard input}" replay --json - - <bad.csv
    empty out
}

@test "an empty trace is refused, a header alone is not" {
    : >bad.csv
    refused 1 "bad.csv: empty trace" replay -o out bad.csv
    refused 1 "standard input: empty trace" replay - </dev/null
    bad "bad.csv: empty trace" "" ""
    echo op,id,size >header.csv
    silently replay header.csv >summary
    grep -q "0 events" summary
}

@test "columns that are missing, or rows that do not fit the header" {
    bad "bad.csv:1: expected a header line" "id,size" "1,8"
    bad "bad.csv:2: size: expected a column" "op,id" "alloc,1"
    bad "bad.csv:2: id: expected a column" "op,size" "alloc,8"
    bad "bad.csv:2: expected 3 fields" "op,id,size" "alloc,1"
    bad "bad.csv:3: expected 3 fields" "op,id,size" "alloc,1,8" "alloc,2,8,1"
    bad "bad.csv:2: op: " "op,id,size" "allok,1,8"
}

@test "sizes: negative, 2^64, too large, not a number" {
    bad 'bad.csv:2: size: expected a whole number from 0 to 18446744073709551615, got "-8"' "op,id,size" "alloc,1,-8"
    bad 'bad.csv:3: size: ' "op,id,size" "alloc,1,8" "alloc,2,18446744073709551616"
    bad 'bad.csv:2: size: ' "op,id,size" "alloc,1,18446744073709551615"
    bad 'bad.csv:2: size: expected at most 70368744177664 bytes' "op,id,size" "alloc,1,70368744177665"
    bad 'bad.csv:2: size: ' "op,id,size" "alloc,1,1e3"
}

@test "lifetimes: an unknown id, a double free, a double allocation" {
    bad "bad.csv:3: id: free of id 2, which is not live" "op,id,size" "alloc,1,8" "free,2,"
    bad "bad.csv:4: id: free of id 1, which is not live" "op,id,size" "alloc,1,8" "free,1," "free,1,"
    bad "bad.csv:3: id: alloc of id 1, which is live already" "op,id,size" "alloc,1,8" "alloc,1,8"
}

@test "time that runs backwards" {
    bad "bad.csv:4: t_ns: expected at least 10" "t_ns,op,id,size" "5,alloc,1,8" "10,alloc,2,8" "9,free,1,"
    bad "bad.csv:3: t_ns: " "t_ns,op,id,size" "5,alloc,1,8" "-1,free,1,"
    # but not when it is another P's
    printf 't_ns,p,op,id,size\n10,0,alloc,1,8\n5,1,alloc,2,8\n' >fine.csv
    silently replay -q fine.csv
}

@test "a failure far into a trace leaves no output either" {
    awk 'BEGIN { print "op,id,size"; for (i = 0; i < 200000; i++) print "alloc," i ",64"; print "free,x," }' >bad.csv
    refused 1 "bad.csv:200002: id: " replay --json out/run.json --addresses out/log.txt -o out bad.csv
    refused 1 "bad.csv:200002: id: " replay --json - bad.csv
    empty out
}

@test "every file of tests/invalid is refused with its message" {
    for trace in "$root"/tests/invalid/*.csv; do
        name=$(basename "$trace")
        cp "$trace" .
        refused 1 "$(cat "${trace%.csv}.expected")" replay --json out/run.json -o out "$name"
    done
    empty out
}

@test "bytes that are no text" {
    printf 'op,id,size\nalloc,1,8\nal\0loc,2,8\n' >nul.csv
    refused 1 "nul.csv:3: expected text, got a NUL byte" replay nul.csv
    printf '\0' >nul.csv
    refused 1 "nul.csv:1: expected text, got a NUL byte" replay nul.csv
    refused 1 "goheap:1: " replay "$goheap"
}

@test "a line of 1 GiB is refused at once, in little memory" {
    long() {
        head -c 1073741824 /dev/zero | tr '\0' x
    }
    # 64 MiB of address space; not with a sanitizer, whose shadow takes terabytes
    [ -n "${GOHEAP_SANITIZE:-}" ] || ulimit -v 65536
    SECONDS=0
    refused 1 "standard input:1: expected a line of at most 1048576 bytes" \
        replay --set address_space=4GiB - < <(long 2>/dev/null)
    refused 1 "standard input:2: expected a line of at most 1048576 bytes" \
        replay --set address_space=4GiB - < <(printf 'op,id,size\nalloc,1,' && long 2>/dev/null)
    [ "$SECONDS" -le 5 ]
}

@test "an allocation of terabytes is served or refused, at once and in little memory" {
    [ -z "${GOHEAP_SANITIZE:-}" ] || skip "memory is not limited under sanitizers"
    SECONDS=0
    for size in 70368744177664 7036874417766; do
        printf 'op,id,size\nalloc,1,%s\nfree,1,\n' $size >large.csv
        status=0
        goheap replay -q --json - large.csv >run.json 2>err || status=$?
        [ "$status" -le 1 ]
        if [ "$status" -eq 0 ]; then
            [ "$(field peak_requested_bytes run.json)" = $size ]
        else
            refused 1 "large.csv: id 1: $size bytes do not fit" replay large.csv
        fi
    done
    [ "$SECONDS" -le 8 ]
}

@test "zstd: cut off, followed by something else, damaged" {
    head -c 100000 "$sqlite" >cut.csv.zst
    refused 1 "cut.csv.zst: the file is truncated" replay cut.csv.zst
    (cat "$sqlite" && echo more) >more.csv.zst
    refused 1 "more.csv.zst: expected zstd data" replay -o out more.csv.zst
    (head -c 50000 "$sqlite" && head -c 1000 /dev/zero && tail -c +51001 "$sqlite") >damaged.csv.zst
    refused 1 "damaged.csv.zst" replay -o out damaged.csv.zst
    empty out
}

@test "files that cannot be read" {
    refused 1 "none.csv: cannot open: No such file or directory" replay -o out none.csv
    refused 1 "out: cannot read: Is a directory" replay out
    refused 1 "good.csv/t.csv: cannot open: Not a directory" replay good.csv/t.csv
    refused 1 "standard input: cannot read: Bad file descriptor" replay - <&-
    refused 1 "No such file or directory" replay ""
    empty out
    [ "$(id -u)" -ne 0 ] || skip "root may read everything"
    chmod 000 good.csv
    refused 1 "good.csv: cannot open: Permission denied" replay good.csv
}

@test "files that cannot be written: a full disk" {
    refused 1 "/dev/full: No space left on device" replay -q --json /dev/full "$sqlite"
    refused 1 "/dev/full: No space left on device" replay -q --addresses /dev/full "$sqlite"
    for args in "" "--json - " "--addresses - -q" "--print-config"; do
        status=0
        # shellcheck disable=SC2086
        goheap replay $args "$sqlite" >/dev/full 2>err || status=$?
        [ "$status" -eq 1 ]
        [ "$(wc -l <err)" -eq 1 ]
        grep -q '^goheap: standard output: ' err
    done
}

@test "files that cannot be written: a directory on a full disk is left without half a file" {
    mkdir disk whole
    mount -t tmpfs -o size=64k tmpfs disk 2>/dev/null || skip "mount is not allowed"
    touch "$BATS_TEST_TMPDIR/mounted"
    refused 1 "disk/run.json: No space left on device" replay -q -o disk "$sqlite"
    empty disk
    # room for the first files, not for all of them: those that are there are whole
    mount -o remount,size=140k disk
    status=0
    goheap replay -q -o disk "$sqlite" 2>err || status=$?
    [ "$status" -eq 1 ]
    [ "$(wc -l <err)" -eq 1 ]
    grep -q '^goheap: disk/[a-z]*.csv: No space left on device$' err
    silently replay -q -o whole "$sqlite"
    for file in disk/*.csv; do
        [ ! -e "$file" ] || cmp "$file" "whole/${file#disk/}"
    done
    [ -z "$(find disk -name '*.tmp.*')" ]
}

@test "files that cannot be written: no such place" {
    refused 1 "none/run.json: No such file or directory" replay -q --json none/run.json good.csv
    refused 1 "none/log.txt: No such file or directory" replay -q --addresses none/log.txt good.csv
    refused 1 "good.csv: Not a directory" replay -q -o good.csv/out good.csv
    refused 1 "good.csv: Not a directory" replay -q -o good.csv good.csv
    grep -q '^alloc' good.csv
}

@test "a failed run leaves an older result as it was" {
    echo precious >out/run.json
    echo precious >out/log.txt
    printf 'op,id,size\nalloc,1,8\nfree,2,\n' >bad.csv
    refused 1 "bad.csv:3:" replay --json out/run.json --addresses out/log.txt -o out bad.csv
    [ "$(cat out/run.json out/log.txt)" = $'precious\nprecious' ]
    holds out run.json log.txt
}

@test "stdout closed, and a reader that goes away" {
    status=0
    goheap replay good.csv >&- 2>err || status=$?
    [ "$status" -eq 1 ]
    grep -q '^goheap: standard output: ' err
    for args in "--json -" "-q --addresses -"; do
        # shellcheck disable=SC2086
        goheap replay $args "$sqlite" 2>err | head -n 1 >first
        [ -s first ]
        [ ! -s err ]
    done
}

@test "^C, TERM and HUP in the middle of a run: prompt, and nothing is left behind" {
    endless() {
        awk 'BEGIN { print "op,id,size"; for (i = 0;; i++) print "alloc," i ",64\nfree," i "," }' 2>/dev/null
    }
    for signal in INT:130 TERM:143 HUP:129; do
        SECONDS=0
        # The addresses go to a temporary file from the start: it must have been there in the middle.
        (sleep 0.4 && ls out >during) 3>&- &
        status=0
        endless 3>&- | timeout --foreground --preserve-status -s "${signal%:*}" 0.8 \
            "$goheap" replay --json out/run.json --addresses out/log.txt -o out - >summary 2>err || status=$?
        status=${PIPESTATUS[1]:-$status}
        wait
        echo "$signal: $status, during: $(cat during), after: $(ls -A out)"
        grep -q '^log.txt.tmp' during
        empty out
        [ ! -s summary ]
        [ "$SECONDS" -le 5 ]
    done
}

@test "the number of Ps" {
    for ps in -1 4097 5000 x 1.5 "" 0x4 18446744073709551616; do
        refused 2 "expected a whole number from 0 to 4096, got" replay -P "$ps" good.csv
    done
    refused 2 "expected its argument" replay good.csv -P
}

@test "the collector's options" {
    refused 2 "gogc: expected" replay --gogc -5 good.csv
    refused 2 'got "of"' replay --gogc of good.csv
    refused 2 "gomemlimit: expected" replay --gomemlimit 5XB good.csv
    refused 2 "gomemlimit: expected" replay --gomemlimit 99999999999TiB good.csv
}

@test "unknown options and subcommands name the nearest" {
    refused 2 "--json" replay --jsn x good.csv
    refused 2 "--addresses" replay --address x good.csv
    refused 2 "unknown option -Z" replay -Z good.csv
    refused 2 "FILE" replay good.csv --json
    refused 2 "TRACE" replay
    refused 2 '"b.csv"' replay good.csv b.csv
    refused 2 '"replay"' repaly good.csv
    refused 2 '"xyzzy"' xyzzy
    refused 2 '"--frobnicate"' --frobnicate
}

@test "configurations: unknown names and keys name the nearest, bad JSON its place" {
    refused "1|2" 'no configuration "go1.91"' replay -c go1.91 good.csv
    refused "1|2" 'the nearest is "go1.19"' replay -c go1.190 good.csv
    refused "1|2" "none.json: No such file or directory" replay -c none.json good.csv
    echo '{"gogcc": 50}' >c.json
    refused "1|2" 'c.json: unknown key "gogcc"; the nearest known one is "gogc"' replay -c c.json good.csv
    echo '{"costs": {"lcok": 50}}' >c.json
    refused "1|2" 'the nearest known one is "costs.lock"' replay -c c.json good.csv
    printf '{\n"gogc": 50,\n"ps": }\n' >c.json
    refused "1|2" "c.json:3:" replay -c c.json good.csv
    : >c.json
    refused "1|2" "c.json:1:" replay -c c.json good.csv
    echo '[1]' >c.json
    refused "1|2" "c.json: expected a JSON object" replay -c c.json good.csv
    echo '{"gogc": 50, "gogc": 60}' >c.json
    refused "1|2" "duplicate" replay -c c.json good.csv
    echo '{"gogc": "fifty"}' >c.json
    refused "1|2" 'c.json: gogc: expected' replay -c c.json good.csv
    echo '{"base": "c.json"}' >c.json
    refused "1|2" "circle" replay -c c.json good.csv
    mkdir d.json
    refused "1|2" "d.json: Is a directory" replay -c d.json good.csv
}

@test "--set: what is no assignment, no key, no value" {
    refused 2 'expected KEY=VALUE, got "gogc"' replay --set gogc good.csv
    refused 2 'the nearest known one is "gogc"' replay --set gogk=5 good.csv
    refused 2 "reclaim: expected" replay --set reclaim=never good.csv
    refused 2 "page_cache: expected" replay --set page_cache=5 good.csv
    refused 2 "window: expected" replay --set window=1 good.csv
    refused "1|2" "page_size: expected" replay --set page_size=5000 good.csv
    refused "1|2" "tiny" replay --set tiny_size=5 good.csv
    refused "1|2" "address space" replay --set address_space=1GiB good.csv
}

@test "tables of size classes that no allocator could use" {
    refused 1 "expected 32768" replay --set 'size_classes=[[16, 1]]' good.csv
    refused 1 "expected 1 to 128" replay --set 'size_classes=[[16, 1], [32768, 1000]]' good.csv
    refused 1 "entry 1" replay --set 'size_classes=[[8, 0]]' good.csv
    refused 1 "multiple of 8" replay --set 'size_classes=[[12, 1], [16, 1], [32768, 4]]' good.csv
    refused 1 "size_classes" replay --set size_classes=5 good.csv
    refused 1 "go1.19" replay --set 'size_classes="go1.91"' good.csv
}

@test "a name that is no UTF-8 is no obstacle" {
    cp good.csv $'b\xffad.csv'
    silently replay --json run.json $'b\xffad.csv' >summary
    grep -q '^  "trace": "' run.json
    if grep -q '(null)' summary; then
        return 1
    fi
}

@test "one file for two results is refused" {
    refused "1|2" "out/x" replay --json out/x --addresses out/x good.csv
    empty out
}
