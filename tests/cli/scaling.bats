#!/usr/bin/env bats
# What is known of Go's allocator on many Ps comes out of the simulation. Costs are cost/seeds in all of them, so that
# generations differ in structure only; collections are those that the traces ask for.

# shellcheck disable=SC2154 # common_setup sets the paths
load helpers

setup() {
    common_setup
}

# many ARGUMENT...: a replay whose results are in out/ and run.json.
many() {
    rm -rf out
    silently replay -q --gogc off --json run.json -o out "$@"
}

# lock NAME COLUMN: of the last replay's locks whose name begins so, all together; 0 if there is none.
lock() {
    awk -F, -v name="$1" -v want="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == want) c = i }
        index($1, name) == 1 { sum += $c } END { printf "%.0f\n", sum }' out/locks.csv
}

# is EXPRESSION: awk says that it is true.
is() {
    echo "$1"
    awk "BEGIN { exit !($1) }"
}

# holes STREAMS EACH SIZE...: one stream fills spans with objects of these sizes, drops every other one, and collects; a
# second later so many streams allocate so many objects each, which finds room in what is half full. A size may come
# more than once. What streams keep in their last spans is let for, too.
began=1000000000
holes() {
    awk -v streams="$1" -v each="$2" -v sizes="${*:3}" -v began=$began 'BEGIN {
        kinds = split(sizes, size, " ")
        print "t_ns,p,op,id,size,noscan"
        for (id = 0; id < 2.5 * streams * each; id++) print "0,0,alloc," id "," size[id % kinds + 1] ",1"
        for (i = 0; i < id; i++) if (int(i / kinds) % 2) print "0,0,free," i ",,"
        print "0,0,gc,,,"
        for (i = 0; i < each; i++) for (p = 0; p < streams; p++)
            print began "," p ",alloc," id++ "," size[(i + p) % kinds + 1] ",1"
    }'
}

# fresh STREAMS EACH SIZE: every stream allocates so many objects, all in new spans.
fresh() {
    awk -v streams="$1" -v each="$2" -v size="$3" 'BEGIN {
        id = 0
        print "p,op,id,size,noscan"
        for (i = 0; i < each; i++) for (p = 0; p < streams; p++) print p ",alloc," id++ "," size ",1"
    }'
}

# speed CONFIG PS: allocations a virtual ms, of those that find holes. 400 for each of 64 streams.
speed() {
    many -c "$1" -c cost/seeds -P "$2" holes.csv
    awk -v ns="$(field virtual_ns run.json)" -v began=$began 'BEGIN { print 64 * 400 * 1e6 / (ns - began) }'
}

# A span has holes for four objects. Taking it from a locked list, a P holds the lock for costs.central, 40 ns, and the
# next in line goes on costs.handoff after that, 100 ns: four objects every 140 ns, 28,571 a ms, whatever the number of
# Ps. One P takes 484 ns for four, and so 3.5 Ps are enough for that. Span sets cost a cache line, and nobody waits.
@test "a lock around each central list ends growth at a few Ps; span sets go on" {
    holes 64 400 1024 >holes.csv
    one=$(speed go1.5 1) few=$(speed go1.5 16) many=$(speed go1.5 64)
    is "$few < 28571.5 && $few > 0.95 * 28571" # the first and last of 16 x 400 refills are not in line
    is "$many < 28571.5 && $many > 0.95 * 28571"
    is "$few < 4 * $one"
    [ "$(lock mheap contended)" -eq 0 ] # it is the class's lock
    [ "$(lock 'mcentral 1024' wait_ns)" -gt 0 ]
    one=$(speed go1.19 1) few=$(speed go1.19 16) many=$(speed go1.19 64)
    is "$few > 0.95 * 16 * $one"
    is "$many > 0.95 * 64 * $one"
}

# Without a cache, each span takes mheap.lock once. With one, a P takes it to fill its cache with 64 pages, and again to
# fill its supply of span descriptors with 64 (mheap.go, allocMSpanLocked): twice for 64 spans of a page, 32 times less
# often; four times and once for 64 spans of four pages, 12.8 times less often. When the heap has to grow, by 512 pages,
# a fill that finds nothing comes on top, and the search that makes it grow. What a P has left of either at the end it
# has taken the lock for in vain.
@test "with page caches mheap.lock is taken 32 times less often for spans of a page, 12.8 times for four" {
    for pages in 1 4; do
        fresh 4 5120 1024 >pages.csv # 8 or 32 objects a span
        table="size_classes=[[8,1],[16,1],[1024,$pages],[32768,4]]"
        spans=$((4 * 5120 / 8 / pages))
        many -c go1.19 -P 4 --set "$table" --set page_cache=false pages.csv
        without=$(lock mheap acquisitions)
        [ "$without" -eq $spans ]
        many -c go1.19 -P 4 --set "$table" --set page_cache=true pages.csv
        with=$(lock mheap acquisitions) fills=$((spans * pages / 64 + spans / 64)) growths=$((spans * pages / 512))
        is "$with >= $fills + 2 * $growths && $with <= $fills + 2 * $growths + 2 * 4"
    done
}

# A refill is what an allocation has to do that finds its span used up: one in 8 objects of 1,024 bytes in a span of a
# page, one in 16 or 32 in a span of two or four. Each takes the class's lock twice in Go 1.5: to look, and to list the
# new span.
@test "spans of four times the size are refilled a quarter as often" {
    fresh 2 3200 1024 >refills.csv
    for pages in 1 2 4; do
        many -c go1.5 --set "size_classes=[[8,1],[16,1],[1024,$pages],[32768,4]]" refills.csv
        refills=$(awk -F, 'NR > 1 && $1 != "fast" { sum += $2 } END { print sum }' out/latency.csv)
        [ "$refills" -eq $((2 * 3200 / 8 / pages)) ]
        [ "$(lock 'mcentral 1024' acquisitions)" -eq $((2 * refills)) ]
    done
}

# share CLASS: of what was waited for central locks.
share() {
    awk -v one="$(lock "mcentral $1" wait_ns)" -v all="$(lock mcentral wait_ns)" 'BEGIN { print one / all }'
}

# Sixteen streams refill from half empty spans, so that nobody needs the page heap; all classes have 8 slots a span.
# Waits grow faster than the load on a lock: a class that has seven in ten of the objects has nearly all of the waiting,
# and so have two with four each, about equally.
@test "one hot size class is one hot lock, two are two" {
    table='size_classes=[[8,1],[16,1],[1000,1],[1008,1],[1016,1],[1024,1],[32768,4]]'
    holes 16 800 1024 1024 1024 1024 1024 1024 1024 1000 1008 1016 >one.csv
    holes 16 800 1024 1016 1024 1016 1024 1016 1024 1016 1000 1008 >two.csv
    for go in go1.5 go1.11; do
        many -c $go --set "$table" one.csv
        [ "$(lock mheap contended)" -eq 0 ]
        is "$(share 1024) > 0.95"
        many -c $go --set "$table" two.csv
        is "$(share 1024) > 0.3 && $(share 1016) > 0.3"
        is "$(share 1024) + $(share 1016) > 0.95"
    done
}
