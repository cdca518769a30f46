// Writes profiles of itself into the folder that its argument names: cpu.prof, and heap profiles
// before and after it grew.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
)

var kept [][]byte
var texts []string

func keep(n int) {
	for i := 0; i < n; i++ {
		kept = append(kept, make([]byte, 100+i%4000))
	}
}

func recurse(depth int) {
	if depth == 0 {
		keep(500)
		return
	}
	recurse(depth - 1)
}

func concatenate(n int) {
	s := ""
	for i := 0; i < n; i++ {
		s += fmt.Sprint(i)
	}
	texts = append(texts, s)
}

func spin() (sum int) {
	for i := 0; i < 300000000; i++ {
		sum += i * i % 7
	}
	return sum
}

func allocate(times, depth int) {
	for i := 0; i < times; i++ {
		keep(1000)
		recurse(depth)
		concatenate(800)
	}
}

func writeHeap(path string) {
	runtime.GC()
	file, _ := os.Create(path)
	pprof.WriteHeapProfile(file)
	file.Close()
}

func main() {
	runtime.MemProfileRate = 4096
	folder := os.Args[1]
	cpu, _ := os.Create(folder + "/cpu.prof")
	pprof.StartCPUProfile(cpu)
	allocate(10, 20)
	writeHeap(folder + "/before.prof")
	allocate(10, 5)
	kept = kept[:len(kept)/2]
	if spin() == 0 {
		os.Exit(1)
	}
	pprof.StopCPUProfile()
	writeHeap(folder + "/after.prof")
}
