// The real collector in automatic mode: executes the alloc and free events of a goheap CSV trace in one goroutine, writes
// to what it allocates, and says how often Go collected, and what its heap goals were.
//
//	automatic [-p N] TRACE.csv             GOGC, GOMEMLIMIT and GODEBUG are the environment's
//	automatic -generate NAME -events N     a trace, see traces.go
//
// The events lie in memory mapped beside the Go heap. On it are the trace's objects, the table of live ones, whose size
// is answered as table_bytes, and the runtime's own, base_bytes. The answer is a line of JSON. Cycles and goals are read
// every 1,000 events, without stopping the world.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"
	"unsafe"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "automatic:", err)
		os.Exit(1)
	}
}

// mapped returns n zeroed bytes that the garbage collector knows nothing of.
func mapped(n int) unsafe.Pointer {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	check(err)
	return unsafe.Pointer(&b[0])
}

// --- reading -------------------------------------------------------------------------------------------------

// An event: a slot of the table of live objects; for an allocation, its size and what it holds.
type event struct {
	what uint64 // bytes, or one of the flags
	slot uint32
}

const (
	noscan   = 1 << 62
	free     = 1 << 63
	sizeMask = noscan - 1
)

const maxIDs = 1 << 28

type trace struct {
	events []event
	slots  uint32 // open lifetimes, at most
}

// A reader gives each open lifetime a slot, and uses those of ended ones again.
type reader struct {
	text   []byte
	at     int
	slotOf []uint32 // by id; slot + 1
	spare  []uint32
	spares int
	trace
}

// row splits a line into up to len(fields) fields; false at the end.
func (r *reader) row(fields [][]byte) bool {
	if r.at >= len(r.text) {
		return false
	}
	begin, n := r.at, 0
	for ; r.at < len(r.text) && r.text[r.at] != '\n'; r.at++ {
		if r.text[r.at] == ',' {
			fields[n] = r.text[begin:r.at]
			begin, n = r.at+1, n+1
		}
	}
	fields[n] = r.text[begin:r.at]
	r.at++
	return true
}

func number(text []byte) uint64 {
	n := uint64(0)
	for _, c := range text {
		n = n*10 + uint64(c-'0')
	}
	return n
}

func (r *reader) begin(id, what uint64) {
	slot := r.slots
	if r.spares > 0 {
		r.spares--
		slot = r.spare[r.spares]
	} else {
		r.slots++
	}
	r.slotOf[id] = slot + 1
	r.events = append(r.events, event{what, slot})
}

func (r *reader) end(id uint64) {
	slot := r.slotOf[id] - 1
	r.spare[r.spares] = slot
	r.spares++
	r.events = append(r.events, event{free, slot})
}

func read(path string) trace {
	file, err := os.Open(path)
	check(err)
	info, err := file.Stat()
	check(err)
	text, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	check(err)
	r := reader{text: text}
	r.slotOf = unsafe.Slice((*uint32)(mapped(maxIDs*4)), maxIDs)
	r.spare = unsafe.Slice((*uint32)(mapped(maxIDs*4)), maxIDs)
	var fields [16][]byte
	r.row(fields[:])
	rows := int(info.Size()) / 8 // at least: no row is shorter
	r.events = unsafe.Slice((*event)(mapped(rows*int(unsafe.Sizeof(event{})))), rows)[:0]
	op, id, size, kind := -1, -1, -1, -1
	for i := range fields {
		switch string(fields[i]) {
		case "op":
			op = i
		case "id":
			id = i
		case "size":
			size = i
		case "noscan":
			kind = i
		}
	}
	if op < 0 || id < 0 || size < 0 || kind < 0 {
		check(fmt.Errorf("the trace has to have the columns op, id, size and noscan"))
	}
	for r.row(fields[:]) {
		if n := number(fields[id]); n >= maxIDs {
			check(fmt.Errorf("ids have to be below %d", maxIDs))
		} else if fields[op][0] == 'a' {
			what := number(fields[size])
			if len(fields[kind]) == 0 || fields[kind][0] == '1' {
				what |= noscan
			}
			r.begin(n, what)
		} else if fields[op][0] == 'f' {
			r.end(n)
		}
	}
	check(syscall.Munmap(text))
	return r.trace
}

// --- executing -----------------------------------------------------------------------------------------------

// What was allocated last; package-level, so that it escapes.
var (
	bytes    []byte
	pointers []unsafe.Pointer
)

// What the OS backs a heap with. Larger pages would only be written to more than once.
const page = 4096

// allocate writes to each page of the object, as the program that the trace is of would have: fresh memory is backed by
// whoever writes to it first, and neither the runtime nor the collector need.
func allocate(what uint64) unsafe.Pointer {
	var object unsafe.Pointer
	if what&noscan != 0 {
		bytes = make([]byte, what&sizeMask)
		object = *(*unsafe.Pointer)(unsafe.Pointer(&bytes))
	} else {
		pointers = make([]unsafe.Pointer, (what+7)/8)
		object = *(*unsafe.Pointer)(unsafe.Pointer(&pointers))
	}
	for at := uint64(0); at < what&sizeMask; at += page {
		*(*byte)(unsafe.Add(object, at)) = 0
	}
	return object
}

const pollEvery = 1000

// The goals of a run's cycles, as they were when each was over.
type course struct {
	sample []metrics.Sample
	cycles uint64
	goals  []uint64
}

func (c *course) poll() {
	metrics.Read(c.sample)
	if n := c.sample[0].Value.Uint64(); n != c.cycles {
		c.cycles = n
		c.goals = append(c.goals, c.sample[1].Value.Uint64())
	}
}

func execute(events []event, live []unsafe.Pointer, c *course) {
	for i := range events {
		if e := &events[i]; e.what&free == 0 {
			live[e.slot] = allocate(e.what)
		} else {
			live[e.slot] = nil
		}
		if i%pollEvery == 0 {
			c.poll()
		}
	}
	c.poll()
}

func mean(values []uint64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}

func replay(path string, ps int) {
	t := read(path)
	live := make([]unsafe.Pointer, t.slots)
	c := course{goals: unsafe.Slice((*uint64)(mapped(1<<23)), 1<<20)[:0]}
	c.sample = []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/goal:bytes"}}
	runtime.GOMAXPROCS(ps)
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	table := uint64(len(live)) * 8
	c.poll()
	before := c.cycles
	c.goals = c.goals[:0]
	began := time.Now()
	execute(t.events, live, &c)
	took := time.Since(began)
	runtime.KeepAlive(live)
	fmt.Printf(`{"go": "%s", "ps": %d, "events": %d, "ns": %d, "table_bytes": %d, "base_bytes": %d, "cycles": %d, `+
		`"next_gc": %.0f, "goals": [`, runtime.Version(), ps, len(t.events), took.Nanoseconds(), table,
		m.HeapAlloc-table, c.cycles-before, mean(c.goals))
	for i, goal := range c.goals {
		if i > 0 {
			fmt.Print(", ")
		}
		fmt.Print(goal)
	}
	fmt.Println("]}")
}

func main() {
	ps := flag.Int("p", 1, "GOMAXPROCS")
	name := flag.String("generate", "", "write this trace to stdout instead")
	events := flag.Int("events", 10000000, "of the trace to write")
	flag.Parse()
	if *name != "" {
		generate(*name, *events)
	} else {
		replay(flag.Arg(0), *ps)
	}
}
