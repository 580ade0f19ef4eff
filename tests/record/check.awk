# Checks a recorded trace (plain CSV on stdin): each lifetime begins once, ends at most once and after its
# beginning; time never runs backwards; each thread ends once, after all its events. Prints the counts of the
# blocks whose size is 777 modulo 1000, as tests/record/stress.c does, then the number of threads.
function wrong(what) {
    print "line " NR ": " what ": " $0
    bad = 1
    exit 1
}
BEGIN { FS = "," }
NR == 1 {
    for (i = 1; i <= NF; i++)
        at[$i] = i
    next
}
$at["op"] == "meta" {
    if (events) wrong("meta row among the events")
    next
}
{
    events++
    t = $at["t_ns"] + 0
    p = $at["p"]
    op = $at["op"]
    id = $at["id"]
    if (t < now) wrong("time runs backwards")
    now = t
    if (p in ended) wrong("event after the end of its thread")
    if (!(p in seen)) {
        seen[p] = 1
        threads++
        if (p + 0 > highest) highest = p + 0
    }
}
op == "alloc" {
    if (id in born) wrong("id used twice")
    size = $at["size"] + 0
    born[id] = 1
    live[id] = size
    if (size % 1000 == 777) {
        allocs++
        live_count++
        live_bytes += size
    }
    next
}
op == "free" {
    if (!(id in live)) wrong("free of what does not live")
    if (live[id] % 1000 == 777) {
        frees++
        live_count--
        live_bytes -= live[id]
    }
    delete live[id]
    next
}
op == "end" {
    ended[p] = 1
    ends++
    next
}
{ wrong("unknown op") }
END {
    if (bad) exit 1
    if (ends != threads) { print ends + 0 " ends of " threads + 0 " threads"; exit 1 }
    if (threads && highest + 1 != threads) { print "threads are not numbered densely"; exit 1 }
    printf "allocs %d frees %d live %d bytes %d\n", allocs, frees, live_count, live_bytes
    print threads + 0
}
