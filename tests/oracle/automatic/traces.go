// The traces that automatic mode is compared over: deterministic, each one shape of a heap.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

// A shape says what the next object is, how many objects should live at each point of the trace (0 to 1), and how many
// of a hundred that die are among the last thousand.
type shape struct {
	size  func(r *random) (bytes uint64, noscan bool)
	live  func(at float64) int
	young uint64
}

type random uint64

func (r *random) next() uint64 {
	x := uint64(*r)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*r = random(x)
	return x * 0x2545f4914f6cdd1d
}

func (r *random) below(n uint64) uint64 {
	return (r.next() >> 11) % n
}

// upTo is 2^k or more with equal chances for each k, first to last.
func (r *random) upTo(first, last uint64) uint64 {
	k := first + r.below(last-first)
	return 1<<k + r.below(1<<k)
}

func always(n int) func(float64) int {
	return func(float64) int { return n }
}

func mixed(r *random) (uint64, bool) {
	return r.upTo(3, 11), r.below(2) == 0
}

var shapes = map[string]shape{
	"steady":  {size: mixed, live: always(60000)},
	"young":   {size: mixed, live: always(80000), young: 90},
	"growing": {size: mixed, live: func(at float64) int { return 5000 + int(at*195000) }},
	"sawtooth": {size: mixed, live: func(at float64) int {
		phase := at*8 - float64(int(at*8))
		return 8000 + int(phase*120000)
	}},
	"pointers": {size: func(r *random) (uint64, bool) { return r.upTo(4, 9), r.below(20) == 0 }, live: always(150000)},
	"noscan":   {size: func(r *random) (uint64, bool) { return r.upTo(5, 13), r.below(50) != 0 }, live: always(30000)},
	"tiny": {size: func(r *random) (uint64, bool) {
		if r.below(10) < 7 {
			return 1 + r.below(15), true
		}
		return mixed(r)
	}, live: always(150000)},
	"large": {size: func(r *random) (uint64, bool) {
		if r.below(200) == 0 {
			return r.upTo(15, 18), r.below(2) == 0
		}
		return mixed(r)
	}, live: always(30000)},
	"small": {size: func(r *random) (uint64, bool) { return 8 + r.below(400), r.below(3) != 0 }, live: always(9000)},
	"cache": {size: func(r *random) (uint64, bool) {
		switch k := r.below(1000); {
		case k < 3:
			return 10000 + r.below(50000), false
		case k < 200:
			return 64, false
		}
		return 100 + r.below(900), true
	}, live: always(25000)},
}

type writer struct {
	*bufio.Writer
	line []byte
	left int
}

func (w *writer) alloc(id, size uint64, noscan bool) {
	w.line = append(w.line[:0], "alloc,"...)
	w.line = strconv.AppendUint(w.line, id, 10)
	w.line = append(w.line, ',')
	w.line = strconv.AppendUint(w.line, size, 10)
	if noscan {
		w.line = append(w.line, ",1\n"...)
	} else {
		w.line = append(w.line, ",0\n"...)
	}
	w.Write(w.line)
	w.left--
}

func (w *writer) free(id uint64) {
	w.line = append(w.line[:0], "free,"...)
	w.line = strconv.AppendUint(w.line, id, 10)
	w.line = append(w.line, ",,\n"...)
	w.Write(w.line)
	w.left--
}

// dying is the index of the object that is to die next, of n in the order of their allocation, more or less.
func (s *shape) dying(r *random, n uint64) uint64 {
	if s.young > 0 && r.below(100) < s.young {
		last := n
		if last > 1000 {
			last = 1000
		}
		return n - 1 - r.below(last)
	}
	return r.below(n)
}

// generate replaces random objects, and adds or drops some where the shape wants more or fewer.
func generate(name string, events int) {
	s, ok := shapes[name]
	if !ok {
		check(fmt.Errorf("there is no trace %q", name))
	}
	r := random(0x9e3779b97f4a7c15)
	w := writer{Writer: bufio.NewWriterSize(os.Stdout, 1<<20), left: events}
	w.WriteString("op,id,size,noscan\n")
	var live []uint64
	for id := uint64(1); w.left > 1; id++ {
		want := s.live(float64(events-w.left) / float64(events))
		for len(live) >= want && w.left > 1 {
			i := s.dying(&r, uint64(len(live)))
			w.free(live[i])
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
		}
		size, noscan := s.size(&r)
		w.alloc(id, size, noscan)
		live = append(live, id)
	}
	check(w.Flush())
}
