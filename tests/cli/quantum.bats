#!/usr/bin/env bats
# How far Ps may run ahead: the default is near strict order, and scripts/quantum can tell when a quantum is not.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

# 64 threads, each of which allocates and frees what the next one has allocated, of sizes of its own.
setup() {
    common_setup
    awk 'BEGIN {
        print "p,op,id,size"
        for (round = 0; round < 200; round++)
            for (p = 0; p < 64; p++) {
                printf "%d,alloc,%d,%d\n", p, round * 64 + p, 64 + (round * 977 + p * 131) % 8000
                if (round >= 20)
                    printf "%d,free,%d,\n", (p + 1) % 64, (round - 20) * 64 + p
            }
    }' >threads.csv
}

quantum() {
    GOHEAP=$goheap timeout 100 "$root/scripts/quantum" -c locked-central -o out "$@" threads.csv
}

# rows QUANTUM TABLE: its lines of the table
rows() {
    awk -v quantum="$1" '$4 == quantum' "$2"
}

@test "with the default quantum waits, their number and collections are within 1 % of strict order" {
    quantum -q "" >table
    tail -n 1 table
    [ "$(rows 0 table | wc -l)" -eq 3 ]
    rows 0 table | awk '$5 == 0 || $7 == 0 { bad = 1 } END { exit bad }' # there were waits to be wrong about
    grep -qE '^default quantum [0-9]+ ns: off by at most (0\.[0-9]+|1\.00) %$' table
}

@test "what a quantum changes is seen, and is the same each time" {
    quantum -q 100000 -p "64" >one
    quantum -q 100000 -p "64" >two
    diff one two
    [ "$(rows 0 one | wc -l)" -eq 1 ]
    [ "$(rows 100000 one | wc -l)" -eq 1 ]
    [ "$(rows 0 one | awk '{ print $5 }')" -ne "$(rows 100000 one | awk '{ print $5 }')" ]
}

@test "a default quantum that changes more than 1 % is told, and is a failure" {
    cp -r "$root/configs" far
    sed '0,/{/s//{"quantum_ns": 100000,/' "$root/configs/go1.26.json" >far/go1.26.json
    GOHEAP_CONFIGS=$PWD/far run quantum -q ""
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} =~ ^"default quantum 100000 ns: off by at most "[0-9.]+" %"$ ]]
    [ "${#lines[@]}" -eq 8 ] # the title, and two quanta for each of three numbers of Ps
}
