#!/usr/bin/env bats
# `goheap classes`: number for number what Go prints of its own table, and JSON that goes in again.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
}

@test "Go 1.19's table is the comment in its sizeclasses.go" {
    go=/usr/share/go-1.19/src/runtime/sizeclasses.go
    [ -e $go ] || skip "no Go 1.19 sources here"
    # the first table of the comment, from its heading to the next empty line
    sed -n '\#^// class#,/^$/{s#^// ##p}' $go >expected
    [ "$(wc -l <expected)" -eq 68 ]
    silently classes -c go1.19 >table
    diff expected table
}

@test "the table without Go's sources: some rows by heart" {
    silently classes >table
    [ "$(wc -l <table)" -eq 68 ]
    [ "$(sed -n 1p table)" = "class  bytes/obj  bytes/span  objects  tail waste  max waste  min align" ]
    [ "$(sed -n 2p table)" = "    1          8        8192     1024           0     87.50%          8" ]
    [ "$(sed -n 6p table)" = "    5         48        8192      170          32     31.52%         16" ]
    [ "$(sed -n 68p table)" = "   67      32768       32768        1           0     12.50%       8192" ]
}

@test "JSON goes in again: as a configuration, and as --set size_classes" {
    silently classes --json >t.json
    is_json t.json
    silently classes >expected
    silently classes -c t.json >table
    cmp expected table
    silently classes -c t.json --json >again.json
    cmp t.json again.json
    array=$(tr -d '\n' <t.json | sed 's/^{ *"size_classes": *//; s/}$//')
    silently classes --set "size_classes=$array" >table
    cmp expected table
    # and a run with it is the run with the name
    silently replay -q --json named.json --addresses named.txt "$sqlite"
    silently replay -q --json listed.json --addresses listed.txt -c t.json "$sqlite"
    cmp named.txt listed.txt
    [ "$(field HeapSys named.json)" -eq "$(field HeapSys listed.json)" ]
}

@test "a table that is edited is another table" {
    silently classes --json | sed 's/ \[24, 1\],//' >no24.json
    silently classes -c no24.json >table
    [ "$(wc -l <table)" -eq 67 ]
    [ "$(sed -n 4p table)" = "    3         32        8192      256           0     46.88%         32" ]
    silently explain -c go1.19 -c no24.json 17 >answer
    grep -q '^17 B -> class 3, slots of 32 B' answer
}

@test "tables by name, and of other configurations" {
    silently classes --set 'size_classes="go1.19"' >table
    silently classes -c locked-central >other
    cmp table other
    silently classes --set 'size_classes=[[1024, 1], [32768, 4]]' --set tiny_size=0 >table
    [ "$(tail -n 1 table)" = "    2      32768       32768        1           0     96.87%       8192" ]
    silently classes --set page_size=16384 --set 'size_classes=[[16, 1], [32768, 2]]' >table
    [ "$(tail -n 1 table)" = "    2      32768       32768        1           0     99.95%      16384" ]
}

@test "Go's rules make the tables of Go's sources, number for number" {
    found=0
    # Go 1.16 and later; from 1.24 on the file is elsewhere
    for go in /usr/share/go-1.19/src/runtime /usr/local/go/src/runtime /usr/local/go/src/internal/runtime/gc \
        "$(go env GOROOT 2>/dev/null || true)/src/internal/runtime/gc"; do
        [ -e "$go/sizeclasses.go" ] || continue
        found=$((found + 1))
        sed -n '\#^// class#,/^$/{s#^// ##p}' "$go/sizeclasses.go" >expected
        [ "$(wc -l <expected)" -eq 68 ]
        silently classes --generate -c go1.5 >table
        diff expected table
    done
    [ "$found" -gt 0 ] || skip "no Go sources here"
}

@test "and those of older Gos, as their configurations have them" {
    silently classes -c go1.5 >expected
    silently classes --generate --rule wide_from=16 --rule raise=false >table
    cmp expected table
    silently classes -c go1.11 >expected
    silently classes --generate --rule wide_from=16 >table
    cmp expected table
}

@test "a generated table is a configuration, and a table by name" {
    silently classes --generate --rule waste=0.05 --set page_size=16384 -o mine.json
    is_json mine.json
    grep -qF '"note": "goheap classes --generate: Go'"'"'s rules with waste=0.05"' mine.json
    silently classes --generate --rule waste=0.05 --set page_size=16KiB >expected
    silently classes -c mine.json >table
    cmp expected table
    silently classes --set size_classes=./mine.json --set page_size=16384 >table
    cmp expected table
    silently classes --generate --rule waste=0.05 -o - | sed '/note/d; /page_size/d' >written.json
    silently classes --generate --rule waste=0.05 --json >printed.json
    cmp printed.json written.json
    # no object of a class is left with more at the end of its span
    awk 'NR > 1 && $5 > $3 / 20 { bad = 1 } END { exit bad || NR < 60 }' table
    silently replay -q --json run.json -c mine.json "$sqlite"
    is_json run.json
}

@test "a table that the allocator has no use for is printed, and not written" {
    goheap classes --generate --rule max_size=64KiB >table 2>err
    [ "$(tail -n 1 table)" = "   74      65536       65536        1           0     12.50%       8192" ]
    [ "$(wc -l <err)" -eq 1 ]
    grep -q '^goheap: no configuration can have this table: .*size class 68: 36864 bytes, expected at most 32768' err
    refused 1 "size class 68: 36864 bytes" classes --generate --rule max_size=64KiB -o t.json
    refused 1 "size class 68: 36864 bytes" classes --generate --rule max_size=64KiB --json
}

@test "rules that are none" {
    refused 2 'the nearest known one is "waste"' classes --generate --rule wast=1
    refused 2 "wide_from: expected a power of two, got 24" classes --generate --rule wide_from=24
    refused 2 "--rule changes how a table is made" classes --rule waste=0.1
    refused 1 "more than 255 size classes" classes --generate --rule merge=false --rule max_step=8
    refused 1 "page_size: expected a power of two" classes --generate --set page_size=5000 -o t.json
    refused 1 "no/such/t.json" classes --generate -o no/such/t.json
}

@test "bad tables are named and explained, on stderr alone" {
    refused 1 "size class 2: 8 bytes, expected more than the 8" classes --set 'size_classes=[[8, 1], [8, 1]]'
    refused 1 "multiple of 8" classes --set 'size_classes=[[12, 1], [32768, 4]]'
    refused 1 "multiple of 128" classes --set 'size_classes=[[16, 1], [1032, 1], [32768, 4]]'
    refused 1 "expected 32768" classes --set 'size_classes=[[16, 1]]'
    refused 1 "too small" classes --set 'size_classes=[[16, 1], [32768, 1]]'
    refused 1 "entry 2" classes --set 'size_classes=[[16, 1], [32768]]'
    refused 1 "entry 1" classes --set 'size_classes=["16", [32768, 4]]'
    refused 1 "size_classes" classes --set size_classes=5
    refused 1 "go1.19" classes --set 'size_classes="go1.91"'
    refused 1 "size class 3 (10240 bytes): no object reaches the end of a span of 16 pages: 15 hold as many" \
        classes --set 'size_classes=[[8, 1], [16, 1], [10240, 16], [32768, 4]]'
    refused 1 "entry 2: expected [bytes, pages a span], got [16,1,1]" \
        classes --set 'size_classes=[[8, 1], [16, 1, 1], [32768, 4]]'
    refused 1 "300 size classes, expected at most 255" \
        classes --set "size_classes=[[8, 1]$(printf ', [%d, 1]' $(seq 16 8 2400))]"
    echo '{"size_classes": [[16, 1], 3]}' >bad.json
    refused 1 "./bad.json: size_classes: entry 2: expected [bytes, pages a span], got 3" \
        classes --set size_classes=./bad.json
    refused 1 "tiny blocks" classes --set 'size_classes=[[8, 1], [32768, 4]]'
    refused 2 "operand" classes go1.19
    refused 2 "--json" classes --jsno
}

@test "a full disk is an error" {
    status=0
    goheap classes >/dev/full 2>err || status=$?
    [ "$status" -eq 1 ]
    grep -qx 'goheap: standard output: No space left on device' err
}
