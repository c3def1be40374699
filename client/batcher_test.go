package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/tensor"
)

// batcher starts an echoing model and a batcher of 4 rows or 10 ms.
func batcher(t *testing.T) (*tritontest.Server, *client.Batcher) {
	t.Helper()
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	b, err := server.Client(t).NewBatcher("m", []string{"x"}, 4, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, b
}

func rows(values ...int64) tensor.Map { return tensor.Map{"x": tensor.Of(values, len(values), 1)} }

func TestBatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, b := batcher(t)
		var wg sync.WaitGroup
		ask := func(after time.Duration, values ...int64) {
			wg.Go(func() {
				start := time.Now()
				got, err := b.Infer(t.Context(), rows(values...))
				if err != nil || !got["x"].Equal(rows(values...)["x"]) {
					t.Errorf("got %v, %v, want %v", got["x"], err, values)
				}
				if took := time.Since(start); took != after {
					t.Errorf("%v took %v, want %v", values, took, after)
				}
			})
			synctest.Wait()
		}
		ask(0, 1, 2) // with the next it is full
		ask(0, 3, 4)
		ask(0, 5, 6, 7) // is sent when the next does not fit
		ask(0, 8, 9)
		ask(0, 10, 11, 12, 13, 14) // more than fits
		ask(10*time.Millisecond, 15)
		wg.Wait()
		sizes := map[int64]int{}
		for _, r := range server.Requests() {
			sizes[r.GetInputs()[0].GetShape()[0]]++
		}
		if len(server.Requests()) != 5 || len(sizes) != 5 {
			t.Errorf("got requests of sizes %v, want one each of 4, 3, 2, 5 and 1", sizes)
		}
	})
}

func TestBatcherKeepsKindsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, b := batcher(t)
		var wg sync.WaitGroup
		for _, in := range []tensor.Map{rows(1), {"x": tensor.Zeros(tensor.Int64, 1, 2)}, {"x": tensor.Zeros(tensor.Float32, 1, 1)}} {
			wg.Go(func() {
				if got, err := b.Infer(t.Context(), in); err != nil || !got["x"].Equal(in["x"]) {
					t.Errorf("got %v, %v, want %v", got["x"], err, in["x"])
				}
			})
		}
		wg.Wait()
		if got := len(server.Requests()); got != 3 {
			t.Errorf("%d requests were sent, want 3", got)
		}
		for _, in := range []tensor.Map{{}, {"x": tensor.Scalar[int64](1)}, {"x": tensor.Zeros(tensor.Int64, 0, 1)}, {"x": tensor.Zeros(tensor.Int64, 1), "y": tensor.Zeros(tensor.Int64, 2)}} {
			if _, err := b.Infer(t.Context(), in); !errors.Is(err, client.ErrInvalidArgument) {
				t.Errorf("%v: got error %v, want one that is ErrInvalidArgument", in, err)
			}
		}
	})
}

// TestBatcherLeavers has one of two callers leave, and then both.
func TestBatcherLeavers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{}, 2)
		server := tritontest.Start(t, tritontest.Model{Name: "m", Infer: func(ctx context.Context, call tritontest.Call) (tensor.Map, error) {
			select {
			case <-ctx.Done():
				ended <- struct{}{}
				return nil, ctx.Err()
			case <-time.After(time.Second):
				return call.Inputs, nil
			}
		}})
		b, err := server.Client(t).NewBatcher("m", []string{"x"}, 2, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		pair := func(first, second time.Duration) (errs [2]error) {
			var wg sync.WaitGroup
			for i, timeout := range []time.Duration{first, second} {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					_, errs[i] = b.Infer(ctx, rows(1))
				})
				synctest.Wait() // so that the first is the first of the batch
			}
			wg.Wait()
			return errs
		}
		if errs := pair(time.Minute, 100*time.Millisecond); errs[0] != nil || !errors.Is(errs[1], client.ErrDeadline) {
			t.Errorf("got errors %v, want that the second gave up and the first has its answer", errs)
		}
		if errs := pair(100*time.Millisecond, time.Minute); !errors.Is(errs[0], client.ErrDeadline) || errs[1] != nil {
			t.Errorf("got errors %v, want that the first gave up and the second has its answer", errs)
		}
		if errs := pair(100*time.Millisecond, 200*time.Millisecond); !errors.Is(errs[0], client.ErrDeadline) || !errors.Is(errs[1], client.ErrDeadline) {
			t.Errorf("got errors %v, want that both gave up", errs)
		}
		<-ended // the model was told
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := b.Infer(t.Context(), rows(1)); !errors.Is(err, client.ErrClosed) {
			t.Errorf("after Close: got error %v, want one that is ErrClosed", err)
		}
	})
}

// TestBatcherCancelled has callers without a deadline who leave before their request is sent, and while it is answered.
func TestBatcherCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		ended := make(chan struct{})
		hangs := tritontest.Start(t, tritontest.Model{Name: "m", Infer: func(ctx context.Context, _ tritontest.Call) (tensor.Map, error) {
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		}})
		ask := func(b *client.Batcher, cancelled ...bool) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var wg sync.WaitGroup
			for i, leaves := range cancelled {
				wg.Go(func() {
					mine := ctx
					if !leaves {
						mine = t.Context()
					}
					got, err := b.Infer(mine, rows(int64(i)))
					if leaves && !errors.Is(err, context.Canceled) || !leaves && (err != nil || !got["x"].Equal(rows(int64(i))["x"])) {
						t.Errorf("caller %d: got %v and error %v", i, got, err)
					}
				})
				synctest.Wait()
			}
			cancel()
			wg.Wait()
		}
		b, err := server.Client(t).NewBatcher("m", []string{"x"}, 8, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		ask(b, true, false, true)
		ask(b, true, true)
		<-time.After(2 * time.Second)
		if r := server.Requests(); len(r) != 1 || r[0].GetInputs()[0].GetShape()[0] != 1 {
			t.Errorf("got requests %v, want one of one row: that of the caller who stayed", r)
		}
		b2, err := hangs.Client(t).NewBatcher("m", []string{"x"}, 2, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ask(b2, true, true) // which fills the request
		<-ended
		if got := time.Since(start); got != 0 {
			t.Errorf("the model was told %v after the callers had left, want at once", got)
		}
		if err := errors.Join(b.Close(), b2.Close()); err != nil {
			t.Error(err)
		}
	})
}

// TestBatcherClose sends what is gathered and waits for the answer.
func TestBatcherClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Latency: time.Second})
		b, err := server.Client(t).NewBatcher("m", []string{"x"}, 8, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := b.Infer(t.Context(), rows(1))
			failed <- err
		}()
		synctest.Wait()
		start := time.Now()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("closed after %v, want the second that the answer took", got)
		}
		if err := <-failed; err != nil {
			t.Error(err)
		}
	})
}

func TestBatcherErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer *tensor.Tensor // whatever the batch
		server := tritontest.Start(t, tritontest.Model{Name: "m", Infer: func(context.Context, tritontest.Call) (tensor.Map, error) {
			return tensor.Map{"x": answer}, nil
		}})
		b, err := server.Client(t).NewBatcher("m", []string{"x"}, 4, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		for _, answer = range []*tensor.Tensor{tensor.Scalar[int64](1), tensor.Zeros(tensor.Int64, 2, 1)} {
			if _, err := b.Infer(t.Context(), rows(1)); !errors.Is(err, client.ErrProtocol) {
				t.Errorf("%v: got error %v, want one that is ErrProtocol", answer, err)
			}
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := server.Client(t).NewBatcher("m", nil, 0, -1); err == nil {
			t.Error("a batcher without rows and outputs: got no error")
		}
	})
}
