#!/usr/bin/env python3
"""The heap that a Go program's own runtime saw beside the heap of its replay.

    go_trace_heap.py ROWS HEAP    ROWS: what `goheap convert` made of the trace; HEAP: heap.csv of its replay

At each moment at which the runtime said how much lives in its heap, from 4 MB on: by how much the replay's heap, a
straight line between two points of its curve, is off. Prints the mean and the 95th percentile of that, in percent, and
fails if the latter is above 5.
"""
import bisect
import csv
import sys

LEAST = 4_000_000


def column(rows, name):
    return [int(row[name]) for row in rows]


def main():
    with open(sys.argv[2], newline='', encoding='utf-8') as file:
        curve = list(csv.DictReader(file))
    times, heap = column(curve, 't_ns'), column(curve, 'heap_live_bytes')
    off = []
    with open(sys.argv[1], newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            if row['op'] != 'heaplive' or int(row['size']) < LEAST:
                continue
            time = int(row['t_ns'])
            i = max(bisect.bisect_right(times, time) - 1, 0)
            j = min(i + 1, len(times) - 1)
            part = (time - times[i]) / (times[j] - times[i]) if times[j] > times[i] else 0
            off.append(abs((heap[i] + (heap[j] - heap[i]) * part) / int(row['size']) - 1))
    off.sort()
    print(f'{len(off)} moments: off by {100 * sum(off) / len(off):.2f} % on average, '
          f'95 of 100 by at most {100 * off[len(off) * 95 // 100]:.2f} %')
    sys.exit(off[len(off) * 95 // 100] > 0.05)


main()
