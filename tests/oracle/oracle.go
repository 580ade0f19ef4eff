// The oracle: executes a goheap CSV trace in the real Go runtime, and answers as `goheap replay` does.
//
//	oracle [-json FILE] [-addresses FILE] TRACE.csv
//
// The trace has the columns op, id, size and noscan, and nothing but alloc, free, dead, gc and stats in them.
//
// One P, no collections but the trace's, and nothing of its own on the Go heap while the trace runs but the table of
// live pointers: what it keeps lies in memory mapped beside it. Before the trace begins, every span that the runtime
// and this program have left half empty is filled up, so that each size class starts with a new span, as in an empty
// heap. The JSON has MemStats before the trace ("base") and at each `stats` event ("snapshots").
package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// An event of the trace. Lifetimes are numbered anew, so that the table of live pointers stays short.
type event struct {
	op     byte
	noscan bool
	slot   uint32
	size   uint64
	id     uint64
}

type trace struct {
	events []event
	slots  uint32 // lifetimes open at once, at most
	allocs int
	before int // of them before the first collection
	stats  int
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
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

type columns struct{ op, id, size, noscan int }

func findColumns(header []string) columns {
	c := columns{-1, -1, -1, -1}
	for i, name := range header {
		switch name {
		case "op":
			c.op = i
		case "id":
			c.id = i
		case "size":
			c.size = i
		case "noscan":
			c.noscan = i
		}
	}
	if c.op < 0 || c.id < 0 || c.size < 0 {
		check(fmt.Errorf("the trace has to have the columns op, id and size"))
	}
	return c
}

func number(row []string, at int) uint64 {
	if at < 0 || row[at] == "" {
		return 0
	}
	n, err := strconv.ParseUint(row[at], 10, 64)
	check(err)
	return n
}

// A reader gives each open lifetime a slot, and uses those of ended ones again.
type reader struct {
	trace
	slotOf map[uint64]uint32
	free   []uint32
}

func (r *reader) begin(e event) {
	if n := len(r.free); n > 0 {
		e.slot, r.free = r.free[n-1], r.free[:n-1]
	} else {
		e.slot = r.slots
		r.slots++
	}
	r.slotOf[e.id] = e.slot
	r.allocs++
	r.events = append(r.events, e)
}

func (r *reader) end(id uint64) {
	slot, open := r.slotOf[id]
	if !open { // it was dead before it was freed
		return
	}
	delete(r.slotOf, id)
	r.free = append(r.free, slot)
	r.events = append(r.events, event{op: 'f', slot: slot})
}

func (r *reader) add(row []string, c columns) {
	switch row[c.op] {
	case "alloc":
		r.begin(event{op: 'a', id: number(row, c.id), size: number(row, c.size),
			noscan: c.noscan < 0 || row[c.noscan] == "" || number(row, c.noscan) != 0})
	case "free", "dead":
		r.end(number(row, c.id))
	case "gc":
		if r.before < 0 {
			r.before = r.allocs
		}
		r.events = append(r.events, event{op: 'g'})
	case "stats":
		r.stats++
		r.events = append(r.events, event{op: 's'})
	}
}

func read(path string) trace {
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	rows := csv.NewReader(bufio.NewReaderSize(file, 1<<20))
	rows.ReuseRecord = true
	header, err := rows.Read()
	check(err)
	c := findColumns(header)
	r := reader{trace: trace{before: -1}, slotOf: map[uint64]uint32{}}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			if r.before < 0 {
				r.before = r.allocs
			}
			return r.trace
		}
		check(err)
		r.add(row, c)
	}
}

// --- allocating ----------------------------------------------------------------------------------------------

// What was allocated last; package-level, so that it escapes.
var (
	bytes    []byte
	pointers []unsafe.Pointer
)

func allocate(size uint64, noscan bool) unsafe.Pointer {
	if noscan {
		bytes = make([]byte, size)
		return *(*unsafe.Pointer)(unsafe.Pointer(&bytes))
	}
	pointers = make([]unsafe.Pointer, (size+7)/8)
	return *(*unsafe.Pointer)(unsafe.Pointer(&pointers))
}

// --- a heap without holes ------------------------------------------------------------------------------------

const page = 8192

// The size classes, as they have been since Go 1.16: bytes of a slot, pages of a span.
var classes = [][2]uint64{
	{8, 1}, {16, 1}, {24, 1}, {32, 1}, {48, 1}, {64, 1}, {80, 1}, {96, 1}, {112, 1}, {128, 1}, {144, 1}, {160, 1},
	{176, 1}, {192, 1}, {208, 1}, {224, 1}, {240, 1}, {256, 1}, {288, 1}, {320, 1}, {352, 1}, {384, 1}, {416, 1},
	{448, 1}, {480, 1}, {512, 1}, {576, 1}, {640, 1}, {704, 1}, {768, 1}, {896, 1}, {1024, 1}, {1152, 1}, {1280, 1},
	{1408, 2}, {1536, 1}, {1792, 2}, {2048, 1}, {2304, 2}, {2688, 1}, {3072, 3}, {3200, 2}, {3456, 3}, {4096, 1},
	{4864, 3}, {5376, 2}, {6144, 3}, {6528, 4}, {6784, 5}, {6912, 6}, {8192, 1}, {9472, 7}, {9728, 6}, {10240, 5},
	{10880, 4}, {12288, 3}, {13568, 5}, {14336, 7}, {16384, 2}, {18432, 9}, {19072, 7}, {20480, 5}, {21760, 8},
	{24576, 3}, {27264, 10}, {28672, 7}, {32768, 4},
}

// request is a size that is served by slots of so many bytes, with a header of 8 bytes before it or without.
func request(slot uint64) uint64 {
	if slot > 512 {
		return slot - 8
	}
	return slot
}

// Objects that are kept. Those with room for a pointer form a chain, so that the marker finds them one by one, and needs
// no more work buffers, which are spans, for their sake.
type kept struct {
	table []unsafe.Pointer
	chain unsafe.Pointer
}

func (k *kept) add(p unsafe.Pointer, noscan bool) {
	if noscan {
		k.table = append(k.table, p)
		return
	}
	*(*unsafe.Pointer)(p) = k.chain
	k.chain = p
}

// A run of allocations at ascending neighbouring slots, as a new span gives them.
type run struct {
	first, next, objects uint64
}

// fill allocates and keeps objects until two new spans in a row, alike, say that no span with holes was left, and then
// until the third is full. A run that begins with a page is a new span's if no other slot fits behind it, but for
// what Go 1.22 and later keep there.
func fill(slot, pages uint64, noscan bool, keep *kept) {
	var now, last run
	one := func() {
		p := allocate(request(slot), noscan)
		keep.add(p, noscan)
		at := uint64(uintptr(p))
		if slot > 512 {
			at &^= 15 // a header is no part of it
		}
		if now.objects == 0 || at != now.next || now.objects == pages*page/slot {
			last, now = now, run{first: at}
		}
		now.objects++
		now.next = at + slot
	}
	whole := func(r run) bool {
		return r.objects > 0 && r.first%page == 0 && pages*page-r.objects*slot < slot+256
	}
	for before := last; ; before = last {
		one()
		if last != before && whole(last) && whole(before) {
			break
		}
	}
	for now.objects < last.objects {
		one()
	}
}

// fillAll leaves no class with a hole, whatever the program has done before.
func fillAll(m *runtime.MemStats) *kept {
	keep := &kept{table: make([]unsafe.Pointer, 0, 1<<17)}
	runtime.ReadMemStats(m) // all spans go back to where they are shared
	for i, class := range classes {
		if i > 0 { // 8 bytes without pointers are a part of a tiny block
			fill(class[0], class[1], true, keep)
		}
		fill(class[0], class[1], false, keep)
	}
	emptySpanCache(m, keep)
	bytes, pointers = nil, nil
	return keep
}

// emptySpanCache uses up the span descriptors that the P has in reserve, each with an object that takes a span of its
// own: MemStats counts them as in use from when they are reserved, 64 at a time (mheap.go, allocMSpanLocked).
func emptySpanCache(m *runtime.MemStats, keep *kept) {
	const large, reserve = 40 << 10, 64
	runtime.ReadMemStats(m)
	for before := m.MSpanInuse; m.MSpanInuse == before; runtime.ReadMemStats(m) {
		keep.add(allocate(large, true), true)
	}
	for i := 1; i < reserve; i++ {
		keep.add(allocate(large, true), true)
	}
}

// --- executing -----------------------------------------------------------------------------------------------

// collect forces a collection, and lets the background sweeper give the marker's work buffers back before anything else
// happens: they are spans, too (mgcsweep.go, bgsweep; mgcwork.go, freeSomeWbufs).
func collect() {
	const turns = 20
	runtime.GC()
	for i := 0; i < turns; i++ {
		runtime.Gosched()
	}
}

func execute(events []event, live []unsafe.Pointer, addresses []uintptr, snapshots []runtime.MemStats) {
	stats, allocs := 0, 0
	for i := range events {
		switch e := &events[i]; e.op {
		case 'a':
			p := allocate(e.size, e.noscan)
			live[e.slot] = p
			addresses[allocs] = uintptr(p)
			allocs++
		case 'f':
			live[e.slot] = nil
		case 'g':
			bytes, pointers = nil, nil
			collect()
		case 's':
			runtime.ReadMemStats(&snapshots[stats])
			stats++
		}
	}
}

// --- answering -----------------------------------------------------------------------------------------------

// MemStats without the circular buffers, which are mostly zeros.
type memstats struct {
	runtime.MemStats
	PauseNs, PauseEnd *int `json:",omitempty"`
}

type answer struct {
	Go        string     `json:"go"`
	BeforeGC  int        `json:"before_gc"` // allocations before the first collection
	Base      memstats   `json:"base"`
	Snapshots []memstats `json:"snapshots"`
}

func writeJSON(path string, before int, base *runtime.MemStats, snapshots []runtime.MemStats) {
	a := answer{Go: runtime.Version(), BeforeGC: before, Base: memstats{MemStats: *base}}
	for i := range snapshots {
		a.Snapshots = append(a.Snapshots, memstats{MemStats: snapshots[i]})
	}
	text, err := json.MarshalIndent(a, "", " ")
	check(err)
	check(os.WriteFile(path, append(text, '\n'), 0o666))
}

func writeAddresses(path string, events []event, addresses []uintptr) {
	file, err := os.Create(path)
	check(err)
	out := bufio.NewWriterSize(file, 1<<20)
	allocs := 0
	for i := range events {
		if e := &events[i]; e.op == 'a' {
			fmt.Fprintf(out, "%d %d 0x%x\n", e.id, e.size, addresses[allocs])
			allocs++
		}
	}
	check(out.Flush())
	check(file.Close())
}

// settle collects what reading has left behind. Each collection halves stacks that have become too large. First the P's
// list of timers is made so long that the runtime's own never have to move to a longer one meanwhile.
func settle() {
	const collections, timers = 8, 16
	var stop [timers]*time.Timer
	for i := range stop {
		stop[i] = time.AfterFunc(time.Hour, func() {})
	}
	time.Sleep(50 * time.Millisecond)
	for _, timer := range stop {
		timer.Stop()
	}
	for i := 0; i < collections; i++ {
		collect()
	}
}

func main() {
	jsonPath := flag.String("json", "/dev/stdout", "where the MemStats go")
	addressPath := flag.String("addresses", "", "where `id size address` of each allocation goes")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	t := read(flag.Arg(0))
	events := unsafe.Slice((*event)(mapped(uintptr(len(t.events))*unsafe.Sizeof(event{}))), len(t.events))
	copy(events, t.events)
	t.events = nil
	snapshots := unsafe.Slice((*runtime.MemStats)(mapped(uintptr(t.stats+1)*unsafe.Sizeof(runtime.MemStats{}))), t.stats+1)
	addresses := unsafe.Slice((*uintptr)(mapped(uintptr(t.allocs+1)*8)), t.allocs+1)
	live := make([]unsafe.Pointer, t.slots)
	base := &snapshots[t.stats]
	settle()
	runtime.ReadMemStats(base)
	keep := fillAll(base)
	runtime.ReadMemStats(base)
	runtime.ReadMemStats(base)
	execute(events, live, addresses, snapshots)
	runtime.KeepAlive(live)
	runtime.KeepAlive(keep)
	debug.SetGCPercent(100)
	writeJSON(*jsonPath, t.before, base, snapshots[:t.stats])
	if *addressPath != "" {
		writeAddresses(*addressPath, events, addresses)
	}
}
