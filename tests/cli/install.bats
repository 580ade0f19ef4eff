#!/usr/bin/env bats
# `make install` and `make uninstall`: what they put where, that it works from there, and that the examples of
# goheap(3) do what the page says when built against it.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers
load manual

# Two installations, built apart from the tree's own: one staged for /usr below a path with a space in it
# ($stage is another name for it), one in a prefix of its own, with libraries in a directory of another name.
setup_file() {
    [ -z "${GOHEAP_SANITIZE:-}" ] || return 0
    export tree=$BATS_TEST_DIRNAME/../..
    export staged="$BATS_FILE_TMPDIR/the stage" stage=$BATS_FILE_TMPDIR/stage prefix=$BATS_FILE_TMPDIR/prefix
    make_here install DESTDIR="$staged" PREFIX=/usr
    ln -s "$staged" "$stage"
    make_here install PREFIX="$prefix" LIBDIR="$prefix/lib64"
}

setup() {
    [ -z "${GOHEAP_SANITIZE:-}" ] || skip "nobody installs a build for sanitizers"
    common_setup
    page=$stage/usr/share/man/man3/goheap.3
    version=$(awk '/^#define GOHEAP_VERSION_/ { printf "%s%s", dot, $3; dot = "." }' "$root/core/goheap.h")
}

make_here() {
    env -u MAKEFLAGS -u MFLAGS make -s -C "$tree" -j"$(nproc)" B="$BATS_FILE_TMPDIR/build" "$@"
}

# files DIRECTORY: what lies below it that is no directory, a line each.
files() {
    (cd "$1" && find . ! -type d | sed 's:^\./::' | sort)
}

# A digest of all files, with their modes, and of where links lead.
contents() {
    (cd "$1" && find . -type l -printf '%p -> %l\n' -o -type f -printf '%p %m ' -exec sha256sum {} \; | sort)
}

# flags [--static]: what a compiler needs to build against the staged library; without pkg-config, what the .pc file
# says, read by hand.
flags() {
    local pc=$stage/usr/lib/pkgconfig/libgoheap.pc
    if command -v pkg-config >/dev/null; then
        PKG_CONFIG_LIBDIR=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$stage \
            PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 \
            pkg-config "$@" --cflags --libs libgoheap
    else
        sed -n -e 's/^Cflags: //p' -e 's/^Libs: //p' -e "${1:+s/^Libs.private: //p}" "$pc" |
            sed -e "s:\${includedir}:$stage/usr/include:" -e "s:\${libdir}:$stage/usr/lib:"
    fi
}

# build shared|static SOURCE: ./program.
build() {
    local compile flags
    compile="${CC:-gcc} -std=c11 -Wall -Werror"
    if [ "$1" = shared ]; then
        flags=$(flags)
    else
        flags=$(flags --static)
        flags=${flags/-lgoheap/-l:libgoheap.a}
    fi
    # shellcheck disable=SC2086 # words are wanted
    $compile -o program "$2" $flags
}

# Runs a program with the staged library, and no longer than it should take.
staged() {
    LD_LIBRARY_PATH=$stage/usr/lib timeout 60 "$@"
}

# works shared|static: each example of the page does what the page says.
works() {
    local name
    examples "$page" >names
    grep -qx threads names
    while read -r name; do
        echo "example: $name"
        literal "$page" "example: $name" >"$name.c"
        literal "$page" "output: $name" >wanted
        [ -s wanted ]
        build "$1" "$name.c"
        staged ./program >said
        diff wanted said
    done <names
}

@test "every file is where it belongs" {
    local l
    {
        printf '%s\n' bin/goheap include/goheap.h include/goheap_platform.h lib/libgoheap.a lib/libgoheap-record.so \
            lib/pkgconfig/libgoheap.pc share/man/man1/goheap.1 share/man/man3/goheap.3 \
            share/man/man7/libgoheap-malloc.7
        for l in libgoheap libgoheap-malloc; do
            printf '%s\n' "lib/$l.so" "lib/$l.so.${version%%.*}" "lib/$l.so.$version"
        done
        (cd "$root" && find configs plots \( -name '*.json' -o -name '*.gp' \) -printf 'share/goheap/%p\n')
    } | sort >wanted
    diff wanted <(files "$stage/usr")
    [ -x "$stage/usr/bin/goheap" ]
    [ "$(find "$staged" -type f -perm /111)" = "$staged/usr/bin/goheap" ]
    for l in libgoheap libgoheap-malloc; do
        [ "$(realpath "$stage/usr/lib/$l.so")" = "$(realpath "$stage/usr/lib/$l.so.$version")" ]
    done
    [ -e "$prefix/lib64/libgoheap.so" ]
    [ ! -e "$prefix/lib" ]
}

@test "nothing that is installed knows where it was staged, or has a name left to fill in" {
    ! grep -rF "$BATS_FILE_TMPDIR" "$stage/usr/share" "$stage/usr/lib/pkgconfig" || return 1
    ! grep -rE '@[A-Z]+@' "$stage/usr/share/man" "$stage/usr/lib/pkgconfig" || return 1
    ! grep -aF "$staged" "$stage/usr/bin/goheap" || return 1
}

@test "a second install changes nothing" {
    contents "$staged" >before
    make_here install DESTDIR="$staged" PREFIX=/usr
    diff before <(contents "$staged")
}

@test "uninstall removes what install put there, and nothing else" {
    make_here install DESTDIR="$PWD/a b" PREFIX=/usr
    make_here uninstall DESTDIR="$PWD/a b" PREFIX=/usr
    [ -z "$(files "a b")" ]
    [ ! -e "a b/usr/share/goheap" ]
    make_here install DESTDIR="$PWD/a b" PREFIX=/usr
    touch "a b/usr/bin/other" "a b/usr/lib/libgoheap.so.7" "a b/usr/share/goheap/configs/mine.json"
    make_here uninstall DESTDIR="$PWD/a b" PREFIX=/usr
    [ "$(files "a b/usr" | tr '\n' ' ')" = "bin/other lib/libgoheap.so.7 share/goheap/configs/mine.json " ]
    make_here uninstall DESTDIR="$PWD/nowhere" PREFIX=/usr
    [ ! -e nowhere ]
}

@test "the libraries' names and the symbols' versions are the ABI's" {
    local abi=${version%%.*} l
    for l in libgoheap libgoheap-malloc; do
        readelf -d "$stage/usr/lib/$l.so" | grep -F "soname: [$l.so.$abi]"
    done
    nm -D --defined-only "$stage/usr/lib/libgoheap.so" | awk '$2 != "A" { print $3 }' >names
    grep -qx "goheap_new@@GOHEAP_$abi" names
    ! grep -vE "^goheap_[a-z0-9_]+@@GOHEAP_$abi\$" names || return 1
    literal "$page" "example: one" >one.c
    build shared one.c
    readelf -d program | grep -F "[libgoheap.so.$abi]"
    readelf -V program | grep -F "GOHEAP_$abi"
}

@test "there is one version" {
    [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
    printf '#include <goheap.h>\n#include <stdio.h>\nint main(void) { return puts(goheap_version()) < 0; }\n' >v.c
    build shared v.c
    [ "$(staged ./program)" = "$version" ]
    [ "$("$stage/usr/bin/goheap" --version)" = "goheap $version" ]
    grep -qx "Version: $version" "$stage/usr/lib/pkgconfig/libgoheap.pc"
    for l in "$stage"/usr/share/man/man*/*; do
        grep -qx ".Os goheap $version" "$l"
    done
}

@test "the examples of goheap(3), with the shared library" {
    works shared
}

@test "the examples of goheap(3), with the static library" {
    works static
    ! readelf -d program | grep -F libgoheap || return 1
}

@test "pkg-config finds the library, and tells of a static one's needs" {
    need pkg-config
    export PKG_CONFIG_LIBDIR=$prefix/lib64/pkgconfig
    [ "$(pkg-config --modversion libgoheap)" = "$version" ]
    [ "$(pkg-config --cflags --libs libgoheap | xargs)" = "-I$prefix/include -L$prefix/lib64 -lgoheap" ]
    [ "$(pkg-config --static --libs libgoheap | xargs)" = "-L$prefix/lib64 -lgoheap -lpthread" ]
}

@test "C++ takes the headers, and links" {
    local strict="-std=c++17 -Wall -Wextra -Wpedantic -Werror"
    printf '#include <goheap.h>\nint main() { return goheap_version()[0] == 0; }\n' >v.cc
    # shellcheck disable=SC2046,SC2086 # words are wanted
    if command -v g++ >/dev/null; then
        g++ $strict -o program v.cc $(flags)
        staged ./program
    elif command -v clang++ >/dev/null; then
        clang++ $strict -fsyntax-only v.cc -I"$stage/usr/include"
    else
        skip "no C++ compiler here"
    fi
}

@test "the command finds its configurations, scripts and recorder where they are installed" {
    unset GOHEAP_CONFIGS GOHEAP_PLOTS
    export goheap=$prefix/bin/goheap
    silently explain 33 >answer
    grep -q '^33 B -> class 5' answer
    cp "$prefix/share/goheap/configs/locked-central.json" "$prefix/share/goheap/configs/only-here.json"
    silently explain -c only-here 33 >answer
    rm "$prefix/share/goheap/configs/only-here.json"
    goheap record -o t.csv -- "$BASH" -c :
    silently replay -q -o run t.csv
    need gnuplot
    silently plot -q --figure heap --format svg run
    [ -s run/heap.svg ]
}

@test "a program runs as before with the installed malloc, and tells its figures if asked" {
    ls -lR "$root/configs" >wanted
    LD_PRELOAD=$prefix/lib64/libgoheap-malloc.so ls -lR "$root/configs" >said 2>complaints
    diff wanted said
    [ ! -s complaints ]
    GOHEAP_STATS=1 LD_PRELOAD=$prefix/lib64/libgoheap-malloc.so ls -lR "$root/configs" >said 2>figures
    diff wanted said
    grep -q HeapInuse figures
}

@test "libgoheap-malloc(7) has the keys that the library knows" {
    local status=0
    echo "no such key" >config
    GOHEAP_CONFIG=config LD_PRELOAD=$prefix/lib64/libgoheap-malloc.so ls / 2>said || status=$?
    [ "$status" -eq 1 ]
    sed -n 's/^.*expected \(.*\)$/\1/p' said | sed 's/ or /, /' | tr -d ' ' | tr , '\n' | sort >known
    [ -s known ]
    diff known <(sed -n 's/^\.It Va //p' "$stage/usr/share/man/man7/libgoheap-malloc.7" | sort)
}
