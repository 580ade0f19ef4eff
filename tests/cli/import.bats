#!/usr/bin/env bats
# Traces that other tools record: Android's surfaceflinger, and what the tools on this machine say of a program that
# says itself what it did. tests/import/ has the program, and the counters, which share nothing with the importers.

setup_file() {
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/pattern" "$root/tests/import/pattern.c"
}

load helpers

setup() {
    common_setup
    ln -s "$BATS_FILE_TMPDIR/pattern" pattern
    data=${GOHEAP_DATA:-$root/../shared/data}
}

# The recording becomes a trace that says what the program said; of other oddities than calls that failed, nothing. As a
# replay has it, too.
same_counts() { # RECORDING
    goheap convert "$1" trace.csv 2>told
    cat told
    if grep -v '^goheap: [0-9]\|: calls that failed, left out: ' told; then
        return 1
    fi
    awk -f "$root/tests/import/check.awk" trace.csv >counted
    diff said counted
    grep -q '"size=exact"' trace.csv
    goheap convert -q trace.csv again.csv
    cmp trace.csv again.csv
    goheap replay -q --json direct.json "$1"
    goheap replay -q --json converted.json trace.csv
    diff <(without_source direct.json) <(without_source converted.json)
}

@test "surfaceflinger has no oddities, and the replay ends with what the text leaves live" {
    need unzip
    need python3
    zip=$data/android/surfaceflinger.zip
    [ -e "$zip" ] || skip "no surfaceflinger.zip here"
    [ -z "${GOHEAP_SANITIZE:-}" ] || skip "takes too long with sanitizers"
    unzip -p "$zip" >text
    [ "$(wc -l <text)" -eq 2455240 ]
    goheap convert "$zip" trace.csv.zst 2>told
    cat told
    [ "$(grep -c . told)" -eq 2 ]
    grep -q ' 15 streams' told
    goheap convert -q text from-text.csv.zst
    cmp trace.csv.zst from-text.csv.zst

    # Tiny objects each on their own, so that classes hold what was asked for.
    goheap replay -q --set reclaim=immediate --set tiny_size=0 --json out.json trace.csv.zst
    python3 - out.json <<'END' >replayed
import json, sys
document = json.load(open(sys.argv[1]))
classes = document["size_classes"]
for c in classes:
    if c["end"]["live"] > 0:
        print(c["class"], c["end"]["live"], c["end"]["requested_bytes"])
memstats = document["memstats"]
print("all", memstats["Mallocs"] - memstats["Frees"], document["fragmentation"]["end"]["requested_bytes"])
print("odd 0")
END
    sizes=$(python3 - out.json <<'END'
import json, sys
print(*(c["size"] for c in json.load(open(sys.argv[1]))["size_classes"][1:]))
END
    )
    awk -v CLASSES="$sizes" -f "$root/tests/import/android.awk" text >expected
    diff expected replayed
    grep -qx 'all 3567 1516677' expected
}

@test "glibc's mtrace agrees with the program" {
    debug=$(ldconfig -p 2>/dev/null | awk '/libc_malloc_debug\.so\.0/ { print $NF; exit }')
    [ -n "$debug" ] || skip "no libc_malloc_debug.so.0 here"
    MALLOC_TRACE=recording LD_PRELOAD=$debug ./pattern 20000 >said
    grep -q '^= Start' recording
    same_counts recording
    grep -q '"source=mtrace"' trace.csv
    grep -q 'calls that failed' told
}

@test "valgrind's trace agrees with the program" {
    need valgrind
    valgrind --trace-malloc=yes ./pattern 5000 >said 2>recording
    same_counts recording
    grep -q '"source=valgrind' trace.csv
    grep -qE '^alloc,[0-9]+,[0-9]*777,256,' trace.csv
}

@test "heaptrack agrees with the program, raw and interpreted, plain and in zstd" {
    need heaptrack
    # Its own files begin with the program's name; a name of one's own gets a suffix.
    heaptrack -r -o raw ./pattern 20000 >said-more
    grep '^allocs ' said-more >said
    same_counts raw.raw.zst
    grep -q '"source=heaptrack ' trace.csv
    zstd -q -d raw.raw.zst
    goheap convert -q raw.raw plain.csv
    cmp trace.csv plain.csv
    heaptrack -o cooked ./pattern 20000 >said-more
    same_counts cooked.zst
}

@test "the format is seen by the content, and can be said" {
    printf '1: malloc 0x10 8\n1: free 0x10\n' >a.txt
    goheap convert -q a.txt a.csv
    goheap convert -q --from android a.txt b.csv
    cmp a.csv b.csv
    goheap convert -q - c.csv <a.txt
    cmp a.csv c.csv
    refused 1 'a.txt:1: expected heaptrack' convert --from heaptrack a.txt d.csv
    refused 2 'valgrind' convert --from nonsense a.txt d.csv
}

@test "what is cut off or odd is told, what is broken refused, or salvaged" {
    printf '1: malloc 0x10 8\n1: free 0x20\n1: malloc 0x3' >cut.txt
    goheap convert cut.txt cut.csv 2>told
    grep -q 'frees of blocks that were not live, left out: 1' told
    grep -q 'the last line has no line feed: it was cut off, and is left out' told
    [ "$(grep -c ',alloc,' cut.csv)" -eq 1 ]
    printf '1: malloc 0x10 8\n1: mallok 0x20 8\n1: free 0x10\n' >broken.txt
    refused 1 'broken.txt:2: expected a call such as "186: malloc 0xb6027400 1024", got "1: mallok 0x20 8"' \
        convert broken.txt broken.csv
    goheap convert --salvage broken.txt broken.csv 2>told
    grep -q 'broken.txt:2: .*: what follows is left out' told
    [ "$(grep -c ',alloc,' broken.csv)" -eq 1 ]
}
