// The oracle: executes a goheap CSV trace in the real Go runtime and prints what MemStats says at each `stats`
// event, as differences to its values before the trace began.
//
//	test_conformance --trace mixed >mixed.csv && oracle mixed.csv >go1.19/mixed.txt
//
// One P, no collections but the trace's, and nothing of its own on the Go heap while the trace runs but the
// table of live pointers: what it keeps lies in memory mapped beside it. Columns are found by position:
// op,id,size,noscan.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

type event struct {
	op     byte
	noscan bool
	id     uint32
	size   uint32
}

// What was allocated last; package-level, so that it escapes.
var (
	bytes    []byte
	pointers []unsafe.Pointer
)

func mapped(n uintptr) unsafe.Pointer {
	b, err := syscall.Mmap(-1, 0, int(n)+1, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	return unsafe.Pointer(&b[0])
}

func number(text string) uint32 {
	n, _ := strconv.Atoi(text)
	return uint32(n)
}

func read(path string) (events []event, ids, stats int) {
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Scan() // the header
	for lines.Scan() {
		field := strings.Split(lines.Text(), ",")
		e := event{op: field[0][0], id: number(field[1]), size: number(field[2]), noscan: field[3] != "0"}
		if int(e.id) >= ids {
			ids = int(e.id) + 1
		}
		if e.op == 's' {
			stats++
		}
		events = append(events, e)
	}
	return events, ids, stats
}

func allocate(e *event) unsafe.Pointer {
	if e.noscan {
		bytes = make([]byte, e.size)
		return *(*unsafe.Pointer)(unsafe.Pointer(&bytes))
	}
	pointers = make([]unsafe.Pointer, e.size/8)
	return *(*unsafe.Pointer)(unsafe.Pointer(&pointers))
}

func execute(events []event, live []unsafe.Pointer, snapshots []runtime.MemStats) {
	at := 0
	for i := range events {
		switch e := &events[i]; e.op {
		case 'a':
			live[e.id] = allocate(e)
		case 'f':
			live[e.id] = nil
		case 'g':
			bytes, pointers = nil, nil
			runtime.GC()
		case 's':
			runtime.ReadMemStats(&snapshots[at])
			at++
		}
	}
}

func print(base, m *runtime.MemStats) {
	fmt.Println("stats", m.Mallocs-base.Mallocs, m.Frees-base.Frees, m.TotalAlloc-base.TotalAlloc,
		int64(m.HeapAlloc-base.HeapAlloc), int64(m.HeapObjects-base.HeapObjects))
	for i := range m.BySize {
		b, s := &base.BySize[i], &m.BySize[i]
		if s.Mallocs != b.Mallocs || s.Frees != b.Frees {
			fmt.Println("size", s.Size, s.Mallocs-b.Mallocs, s.Frees-b.Frees)
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	parsed, ids, stats := read(os.Args[1])
	events := unsafe.Slice((*event)(mapped(uintptr(len(parsed))*unsafe.Sizeof(event{}))), len(parsed))
	copy(events, parsed)
	parsed = nil
	snapshots := unsafe.Slice((*runtime.MemStats)(mapped(uintptr(stats+2)*unsafe.Sizeof(runtime.MemStats{}))), stats+2)
	live := make([]unsafe.Pointer, ids)
	runtime.GC()
	runtime.GC()
	time.Sleep(50 * time.Millisecond)
	base := &snapshots[stats+1]
	runtime.ReadMemStats(&snapshots[stats])
	runtime.ReadMemStats(base)
	execute(events, live, snapshots)
	for i := 0; i < stats; i++ {
		print(base, &snapshots[i])
	}
	runtime.KeepAlive(live)
}
