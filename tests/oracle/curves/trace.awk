# A trace in time: a program that grows, shrinks and idles. The same on every machine.
#
#     awk -v variant=grow|forced|fragment|limit -f trace.awk > VARIANT.csv
#
# A program is a list of phases, each with a length, what it retains at the end and what it throws away meanwhile:
#
#     grow      to 100 MB, a while of work with them, most of them dropped, a while of work, 10 s of nothing, again
#     forced    to 200 MB, to be run with GOGC=off: it collects itself, every so often, and twice before it idles
#     fragment  as grow, with small objects only, of which a random fifth stays: many pages keep one
#     limit     to be run with GOGC=off and GOMEMLIMIT=200MiB: what small objects leave behind is in many pieces, large
#               ones do not fit between them, and the heap has to grow without using more memory
#
# Events come in bursts, one a tick: a program that executes it sleeps in between.

function random(n)
{
    seed = (seed * 69069 + 12345) % 4294967296
    return int(seed / 4294967296 * n)
}

# Of "mixed" sizes a third of the bytes is in objects below 16 KiB, the rest in larger ones up to 256 KiB.
function some_size(    kind)
{
    if (sizes_are == "small")
        return 512 + random(3584)
    if (sizes_are == "large")
        return 262144 + random(786432)
    kind = random(100)
    return kind < 80 ? 64 + random(1984) : kind < 97 ? 2048 + random(14336) : 32768 + random(229376)
}

function alloc(    size)
{
    size = some_size()
    printf "%.0f,alloc,%d,%d,%d\n", now, ++last_id, size, (random(4) > 0)
    sizes[last_id] = size
    return size
}

function drop(id)
{
    printf "%.0f,free,%d,,\n", now, id
    delete sizes[id]
}

# Whom the program retains, as a list without order.
function retain(id)
{
    kept[kept_count++] = id
    kept_bytes += sizes[id]
}

function forget(    at)
{
    at = random(kept_count)
    kept_bytes -= sizes[kept[at]]
    drop(kept[at])
    kept[at] = kept[--kept_count]
}

# For `ms`, in steps of a tick: retains on the way to `target` bytes in all, and lets go of `garbage` bytes a second,
# each of which dies with the next tick. Collects every so many ms, if asked to.
function work(ms, target, garbage, every,    ticks, t, i, bytes, from)
{
    ticks = ms / TICK
    from = kept_bytes < target ? kept_bytes : target
    for (t = 1; t <= ticks; t++) {
        now += TICK * 1000000
        for (i = 0; i < young; i++)
            drop(youth[i])
        young = 0
        while (kept_bytes > target)
            forget()
        while (kept_bytes < from + (target - from) * t / ticks) {
            alloc()
            retain(last_id)
        }
        for (bytes = garbage * TICK / 1000; bytes > 0; ) {
            bytes -= alloc()
            youth[young++] = last_id
        }
        if (every && t * TICK % every == 0)
            collect()
    }
}

function idle(ms)
{
    now += ms * 1000000
}

function collect()
{
    printf "%.0f,gc,,,\n", now
}

BEGIN {
    TICK = 5
    MB = 1000000
    seed = 1
    print "t_ns,op,id,size,noscan"
    collect()
    if (variant == "grow") {
        work(1000, 100 * MB, 20 * MB)
        work(2500, 100 * MB, 200 * MB)
        work(3000, 20 * MB, 80 * MB)
        idle(10000)
        work(2000, 75 * MB, 50 * MB)
        idle(2000)
    } else if (variant == "forced") {
        work(2000, 200 * MB, 50 * MB, 250)
        work(3000, 40 * MB, 150 * MB, 200)
        collect()
        idle(10000)
        work(2000, 150 * MB, 50 * MB, 250)
        collect()
        collect()
        idle(2000)
    } else if (variant == "fragment") {
        sizes_are = "small"
        work(1000, 60 * MB, 10 * MB)
        work(2500, 60 * MB, 120 * MB)
        work(3000, 12 * MB, 50 * MB)
        idle(10000)
        work(2000, 45 * MB, 25 * MB)
        idle(2000)
    } else {
        sizes_are = "small"
        work(1500, 140 * MB, 10 * MB)
        work(500, 30 * MB, 0)
        collect()
        sizes_are = "large"
        work(2000, 110 * MB, 50 * MB)
        work(3000, 110 * MB, 150 * MB)
        work(500, 30 * MB, 0)
        collect()
        idle(8000)
    }
    printf "%.0f,end,,,\n", now
}
