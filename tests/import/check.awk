# Of a trace in plain CSV on stdin, the blocks whose size is 777 modulo 1000, counted as tests/import/pattern.c does;
# and that each id begins once and ends at most once, after its beginning.
BEGIN { FS = "," }
NR == 1 {
    for (i = 1; i <= NF; i++)
        at[$i] = i
    next
}
{ op = $at["op"]; id = $at["id"] }
op == "alloc" {
    if (id in born) { print "line " NR ": id twice"; bad = 1 }
    born[id] = 1
    live[id] = $at["size"] + 0
    if (live[id] % 1000 == 777) {
        allocs++
        bytes += live[id]
    }
}
op == "free" {
    if (!(id in live)) { print "line " NR ": free of what does not live"; bad = 1 }
    if (live[id] % 1000 == 777) {
        frees++
        bytes -= live[id]
    }
    delete live[id]
}
END {
    printf "allocs %d frees %d live %d bytes %d\n", allocs, frees, allocs - frees, bytes
    exit bad
}
