# What is live at the end of an Android trace (text on stdin), told from the text alone: for each class of a table of
# sizes (CLASSES: "8 16 ..."; what fits into none is class 0) a line "CLASS OBJECTS BYTES", then "all OBJECTS BYTES";
# then what is odd: frees of what is not live, and allocations where something is.
function begin(address, size) {
    if (address == "0x0")
        return
    if (address in live)
        odd++
    live[address] = size
}
function end(address) {
    if (address == "0x0")
        return
    if (!(address in live))
        odd++
    delete live[address]
}
$2 == "malloc" { begin($3, $4) }
$2 == "calloc" { begin($3, $4 * $5) }
$2 == "memalign" { begin($3, $5) }
$2 == "realloc" { end($4); begin($3, $5) }
$2 == "free" { end($3) }
END {
    n = split(CLASSES, class_size, " ")
    for (address in live) {
        for (class = 1; class <= n && live[address] > class_size[class]; class++)
            ;
        if (class > n)
            class = 0
        objects[class]++
        bytes[class] += live[address]
        all_objects++
        all_bytes += live[address]
    }
    for (class = 0; class <= n; class++)
        if (class in objects)
            print class, objects[class], bytes[class]
    print "all", all_objects + 0, all_bytes + 0
    print "odd", odd + 0
}
