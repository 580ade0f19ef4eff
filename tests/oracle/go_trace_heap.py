#!/usr/bin/env python3
"""The heap that a Go program's own runtime saw beside the heap of its replay, whose cycles are the recorded ones.

    go_trace_heap.py ROWS DIRECTORY    ROWS: what `goheap convert` made of the trace; DIRECTORY: what its replay with
                                       --set gc=recorded wrote

For each cycle: what was live as it began, what it left, the goal that it set; at the end of the trace: the goal. Fails
if one of them is more than 5 % off, or if there are not as many cycles.

And at each moment at which the runtime said how much was live, from 4 MB on: by how much the replay's heap, a straight
line between two points of its curve, is off. Fails if that is above 5 % at more than 5 of 100 moments: the runtime
counts a large object before it is cleared and tells of its allocation after that, and a trace that begins just after a
collection says nothing of it, so that what is cached by then counts as live in the replay.
"""
import bisect
import csv
import json
import os
import sys

MOST, LEAST = 0.05, 4_000_000
NONE = 1 << 62  # bytes: from here on a goal is none, of which later Gos say 0


def recorded(path):
    """What the runtime said: [what each cycle did], [(time, live)], the last goal."""
    cycles, live, goal = [], [], NONE
    latest = ended = None
    with open(path, newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            if row['op'] == 'heaplive':
                latest = int(row['size'])
                live.append((int(row['t_ns']), latest))
            elif row['op'] == 'gcbegin':
                cycles.append({} if latest is None else {'heap_start_bytes': latest})
            elif row['op'] == 'gcend':
                ended = cycles[-1]
                ended['heap_marked_bytes'] = latest
            elif row['op'] == 'heapgoal':
                goal = int(row['size']) or NONE
                if ended is not None:
                    ended['next_goal_bytes'] = goal
                ended = None
    return cycles, live, goal


def off(said, replayed):
    return 0 if said >= NONE and replayed >= NONE else abs(replayed / said - 1)


def off_at_moments(live, path):
    """By how much the curve in this file is off, in ascending order."""
    with open(path, newline='', encoding='utf-8') as file:
        curve = list(csv.DictReader(file))
    times, heap = ([int(point[name]) for point in curve] for name in ('t_ns', 'heap_live_bytes'))
    result = []
    for time, said in live:
        if said < LEAST:
            continue
        i = max(bisect.bisect_right(times, time) - 1, 0)
        j = min(i + 1, len(times) - 1)
        part = (time - times[i]) / (times[j] - times[i]) if times[j] > times[i] else 0
        result.append(off(said, heap[i] + (heap[j] - heap[i]) * part))
    return sorted(result)


def main():
    cycles, live, goal = recorded(sys.argv[1])
    with open(os.path.join(sys.argv[2], 'run.json'), encoding='utf-8') as file:
        gc = json.load(file)['gc']
    bad = len(cycles) != len(gc['records'])
    print(f"{len(cycles)} cycles, {len(gc['records'])} in the replay")
    pairs = [(f"cycle {i + 1}", name, said, replayed[name])
             for i, (cycle, replayed) in enumerate(zip(cycles, gc['records'])) for name, said in cycle.items()]
    for where, name, said, replayed in pairs + [('end', 'next_goal_bytes', goal, gc['next_goal_bytes'])]:
        print(f'{where}: {name} {said}, replayed {replayed}: off by {100 * off(said, replayed):.2f} %')
        bad |= off(said, replayed) > MOST
    moments = off_at_moments(live, os.path.join(sys.argv[2], 'heap.csv'))
    usual = moments[len(moments) * 95 // 100]
    print(f'{len(moments)} moments: off by {100 * sum(moments) / len(moments):.2f} % on average, 95 of 100 by at most '
          f'{100 * usual:.2f} %, at most {100 * moments[-1]:.2f} %')
    sys.exit(bad or usual > MOST)


main()
