#!/usr/bin/env bats
# `goheap sweep` again: whatever ends it, --resume goes on, and the results are the same bytes as if nothing had
# happened; likewise of shards that are merged.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    zstd -dc "$sqlite" | sed -n 1,2000p >t.csv
    cat >plan.json <<'END'
{"traces": ["t.csv"], "configs": ["go1.19", "go1.26"], "ps": [1, 3], "set": {"gogc": [50, "off", 100]}}
END
}

# The sweep as it is when nobody disturbs it.
undisturbed() {
    goheap sweep plan.json -o whole -q
    [ "$(wc -l <whole/results.csv)" -eq 13 ]
}

# as_if_undisturbed DIR: it ends in the same bytes, the wall clock's apart, and nothing else is left.
as_if_undisturbed() {
    cmp whole/results.csv "$1/results.csv"
    holds "$1" manifest.json results.csv runs
    [ "$(ls -A whole/runs)" = "$(ls -A "$1/runs")" ]
}

same_documents() {
    local run
    for run in whole/runs/*; do
        cmp <(without_wall "$run") <(without_wall "$1/runs/${run##*/}") || return 1
    done
}

@test "killed at 20 random moments, resumed each time: the same bytes, and what was done is not done again" {
    undisturbed
    began=$(date +%s%N)
    goheap sweep plan.json -o whole -q
    took=$(($(date +%s%N) - began))
    moments=20
    [ -z "${GOHEAP_SANITIZE:-}" ] || moments=5 # each takes longer
    awk -v n="$moments" -v ns="$took" \
        'BEGIN { srand(7); for (i = 0; i < n; i++) printf "%.4f\n", rand() * ns / 1e9 }' >delays
    while read -r delay; do
        "$goheap" sweep plan.json -o out -q --resume &
        sleep "$delay"
        kill -9 $! || true # it may be done
        wait $! || true
        : >before
        [ ! -d out/runs ] || (cd out && find runs -name '*.json' -exec cksum {} + >../before)
        goheap sweep plan.json -o out -q --resume
        as_if_undisturbed out
        [ ! -s before ] || (cd out && cut -d' ' -f3 ../before | xargs cksum | cmp ../before)
        rm -rf last
        mv out last
    done <delays
    same_documents last
}

@test "killed again and again, one directory comes to its end" {
    undisturbed
    for i in $(seq 20); do
        timeout -s KILL "0.0$((i % 3))5" "$goheap" sweep plan.json -o out -q --resume || true
    done
    goheap sweep plan.json -o out -q --resume
    as_if_undisturbed out
    same_documents out
}

@test "an interrupt leaves no temporary files" {
    zstd -dcf "$sqlite" >t.csv # long enough to be interrupted
    env --default-signal=INT "$goheap" sweep plan.json -o out -q -j 1 & # in the background it would be ignored
    while [ ! -e out/runs/0001.json ]; do sleep 0.001; done
    kill -INT $!
    status=0
    wait $! || status=$?
    [ "$status" -eq 130 ]
    holds out manifest.json runs
    [ -z "$(find out/runs -name '*.tmp.*')" ]
    [ "$(find out/runs -name '*.json' | wc -l)" -lt 12 ]
}

@test "what cannot be written ends the sweep, and loses nothing" {
    undisturbed
    status=0
    (trap '' XFSZ && ulimit -f 60 && exec "$goheap" sweep plan.json -o out -q -j 1) 2>err || status=$?
    [ "$status" -eq 1 ]
    [ "$(cat err)" = "goheap: out/runs/0001.json: File too large" ]
    holds out manifest.json runs
    empty out/runs
    goheap sweep plan.json -o out -q --resume
    as_if_undisturbed out
}

@test "a full disk ends the sweep, and loses nothing" {
    undisturbed
    size=$(du -k whole/runs/0001.json | cut -f 1)
    mkdir disk
    mount -t tmpfs -o size="$((5 * size))k" none disk 2>/dev/null || skip "not allowed to mount"
    status=0
    goheap sweep plan.json -o disk/out -q -j 1 2>err || status=$?
    cp -r disk/out out
    umount disk
    [ "$status" -eq 1 ]
    grep -q '^goheap: disk/out/runs/.*: No space left on device$' err
    [ "$(wc -l <err)" -eq 1 ]
    [ "$(find out/runs -name '*.json' | wc -l)" -ge 3 ]
    (cd out && cksum runs/*.json >../before)
    goheap sweep plan.json -o out -q --resume
    as_if_undisturbed out
    (cd out && cut -d' ' -f3 ../before | xargs cksum | cmp ../before)
}

@test "runs that failed or are damaged are made again, others are not" {
    undisturbed
    cp -r whole out
    head -c 1000 whole/runs/0002.json >out/runs/0002.json
    printf '{"error": "no memory", "run": {}}' >out/runs/0003.json
    printf '{}' >out/runs/0004.json
    : >out/runs/0005.json
    rm out/runs/0006.json out/results.csv
    touch out/runs/0007.json.tmp.1 out/results.csv.tmp.12 out/runs/0007.json.tmp.x
    goheap sweep plan.json -o out --resume -q
    cmp whole/results.csv out/results.csv
    same_documents out
    [ ! -e out/runs/0007.json.tmp.1 ] && [ ! -e out/results.csv.tmp.12 ] && [ -e out/runs/0007.json.tmp.x ]
    for i in 0001 0007 0008 0009 0010 0011 0012; do
        cmp "whole/runs/$i.json" "out/runs/$i.json"
    done
}

@test "a run that fails has a document, and fails again when resumed" {
    printf 't_ns,p,op,id,size\n1,0,alloc,1,100\n2,0,bloc,2,100\n' >broken.csv
    printf '{"traces": ["t.csv", "broken.csv"]}' >plan.json
    for resume in '' --resume; do
        run goheap sweep plan.json -o out -q $resume
        [ "$status" -eq 1 ]
        [[ $output == "goheap: 1 of 2 runs failed; run 2: broken.csv:3: op: "* ]]
        is_json out/runs/0002.json
        grep -q '^ "error": "broken.csv:3: op: ' out/runs/0002.json
    done
}

@test "an error that is no UTF-8 is told as far as it is" {
    mkdir $'\xff'
    printf 't_ns,p,op,id,size\n1,0,bloc,1,100\n' >$'\xff/broken.csv'
    printf '{"traces": ["broken.csv"]}' >$'\xff/plan.json'
    run goheap sweep $'\xff/plan.json' -o out -q
    [ "$status" -eq 1 ]
    [[ $output == "goheap: 1 of 1 runs failed; run 1: ?/broken.csv:2: op: "* ]]
    is_json out/runs/0001.json
}

@test "only the same sweep is resumed, and an unfinished one is not overwritten" {
    undisturbed
    cp -r whole out
    rm out/results.csv out/runs/0002.json
    refused 1 'out: an unfinished sweep: --resume goes on with it' sweep plan.json -o out
    cp plan.json same.json
    sed 's/100/101/' plan.json >gogc.json
    sed 's/\[1, 3\]/[1]/' plan.json >fewer.json
    sed 's/"set"/"size_classes": "no24", "set"/' plan.json >classes.json
    refused 1 'out: another sweep than this one: its configurations differ; not resumed' sweep gogc.json -o out --resume
    refused 1 'out: another sweep than this one: its number of runs differs' sweep fewer.json -o out --resume
    refused 1 'out: another sweep than this one: its settings differ' sweep classes.json -o out --resume
    refused 1 'out: shard 1 of 1, not 2 of 3' sweep plan.json -o out --resume --shard 2/3
    cp t.csv kept.csv
    sed -i 's/^\([0-9]*,[0-9]*,alloc,.*\),[0-9]*$/\1,77/' t.csv
    sed -i '$d' t.csv
    refused 1 'out: another sweep than this one: its traces differ' sweep plan.json -o out --resume
    mv kept.csv t.csv
    printf '{"runs": 0}' >bad.json
    cp out/manifest.json good.json
    cp bad.json out/manifest.json
    refused 1 'out/manifest.json: expected the manifest of a sweep' sweep plan.json -o out --resume
    refused 1 'out/manifest.json: expected the manifest of a sweep' sweep plan.json -o out
    cp good.json out/manifest.json
    (cd out && goheap sweep ../same.json -o . --resume -q)
    as_if_undisturbed out
    sed 's/"set"/ "note": "as it was", "set"/' plan.json >other.json
    goheap sweep other.json -o out --resume -q # nothing is left to do
    as_if_undisturbed out
    goheap sweep gogc.json -o out -q # it was finished
    run cmp -s whole/results.csv out/results.csv
    [ "$status" -eq 1 ]
}

@test "two sweeps do not write into one directory" {
    need flock
    mkdir out
    run flock out timeout 30 "$goheap" sweep plan.json -o out -q
    [ "$status" -eq 1 ]
    [ "$output" = "goheap: out: another sweep is writing there" ]
    undisturbed
    # shellcheck disable=SC2016 # for that shell to expand
    run flock -o out bash -c '"$0" sweep plan.json -o out -q --resume 2>waiting &
        until [ -s waiting ]; do sleep 0.01; done; ls out' "$goheap"
    [ "$output" = runs ]
    for _ in $(seq 200); do
        [ ! -e out/results.csv ] || break
        sleep 0.05
    done
    [ "$(cat waiting)" = "goheap: out: another sweep is writing there, waiting for it" ]
    as_if_undisturbed out
}

@test "shards, merged, are what one machine would have written" {
    undisturbed
    for i in 1 2 3; do
        goheap sweep plan.json -o "s$i" -q --shard "$i/3"
        holds "s$i" manifest.json results.csv runs
        [ "$(wc -l <"s$i/results.csv")" -eq 5 ]
    done
    # shellcheck disable=SC2046
    holds s2/runs $(printf '%04d.json ' 2 5 8 11)
    cmp <(sed -n '1p;3p;6p;9p;12p' whole/results.csv) s2/results.csv
    goheap sweep --merge s3 s1 s2 -o out -q -j 2
    as_if_undisturbed out
    cmp whole/manifest.json out/manifest.json
    for i in 0001 0006 0011; do
        cmp "s$(((10#$i - 1) % 3 + 1))/runs/$i.json" "out/runs/$i.json"
    done
    same_documents out
    goheap sweep plan.json --resume -o out -q
    as_if_undisturbed out
    goheap sweep --merge s1 s2 s3 -o out -q
    goheap sweep --merge out -o copy --json >rows.json
    as_if_undisturbed copy
    is_json rows.json
}

@test "more shards than runs, and shards with runs that fail" {
    printf 't_ns,p,op,id,size\n1,0,alloc,1,100\n2,0,bloc,2,100\n' >broken.csv
    printf '{"traces": ["t.csv", "broken.csv"]}' >plan.json
    run goheap sweep plan.json -o whole -q
    for i in 1 2 3; do
        run goheap sweep plan.json -o "s$i" -q --shard "$i/3"
        [ "$status" -eq $((i == 2)) ]
    done
    empty s3/runs
    run goheap sweep --merge s1 s2 s3 -o out -q
    [ "$status" -eq 1 ]
    [[ $output == "goheap: 1 of 2 runs failed; run 2: broken.csv:3: op: "* ]]
    as_if_undisturbed out
    cmp whole/runs/0002.json out/runs/0002.json
}

@test "shards that are missing, there twice, unfinished or of another sweep are refused" {
    for i in 1 2 3; do
        goheap sweep plan.json -o "s$i" -q --shard "$i/3"
    done
    goheap sweep plan.json -o half -q --shard 1/2
    sed 's/100/101/' plan.json >other.json
    goheap sweep other.json -o foreign -q --shard 2/3
    cp -r s3 twin
    refused 1 'shard 2 of 3 is missing' sweep --merge s1 s3 -o out
    refused 1 'twin: shard 3 of 3, as s3 is' sweep --merge s1 s2 s3 twin -o out
    refused 1 's1: shard 1 of 3, as s1 is' sweep --merge s1 s1 s2 s3 -o out
    refused 1 'foreign: of another sweep than s1: its configurations differ' sweep --merge s1 foreign s3 -o out
    refused 1 'half: shard 1 of 2, where s1 is one of 3' sweep --merge s1 half s3 -o out
    refused 1 'none/manifest.json: No such file' sweep --merge s1 none s3 -o out
    rm s2/results.csv
    refused 1 's2: shard 2 of 3 is not finished' sweep --merge s1 s2 s3 -o out
    goheap sweep plan.json -o s2 -q --shard 2/3 --resume
    refused 1 's1: shard 1 of 3, not 1 of 1' sweep --merge s1 s2 s3 -o s1
    rm s2/runs/0005.json
    run goheap sweep --merge s1 s2 s3 -o out -q
    [ "$status" -eq 1 ]
    [ "$output" = "goheap: s2/runs/0005.json: expected the results of a run; no such file" ]
    [ ! -e out/results.csv ]
}

@test "bad lists, conditions and samples are refused before anything is run" {
    t='"traces": "t.csv"'
    bad() {
        printf '%s' "$2" >plan.json
        refused 1 "$1" sweep plan.json -o out
    }
    bad 'plan.json: list: expected at least one value' "{$t, \"list\": []}"
    bad 'plan.json: list: entry 2: expected an object' "{$t, \"list\": [{\"ps\": 1}, 5]}"
    bad 'list: entry 1: unknown key "gogcc"; the nearest known one is "gogc"' "{$t, \"list\": {\"gogcc\": 1}}"
    bad 'list: entry 1: gogc: expected a percentage' "{$t, \"list\": {\"gogc\": \"x\"}}"
    bad 'list: entry 1: "ps" has a list of its own' "{$t, \"ps\": 1, \"list\": {\"ps\": 1}}"
    bad 'list: entry 1: "trace" has a list of its own' "{$t, \"list\": {\"trace\": \"t.csv\"}}"
    bad 'list: entry 2: expected a "config" in all' "{$t, \"list\": [{\"config\": \"go1.5\"}, {\"ps\": 1}]}"
    bad 'traces: no-such-trace.csv: cannot open' '{"list": [{"trace": "t.csv"}, {"trace": "no-such-trace.csv"}]}'
    bad 'list: entry 1: expected names, got 5' '{"list": {"trace": 5}}'
    bad 'skip: entry 1: "gogc" is nothing that this plan gives values' "{$t, \"skip\": {\"gogc\": 5}}"
    bad 'skip: entry 2: ps: no run has 7' "{$t, \"ps\": [1, 2], \"skip\": [{\"ps\": 1}, {\"ps\": [2, 7]}]}"
    bad 'skip: entry 1: expected an object' "{$t, \"ps\": [1, 2], \"skip\": [{}]}"
    bad 'skip: entry 1: expected an object' "{$t, \"ps\": [1, 2], \"skip\": [5]}"
    bad 'skip leaves nothing to run' "{$t, \"ps\": [1, 2], \"skip\": {\"ps\": [1, 2]}}"
    bad 'skip: more than 64 entries' "{$t, \"ps\": [1], \"skip\": [$(yes '{"ps": 1},' | head -n 64) {\"ps\": 1}]}"
    bad 'sample: unknown key "run"; the nearest known one is "runs"' "{$t, \"sample\": {\"run\": 5}}"
    bad 'sample: expected a number of runs' "{$t, \"sample\": {\"seed\": 5}}"
    bad 'sample: runs: expected a whole number from 1' "{$t, \"sample\": {\"runs\": 0}}"
    bad 'sample: expected at most the 3 runs that there are, got 4' \
        "{$t, \"ps\": [1, 2, 3, 4], \"skip\": {\"ps\": 3}, \"sample\": {\"runs\": 4}}"
    bad 'more than 10000000 combinations' \
        "{$t, \"ps\": [$(seq -s, 1 400)],
          \"set\": {\"gogc\": [$(seq -s, 1 500)], \"stack_bytes\": [$(seq -s, 1 60)]}}"
}

@test "a sample of a grid that is too large to run" {
    cat >plan.json <<END
{"traces": "t.csv", "ps": [$(seq -s, 1 400)],
 "set": {"gogc": [$(seq -s, 1 5000)], "stack_bytes": [$(seq -s, 1 6000)]},
 "skip": {"ps": [$(seq -s, 10 400)]}, "sample": {"runs": 6, "seed": 3}}
END
    goheap sweep plan.json -o out -q
    sed 's/"seed": 3/"seed": 4/' plan.json >other.json
    goheap sweep other.json -o other -q
    goheap sweep plan.json -o again -q -j 1
    cmp out/results.csv again/results.csv
    run cmp -s out/results.csv other/results.csv
    [ "$status" -eq 1 ]
    [ "$(cut -d, -f 5-6 out/results.csv | sort -u | wc -l)" -eq 7 ]
    [ "$(awk -F, 'NR > 1 && $5 < 10' out/results.csv | wc -l)" -eq 6 ]
}

# A cluster of one: every task of the array, one after the other. (tests/slurm has a real one.)
fake_sbatch() {
    mkdir bin
    cat >bin/sbatch <<'END'
#!/bin/bash
cat >task
printf '%s\n' "$@" >arguments
last=$(sed -n 's/^--array=1-//p' arguments)
for task in $(seq "$last"); do
    SLURM_ARRAY_TASK_ID=$task SLURM_CPUS_PER_TASK=2 bash task || bad=1
done
exit "${bad:-0}"
END
    chmod +x bin/sbatch
    export PATH=$PWD/bin:$PATH GOHEAP=$goheap
}

@test "scripts/sweep-slurm submits an array of shards, and merges them" {
    undisturbed
    fake_sbatch
    mkdir 'a dir'
    "$root/scripts/sweep-slurm" plan.json -o 'a dir/50%' -n 3 -- --time=5 >table 2>said
    grep -qx -e --time=5 arguments
    grep -qx -e --requeue arguments
    grep -qx -e "--output=$PWD/a dir/50%%/shards/%a-of-3.log" arguments
    cmp whole/results.csv 'a dir/50%/results.csv'
    [ "$(wc -l <table)" -eq 13 ]
    rm 'a dir/50%/shards/2-of-3/results.csv'
    "$root/scripts/sweep-slurm" plan.json -o 'a dir/50%' -n 3 >table
    cmp whole/results.csv 'a dir/50%/results.csv'
}

@test "scripts/sweep-slurm tells what failed" {
    fake_sbatch
    slurm=$root/scripts/sweep-slurm
    for arguments in "" plan.json "plan.json -o" "-o out" "a b -o out" "plan.json -o out -n 0" "plan.json -o out -n x" \
        '- -o out' 'plan.json -o out --nonsense'; do
        # shellcheck disable=SC2086
        run "$slurm" $arguments
        [ "$status" -eq 2 ]
        [[ $output == "sweep-slurm: "*"usage: scripts/sweep-slurm PLAN -o DIR"* ]]
    done
    run "$slurm" --help
    [ "$status" -eq 0 ]
    [[ $output == *"scripts/sweep-slurm PLAN -o DIR [-n SHARDS]"* ]]
    run "$slurm" none.json -o out -n 2
    [ "$status" -eq 1 ]
    [[ $output == "goheap: none.json: "*"No such file or directory" ]]
    printf '#!/bin/sh\nexit 1\n' >bin/sbatch
    run "$slurm" plan.json -o out -n 2
    [ "$status" -eq 1 ]
    [[ $output == *"no task has begun (sbatch: exit status 1)" ]]
    goheap sweep plan.json -o out/shards/1-of-2 --shard 1/2 -q
    run "$slurm" plan.json -o out -n 2
    [ "$status" -eq 1 ]
    [[ $output == *"goheap: shard 2 of 2 is missing"*"sbatch: exit status 1; see $PWD/out/shards/"* ]]
    sed 's/100/101/' plan.json >other.json
    run "$slurm" other.json -o out -n 2
    [ "$status" -eq 1 ]
    [[ $output == *"/out/shards: shards of another sweep"* ]]
    run env PATH=/nowhere "$slurm" plan.json -o out -n 2
    [ "$status" -eq 1 ]
    [[ $output == "sweep-slurm: no sbatch here"* ]]
}
