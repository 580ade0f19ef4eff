#!/usr/bin/env bats
# Reports in a browser: nothing on the console, nothing asked of the network, each figure there and not blank in both
# colour schemes, on paper, in a narrow window, with and without its script. Skipped without Chromium.

# shellcheck disable=SC2154 # common_setup sets the paths
load ../cli/helpers

setup() {
    common_setup
    need python3
    need gnuplot
    command -v chromium >/dev/null || need chromium-browser
}

in_browser() { # FIGURES PAGE...
    timeout 120 python3 "$root/tests/browser/check_report.py" "$@"
}

@test "a run" {
    goheap replay -q -P 4 -c locked-central --set pacing=max -o run "$sqlite"
    goheap report -q run -o page.html
    in_browser 9 page.html
}

@test "two runs, of which one is empty" {
    printf 't_ns,op,id,size\n' >none.csv
    goheap replay -q -o none none.csv
    goheap replay -q -o run "$sqlite"
    goheap report -q run none -o page.html
    in_browser 9 page.html
}

@test "hostile names" {
    local name=$'<img src=x onerror=alert(1)>\'"&\x01\xff\xe2\x80\xae{x}_y^2'
    echo 't_ns,op,id,size,type
,meta,,,"program=<script>alert(1)</script>"
1,alloc,1,8,
2,alloc,2,800,' >"$name.csv"
    goheap replay -q -o "$name" "$name.csv"
    goheap info -q -o "$name" "$name.csv"
    goheap report -q "$name" -o page.html
    in_browser 10 page.html
}
