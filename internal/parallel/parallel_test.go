package parallel_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"recsys/internal/parallel"
)

func TestDo(t *testing.T) {
	for _, workers := range []int{1, 3, 50} {
		calls := make([]atomic.Int64, 20)
		if err := parallel.Do(workers, len(calls), func(i int) error { calls[i].Add(1); return nil }); err != nil {
			t.Fatal(err)
		}
		for i := range calls {
			if n := calls[i].Load(); n != 1 {
				t.Errorf("%d workers: piece %d was done %d times", workers, i, n)
			}
		}
	}
	if err := parallel.Do(4, 0, func(int) error { return errors.New("called") }); err != nil {
		t.Errorf("no pieces: %v", err)
	}
}

func TestDoReturnsTheLowestError(t *testing.T) {
	err := parallel.Do(4, 20, func(i int) error {
		if i >= 7 {
			return fmt.Errorf("piece %d", i)
		}
		return nil
	})
	if err == nil || err.Error() != "piece 7" {
		t.Errorf("error %v, want that of piece 7", err)
	}
}
