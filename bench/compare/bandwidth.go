package main

import (
	"context"
	"runtime"
	"sync"
	"time"

	"recsys/graph/kernel"
)

// bandwidth reads so much memory as fast as any kernel does, each goroutine a part of it: it multiplies bytes, which takes
// less time than getting them, and asks the memory for them ahead.
type bandwidth struct{ parts [][]int8 }

// probeWidth is how many bytes give one result to write: little beside what is read.
const probeWidth = 256

func newBandwidth(bytes int) func(context.Context) (work, error) {
	return func(context.Context) (work, error) {
		x := make([]int8, bytes)
		for i := range x {
			x[i] = 1
		}
		w := bandwidth{}
		for n := runtime.GOMAXPROCS(0); n > 0; n-- {
			part := len(x) / n / probeWidth * probeWidth
			w.parts = append(w.parts, x[:part])
			x = x[part:]
		}
		return w, nil
	}
}

func (w bandwidth) Run(n int) (answer, error) {
	k := kernel.Best()
	query := make([]uint8, probeWidth)
	sums := make([][]int32, len(w.parts))
	for i, part := range w.parts {
		sums[i] = make([]int32, len(part)/probeWidth)
	}
	started := time.Now()
	for range n {
		var wg sync.WaitGroup
		for i, part := range w.parts {
			wg.Go(func() { k.DotsInteger(sums[i], query, part) })
		}
		wg.Wait()
	}
	return answer{Seconds: time.Since(started).Seconds()}, nil
}
