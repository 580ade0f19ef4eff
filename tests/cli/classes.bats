#!/usr/bin/env bats
# `goheap classes`: number for number what Go prints of its own table, JSON that goes in again, Go's rules, and the best
# table for a trace.

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
    refused 1 "./mine.json: size_classes: made for pages of 16384 bytes, expected page_size 8192" \
        classes --set size_classes=./mine.json
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

# 100 objects of 40 bytes, of which 99 are freed at once, and one of 1,300.
hand_trace() {
    echo t_ns,p,op,id,size
    for id in $(seq 100); do
        echo "$id,0,alloc,$id,40"
        if [ "$id" -gt 1 ]; then
            echo "$id,0,free,$id,"
        fi
    done
    echo 101,0,alloc,200,1300
}

# waste TABLE DIR [TRACE]: rounding and tails with the table, as DIR's summary.csv has them; the first trace's or this
# one's.
waste() {
    awk -F, -v table="$1" -v trace="${3:-}" '
        NR == 1 || $2 != table { next }
        trace == "" || $1 == "\"" trace "\"" { printf "%.6f\n", $6 + $7; exit }' "$2/summary.csv"
}

no_more() { # A B
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a <= b) }'
}

@test "the best table for a trace worked out by hand" {
    hand_trace >hand.csv
    silently classes --optimise hand.csv -c go1.19 -k 5 --rule wide_from=1024 --json >best.json
    # 16 for tiny blocks and 32 KiB, which have to be; 40 and 1,408 for the objects, and one to spare
    tr -d ' \n' <best.json | grep -xq '{"size_classes":\[\[16,1\],\[40,1\],\[[0-9]*,1\],\[1408,2\],\[32768,4\]\]}'
    silently classes --optimise hand.csv -c go1.19 -k 5 --rule wide_from=1024 >text
    grep -q '^  101 objects of 101 depend on the classes; 0 are tiny, 0 large, 0 have no bytes$' text
    # 100 x 8 and 108 of rounding; tails: 100 / 170 of 32 bytes, 1 / 11 of 896; after: 100 / 204 of 32, 1 / 11 of 896
    grep -qE '^  before +67 +101 +5300 +908 +100 +1008 +15.98 %$' text
    grep -qE '^  after +5 +101 +5300 +108 +97 +205 +3.73 %$' text
    grep -qx '  saved 803 bytes: 79.65 % of the waste, 12.73 % of the room' text
    # without the one to spare it is as good, and without 1,408 the last object wastes 31,468 bytes; 48 instead of 40
    # would be 803 more
    grep -qx '  with 4 classes the best table wastes no more than the one before' text
    grep -qE '^ +40 +\| +- +- +- +- +\| +1 +100 +0 +16$' text
    for objective in inuse peak; do
        silently classes --optimise hand.csv -c go1.19 --objective $objective >"of_$objective"
    done
    # 1 of 40 bytes from 1 to 101; the other at 101 only
    grep -qE '^  before +67 +1 +40 +8 +0 +8 +16.99 %$' of_inuse
    grep -qE '^  before +67 +2 +1340 +116 +82 +198 +12.85 %$' of_peak
}

@test "it is never worse than Go's, on each bundled trace, and the allocator takes it" {
    for name in go python redis sqlite; do
        for objective in internal inuse peak; do
            silently classes --optimise "$root/traces/$name.csv.zst" --objective $objective -o out >text
            holds out classes.csv classes.json front.csv summary.csv
            before=$(waste before out) after=$(waste after out)
            no_more "$after" "$before"
            echo "# $name $objective: $before -> $after bytes" >&3
        done
    done
    # the last one, of sqlite: its file is a configuration, and a table for replay and sweep
    is_json out/classes.json
    grep -q '"note": "goheap classes --optimise: the best 67 classes for sqlite.csv.zst, objective peak",' \
        out/classes.json
    silently replay -q --json run.json -c go1.19 -c out/classes.json "$sqlite"
    silently replay -q --json same.json -c go1.19 --set size_classes=./out/classes.json "$sqlite"
    [ "$(field HeapSys run.json)" -eq "$(field HeapSys same.json)" ]
    cat >plan.json <<END
{"traces": ["$sqlite"], "configs": ["go1.19"], "size_classes": ["go1.19", "./out/classes.json"]}
END
    goheap sweep plan.json -q -o swept
    [ "$(wc -l <swept/results.csv)" -eq 3 ]
}

@test "nor for production programs' mixes of sizes, and for a Go program's" {
    data=${GOHEAP_DATA:-$root/../shared/data}
    [ -e "$data/fleetbench/TCMALLOC_0.csv" ] || skip "no distributions in $data"
    for profile in "$data"/fleetbench/TCMALLOC_*.csv; do
        goheap generate -q -n 30000 -o t.ght "$profile"
        silently classes --optimise t.ght --objective peak -o out >text
        no_more "$(waste after out)" "$(waste before out)"
    done
    for trace in "$data"/go-traces/*.trace; do
        [ -e "$trace" ] || continue
        silently classes --optimise "$trace" --objective inuse -o out >text
        no_more "$(waste after out)" "$(waste before out)"
    done
}

@test "fewer and more classes, and other traces" {
    silently classes --train "$sqlite" --test "$redis" --test "$sqlite" -k 40 -o out >text
    [ "$(grep -c '^The same classes for ' text)" -eq 2 ]
    # for each of three traces 8 to 128 classes; what is asked for is among them, and more classes are never worse
    [ "$(wc -l <out/front.csv)" -eq $((1 + 3 * 121)) ]
    [ "$(grep -c '^ *[0-9]* *[0-9]* *[0-9.]* %$' text)" -eq 121 ]
    awk -F, 'NR > 1 { w = $5 + $6 } NR > 2 && NR < 123 && w > last * 1.000001 { exit 1 } { last = w }' out/front.csv
    front=$(awk -F, '$2 == 40 { printf "%.6f", $5 + $6; exit }' out/front.csv)
    [ "$front" = "$(waste after out)" ]
    # trained on one trace, the table is no better for the other than that one's own
    no_more "$(waste best out "$redis")" "$(waste after out "$redis")"
    [ "$(waste best out "$sqlite")" = "$(waste after out "$sqlite")" ]
    # and its own is what one gets for it alone
    silently classes --optimise "$redis" -k 40 -o alone >/dev/null
    [ "$(waste after alone)" = "$(waste best out "$redis")" ]
    # per class it adds up to the whole, up to the digits that are written
    awk -F, 'NR > 1 && $2 == "after" { sum += $8 + $9 } END { printf "%.3f\n", sum }' alone/classes.csv >sum
    [ "$(cat sum)" = "$(waste after alone | awk '{ printf "%.3f", $1 }')" ]
}

@test "the same trace in any form gives the same table" {
    goheap convert -q "$sqlite" sqlite.ght
    silently classes --optimise "$sqlite" --objective inuse --json >csv.json
    silently classes --optimise sqlite.ght --objective inuse --json >ght.json
    zstd -dc "$sqlite" | silently classes --optimise - --objective inuse --json >piped.json
    cmp csv.json ght.json
    cmp csv.json piped.json
    silently classes --optimise "$sqlite" --objective inuse -o t.json
    silently classes -c t.json --json >again.json
    cmp csv.json again.json
}

@test "what cannot be optimised" {
    hand_trace >hand.csv
    refused 2 "expected internal, inuse or peak" classes --optimise hand.csv --objective mean
    refused 2 "go with --optimise" classes --test hand.csv
    refused 2 "go with --optimise" classes -k 5
    refused 2 "expected a whole number from 1 to 255" classes --optimise hand.csv -k 256
    refused 2 "others go with --test" classes --optimise hand.csv --train hand.csv
    refused 1 "a table of 2 classes: expected 3 to 255, by these rules" classes --optimise hand.csv -k 2
    refused 1 "a class of 16 bytes is needed" classes --optimise hand.csv --rule min_size=32
    refused 1 "no.csv" classes --optimise no.csv -o out
    refused 1 "no.csv" classes --optimise hand.csv --test no.csv -o out
    printf 'op,id,size\nalloc,1,100\nalloc,1,100\n' >twice.csv
    refused 1 "twice.csv:3:" classes --optimise twice.csv -o out
    printf 't_ns,op,id,size\n5,alloc,1,100\n' >still.csv
    refused 1 "still.csv: no time goes by in it" classes --optimise still.csv --objective inuse -o out
    refused 1 "hand.csv" classes --optimise hand.csv -o hand.csv
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

@test "a configuration may have the rules instead of the table" {
    silently replay -q --set size_classes=go1.11 --addresses table "$sqlite"
    silently replay -q --set 'size_classes={"wide_from": 16}' --addresses rules "$sqlite"
    cmp table rules
    refused 1 'size_classes: unknown key "mege"; the nearest known one is "merge"' \
        replay -q --set 'size_classes={"mege": true}' "$sqlite"
    refused 1 "size_classes: wide_from: expected a power of two, got 17" \
        replay -q --set 'size_classes={"wide_from": 17}' "$sqlite"
    refused 1 "expected 32768" replay -q --set 'size_classes={"max_size": 4096}' "$sqlite"
}
