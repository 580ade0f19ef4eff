#!/usr/bin/env bats
# The figures of the three articles that the project grew out of, each asked of the Gos that it is right for, and, where
# it is right for none, the right one. The articles: 1 "Fundamentals" (Go 1.5 to 1.11), 2 "Go's Memory Allocator",
# 3 "Memory Allocator Internals". README.md, "Notes on the founding articles", has the same in words.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    every="go1.5 go1.11 go1.19"
}

# told CONFIG KEY [ARGUMENT...] SIZE: the value in explain's JSON.
told() {
    local config=$1 key=$2
    shift 2
    silently explain -c "$config" --json "$@" >answer.json
    field "$key" answer.json
}

# wastes CONFIG SIZE SLOT "BYTES (SHARE)": of a slot for objects of the size.
wastes() {
    silently explain -c "$1" --scan "$2" >answer
    cat answer
    grep -qF "slots of $3 B, $4 wasted" answer
}

# objects FLAG SIZE...: a trace of one object of each size, noscan or not, and what MemStats is then.
objects() {
    local noscan=$1 size id=0
    shift
    echo "op,id,size,noscan"
    for size in "$@"; do
        id=$((id + 1))
        echo "alloc,$id,$size,$noscan"
    done
    echo "stats,,,"
}

# memstats FIELD TRACE [ARGUMENT...]: at the end of a replay.
memstats() {
    local key=$1 trace=$2
    shift 2
    silently replay -q --json run.json "$@" "$trace"
    field "$key" run.json
}

@test "3: 17 -> 32, 33 -> 48, 65 -> 80, 100 -> 112, 1000 -> 1024 and what each wastes" {
    for go in go1.5 go1.11; do
        wastes $go 17 32 "15 B (46.9 %)" # "47 %"
        wastes $go 33 48 "15 B (31.3 %)"
        wastes $go 65 80 "15 B (18.8 %)"
        wastes $go 100 112 "12 B (10.7 %)" # "11 %"
        wastes $go 1000 1024 "24 B (2.3 %)"
    done
    # Go 1.16 brought a class of 24 bytes, and the other four stayed.
    wastes go1.19 17 24 "7 B (29.2 %)"
    wastes go1.19 33 48 "15 B (31.3 %)"
    wastes go1.19 65 80 "15 B (18.8 %)"
    wastes go1.19 100 112 "12 B (10.7 %)"
    wastes go1.19 1000 1024 "24 B (2.3 %)"
}

@test "3: 7, 15, 33, 65 and 129 bytes go to 8, 16, 48, 80 and 144" {
    for go in $every; do
        slots=""
        for size in 7 15 33 65 129; do
            slots+="$(told "$go" slot_bytes --scan "$size") "
        done
        [ "$slots" = "8 16 48 80 144 " ]
    done
}

@test "1: 512 objects of 16 bytes in a span of 8 KiB; 3: tiny blocks are 512 too, not 32" {
    for go in $every; do
        [ "$(told "$go" slots_per_span 16) $(field span_bytes answer.json)" = "512 8192" ]
        [ "$(told "$go" slots_per_span 1) $(field slot_bytes answer.json) $(field kind answer.json)" = '512 16 "tiny"' ]
    done
}

@test "1: Go 1.5 has 67 classes, which are 66 sizes and class 0; 3: its table has sizes that no Go has" {
    sizes() {
        silently classes -c "$1" | awk '$1 + 0 > 0 { print $2 }'
    }
    [ "$(sizes go1.5 | wc -l) $(sizes go1.11 | wc -l) $(sizes go1.19 | wc -l)" = "66 66 67" ]
    for go in $every; do
        [ "$(sizes "$go" | grep -cE '^(272|1920|7936|9216|12160|15104)$')" -eq 0 ]
        [ "$(sizes "$go" | head -n 2 | tr '\n' ' ')" = "8 16 " ] # its class 0 is Go's class 1
    done
    [ "$(sizes go1.5 | grep -cE '^(8448|16640)$') $(sizes go1.11 | grep -cE '^(8448|16640)$')" = "2 0" ]
}

@test "1, 3: a 28-byte slice takes 32, so that a million of them take 32 MB, not 31.4" {
    awk 'BEGIN { print "op,id,size,noscan"; for (i = 0; i < 10000; i++) print "alloc," i ",28,1" }' >slices.csv
    for go in $every; do
        wastes "$go" 28 32 "4 B (12.5 %)" # "12 %"
        [ "$(memstats HeapAlloc slices.csv -c "$go")" -eq $((10000 * 32)) ]
    done
}

@test "3: three int32 take 24 bytes only without tiny blocks; in one 12-byte struct they take 16" {
    objects 1 4 4 4 >three.csv
    objects 1 12 >struct.csv
    for go in $every; do
        [ "$(memstats HeapAlloc struct.csv -c "$go")" -eq 16 ]
        [ "$(memstats HeapAlloc three.csv -c "$go" --set tiny_size=0)" -eq 24 ]
    done
    # No Go from 1.1 on is without. Their one block has room for the struct, too: nothing is gained.
    [ "$(memstats HeapAlloc three.csv -c go1.11) $(memstats HeapAlloc three.csv -c go1.19)" = "16 16" ]
    # In Go 1.5 a block was never kept for the next object.
    [ "$(memstats HeapAlloc three.csv -c go1.5)" -eq 48 ]
    [ "$(memstats HeapAlloc three.csv -c go1.5 --set tiny_shared=true)" -eq 16 ]
}

@test "1: 11 bytes of tiny objects fill 45.83 % of their slots, packed 68.75 %" {
    used() {
        awk -v slots="$1" 'BEGIN { printf "%.2f", 100 * 11 / slots }'
    }
    objects 1 8 2 1 >tiny.csv
    for go in go1.11 go1.19; do
        [ "$(used "$(memstats HeapAlloc tiny.csv -c $go --set tiny_size=0)")" = 45.83 ]
        [ "$(used "$(memstats HeapAlloc tiny.csv -c $go)")" = 68.75 ]
    done
    # Not so in Go 1.5, where a block a tiny object is worse than no tiny blocks.
    [ "$(used "$(memstats HeapAlloc tiny.csv -c go1.5)")" = 22.92 ]
}

@test "1: the initial heap is about 64 MB in Go 1.11; 1 MiB in 1.5, 4 MiB in 1.19" {
    objects 0 100 >one.csv
    [ "$(memstats HeapSys one.csv -c go1.11)" -eq $((64 << 20)) ]
    [ "$(field HeapInuse run.json) $(field HeapReleased run.json)" = "8192 0" ]
    [ "$(memstats HeapSys one.csv -c go1.5)" -eq $((1 << 20)) ]
    [ "$(memstats HeapSys one.csv -c go1.19)" -eq $((4 << 20)) ]
    # Real programs have stacks, which HeapSys leaves out: hence "about".
    printf 'op,id,size\nalloc,1,100\nstackalloc,2,2048\nstats,,\n' >stack.csv
    [ "$(memstats HeapSys stack.csv -c go1.11)" -eq $(((64 << 20) - (32 << 10))) ]
}

@test "1: objects of no size are all at one address" {
    objects 1 0 0 24 0 >zero.csv
    for go in $every; do
        silently replay -q -c "$go" --addresses log.txt zero.csv
        [ "$(awk '$2 == 0 { print $3 }' log.txt | sort -u | wc -l)" -eq 1 ]
    done
}

@test "1, 2: above 32 KiB an object has a span of its own, straight from mheap: a 10 MB buffer" {
    objects 1 32768 >small.csv
    objects 1 10485760 >buffer.csv
    for go in $every; do
        [ "$(told "$go" kind 32768) $(told "$go" kind 32769) $(told "$go" span_pages 10MiB)" = '"small" "large" 1280' ]
        [ "$(memstats HeapInuse buffer.csv -c "$go" -o out)" -eq 10485760 ]
        [ "$(grep -c '^mcentral' out/locks.csv)" -eq 0 ] # nor was any other lock but the heap's
        [ "$(memstats HeapInuse small.csv -c "$go")" -eq 32768 ]
    done
}

@test "3: refills of a class meet at one lock in Go 1.5, at two in 1.11, at none in 1.19" {
    awk 'BEGIN { print "op,id,size,noscan"; for (i = 0; i < 4000; i++) print "alloc," i ",48," (i >= 2000) }' >refills.csv
    locks() {
        silently replay -q -c "$1" -o out refills.csv
        awk -F, '/48/ { print $1 ":" $2 }' out/locks.csv | sort | tr '\n' ' '
    }
    # 170 a span: 12 for each half, or 24 for both; each takes the lock to look, and again to list the new span.
    [ "$(locks go1.5)" = "mcentral 48:48 " ]
    [ "$(locks go1.11)" = "mcentral 48 noscan:24 mcentral 48 scan:24 " ]
    [[ "$(locks go1.19)" != *mcentral* ]]
}

@test "Go 1.26: bits for the collector take room in a span, a header takes 8 bytes of what it is before" {
    [ "$(told go1.26 slots_per_span 16) $(told go1.26 slots_per_span --scan 16)" = "504 496" ]
    wastes go1.26 17 24 "7 B (29.2 %)"
    wastes go1.26 33 48 "15 B (31.3 %)"
    wastes go1.26 1000 1024 "a header of 8 B, 16 B (1.6 %)"
    objects 1 8 2 1 >tiny.csv
    [ "$(memstats HeapAlloc tiny.csv -c go1.26) $(field HeapSys run.json)" = "16 $((4 << 20))" ]
}
