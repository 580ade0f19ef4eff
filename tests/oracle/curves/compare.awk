# How far two courses of a heap are apart: the real one's CSV first (curves.go), then the simulated one's (heap.csv).
# Both are read as steps: a value holds until the next row. Peaks are looked for in all rows, areas on a grid of 10 ms.

FNR == 1 {
    file++
    for (i = 1; i <= NF; i++)
        column[file, $i] = i
    released = file == 1 ? "heap_released_bytes" : "released_bytes"
    next
}

{
    n = ++rows[file]
    time[file, n] = $column[file, "t_ns"]
    value[file, n, "HeapSys"] = $column[file, "heap_sys_bytes"]
    value[file, n, "HeapReleased"] = $column[file, released]
    note("HeapSys")
    note("HeapReleased")
}

function note(name)
{
    if (value[file, n, name] > peak[file, name])
        peak[file, name] = value[file, n, name]
}

# The peaks of the other real runs, lowest and highest.
function spread(name, field,    list, count, i, line, parts, max, low, high)
{
    count = split(runs, list, " ")
    for (i = 1; i <= count; i++) {
        max = 0
        while ((getline line < list[i]) > 0) {
            split(line, parts, ",")
            if (parts[field] + 0 > max)
                max = parts[field] + 0
        }
        close(list[i])
        low = i == 1 || max < low ? max : low
        high = max > high ? max : high
    }
    return sprintf("%.1f-%.1f", low / 1e6, high / 1e6)
}

function area(name,    t, end, at, f, under, between)
{
    end = time[1, rows[1]] < time[2, rows[2]] ? time[1, rows[1]] : time[2, rows[2]]
    at[1] = at[2] = 1
    for (t = time[1, 1]; t <= end; t += 1e7) {
        for (f = 1; f <= 2; f++)
            while (at[f] < rows[f] && time[f, at[f] + 1] <= t)
                at[f]++
        under += value[1, at[1], name]
        between += value[1, at[1], name] > value[2, at[2], name] ? value[1, at[1], name] - value[2, at[2], name] \
            : value[2, at[2], name] - value[1, at[1], name]
    }
    return under ? 100 * between / under : 0
}

function report(name, field)
{
    printf "%-9s %-10s %-13s real %6.1f MB (%s)  simulated %6.1f MB  %+5.1f %%  area %4.1f %%\n", program, version, name,
        peak[1, name] / 1e6, spread(name, field), peak[2, name] / 1e6,
        peak[1, name] ? 100 * (peak[2, name] / peak[1, name] - 1) : 0, area(name)
}

END {
    report("HeapSys", 2)
    report("HeapReleased", 4)
}
