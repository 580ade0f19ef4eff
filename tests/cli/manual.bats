#!/usr/bin/env bats
# The man pages say what goheap.h and `goheap --help` say: nothing is missing, nothing is left over. That their
# examples work is for install.bats.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers
load manual

setup() {
    common_setup
    pages=$root/core
}

# The header without comments and directives, in one line.
header() {
    sed '/^#/d' "$pages/goheap.h" | tr '\n' ' ' | sed -e 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/::g' -e 's/  */ /g'
}

header_functions() {
    header | grep -oE 'GOHEAP_API [^;]*;' | sed 's/^GOHEAP_API //' | sort
}

# Of .Ft "TYPE" and .Fn NAME "ARGUMENT"...: TYPE NAME(ARGUMENT, ...);
page_functions() {
    awk -F'"' '
        /^\.Sh/ { synopsis = /SYNOPSIS/ }
        !synopsis { next }
        /^\.Ft/ { type = NF > 1 ? $2 : substr($0, 5); if (type !~ /\*$/) type = type " " }
        /^\.Fn/ {
            name = $1; sub(/^\.Fn /, "", name); sub(/ $/, "", name)
            line = type name "(" $2
            for (i = 4; i <= NF; i += 2) line = line ", " $i
            print line ");"
        }' "$pages/goheap.3" | sort
}

# STRUCT.FIELD
header_fields() {
    header | grep -oE 'struct goheap_[a-z_]+ \{[^}]*\}' | awk '{
        struct = $2
        sub(/^[^{]*\{/, ""); sub(/\}$/, "")
        gsub(/\[[^]]*\]/, "")
        n = split($0, declarations, ";")
        for (i = 1; i <= n; i++) {
            m = split(declarations[i], names, ",")
            for (j = 1; j <= m; j++)
                if (match(names[j], /[a-z0-9_]+ *$/)) {
                    name = substr(names[j], RSTART, RLENGTH)
                    sub(/ *$/, "", name)
                    print struct "." name
                }
        }
    }' | sort
}

page_fields() {
    awk '/^\.\\" fields: / { struct = $3 }
        /^\.El/ { struct = "" }
        struct && /^\.It Va/ { for (i = 3; i <= NF; i++) if ($i != ",") print struct "." $i }' "$pages/goheap.3" | sort
}

# same COUNT A B: two functions print the same, COUNT lines or more.
same() {
    "$2" >"$2.txt"
    "$3" >"$3.txt"
    [ "$(wc -l <"$2.txt")" -ge "$1" ]
    diff "$2.txt" "$3.txt"
}

@test "goheap(3) declares the functions of goheap.h, word for word" {
    same 40 header_functions page_functions
}

@test "and tells of each of them" {
    sed -n '/^\.Sh DESCRIPTION/,$p' "$pages/goheap.3" >told
    header_functions | grep -oE 'goheap_[a-z0-9_]+\(' | tr -d '(' | sort -u >names
    grep -E '^goheap_(version|verify)$' names # so that the list is one
    while read -r name; do
        grep -qE "^\.Fn $name( |$)" told || { echo "goheap(3) does not tell of $name"; return 1; }
    done <names
}

@test "and of each field of its structs" {
    same 50 header_fields page_fields
}

@test "and of each constant" {
    header | grep -oE 'enum( goheap_[a-z]+)? \{[^}]*\}' | grep -oE 'GOHEAP_[A-Z_]+' >names
    sed -n 's/^#define \(GOHEAP_VERSION_[A-Z]*\) .*/\1/p' "$pages/goheap.h" >>names
    [ "$(wc -l <names)" -ge 12 ]
    while read -r name; do
        grep -qE "Dv $name( |$)" "$pages/goheap.3" || { echo "goheap(3) does not tell of $name"; return 1; }
    done <names
}

# The options that --help lists, and those that the command's part of the page does: "-o --output".
helped_options() {
    goheap "$command" --help | sed -nE 's/^ +(-[a-zA-Z], )?(--[a-z-]+) .*/\1\2/p' | tr -d , |
        grep -vE -- '--(help|version)$' | sort
}
page_options() {
    awk -v command="$command" '/^\.S[hs]/ { ours = $1 == ".Ss" && $2 == command }
        ours && /^\.It/' "$pages/goheap.1" |
        sed -E -e 's/^\.It //' -e 's/ Ar .*//' -e 's/Fl Fl /--/' -e 's/Fl /-/' -e 's/ ,//' | sort
}

@test "goheap(1) has the commands and options that goheap has" {
    goheap --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >commands
    grep -qx replay commands
    diff commands <(sed -n 's/^\.Ss \([a-z]*\) .*/\1/p' "$pages/goheap.1")
    while read -r command; do
        echo "goheap $command"
        same 1 helped_options page_options
    done <commands
}

@test "the README's example is one of goheap(3)'s" {
    awk '/^```/ { inside = $0 == "```c"; next } inside' "$root/README.md" >readme.c
    [ -s readme.c ]
    diff readme.c <(literal "$pages/goheap.3" "example: one")
}

@test "examples look in the page as they do to the compiler" {
    need groff
    groff -mandoc -Tutf8 -P-cbou "$pages/goheap.3" | sed 's/^ *//' >page.txt
    examples "$pages/goheap.3" >names
    grep -qx threads names
    while read -r name; do
        literal "$pages/goheap.3" "example: $name" | sed 's/^ *//' >example.c
        [ -s example.c ]
        ! grep -vxFf page.txt example.c || return 1
    done <names
}

@test "formatters have nothing to complain about" {
    need groff
    for page in "$pages"/*.[1-8]; do
        groff -mandoc -ww -Tutf8 -z "$page" 2>>said
        if command -v mandoc >/dev/null; then
            mandoc -Tlint -Wwarning "$page" >>said || true
        fi
    done
    cat said
    [ ! -s said ]
}
