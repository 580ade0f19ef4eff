#!/usr/bin/env bats
# `goheap calibrate`: a table and a configuration of the right shape. What they say is the host's; how long anything
# took is not looked at.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
}

# Every cost that is measured, a finding each.
keys() {
    cat <<'END'
alloc
alloc_doubling
cache_line
central
death
fault_byte
free
free_doubling
grow
grow_first
handoff
lock
page_cache
page_find
refill
scavenge
scavenge_byte
sleep
span_first
span_free
span_free_hold
span_setup
sweep_object
sweep_span
tiny
wake
zero
zero_16m
zero_1m
zero_256k
zero_4m
zero_64m
zero_buffer
zero_byte
zero_fault_byte
zero_large
END
}

# noted FILE KEY: what the note says of a cost.
noted() {
    grep -oE "^    \"$2: .*" "$1"
}

# The costs of a file, KEY NUMBER.
costs() {
    sed -n '/^  "costs": {$/,/^  }/s/^    "\([a-z0-9_]*\)": \([^,]*\),*$/\1 \2/p' "$1"
}

@test "each cost is there, positive and finite, or the note says that the base has it" {
    silently calibrate --samples 3 -o host.json >table
    holds . host.json table
    is_json host.json
    costs host.json >listed
    while read -r key; do
        echo "$key"
        noted host.json "$key" >said
        [ "$(wc -l <said)" -eq 1 ]
        [ "$(grep -cE "^$key +[0-9-]" table)" -eq 1 ]
        if grep -q "^$key " listed; then
            grep -q 'noise [0-9.]* %, \([3-9]\|1[0-5]\) samples' said
            awk -v key="$key" '$1 == key { exit !($2 > 0 && $2 < 1e9) }' listed
        else
            grep -q 'not measured, left to the base' said
        fi
    done < <(keys)
    # and nothing else, but for what they take the place of in a base
    ! awk '{ print $1 }' listed | grep -vxF zero_miss_byte | grep -vxFf <(keys) || return 1
    grep -qx 'zero_miss_byte 0' listed
    for key in alloc free death lock fault_byte sweep_span; do
        grep -q "^$key " listed
    done
}

@test "replay takes the file, and its costs are in force" {
    silently calibrate --samples 3 -q -o host.json >table
    [ ! -s table ]
    silently replay --print-config -c host.json >config.json
    for key in alloc lock fault_byte; do
        costs host.json | awk -v key=$key -v value="$(field $key config.json)" '$1 == key { exit $2 + 0 != value + 0 }'
    done
    [ "$(field stop_world config.json)" = 10000.0 ] # the seeds'
    silently replay -q -c host.json "$sqlite"
    silently replay -q -c go1.19 -c host.json "$sqlite"
}

@test "on stdout the file, on stderr the table; another base" {
    goheap calibrate --samples 3 -b cost/go1.19 -o - >host.json 2>table
    is_json host.json
    [ "$(field base host.json)" = '"cost/go1.19"' ]
    grep -qE '^alloc +[0-9]' table
    silently replay --print-config -c host.json >config.json
    [ "$(field mark_miss config.json)" = 51.0 ]
    goheap calibrate --samples 3 -q -o - >quiet.json 2>table
    is_json quiet.json
    [ ! -s table ]
}

@test "without -o only the table, and no file" {
    silently calibrate --samples 3 >"$BATS_TEST_TMPDIR/table"
    grep -qE '^refill ' "$BATS_TEST_TMPDIR/table"
    empty .
}

@test "one CPU: what takes two is left to the base" {
    need taskset
    taskset -c "$(taskset -cp $$ | sed 's/.*: *//; s/[,-].*//')" "$goheap" calibrate --samples 3 -q -o host.json
    noted host.json handoff | grep -q 'not measured, left to the base'
    noted host.json cache_line | grep -q 'not measured, left to the base'
    ! costs host.json | grep -E '^(handoff|cache_line) ' || return 1
    silently replay --print-config -c host.json >config.json
    [ "$(field handoff config.json)" = 100.0 ]
}

@test "wrong usage, bases that are none, and files that cannot be written, before anything is measured" {
    mkdir directory
    refused 1 "directory: Is a directory" calibrate -o directory
    refused 1 "nowhere/host.json: No such file or directory" calibrate -o nowhere/host.json
    refused 1 "no-such-base" calibrate -b no-such-base -o host.json
    echo '{"costs": {"alloc": -1}}' >bad.json
    refused 1 "costs.alloc" calibrate -b bad.json -o host.json
    refused 2 "expected a whole number from 3 to 1000" calibrate --samples 2
    refused 2 "--quiet" calibrate -q
    refused 2 "operand" calibrate host.json
    refused 2 "--output" calibrate --outptu host.json
}

@test "a full disk is an error, and what was there stays" {
    status=0
    goheap calibrate --samples 3 -q -o - >/dev/full 2>err || status=$?
    [ "$status" -eq 1 ]
    grep -qx 'goheap: standard output: No space left on device' err
}

@test "^C leaves nothing behind, and what was there as it was" {
    echo mine >host.json
    "$goheap" calibrate --samples 1000 -q -o host.json &
    pid=$!
    for _ in $(seq 100); do # until it is at work
        [ "$(find . -name 'host.json.tmp.*' | wc -l)" -eq 0 ] || break
        sleep 0.05
    done
    [ "$(find . -name 'host.json.tmp.*' | wc -l)" -eq 1 ]
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 143 ]
    holds . host.json
    [ "$(cat host.json)" = mine ]
}
