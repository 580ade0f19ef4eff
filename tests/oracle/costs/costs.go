// What the steps that decide a collection's pace take in the real Go on this machine, as lines of
//
//	alloc SIZE KIND COUNT NS     allocating one object into a random place of a table of COUNT, dropping what was there
//	mark SIZE KIND COUNT NS      marking one such object, its place in the table included
//
// KIND is noscan or scan (all words may be pointers, none is). Run with GODEBUG=gctrace=1 and one P, standard error
// going to a file that is named as the argument: the clock time of marking is read from there. The least of several
// rounds counts, as whatever else runs on the machine only ever adds.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	rounds = 7
	chunk  = 1000
)

var (
	noscanSink []byte
	scanSink   []unsafe.Pointer
)

func allocate(size int, noscan bool) unsafe.Pointer {
	if noscan {
		noscanSink = make([]byte, size)
		return *(*unsafe.Pointer)(unsafe.Pointer(&noscanSink))
	}
	scanSink = make([]unsafe.Pointer, size/8)
	return *(*unsafe.Pointer)(unsafe.Pointer(&scanSink))
}

// cpu is the time that this process has had on all CPUs.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func table(count int) [][]unsafe.Pointer {
	t := make([][]unsafe.Pointer, (count+chunk-1)/chunk)
	for i := range t {
		t[i] = make([]unsafe.Pointer, chunk)
	}
	return t
}

// allocating replaces all objects in random order, on memory that has been swept but for the first round.
func allocating(t [][]unsafe.Pointer, size int, noscan bool, count int) float64 {
	best := 1e18
	for round := 0; round < rounds; round++ {
		x := uint64(round + 1)
		began := cpu()
		for i := 0; i < count; i++ {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			at := int(x % uint64(count))
			t[at/chunk][at%chunk] = allocate(size, noscan)
		}
		if took := float64((cpu() - began).Nanoseconds()) / float64(count); took < best {
			best = took
		}
		runtime.GC()
	}
	return best
}

// markTimes are the clock times of the mark phases in what Go has traced so far, ms.
func markTimes(path string) (ms []float64) {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	for _, line := range bytes.Split(text, []byte("\n")) {
		parts := bytes.Split(line, []byte("+"))
		if bytes.HasPrefix(line, []byte("gc ")) && len(parts) > 2 {
			v, err := strconv.ParseFloat(string(parts[1]), 64)
			if err != nil {
				panic(err)
			}
			ms = append(ms, v)
		}
	}
	return ms
}

func marking(path string) float64 {
	before := len(markTimes(path))
	for i := 0; i < rounds; i++ {
		runtime.GC()
	}
	best := 1e18
	for _, ms := range markTimes(path)[before:] {
		if ms < best {
			best = ms
		}
	}
	return best * 1e6
}

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	path := os.Args[1]
	idle := marking(path)
	for _, count := range []int{5000, 50000, 400000} {
		for _, size := range []int{16, 64, 256, 1024, 8192} {
			for _, noscan := range []bool{true, false} {
				if count*size > 1<<29 {
					continue
				}
				kind := map[bool]string{true: "noscan", false: "scan"}[noscan]
				t := table(count)
				for i := 0; i < count; i++ {
					t[i/chunk][i%chunk] = allocate(size, noscan)
				}
				fmt.Printf("alloc %d %s %d %.1f\n", size, kind, count, allocating(t, size, noscan, count))
				fmt.Printf("mark %d %s %d %.1f\n", size, kind, count, (marking(path)-idle)/float64(count))
				runtime.KeepAlive(t)
			}
		}
	}
}
