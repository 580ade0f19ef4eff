#!/usr/bin/env bats
# scripts/auto-itself: how close the real Go is to itself, from what conformance-auto printed twice.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
    row() { # STATUS TRACE PS GOGC CYCLES GOAL
        printf '%-4s%-10s%-10s%2d P  GOGC %-4s limit %-7s' "$1" "$2" go1.19.8 "$3" "$4" off
        printf 'cycles %4d [%d %d] %4d %+6.1f %%  ' "$5" "$5" "$5" 1 -9
        printf 'NextGC %6.2f [%.2f %.2f] %6.2f MB %+6.1f %%\n' "$6" "$6" "$6" 1 -9
    }
    { row ok steady 1 100 100 50; row ok young 1 100 100 50; row -- steady 2 100 100 50; row ok steady 2 25 9 9; } >first
    { row ok steady 1 100 105 51; row -- young 1 100 100 52; row ok steady 2 100 94 50; row ok steady 2 25 1 1; } >second
}

@test "rows within 5 % of cycles and 3 % of goals, by Ps, and how far apart; other settings do not count" {
    run "$root/scripts/auto-itself" first second
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "real Go against itself, 1 pairs: 1.0 of 3 rows (1 to 1)" ]
    [ "${lines[1]}" = "    1 P: 1.0 of 2, 2.5 % of the cycles and 3.0 % of the goals apart" ]
    [ "${lines[2]}" = "    2 P: 0.0 of 1, 6.0 % of the cycles and 0.0 % of the goals apart" ]
    [ "${lines[3]}" = "goheap and the real Go in first: 2 of 3 rows" ]
    [ "${lines[4]}" = "goheap and the real Go in second: 2 of 3 rows" ]
}

@test "pairs are all pairs, and rows that one of them has not are left out" {
    head -n 1 first >third
    run "$root/scripts/auto-itself" first first third
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "real Go against itself, 3 pairs: 1.7 of 3 rows (1 to 3)" ]
}

@test "one output, or what is none, is an error" {
    run "$root/scripts/auto-itself" first
    [ "$status" -eq 2 ]
    [ "$output" = "auto-itself: expected two outputs or more, got 1; see --help" ]
    "$root/scripts/auto-itself" --help | grep -q '^  scripts/auto-itself OUTPUT OUTPUT'
    echo nothing >none
    run "$root/scripts/auto-itself" first none
    [ "$status" -eq 1 ]
    [ "$output" = "auto-itself: none: expected what conformance-auto prints, found no row at GOGC 100" ]
}
