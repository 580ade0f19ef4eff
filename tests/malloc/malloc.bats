#!/usr/bin/env bats
# libgoheap-malloc.so, preloaded into small programs: what the standards say of every function, misuse, threads,
# fork, settings, memory back to the OS. GOHEAP_MALLOC names the library, if not the one in build/.

bats_require_minimum_version 1.5.0

setup_file() {
    if [ -n "${GOHEAP_SANITIZE:-}" ]; then
        return 0
    fi
    root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    # A copy: a name with a blank in it is two to LD_PRELOAD.
    export library=$BATS_FILE_TMPDIR/libgoheap-malloc.so
    cp "${GOHEAP_MALLOC:-$root/build/libgoheap-malloc.so}" "$library"
    # No warnings: the programs do what compilers know to be wrong.
    local name
    for name in semantics misuse threads idle; do
        ${CC:-cc} -std=c11 -D_GNU_SOURCE -w -O1 -fno-builtin -pthread \
            -o "$BATS_FILE_TMPDIR/$name" "$BATS_TEST_DIRNAME/$name.c"
    done
    if command -v "${CXX:-c++}" >/dev/null; then
        ${CXX:-c++} -std=c++17 -w -O0 -o "$BATS_FILE_TMPDIR/objects" "$BATS_TEST_DIRNAME/objects.cc"
    fi
}

setup() {
    if [ -n "${GOHEAP_SANITIZE:-}" ]; then
        skip "a sanitizer brings a malloc of its own"
    fi
    cd "$BATS_TEST_TMPDIR" || return 1
    unset GOHEAP_STATS GOHEAP_CONFIG
}

teardown() {
    [ -z "${dir:-}" ] || rm -rf "$dir"
}

# Runs a command with goheap's malloc, and not for ever.
with_goheap() {
    timeout 60 env LD_PRELOAD="$library" "$@"
}

part() { # PROGRAM PART
    with_goheap "$BATS_FILE_TMPDIR/$1" "$2"
}

# --- semantics --------------------------------------------------------------------------------------------

@test "blocks of no bytes are blocks, each its own" { part semantics zero; }
@test "sizes 1 to 70000: aligned, usable, apart" { part semantics every-size; }
@test "alignments 1 to 1 MiB" { part semantics every-alignment; }
@test "alignments that are none: EINVAL, and the pointer untouched" { part semantics bad-alignments; }
@test "valloc and pvalloc" { part semantics pages; }
@test "sizes beyond PTRDIFF_MAX: ENOMEM" { part semantics too-large; }
@test "counts times sizes that overflow: ENOMEM" { part semantics products; }
@test "calloc gives zeros, also where something was" { part semantics zeroed; }
@test "realloc keeps the content" { part semantics resized; }
@test "realloc stays in place where that wastes little" { part semantics in-place; }
@test "realloc in small steps copies seldom" { part semantics growing; }
@test "free and its forms leave errno alone" { part semantics freeing; }
@test "malloc_trim gives back what is free, once" { part semantics trim; }

@test "C++: new and delete in all forms, bad_alloc, handlers" {
    [ -x "$BATS_FILE_TMPDIR/objects" ] || skip "no C++ compiler"
    with_goheap "$BATS_FILE_TMPDIR/objects"
}

@test "the library exports the malloc family, new and delete, and nothing else" {
    nm -D --defined-only "$library" | awk '{ print $3 }' | LC_ALL=C sort >exported
    sed -e 's:/\*.*\*/::' "$BATS_TEST_DIRNAME/../../core/malloc/exports.map" | tr -s '; \n' '\n' |
        grep -E '^[A-Za-z_]+[A-Za-z0-9_]*$' | LC_ALL=C sort >listed
    diff exported listed
    [ "$(grep -vcE '^_Z(n[wa]|d[la])' exported)" -eq 15 ]
    [ "$(grep -cE '^_Z(n[wa]|d[la])' exported)" -eq 20 ]
}

# --- misuse -----------------------------------------------------------------------------------------------

# misused PART FUNCTION TEXT: aborts, with one line that names the function, the address and what is wrong.
misused() {
    local status=0 address
    part misuse "$1" >out 2>all || status=$?
    cat out all
    grep -v Aborted all >err # the shell's word on it
    address=$(cat out)
    [ "$status" -eq 134 ]
    [ "$(cat err)" = "goheap: $2($address): $3" ]
}

@test "a double free ends the process" {
    misused double free "double free"
    misused double-large free "double free"
}

@test "a free inside of a block ends the process" {
    misused interior free "interior pointer"
    misused interior-large free "interior pointer"
    misused interior-realloc free "interior pointer"
}

@test "a free of what malloc never gave ends the process" {
    misused foreign free "not from this heap"
    misused wild free "not from this heap"
    misused foreign-realloc realloc "not from this heap"
    misused foreign-usable-size malloc_usable_size "not from this heap"
}

@test "operator new without memory and without C++ says so" {
    local status=0
    part misuse new-fails 2>err || status=$?
    [ "$status" -eq 134 ]
    [ "$(grep -v Aborted err)" = "goheap: operator new: out of memory, and no C++ library to say so" ]
}

# --- threads, fork, start and end -------------------------------------------------------------------------

# The Ps that were there at once: MCacheInuse has 1200 bytes for each, as in Go.
ps_of() { # PROGRAM PART
    GOHEAP_STATS=1 part "$1" "$2" 2>stats || return 1
    cat stats
    ps=$(awk '$1 == "MCacheInuse" { print $2 / 1200 }' stats)
}

@test "10,000 short threads need few Ps" {
    ps_of threads churn
    [ "$ps" -le 20 ]
    ps_of threads detached
    [ "$ps" -le 100 ]
}

@test "destructors of threads allocate to the last round" {
    ps_of threads destructors
    [ "$ps" -le 20 ]
}

@test "constructors and atexit handlers allocate" { part threads at-exit; }
@test "forks while other threads allocate" { part threads forks; }
@test "forks with handlers that allocate" { part threads fork-handlers; }

@test "ls, sort and bash run as without" {
    seq 20000 | tac >numbers
    with_goheap ls -l /usr/bin >listed
    cmp <(ls -l /usr/bin) listed
    with_goheap sort -n --parallel=4 numbers >sorted
    seq 20000 | cmp - sorted
    # shellcheck disable=SC2016 # the inner bash is to expand it
    [ "$(with_goheap bash -c 'x=$(for i in {1..2000}; do echo $i; done | wc -l); ls / >/dev/null; echo "$x"')" = 2000 ]
}

# --- GOHEAP_STATS -----------------------------------------------------------------------------------------

field() { # NAME
    awk -v name="$1" '$1 == name { print $2 }' stats
}

@test "GOHEAP_STATS=1: MemStats on stderr, whose sums are right" {
    GOHEAP_STATS=1 part semantics growing 2>stats
    cat stats
    [[ $(head -n 1 stats) =~ ^'goheap: MemStats of process '[0-9]+$ ]]
    [ "$(sed -n 2,14p stats | awk '{ print $1 }' | tr '\n' ' ')" = "TotalAlloc Mallocs Frees HeapAlloc HeapSys \
HeapIdle HeapInuse HeapReleased HeapObjects MSpanInuse MSpanSys MCacheInuse MCacheSys " ]
    [ "$(sed -n 2,14p stats | awk '{ print length }' | sort -u | wc -l)" -eq 1 ]
    [ "$(field TotalAlloc)" -ge $((64 << 20)) ]
    [ "$(field HeapSys)" -eq $(($(field HeapIdle) + $(field HeapInuse))) ]
    [ "$(field HeapObjects)" -eq $(($(field Mallocs) - $(field Frees))) ]
    [ "$(sed -n 15p stats | tr -s ' ')" = " BySize: Size Mallocs Frees" ]
    sed 1,15d stats | awk 'NF != 3 || $1 <= last || $2 < $3 { exit 1 } { last = $1 }'
}

@test "GOHEAP_STATS counts every malloc and free of a class" {
    GOHEAP_STATS=1 part semantics every-size 2>stats
    cat stats
    # Sizes 1025 to 1152 twice each.
    [ "$(awk '$1 == 1152 { print ($2 >= 256 && $2 < 300 && $3 >= 256) }' stats)" = 1 ]
}

@test "GOHEAP_STATS: also of a program that closes stderr; =0 and none: silence" {
    GOHEAP_STATS=1 with_goheap ls / 2>stats >/dev/null
    grep -q '^goheap: MemStats of process' stats
    GOHEAP_STATS=0 with_goheap ls / 2>stats >/dev/null
    [ ! -s stats ]
    with_goheap ls / 2>stats >/dev/null
    [ ! -s stats ]
}

# --- GOHEAP_CONFIG ----------------------------------------------------------------------------------------

# bad LINES TEXT: with such a file no program runs, and one line says why.
bad() {
    local status=0
    printf '%b' "$1" >bad.conf
    GOHEAP_CONFIG=bad.conf with_goheap "$BATS_FILE_TMPDIR/semantics" zero >out 2>err || status=$?
    cat err
    [ "$status" -eq 1 ]
    [ ! -s out ]
    [ "$(wc -l <err)" -eq 1 ]
    [ "$(cat err)" = "goheap: bad.conf$2" ]
}

@test "GOHEAP_CONFIG: what is wrong is said, with file, line and expectation" {
    bad '# fine\n\nretian = 1M\n' ':3: unknown key "retian", expected address_space, scavenge_delay_ms or retain'
    bad '= 3\n' ':1: unknown key "", expected address_space, scavenge_delay_ms or retain'
    bad 'retain\n' ':1: retain = "", expected bytes (64M) or a share of the memory in use, up to 1000% (10%)'
    bad 'retain = 10 %' ':1: retain = "10 %", expected bytes (64M) or a share of the memory in use, up to 1000% (10%)'
    bad 'retain = 99999999999999T' ':1: retain = "99999999999999T", expected bytes (64M) or a share of the memory in use, up to 1000% (10%)'
    bad 'scavenge_delay_ms=-1' ':1: scavenge_delay_ms = "-1", expected a number from 1 to 3600000, or off'
    bad 'scavenge_delay_ms = 0x10' ':1: scavenge_delay_ms = "0x10", expected a number from 1 to 3600000, or off'
    bad 'address_space = 1G' ':1: address_space = "1G", expected a power of two from 4G to 64T'
    bad 'address_space = 5G' ':1: address_space = "5G", expected a power of two from 4G to 64T'
    bad "$(head -c 5000 /dev/zero | tr '\0' '#')" ': is too long, expected less than 4096 bytes'
    rm bad.conf
    mkdir bad.conf
    run -1 env GOHEAP_CONFIG=bad.conf LD_PRELOAD="$library" /bin/true
    [ "$output" = "goheap: bad.conf: cannot be read (GOHEAP_CONFIG)" ]
    run -1 env GOHEAP_CONFIG=missing.conf LD_PRELOAD="$library" /bin/true
    [ "$output" = "goheap: missing.conf: cannot be opened (GOHEAP_CONFIG)" ]
}

@test "GOHEAP_CONFIG: every key, comments, blanks, no last newline" {
    printf '# all of it\r\n  address_space=4G\t# small\n\nscavenge_delay_ms = off\nretain = 1K' >good.conf
    export GOHEAP_CONFIG=good.conf
    for name in every-size every-alignment resized zeroed; do
        part semantics $name
    done
    : >good.conf
    part semantics zero
}

@test "GOHEAP_CONFIG: an address space that is used up is no memory" {
    echo "address_space = 4G" >small.conf
    GOHEAP_CONFIG=small.conf part semantics used-up
}

@test "a set-uid program reads neither variable" {
    [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 /bin/true 2>/dev/null || skip "needs root, and somebody else"
    dir=$(mktemp -d /tmp/goheap-setuid.XXXXXX) # where others may go
    cd "$dir"
    # Linked, as nothing is preloaded into set-uid programs.
    cp "$library" libgoheap-malloc.so.1
    chmod 755 libgoheap-malloc.so.1
    printf '#include <unistd.h>\nint main(void) { return geteuid() == 0 ? 0 : 77; }\n' >secure.c
    ${CC:-cc} -o secure secure.c -Wl,--no-as-needed libgoheap-malloc.so.1 -Wl,-rpath,"$PWD"
    chmod 4755 secure
    chmod 755 .
    GOHEAP_STATS=1 ./secure 2>stats
    grep -q MemStats stats
    run setpriv --reuid=65534 env GOHEAP_STATS=1 "$PWD/secure"
    [ "$status" -ne 77 ] || skip "a file system without set-uid"
    run -0 setpriv --reuid=65534 env GOHEAP_STATS=1 GOHEAP_CONFIG=/missing "$PWD/secure"
    [ -z "$output" ]
}

# --- memory back to the OS --------------------------------------------------------------------------------

quick() { # KEY=VALUE...
    printf '%s\n' scavenge_delay_ms=200 "$@" >quick.conf
    export GOHEAP_CONFIG=$PWD/quick.conf
}

@test "what is free goes back while the program idles, as by default" { part idle large; }

@test "the same of one block, of small blocks, and again and again" {
    quick
    part idle one
    part idle small
    part idle again
}

@test "a small program stays single-threaded" {
    quick
    part idle modest
}

@test "among threads that come and go" {
    quick
    part idle threads
}

@test "a forked child has a scavenger when it needs one" {
    quick
    part idle in-child
}

@test "retain is kept; off is off" {
    quick retain=128M
    part idle kept
    quick scavenge_delay_ms=off
    part idle off
}

@test "a process ends with its last thread" {
    quick
    part idle last-thread
}
