// Executes a goheap CSV trace with times in the real Go runtime, and says what its heap was like meanwhile.
//
//	curves [-procs N] [-every 50ms] TRACE.csv > CURVES.csv
//
// Each event happens at its time or as soon after it as the program gets there. The collector and the scavenger do what
// they do; GOGC and GOMEMLIMIT come from the environment. What the program keeps for itself lies in memory mapped
// beside the heap, but for the table of live pointers: 8 bytes an object. Objects are touched, a byte a page, as those
// of a program that uses them are. The samples come from runtime/metrics, which neither stops the world nor allocates.
//
// A row a sample: t_ns from the start of the trace, and the runtime's totals in bytes under MemStats' names.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

type event struct {
	at     int64 // ns
	size   uint64
	slot   uint32
	op     byte // the first letter of the trace's
	noscan bool
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "curves:", err)
		os.Exit(1)
	}
}

// mapped returns n bytes that the garbage collector knows nothing of.
func mapped(n uintptr) unsafe.Pointer {
	b, err := syscall.Mmap(-1, 0, int(n)+1, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	check(err)
	return unsafe.Pointer(&b[0])
}

// --- reading -------------------------------------------------------------------------------------------------

// The trace, mapped; reading it must not leave a heap behind that is larger than the runtime's own.
type reader struct {
	text    []byte
	columns map[string]int
	fields  [16][]byte // of the current row
}

func open(path string) *reader {
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	info, err := file.Stat()
	check(err)
	text, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	check(err)
	r := &reader{text: text, columns: map[string]int{}}
	r.row()
	for i, name := range r.fields {
		if name != nil {
			r.columns[string(name)] = i
		}
	}
	return r
}

// row splits the next line, without quotes; false at the end.
func (r *reader) row() bool {
	if len(r.text) == 0 {
		return false
	}
	n, begin, i := 0, 0, 0
	for ; i < len(r.text) && r.text[i] != '\n'; i++ {
		if r.text[i] == ',' {
			r.fields[n] = r.text[begin:i]
			n, begin = n+1, i+1
		}
	}
	r.fields[n] = r.text[begin:i]
	r.text = r.text[min(i+1, len(r.text)):]
	return true
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func (r *reader) number(column string, absent uint64) uint64 {
	at, ok := r.columns[column]
	if !ok || len(r.fields[at]) == 0 {
		return absent
	}
	n := uint64(0)
	for _, digit := range r.fields[at] {
		n = n*10 + uint64(digit-'0')
	}
	return n
}

// size returns the number of rows and the highest id.
func size(path string) (rows, ids uint64) {
	for r := open(path); r.row(); rows++ {
		if id := r.number("id", 0); id > ids {
			ids = id
		}
	}
	return rows, ids
}

// read gives lifetimes new numbers, so that the table of live pointers stays short.
func read(path string) (events []event, slots uint32) {
	rows, ids := size(path)
	events = unsafe.Slice((*event)(mapped(uintptr(rows)*unsafe.Sizeof(event{}))), rows)
	slotOf := unsafe.Slice((*uint32)(mapped(uintptr(ids+1)*4)), ids+1)
	free := unsafe.Slice((*uint32)(mapped(uintptr(ids+1)*4)), ids+1)[:0]
	r := open(path)
	for i := range events {
		r.row()
		e := &events[i]
		*e = event{op: r.fields[r.columns["op"]][0], at: int64(r.number("t_ns", 0)), size: r.number("size", 0),
			noscan: r.number("noscan", 1) != 0}
		id := r.number("id", 0)
		switch e.op {
		case 'a':
			e.slot = slots
			if n := len(free); n > 0 {
				e.slot, free = free[n-1], free[:n-1]
			} else {
				slots++
			}
			slotOf[id] = e.slot
		case 'f':
			e.slot = slotOf[id]
			free = append(free, e.slot)
		}
	}
	return events, slots
}

// --- sampling ------------------------------------------------------------------------------------------------

var read0 = []metrics.Sample{
	{Name: "/memory/classes/heap/objects:bytes"},
	{Name: "/memory/classes/heap/unused:bytes"},
	{Name: "/memory/classes/heap/free:bytes"},
	{Name: "/memory/classes/heap/released:bytes"},
	{Name: "/memory/classes/heap/stacks:bytes"},
	{Name: "/memory/classes/total:bytes"},
	{Name: "/gc/heap/goal:bytes"},
	{Name: "/gc/cycles/total:gc-cycles"},
}

const heading = "t_ns,heap_sys_bytes,heap_idle_bytes,heap_released_bytes,heap_inuse_bytes,heap_alloc_bytes," +
	"stack_inuse_bytes,sys_bytes,next_gc_bytes,num_gc"

type sample [10]uint64

// MemStats' figures in the words of runtime/metrics, whose package says which is which.
func take(t int64) sample {
	metrics.Read(read0)
	at := func(i int) uint64 { return read0[i].Value.Uint64() }
	inuse, idle := at(0)+at(1), at(2)+at(3)
	return sample{uint64(t), inuse + idle, idle, at(3), inuse, at(0), at(4), at(5), at(6), at(7)}
}

type series struct {
	samples []sample // mapped, as many as will ever be
	begin   time.Time
	every   time.Duration
	next    time.Duration
}

// look samples if it is time to.
func (s *series) look() time.Duration {
	now := time.Since(s.begin)
	if now >= s.next && len(s.samples) < cap(s.samples) {
		s.samples = append(s.samples, take(int64(now)))
		s.next = now + s.every
	}
	return now
}

// until sleeps, but for samples.
func (s *series) until(t time.Duration) {
	for now := s.look(); now < t; now = s.look() {
		if t < s.next {
			time.Sleep(t - now)
		} else {
			time.Sleep(s.next - now)
		}
	}
}

// --- executing -----------------------------------------------------------------------------------------------

const page = 4096

// What was allocated last; package-level, so that it escapes.
var (
	bytes    []byte
	pointers []unsafe.Pointer
)

func allocate(size uint64, noscan bool) unsafe.Pointer {
	var p unsafe.Pointer
	if noscan {
		bytes = make([]byte, size)
		p = *(*unsafe.Pointer)(unsafe.Pointer(&bytes))
	} else {
		pointers = make([]unsafe.Pointer, (size+7)/8)
		p = *(*unsafe.Pointer)(unsafe.Pointer(&pointers))
	}
	for at := uint64(0); at < size; at += page {
		*(*byte)(unsafe.Add(p, at)) = 0
	}
	return p
}

func execute(events []event, live []unsafe.Pointer, s *series) {
	for i := range events {
		e := &events[i]
		s.until(time.Duration(e.at))
		switch e.op {
		case 'a':
			live[e.slot] = allocate(e.size, e.noscan)
		case 'f':
			live[e.slot] = nil
		case 'g':
			bytes, pointers = nil, nil
			runtime.GC()
		}
	}
}

func main() {
	procs := flag.Int("procs", 1, "GOMAXPROCS")
	every := flag.Duration("every", 50*time.Millisecond, "between samples")
	flag.Parse()
	runtime.GOMAXPROCS(*procs)
	gogc := debug.SetGCPercent(-1)
	events, slots := read(flag.Arg(0))
	length := time.Duration(events[len(events)-1].at)
	room := int(length / *every)*2 + 1024
	samples := unsafe.Slice((*sample)(mapped(uintptr(room)*unsafe.Sizeof(sample{}))), room)
	live := make([]unsafe.Pointer, slots)
	debug.SetGCPercent(gogc)
	s := &series{samples: samples[:0], every: *every}
	take(0)
	s.begin = time.Now()
	execute(events, live, s)
	s.next = 0
	s.look()
	runtime.KeepAlive(live)
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, heading)
	for _, row := range s.samples {
		for i, value := range row {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteString(strconv.FormatUint(value, 10))
		}
		out.WriteByte('\n')
	}
	check(out.Flush())
}
