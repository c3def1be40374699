package redis

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"recsys/featurestore"
)

// A batch of a load ends at so many users or bytes, whichever comes first; it bounds the memory of both sides.
const (
	batchUsers = 512
	batchBytes = 1 << 20
)

// Load sends records in pipelines of up to 512 users or about a megabyte; one pipeline is in flight while the
// next is read from records.
func (s *Store) Load(ctx context.Context, records iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error) {
	return s.send(ctx, records, s.load, featurestore.Record.Validate, func(r featurestore.Record) (call, int) {
		return s.loadCall(r.Trim(s.set.maxSeen))
	})
}

// LoadItems sends rows in the same way.
func (s *Store) LoadItems(ctx context.Context, records iter.Seq2[featurestore.Record, error]) (featurestore.LoadStats, error) {
	return s.send(ctx, records, s.loadItem, featurestore.CheckItem, func(r featurestore.Record) (call, int) {
		key := s.itemKey(r.UserID)
		return call{[]string{key}, []any{r.Row}}, len(key) + len(r.Row)
	})
}

// send runs a script for each record.
func (s *Store) send(
	ctx context.Context, records iter.Seq2[featurestore.Record, error], with script, check func(featurestore.Record) error,
	made func(featurestore.Record) (call, int),
) (featurestore.LoadStats, error) {
	if err := ctx.Err(); err != nil {
		return featurestore.LoadStats{}, err
	}
	flight := startFlight(ctx, s, with)
	defer flight.land() //nolint:errcheck // Only waits, when records has panicked.
	var batch []call
	size := 0
	for r, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = check(r)
		}
		if err != nil {
			stats, _ := flight.land()
			return stats, err
		}
		c, n := made(r)
		batch, size = append(batch, c), size+n
		if len(batch) < batchUsers && size < batchBytes {
			continue
		}
		if !flight.send(batch) {
			break
		}
		batch, size = nil, 0
	}
	flight.send(batch)
	stats, err := flight.land()
	if err != nil {
		return stats, fmt.Errorf("load into redis: %w", err)
	}
	return stats, nil
}

func (s *Store) loadCall(r featurestore.Record) (call, int) {
	size := len(r.Row)
	args := make([]any, 0, 4+len(r.History)+len(r.Seen))
	args = append(args, r.Row, featurestore.SchemaOf(r.Row), r.AsOf, len(r.History))
	if r.Row == nil {
		args[0] = ""
	}
	for _, list := range [][]string{r.History, r.Seen} {
		for _, item := range list {
			args = append(args, item)
			size += len(item) + 8 // The protocol's length lines.
		}
	}
	keys := []string{s.key(r.UserID, "rows"), s.key(r.UserID, "history"), s.key(r.UserID, "seen"), s.key(r.UserID, "asof")}
	return call{keys, args}, size + 4*len(keys[0])
}

// flight sends batches in one goroutine, which ends with land.
type flight struct {
	batches chan []call
	failed  chan struct{}
	done    chan struct{}
	once    sync.Once
	stats   featurestore.LoadStats
	err     error
}

func startFlight(ctx context.Context, s *Store, with script) *flight {
	f := &flight{batches: make(chan []call), failed: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for batch := range f.batches {
			results, err := with.run(ctx, s.loader, batch)
			if err != nil {
				f.err = err
				close(f.failed)
				return
			}
			for _, r := range results {
				f.stats.Count(r&1 != 0, r&2 != 0)
			}
		}
	}()
	return f
}

// send hands a batch over and reports whether batches are still taken.
func (f *flight) send(batch []call) bool {
	if len(batch) == 0 {
		return true
	}
	select {
	case f.batches <- batch:
		return true
	case <-f.failed:
		return false
	}
}

// land waits for the batches in flight.
func (f *flight) land() (featurestore.LoadStats, error) {
	f.once.Do(func() { close(f.batches) })
	<-f.done
	return f.stats, f.err
}
