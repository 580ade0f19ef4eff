#!/usr/bin/env bats
# `goheap explain`: each case of Go's mallocgc, with figures worked out from Go 1.19's and 1.26's source by hand.

load helpers

setup() {
    common_setup
}

# explains "LINE" ARGUMENT...: the answer has this very line.
explains() {
    local line=$1
    shift
    silently explain "$@" >answer
    cat answer
    grep -qxF -- "$line" answer
}

# in_json SIZE KEY: the value in the JSON answer for one size.
in_json() {
    silently explain --json "$1" >answer.json
    field "$2" answer.json
}

@test "small: 33 is in 48, 17 in 24, 1000 in 1024" {
    explains "33 B -> class 5, slots of 48 B, 15 B (31.3 %) wasted" 33
    explains "  span of 8 KiB: 168 slots and a tail of 128 B; aligned to 16" 33
    explains "  span of 8 KiB: 170 slots and a tail of 32 B; aligned to 16" -c go1.19 33
    explains "  class 5 serves 33 to 48 B; below it are slots of 32 B, above it of 64 B" 33
    explains "17 B -> class 3, slots of 24 B, 7 B (29.2 %) wasted" 17
    explains "1000 B -> class 32, slots of 1024 B, 24 B (2.3 %) wasted" 1000
    explains "  span of 8 KiB: 8 slots, no tail; aligned to 1024" 1000
    [ "$(wc -l <answer)" -eq 3 ]
}

@test "exactly a class, and one byte more" {
    explains "1024 B -> class 32, slots of 1024 B, nothing wasted" 1024
    explains "1025 B -> class 33, slots of 1152 B, 127 B (11.0 %) wasted" 1025
    explains "16 B -> class 2, slots of 16 B, nothing wasted" 16
    explains "  span of 72 KiB: 4 slots, no tail; aligned to 2048" 18432
}

@test "tiny: as many as a block of 16 bytes takes, aligned as their size allows" {
    explains "1 B -> tiny, packed with others: 16 of them in a block of 16 B (class 2), nothing wasted" 1
    explains "5 B -> tiny, packed with others: 3 of them in a block of 16 B (class 2), 1 B (6.3 %) wasted" 5
    explains "  span of 8 KiB: 504 blocks and a tail of 128 B; aligned to 1" 5
    explains "  span of 8 KiB: 512 blocks, no tail; aligned to 1" -c go1.19 5
    explains "12 B -> tiny, packed with others: 1 of them in a block of 16 B (class 2), 4 B (25.0 %) wasted" 12
    explains "  span of 8 KiB: 512 blocks, no tail; aligned to 4" -c go1.19 12
    for case in 1:1:16 2:2:8 3:1:5 4:4:4 5:1:3 6:2:2 7:1:2 8:8:2 9:1:1 10:2:1 11:1:1 12:4:1 13:1:1 14:2:1 15:1:1; do
        IFS=: read -r size alignment objects <<<"$case"
        [ "$(in_json "$size" alignment) $(field objects_per_slot answer.json)" = "$alignment $objects" ]
        [ "$(field wasted_bytes answer.json)" -eq $((16 - objects * size)) ]
        [ "$(field kind answer.json)" = '"tiny"' ]
    done
}

@test "with pointers, or without a tiny allocator, small objects have slots to themselves" {
    explains "5 B -> class 1, slots of 8 B, 3 B (37.5 %) wasted" --scan 5
    explains "  class 1 serves 1 to 8 B; it is the smallest, above it of 16 B" --scan 5
    explains "9 B -> class 2, slots of 16 B, 7 B (43.8 %) wasted" --scan 9
    explains "5 B -> class 1, slots of 8 B, 3 B (37.5 %) wasted" --set tiny_size=0 5
    explains "  if it holds pointers (--scan): class 1, a slot of 8 B to itself" 5
    silently explain --scan --json 5 >answer.json
    [ "$(field scan answer.json) $(field kind answer.json)" = 'true "small"' ]
}

@test "headers and pointer bits, from Go 1.22 on" {
    explains "513 B -> class 27, slots of 576 B, a header of 8 B, 55 B (9.5 %) wasted" --scan 513
    explains "  class 27 serves 513 to 568 B; below it are slots of 512 B, above it of 640 B" --scan 513
    explains "  span of 8 KiB: 14 slots and a tail of 128 B; aligned to 8" --scan 513
    explains "8 B -> class 1, slots of 8 B, nothing wasted" --scan 8
    explains "  span of 8 KiB: 1008 slots and a tail of 128 B; aligned to 8" --scan 8
    explains "  span of 8 KiB: 165 slots and a tail of 272 B; aligned to 16" --scan 48
    explains "32760 B -> class 67, slots of 32768 B, a header of 8 B, nothing wasted" --scan 32760
    explains "513 B -> class 27, slots of 576 B, 63 B (10.9 %) wasted" -c go1.19 --scan 513
}

@test "nothing at all" {
    explains "0 B -> no memory: all objects of no size are at one address (Go's zerobase)" 0
    [ "$(in_json 0 kind) $(field slot_bytes answer.json) $(field wasted_bytes answer.json)" = '"zero" 0 0' ]
}

@test "the largest class, and large objects" {
    explains "32768 B -> class 67, slots of 32768 B, nothing wasted" -c go1.19 32768
    explains "  span of 32 KiB: 1 slot, no tail; aligned to 8192" -c go1.19 32KiB
    explains "32760 B -> class 67, slots of 32768 B, 8 B (under 0.1 %) wasted" 32760
    explains "32768 B -> large, a span of its own: 4 pages of 8 KiB = 32 KiB, nothing wasted" 32768
    explains "32769 B -> large, a span of its own: 5 pages of 8 KiB = 40 KiB, 8191 B (20.0 %) wasted" 32769
    explains "40960 B -> large, a span of its own: 5 pages of 8 KiB = 40 KiB, nothing wasted" 40KiB
    explains "40961 B -> large, a span of its own: 6 pages of 8 KiB = 48 KiB, 8191 B (16.7 %) wasted" 40961
    explains "1099511627777 B -> large, a span of its own: 134217729 pages of 8 KiB = 1073741832 KiB, 8191 B (under 0.1 %) wasted" \
        1099511627777
    [ "$(in_json 4TiB span_bytes)" = 4398046511104 ]
    [ "$(field span_pages answer.json) $(field class answer.json)" = "536870912 0" ]
}

@test "several sizes, in the order given; JSON is an array with an object for each" {
    silently explain 100 0 33 >answer
    [ "$(grep -o '^[0-9]* B' answer | tr '\n' ',')" = "100 B,0 B,33 B," ]
    silently explain --json 100 0 33 >answer.json
    is_json answer.json
    [ "$(grep -c '"slot_bytes"' answer.json)" -eq 3 ]
    [ "$(awk '$1 == "\"size\":" { printf "%s", $2 }' answer.json)" = "100,0,33," ]
    [ "$(in_json 33 wasted_share)" = 0.3125 ]
    [ "$(field span_bytes answer.json) $(field slots_per_span answer.json) $(field tail_bytes answer.json)" = "8192 168 128" ]
}

@test "what explain says of an address is what replay does" {
    # Two objects of each size, one after the other in a fresh span: their distance is the slot.
    for size in 16 17 33 1000 1024 1025 9000 32768 32769 100000; do
        printf 'op,id,size,noscan\nalloc,1,%d,1\nalloc,2,%d,1\n' $size $size >two.csv
        silently replay -q --addresses log.txt two.csv
        distance=$(($(awk 'NR == 2 { print $3 }' log.txt) - $(awk 'NR == 1 { print $3 }' log.txt)))
        slot=$(in_json $size slot_bytes)
        span=$(field span_bytes answer.json)
        [ "$distance" -eq "$([ "$(field slots_per_span answer.json)" -eq 1 ] && echo "$span" || echo "$slot")" ]
    done
    # And of tiny ones, without pointers, as many share a block as it says.
    for size in 1 3 5 8 12; do
        awk -v size=$size 'BEGIN { print "op,id,size,noscan"; for (i = 0; i < 64; i++) print "alloc," i "," size ",1" }' \
            >tiny.csv
        silently replay -q --addresses log.txt tiny.csv
        most=$(awk '{ print substr($3, 1, length($3) - 1) }' log.txt | uniq -c | sort -n | awk 'END { print $1 }')
        [ "$most" -eq "$(in_json $size objects_per_slot)" ]
    done
}

@test "another table, another page size" {
    explains "33 B -> class 1, slots of 1024 B, 991 B (96.8 %) wasted" \
        --set 'size_classes=[[1024, 1], [32768, 4]]' --set tiny_size=0 33
    explains "100000 B -> large, a span of its own: 25 pages of 4 KiB = 100 KiB, 2400 B (2.3 %) wasted" \
        --set page_size=4096 --set 'size_classes=[[16, 1], [32768, 8]]' 100000
    explains "  span of 32 KiB: 1 slot, no tail; aligned to 4096" \
        -c go1.19 --set page_size=4096 --set 'size_classes=[[16, 1], [32768, 8]]' 32768
}

@test "wrong sizes: exit 2, nothing on stdout though others are right" {
    refused 2 "SIZE" explain
    refused 2 '"x"' explain 33 x
    refused 2 '"-1"' explain -- -1
    refused 2 '""' explain ""
    refused 2 '"33.5"' explain 33.5
    refused 2 '"8 KiB"' explain "8 KiB"
    refused 2 '"8kb"' explain 8kb
    refused 2 '"0x10"' explain 0x10
    refused 2 "4 TiB" explain 4398046511105
    refused 2 "18446744073709551616" explain 18446744073709551616
    refused 2 "" explain 16777216TiB
    refused 2 "--scan" explain --scna 3
    refused 1 "size class" explain --set 'size_classes=[[8, 1]]' 33
    refused "1|2" "gogc" explain --set gogcc=3 33
}

@test "a full disk is an error, a reader that goes away is not waited for" {
    status=0
    goheap explain 33 >/dev/full 2>err || status=$?
    [ "$status" -eq 1 ]
    grep -qx 'goheap: standard output: No space left on device' err
    # shellcheck disable=SC2046
    goheap explain --json $(seq 1 32768) 2>err | head -n 1 >first
    [ "$(cat first)" = "[" ]
    [ ! -s err ]
}
