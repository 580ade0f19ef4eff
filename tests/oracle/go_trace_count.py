#!/usr/bin/env python3
"""Counts what is in a Go execution trace with allocation events, apart from the importer and in the plainest way.

    go_trace_count.py TRACE                  from the trace's own bytes
    go_trace_count.py --rows ROWS SLOT_ROWS  from what `goheap convert` made of it: CSV by --death=sweep, and the same
                                             by --size=slot too

Both print the same lines if the importer is right: a name and a number each. Events are merged by time alone, and an M
has the P that it was last seen with.
"""
import collections
import csv
import heapq
import sys

# How many numbers follow an opcode, its time included (Go's internal/trace/tracev2/events.go).
NUMBERS = dict(zip(range(9, 49), [
    3, 3, 1, 4, 3, 4, 2, 3, 1, 1, 3, 3, 4, 3, 1, 1, 4, 3, 1, 2, 3, 2, 2, 2, 3, 2, 2, 1, 2, 2, 2, 5, 3, 4, 4, 5, 3, 3, 4,
    5]))
NUMBERS.update(zip(range(128, 137), [4, 4, 2, 3, 3, 2, 3, 3, 2]))
TABLES = (2, 4, 6, 8, 50)
SIZES = [0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384,
         416, 448, 480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072,
         3200, 3456, 4096, 4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336,
         16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768]


def number(data, at):
    value = shift = 0
    while data[at] >= 0x80:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
    return value | data[at] << shift, at + 1


def generations(data):
    """The batches of events of each generation: {M: [(time, payload)]}."""
    at, current, ms = 16, None, {}
    while at < len(data):
        kind = data[at]
        at += 1
        if kind == 52:
            continue
        at += kind == 49
        generation, at = number(data, at)
        m, at = number(data, at)
        time, at = number(data, at)
        size, at = number(data, at)
        if generation != current:
            if ms:
                yield ms
            current, ms = generation, {}
        if kind == 1 and size > 0 and data[at] not in TABLES:
            ms.setdefault(m, []).append((time, data[at:at + size]))
        at += size
    if ms:
        yield ms


def events(m, batches):
    """(a time that never decreases, M, opcode, arguments) of one M, in its order."""
    latest = 0
    for time, data in batches:
        at = 0
        while at < len(data):
            op = data[at]
            delta, at = number(data, at + 1)
            arguments = []
            for _ in range(NUMBERS[op] - 1):
                value, at = number(data, at)
                arguments.append(value)
            time += delta
            latest = max(latest, time)
            yield latest, m, op, arguments


class Heap:
    """Spans by page, and how many objects are in each slot."""

    def __init__(self):
        self.spans = {}
        self.slots = {}
        self.count = collections.Counter()

    def add_span(self, page, pages, kind_class):
        if kind_class & 1:
            return
        slot = SIZES[kind_class >> 2] or pages * 8192
        for i in range(pages):
            self.spans[page + i] = (page, pages, slot, kind_class >> 1)

    def free_span(self, page):
        if page in self.spans and self.spans[page][0] == page:
            for i in range(self.spans[page][1]):
                del self.spans[page + i]

    def place(self, word):
        first, _, slot, span_class = self.spans[word // 1024]
        return first * 8192 + (word * 8 - first * 8192) // slot * slot, slot, span_class

    def alloc(self, word, p):
        address, slot, span_class = self.place(word)
        self.count['allocations'] += 1
        self.count[f'allocations on P {p}'] += 1
        there = self.slots.get(address, 0)
        if there and span_class == 5:  # tiny objects: size class 2, no pointers
            self.count['in a tiny block with others'] += 1
        else:
            self.count[f'slots of {slot} bytes'] += 1
            self.count['impossible'] += there
        self.slots[address] = there + 1

    def free(self, word):
        address = self.place(word)[0]
        self.count['impossible'] += address not in self.slots
        self.count['frees'] += self.slots.pop(address, 0)


RUNTIME = {9: 'procs', 29: 'gcbegin', 30: 'gcend', 37: 'heaplive', 38: 'heapgoal', 134: 'stackalloc', 135: 'stackalloc'}


def count_trace(path):
    with open(path, 'rb') as file:
        data = file.read()
    heap, p_of, marking = Heap(), {}, False
    for ms in generations(data):
        streams = [events(m, batches) for m, batches in ms.items()]
        for _, m, op, arg in heapq.merge(*streams, key=lambda event: event[0]):
            if op == 10 or (op == 13 and arg[1] in (1, 3)):
                p_of[m] = arg[0]
            elif op in (128, 129):
                heap.add_span(*arg)
            elif op == 130:
                heap.free_span(arg[0])
            elif op in (131, 132):
                heap.alloc(arg[0], p_of[m])
            elif op == 133:
                heap.free(arg[0])
            if op == 28 and not marking:  # the trace begins in a collection
                heap.count['gcbegin'] += 1
            marking = (marking or op in (28, 29)) and op != 30
            if op in RUNTIME:
                heap.count[RUNTIME[op]] += 1
    return heap.count


def count_rows(path, slot_path):
    count = collections.Counter()
    with open(path, newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            if row['op'] == 'alloc':
                count['allocations'] += 1
                count[f"allocations on P {row['p']}"] += 1
            elif row['op'] == 'free':
                count['frees'] += 1
            elif row['op'] in RUNTIME.values():
                count[row['op']] += 1
    count['in a tiny block with others'] = count['allocations']
    with open(slot_path, newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            if row['op'] == 'alloc':
                count['in a tiny block with others'] -= 1
                count[f"slots of {row['size']} bytes"] += 1
    return count


def main():
    count = count_rows(*sys.argv[2:]) if sys.argv[1] == '--rows' else count_trace(sys.argv[1])
    for name in sorted(count):
        if count[name] > 0:
            print(name, count[name])


main()
