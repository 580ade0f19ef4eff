#!/usr/bin/env bats
# `goheap sweep`: the same bytes however many threads there are, every run what replay makes of it, and bad
# plans refused before anything is run.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

header=run,config,trace,size_classes,ps,gogc,pacing,events,virtual_ns,peak_mapped_bytes,peak_in_use_bytes,\
peak_requested_bytes,peak_mapped_over_peak_requested,cycles,pause_total_ns,alloc_mean_ns,alloc_p99_ns,lock_wait_ns,\
lock_contended,lock_acquisitions,mheap_wait_ns,internal_waste_bytes,unused_slot_bytes,mheap_acquisitions,\
gc_cpu_ns,classes,mean_in_use_bytes,mean_live_bytes,mean_requested_bytes

setup() {
    common_setup
    cp "$sqlite" t.csv.zst
    printf 't_ns,p,op,id,size\n1,0,alloc,1,100\n2,0,free,1,\n' >small.csv
}

# 16 runs of many kinds.
write_plan() {
    cat >plan.json <<'END'
{
  "note": "for tests",
  "traces": ["t.csv.zst"],
  "configs": ["go1.19", "locked-central"],
  "size_classes": ["no24", [[16, 1], [128, 1], [1024, 1], [8192, 1], [32768, 4]]],
  "ps": [1, 3],
  "set": {"gogc": [50, "off"], "pacing": "max"}
}
END
}

# column NAME CSV: its values, a line a run. Good for files without quoted commas.
column() {
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i } NR > 1 { print $c }' "$2"
}

# same_runs DIR DIR: both have the same documents, run.wall apart.
same_runs() {
    local run
    [ "$(ls "$1/runs")" = "$(ls "$2/runs")" ] || return 1
    for run in "$1"/runs/*; do
        cmp <(without_wall "$run") <(without_wall "$2/runs/${run##*/}") || return 1
    done
}

# bad TEXT PLAN: the plan is refused with the text, and nothing is written.
bad() {
    printf '%s' "$2" >plan.json
    refused 1 "$1" sweep plan.json -o out
}

@test "results do not depend on -j" {
    write_plan
    for j in 1 4 16; do
        goheap sweep plan.json -o "j$j" -j "$j" >"out$j" 2>"err$j"
        [ "$(cat "err$j")" = "wrote j$j/results.csv, and each run's results in j$j/runs" ]
        holds "j$j" manifest.json results.csv runs
    done
    goheap sweep plan.json -o default -q
    goheap sweep plan.json -o streamed -q --memory 1MiB
    for d in j4 j16 default streamed; do
        cmp j1/results.csv "$d/results.csv"
        same_runs j1 "$d"
    done
    cmp out1 out4
    cmp out1 out16
    [ "$(wc -l <out1)" -eq 17 ]
}

@test "rows come in the plan's order, the last list fastest" {
    write_plan
    goheap sweep plan.json -o out -q
    [ "$(head -n 1 out/results.csv)" = "$header,error" ]
    [ "$(column run out/results.csv | tr '\n' ' ')" = "$(seq -s ' ' 16) " ]
    [ "$(column config out/results.csv | uniq -c | tr -s ' \n' ' ')" = " 8 go1.19 8 locked-central " ]
    [ "$(column size_classes out/results.csv | uniq | sed 's/-[0-9a-f]*$//' | tr '\n' ' ')" = \
        "no24 inline-5 no24 inline-5 " ]
    [ "$(column ps out/results.csv | head -n 8 | tr '\n' ' ')" = "1 1 3 3 1 1 3 3 " ]
    [ "$(column gogc out/results.csv | head -n 4 | tr '\n' ' ')" = "50 off 50 off " ]
    [ "$(column trace out/results.csv | uniq)" = t.csv.zst ]
    [ "$(column pacing out/results.csv | uniq)" = max ]
    [ "$(column error out/results.csv | uniq)" = "" ]
    # shellcheck disable=SC2046
    holds out/runs $(seq -f '%04g.json' 16)
}

@test "traces, by thread and by goroutine, are shared, and read anew where memory is short" {
    cat >plan.json <<'END'
{"traces": ["t.csv.zst", "small.csv", "broken.csv"],
 "ps": [1, 3], "set": {"stream_by": ["p", "g"], "gogc": [30, 90]}}
END
    { zstd -dc t.csv.zst | sed -n 1,5000p; echo nonsense; } >broken.csv
    for memory in 2GiB 200000 1B; do
        run goheap sweep plan.json -o "m$memory" -q --memory "$memory"
        [ "$status" -eq 1 ]
        [[ $output == "goheap: 8 of 24 runs failed; run 17: broken.csv:5001: "* ]]
        cmp m2GiB/results.csv "m$memory/results.csv"
        same_runs m2GiB "m$memory"
    done
}

@test "a run is what replay makes of it" {
    write_plan
    goheap sweep plan.json -o out -q
    goheap replay -c locked-central --set 'size_classes="no24"' -P 3 --gogc 50 --set pacing=max --json one.json -q \
        t.csv.zst
    cmp <(without_wall one.json) <(without_wall out/runs/0011.json)
    [ "$(grep -c '"wall"' one.json)" -eq 1 ]
    goheap replay -c go1.19 -P 1 --gogc off --set pacing=max --json two.json -q t.csv.zst \
        --set 'size_classes=[[16, 1], [128, 1], [1024, 1], [8192, 1], [32768, 4]]'
    cmp <(without_wall two.json) <(without_wall out/runs/0006.json)
}

@test "figures are the documents' own" {
    need jq
    write_plan
    goheap sweep plan.json -o out -q
    for i in 1 8 11 16; do
        jq -r '[.run.events, .run.virtual_ns, .fragmentation.peak_mapped_bytes, .fragmentation.peak.in_use_bytes,
                .fragmentation.peak_requested_bytes, .gc.cycles, .gc.pauses.total_ns, .latency_all.p99_ns,
                ([.locks[] | select(.waits) | .wait_ns] | add), ([.locks[] | select(.waits) | .contended] | add),
                ([.locks[] | select(.waits) | .acquisitions] | add),
                ([.locks[] | select(.name == "mheap") | .wait_ns] | add),
                (.fragmentation.peak.internal | .rounding_bytes + .tiny_bytes + .tail_bytes),
                .fragmentation.peak.external.unused_slot_bytes,
                ([.locks[] | select(.name == "mheap") | .acquisitions] | add),
                .gc.mark_cpu_ns + .gc.pauses.total_ns * .run.ps,
                (.size_classes | length - 1), .fragmentation.mean.in_use_bytes, .fragmentation.mean.live_bytes,
                .fragmentation.mean.requested_bytes] | map(tostring) | join(",")' \
            "$(printf 'out/runs/%04d.json' "$i")" >wanted
        sed -n "$((i + 1))p" out/results.csv | cut -d, -f 8-12,14-15,17-29 >found
        cmp wanted found
        jq -e '.latency_all.count == ([.latency[].count] | add) and
               .latency_all.total_ns == ([.latency[].total_ns] | add) and
               .latency_all.max_ns == ([.latency[].max_ns] | max) and
               .latency_all.p99_ns <= ([.latency[].p99_ns] | max)' "$(printf 'out/runs/%04d.json' "$i")"
    done
}

@test "further settings have columns before error" {
    printf '{"traces": "small.csv", "set": {"quantum_ns": [0, 5], "gogc": 70, "costs.lock": [2.5, 30]}}' >plan.json
    goheap sweep plan.json -o out -q
    [ "$(head -n 1 out/results.csv)" = "$header,quantum_ns,costs.lock,error" ]
    [ "$(column quantum_ns out/results.csv | tr '\n' ' ')" = "0 0 5 5 " ]
    [ "$(column costs.lock out/results.csv | tr '\n' ' ')" = "2.5 30 2.5 30 " ]
    [ "$(column gogc out/results.csv | uniq)" = 70 ]
}

@test "--json prints the rows as JSON, -q nothing" {
    need jq
    printf '{"traces": "small.csv", "ps": [1, 2]}' >plan.json
    goheap sweep plan.json -o out --json >rows.json
    is_json rows.json
    [ "$(jq -c '[.[] | [.run, .ps, .events, .error]]' rows.json)" = '[[1,1,2,null],[2,2,2,null]]' ]
    [ "$(jq -r '.[0] | keys_unsorted | join(",")' rows.json)" = "$(head -n 1 out/results.csv)" ]
    goheap sweep plan.json -o out -q >quiet 2>&1
    [ ! -s quiet ]
}

@test "--check tells how many runs there are, and runs none" {
    write_plan
    silently sweep plan.json --check >check.json
    is_json check.json
    grep -q '^ "runs": 16,$' check.json
    holds . check.json plan.json small.csv t.csv.zst
    goheap sweep plan.json -o out -q
    cmp check.json out/manifest.json
    refused 1 'nothing.json: No such file' sweep nothing.json --check
}

@test "progress is shown when asked for, and wiped" {
    printf '{"traces": "small.csv", "ps": [1, 2]}' >plan.json
    goheap sweep plan.json -o out -q --progress 2>err
    tr '\r' '\n' <err | grep -q 'of 2 runs'
    [ "$(tail -c 3 err)" = $'\e[K' ]
}

@test "a run that fails is a row, and the others go on" {
    printf 't_ns,p,op,id,size\n1,0,alloc,1,100\n2,0,bloc,2,100\n' >broken.csv
    printf 't_ns,p,op,id,size\n1,0,alloc,1,100\n2,0,alloc,2,8589934592\n' >large.csv
    printf '{"traces": ["broken.csv", "large.csv", "small.csv"], "set": {"address_space": ["4GiB", "1TiB"]}}' >plan.json
    for j in 1 4; do
        run goheap sweep plan.json -o "j$j" -j "$j"
        [ "$status" -eq 1 ]
        [[ $output == *"goheap: 3 of 6 runs failed; run 1: broken.csv:3: op: "* ]]
        holds "j$j/runs" 0001.json 0002.json 0003.json 0004.json 0005.json 0006.json
    done
    cmp j1/results.csv j4/results.csv
    [ "$(wc -l <j1/results.csv)" -eq 7 ]
    # shellcheck disable=SC2016
    grep -qE '^1,go1.26,broken.csv,go1.19,0,100,auto,{23}4294967296,"broken.csv:3: op: .* got ""bloc"".*"$' j1/results.csv
    grep -qE '^3,go1.26,large.csv,.*,"?large.csv: id 2: 8589934592 bytes' j1/results.csv
    grep -qE '^6,go1.26,small.csv,.*,1099511627776,$' j1/results.csv
}

@test "a directory holds one sweep: what an earlier one left is removed, and nothing else" {
    printf '{"traces": "small.csv", "ps": [1, 2, 3]}' >plan.json
    goheap sweep plan.json -o out -q
    touch out/notes out/runs/notes.json out/runs/1.json
    printf '{"traces": "small.csv", "ps": 2}' >plan.json
    goheap sweep plan.json -o out -q
    holds out manifest.json notes results.csv runs
    holds out/runs 0001.json 1.json notes.json
    [ "$(wc -l <out/results.csv)" -eq 2 ]
    printf '{"traces": "missing.csv"}' >plan.json
    refused 1 missing.csv sweep plan.json -o out
}

@test "plans come from a name, from stdin, and from elsewhere" {
    printf '{"traces": "small.csv"}' | goheap sweep - -o one -q
    mkdir -p configs/plans plans/deep elsewhere
    printf '{"traces": "small.csv"}' >configs/plans/mine.json
    cp -r "$root"/configs/go1.19.json "$root"/configs/classes "$root"/configs/cost configs
    GOHEAP_CONFIGS=$PWD/configs goheap sweep mine -o two -q
    cp configs/plans/mine.json plans/deep
    (cd elsewhere && goheap sweep ../plans/deep/mine.json -o ../three -q)
    cmp one/results.csv two/results.csv
    cmp one/results.csv three/results.csv
    [ "$(column trace three/results.csv)" = small.csv ]
}

@test "the bundled plan runs from anywhere" {
    goheap sweep "$root/configs/plans/demo.json" -o out -q
    [ "$(column size_classes out/results.csv | sort | uniq -c | tr -s ' \n' ' ')" = " 8 go1.19 8 no24 " ]
    [ "$(column ps out/results.csv | sort | uniq -c | tr -s ' \n' ' ')" = " 4 1 4 2 4 4 4 8 " ]
    [ "$(column error out/results.csv | uniq)" = "" ]
}

@test "every bundled plan is sound" {
    for plan in "$root"/configs/plans/*.json; do
        goheap sweep "$(basename "$plan" .json)" -o "$(basename "$plan" .json)" -q --shard 1/1000
    done
}

@test "the bundled tables are sound" {
    printf '{"traces": "small.csv", "size_classes": ["go1.19", "no24", "pow2"]}' >plan.json
    goheap sweep plan.json -o out -q
    classes() {
        grep -c '"objects_per_span"' "out/runs/000$1.json"
    }
    [ "$(classes 1) $(classes 2) $(classes 3)" = "68 67 14" ]
    grep -q '"size": 24,' out/runs/0001.json
    [ "$(grep -c '"size": 24,' out/runs/0002.json)" -eq 0 ]
}

@test "bad plans are refused before anything is run" {
    t='"traces": "small.csv"'
    bad 'plan.json:1:12: ' '{"traces": ['
    bad 'plan.json: expected a JSON object' '[]'
    bad 'plan.json: unknown key "trace"; the nearest known one is "traces"' '{"trace": "small.csv"}'
    bad 'plan.json: traces: expected a list of files' '{}'
    bad 'plan.json: traces: expected at least one value' '{"traces": []}'
    bad 'plan.json: traces: expected names, got 5' '{"traces": ["small.csv", 5]}'
    bad 'plan.json: traces: no-such-trace.csv: cannot open: No such file' '{"traces": ["small.csv", "no-such-trace.csv"]}'
    bad 'plan.json: traces: -: expected a file' '{"traces": "-"}'
    bad 'plan.json: traces: /dev/null: expected a file' '{"traces": "/dev/null"}'
    bad 'plan.json: traces: plan.json:1: ' '{"traces": "plan.json"}'
    bad 'plan.json: note: expected a string' "{$t, \"note\": 5}"
    bad 'plan.json: configs: expected at least one value' "{$t, \"configs\": []}"
    bad 'plan.json: configs: expected names, got {}' "{$t, \"configs\": [{}]}"
    bad 'no configuration "go1.190"; the nearest is "go1.19"' "{$t, \"configs\": [\"go1.190\"]}"
    bad 'configs: entry 2 is one of those before' "{$t, \"configs\": [\"go1.19\", \"go1.19\"]}"
    bad 'entries 1 and 2 are both called "go1.19"' "{$t, \"configs\": [\"go1.19\", [\"go1.19\"]]}"
    bad 'no configuration "sedes"; the nearest' "{$t, \"configs\": [[\"go1.19\", \"cost/sedes\"]]}"
    bad 'configs: expected names, got []' "{$t, \"configs\": [[]]}"
    bad 'at most 63 characters' "{$t, \"configs\": [[\"go1.19\", \"$(printf '%070d' 1)\"]]}"
    bad 'plan.json: ps: expected a whole number from 0 to 4096, got "x"' "{$t, \"ps\": [1, \"x\"]}"
    bad 'plan.json: ps: expected a whole number from 0 to 4096, got 5000' "{$t, \"ps\": 5000}"
    bad 'plan.json: ps: expected at least one value' "{$t, \"ps\": []}"
    bad 'duplicate object key' "{$t, $t}"
}

@test "bad size classes are refused before anything is run" {
    t='"traces": "small.csv"'
    bad 'no configuration "no42"; the nearest is "no24"' "{$t, \"size_classes\": \"no42\"}"
    bad 'unknown key "mege"' "{$t, \"size_classes\": [{\"mege\": 1}]}"
    bad 'size_classes: expected names, lists' "{$t, \"size_classes\": [null]}"
    bad 'size_classes [8,1]): size_classes: entry 1: expected [bytes, pages a span]' "{$t, \"size_classes\": [[8, 1]]}"
    bad 'run 2 (config go1.26, size_classes [[16,1]])' "{$t, \"size_classes\": [\"go1.19\", [[16, 1]]]}"
    bad 'the largest size class has 16 bytes, expected 32768' "{$t, \"size_classes\": [[[16, 1]]]}"
}

@test "bad settings are refused before anything is run" {
    t='"traces": "small.csv"'
    bad 'set: expected an object of settings' "{$t, \"set\": [1]}"
    bad 'set: unknown key "gogcc"; the nearest known one is "gogc"' "{$t, \"set\": {\"gogcc\": 5}}"
    bad 'set: costs: expected one of its settings' "{$t, \"set\": {\"costs\": {\"lock\": 5}}}"
    bad 'set: unknown key "costs.note"' "{$t, \"set\": {\"costs.note\": \"x\"}}"
    bad 'set: gogc: expected at least one value' "{$t, \"set\": {\"gogc\": []}}"
    bad 'set: gogc: expected a percentage' "{$t, \"set\": {\"gogc\": [50, \"on\"]}}"
    bad 'set: pacing: expected' "{$t, \"set\": {\"pacing\": [\"max\", \"min\"]}}"
    bad 'set: "ps" is a key of the plan itself' "{$t, \"set\": {\"ps\": 5}}"
    bad 'set: "name" is what a configuration is called' "{$t, \"set\": {\"name\": \"x\"}}"
    bad 'page_size: expected a power of two, got 5000' "{$t, \"set\": {\"page_size\": [8192, 5000]}}"
    bad 'more than 100000 runs' \
        "{$t, \"ps\": [$(seq -s, 1 400)], \"set\": {\"gogc\": [$(seq -s, 1 500)], \"quantum_ns\": [1, 2, 3]}}"
}

@test "a directory or a file that cannot be written is told before anything is run" {
    printf '{"traces": "small.csv"}' >plan.json
    touch file
    refused 1 'file: Not a directory' sweep plan.json -o file
    refused 1 'file: Not a directory' sweep plan.json -o file/out
    refused 1 'No such file or directory' sweep plan.json -o ''
    mkdir -p full/runs
    ln -s nowhere full/results.csv
    refused 1 full/results.csv sweep plan.json -o full
    refused 1 'none.json: No such file' sweep none.json -o out
    refused 1 'no configuration "dmeo"; the nearest is "demo"' sweep dmeo -o out
}

@test "wrong usage exits 2, help goes to standard output" {
    printf '{"traces": "small.csv"}' >plan.json
    refused 2 'expected -o DIR' sweep plan.json
    refused 2 'expected PLAN' sweep -o out
    refused 2 'expected one PLAN' sweep plan.json plan.json -o out
    for shard in 0/2 3/2 1 1/ /2 1/0 1/2/3 a/b 1/100001; do
        refused 2 'expected I/N' sweep plan.json -o out --shard "$shard"
    done
    refused 2 'expected a size' sweep plan.json -o out --memory 0
    refused 2 '--merge runs nothing' sweep --merge a b -o out --resume
    refused 2 --jobs sweep plan.json -o out -j 0
    refused 2 --jobs sweep plan.json -o out -j many
    refused 2 --nonsense sweep plan.json -o out --nonsense
    silently sweep --help >help
    grep -q '^Usage: goheap sweep' help
}
