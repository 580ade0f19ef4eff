#!/usr/bin/env bats
# The options that say how a trace is read, which replay and info share with convert.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    { # more of the program's own words than a format is looked for in
        yes 'what the program itself says' | head -n 200
        printf -- '--7-- malloc(24) = 0x4A00040\n--7-- free(0x4A00040)\n--7-- malloc(48) = 0x4A000A0\n'
    } >words.txt
    printf '1: malloc 0x10 8\n1: mallok 0x20 8\n1: free 0x10\n' >broken.txt
}

@test "a replay reads what is not recognised as convert does, if it is told what it is" {
    refused 1 'words.txt:1: ' replay -q words.txt
    goheap convert -q --from valgrind words.txt words.csv
    goheap replay -q --json direct.json --from valgrind words.txt
    goheap replay -q --json converted.json words.csv
    diff <(without_source direct.json) <(without_source converted.json)
    [ "$(field Mallocs direct.json)" -eq 2 ]
    [ "$(goheap info --json - --from valgrind words.txt | jq .objects.count)" -eq 2 ]
}

@test "what is broken is refused, or salvaged, and then it is said where it ends" {
    for command in "replay" "info"; do
        refused 1 'broken.txt:2: expected a call such as' $command broken.txt
    done
    goheap replay --salvage broken.txt >summary 2>told
    grep -q '^goheap: broken.txt:2: .*: what follows is left out$' told
    silently replay -q --salvage --json salvaged.json broken.txt
    [ "$(field Mallocs salvaged.json)" -eq 1 ]
    goheap info --salvage broken.txt | grep -q 'broken.txt:2: .*: what follows is left out$'
}

@test "a cut binary trace is salvaged, too" {
    goheap convert -q "$sqlite" whole.ght
    head -c 500000 whole.ght >cut.ght
    refused 1 'the file is cut off' replay -q cut.ght
    goheap replay --salvage --json /dev/null cut.ght >summary 2>told
    grep -q 'what comes after it is left out' told
    goheap convert -q --salvage cut.ght cut.csv
    goheap replay -q --json direct.json --salvage cut.ght
    goheap replay -q --json converted.json cut.csv
    diff <(without_source direct.json) <(without_source converted.json)
}

@test "a trace that leaves nothing open is the same with all of them" {
    goheap replay -q --json plain.json "$sqlite"
    for choice in --from=csv --size=slot --size=uniform --death=gc --death=sweep --salvage --seed=7; do
        silently replay $choice --json - "$sqlite" >other.json
        diff <(without_wall plain.json) <(without_wall other.json)
    done
}

@test "wrong usage" {
    for command in replay info; do
        refused 2 '--from: expected a format that can be read (' $command --from cvs broken.txt
        refused 2 '--size: expected fit, slot or uniform, got "exact"' $command --size exact broken.txt
        refused 2 '--death: expected uniform, gc or sweep, got ""' $command --death "" broken.txt
        refused 2 '--seed: expected a whole number' $command --seed -1 broken.txt
    done
}
