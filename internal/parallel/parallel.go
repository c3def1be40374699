// Package parallel runs numbered pieces of work side by side.
package parallel

import (
	"sync"
	"sync/atomic"
)

// Do calls f(0) to f(n-1) on up to workers goroutines and waits for all of them. It returns the error of the lowest
// number that has one, whatever came first in time.
func Do(workers, n int, f func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = f(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
