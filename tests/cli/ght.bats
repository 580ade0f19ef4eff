#!/usr/bin/env bats
# Binary traces: what CSV says comes back from them byte by byte, and replays the same.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
}

@test "CSV to binary and back is the same CSV, plain and with compressed blocks" {
    need zstd
    for trace in "$sqlite" "$redis"; do
        zstd -dc "$trace" >plain.csv
        for name in out.ght out.ghtz; do
            goheap convert -q "$trace" "$name"
            goheap convert -q "$name" - | cmp plain.csv -
            goheap convert -q "$name" again.ght
            goheap convert -q --to ght "$trace" - | cmp again.ght -
        done
        [ "$(stat -c %s out.ghtz)" -lt "$(stat -c %s out.ght)" ]
    done
    holds . again.ght out.ght out.ghtz plain.csv
}

@test "rows that are unlike each other come back, too, in their order" {
    cat >in.csv <<'CSV'
t_ns,p,g,op,id,size,noscan,align,type
18446744073709551615,7,,meta,18446744073709551615,,2,3,"source=a, ""b"""
,,,meta,,,,,"time=recorded"
5,18446744073709551615,,alloc,18446744073709551614,24,,,
,18446744073709551615,,alloc,18446744073709551613,24,,8,"T, of ""it"""
0,,4611686018427387904,alloc,0,70368744177664,0,1073741824,T
4611686018427387904,,,heapgoal,77,18446744073709551615,,,
,3,1,dead,0,24,1,16,free and dead may say more
9,3,,stackalloc,1,2048,,,
9,18446744073709551615,,free,18446744073709551614,,,,
9,3,,gc,5,6,0,2,x
CSV
    goheap convert -q in.csv out.ght
    goheap convert -q out.ght - | diff in.csv -
}

@test "a replay of it gives what that of the CSV gives, and the same addresses" {
    goheap convert -q "$sqlite" out.ght
    goheap replay -q -P 4 --json csv.json --addresses csv.txt "$sqlite"
    goheap replay -q -P 4 --json ght.json --addresses ght.txt out.ght
    cmp csv.txt ght.txt
    diff <(without_source csv.json) <(without_source ght.json)
    goheap replay -q -P 4 --json stdin.json - <out.ght
    diff <(without_source csv.json) <(without_source stdin.json)
}

@test "a file that is cut off is an error, and --salvage gives what comes before" {
    goheap convert -q "$sqlite" out.ght
    goheap convert -q "$sqlite" plain.csv
    head -c 500000 out.ght >cut.ght
    refused 1 ': the file is cut off, the rows before this are whole' replay -q cut.ght
    refused 1 'cut.ght: byte ' convert -q cut.ght some.csv
    goheap convert --salvage cut.ght some.csv 2>told
    grep -qE 'goheap: cut.ght: byte [0-9]+: .* is cut off, .*; what comes after it is left out' told
    [ "$(wc -l <some.csv)" -gt 10000 ]
    head -n "$(wc -l <some.csv)" plain.csv | cmp - some.csv
}

@test "a byte that has changed is found" {
    goheap convert -q "$sqlite" out.ght
    printf 'x' | dd of=out.ght bs=1 seek=600000 conv=notrunc status=none
    refused 1 'expected a block with its checksum, got another: the file is damaged' replay -q out.ght
}

@test "what cannot be mapped is refused" {
    need zstd
    goheap convert -q "$sqlite" out.ght
    refused 1 'standard input: expected a regular file' replay -q - < <(cat out.ght)
    zstd -q out.ght
    refused 1 'got one in zstd: decompress it first' replay -q out.ght.zst
}
