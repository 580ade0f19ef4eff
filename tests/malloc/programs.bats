#!/usr/bin/env bats
# Real programs under libgoheap-malloc.so: each scenario in programs/ runs twice, without and with the library
# preloaded into all that it starts, and must say and return the same. $GOHEAP_MALLOC: another library to try.

setup_file() {
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    export root lib=$BATS_FILE_TMPDIR/malloc.so # a copy: a name with a blank in it is two to LD_PRELOAD
    if [ -z "${GOHEAP_SANITIZE:-}" ]; then
        cp "${GOHEAP_MALLOC:-$root/build/libgoheap-malloc.so}" "$lib"
    fi
}

setup() {
    # A sanitizer's own malloc has to come first.
    if [ -n "${GOHEAP_SANITIZE:-}" ]; then
        skip "a preloaded malloc does not go together with sanitizers"
    fi
    [ -r "$lib" ] || return 1
    cd "$BATS_TEST_TMPDIR" || return 1
    group=
}

# What a scenario started is in its process group, and goes with it however it ended.
end_group() {
    if [ -n "$group" ]; then
        kill -KILL -- "-$group" 2>/dev/null || true
        wait "$group" 2>/dev/null || true
        group=
    fi
}

teardown() {
    end_group
}

need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "no $program here"
    done
}

# scenario NAME COMMAND...: runs it in a new directory, always the same, in a process group of its own, without the
# user's locale and configuration. What it says, and its exit status, are in NAME.out and NAME.err.
scenario() {
    local name=$1 status=0
    shift
    rm -rf here
    mkdir -p here/home here/tmp
    (
        cd here || exit 1
        exec timeout -k 5 60 env -i PATH="$PATH" LC_ALL=C TZ=UTC HOME="$PWD/home" TMPDIR="$PWD/tmp" \
            PROGRAMS="$root/tests/malloc/programs" "$@"
    ) >"$name.out" 2>"$name.err" </dev/null 3>&- &
    group=$!
    wait "$group" || status=$?
    end_group
    echo "exit status $status" >>"$name.out"
    return "$status"
}

# same NAME: the scenario programs/NAME.sh succeeds without the library, and is the same with it.
same() {
    local script=$root/tests/malloc/programs/$1.sh status=0
    scenario without bash "$script" || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 20 without.out without.err
        return 1
    fi
    scenario with LD_PRELOAD="$lib" bash "$script" || status=$?
    diff without.out with.out || status=1
    diff without.err with.err || status=1
    return "$status"
}

@test "a program that is started with the library has it, and so have its children" {
    scenario with LD_PRELOAD="$lib" bash -c "bash -c 'cat /proc/self/maps; true'"
    cat with.err
    grep -F "$lib" with.out
    [ ! -s with.err ]
}

@test "bash, awk, sort, sed, grep, diff, find" {
    same text
}

@test "tar, gzip, xz with two threads" {
    need tar gzip xz
    same archive
}

@test "perl" {
    need perl
    same perl
}

@test "sqlite3: a bulk insert, an index build, queries" {
    need sqlite3
    same sqlite
}

@test "git: commits, gc with two threads, log, fsck, clone" {
    need git
    same git
}

@test "gcc: a large file, optimised, linked, run" {
    need gcc
    same gcc
}

@test "clang: the same" {
    need clang
    same clang
}

@test "redis: a benchmark, data of all kinds, BGSAVE, a restart" {
    need redis-server redis-cli redis-benchmark
    same redis
}

# A python3 that has its own tests, rather the system's than another's: some change what the tests look at.
python_with_tests() {
    local found
    while read -r found; do
        if "$found" -c 'import test.test_dict' 2>/dev/null; then
            echo "$found"
            return
        fi
    done < <({ echo /usr/bin/python3; type -ap python3; })
    return 1
}

@test "python3: its own tests of dicts, lists, strings, json, threads" {
    need python3
    PYTHON=$(python_with_tests) || skip "no test package for python3 here"
    PATH=$(dirname "$PYTHON"):$PATH same python
}
