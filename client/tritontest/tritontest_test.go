package tritontest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func one() tensor.Map { return tensor.Map{"x": tensor.Of([]int64{1}, 1, 1)} }

func TestFaultsAreUsedUpInOrder(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	server.Inject("m", tritontest.Fault{Times: 2, Err: status.Error(codes.Unavailable, "first")})
	server.Inject("m", tritontest.Fault{Times: 1, Err: status.Error(codes.Internal, "second")})
	c := server.Client(t, client.WithRetry(client.Retry{Attempts: 1}))
	for i, want := range []error{client.ErrUnavailable, client.ErrUnavailable, client.ErrInternal, nil} {
		if _, _, err := c.Infer(t.Context(), "m", one(), []string{"x"}); !errors.Is(err, want) {
			t.Errorf("call %d: got error %v, want %v", i, err, want)
		}
	}
}

func TestFaultsLastUntilHealed(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m"}, tritontest.Model{Name: "other"})
	server.Inject("m", tritontest.Fault{Corrupt: func(r *tritonpb.ModelInferResponse) { r.RawOutputContents = nil }})
	c := server.Client(t)
	for range 3 {
		if _, _, err := c.Infer(t.Context(), "m", one(), []string{"x"}); !errors.Is(err, client.ErrProtocol) {
			t.Errorf("got error %v, want one that is ErrProtocol", err)
		}
	}
	if _, _, err := c.Infer(t.Context(), "other", one(), []string{"x"}); err != nil {
		t.Errorf("another model: %v", err)
	}
	server.Heal("m")
	if _, _, err := c.Infer(t.Context(), "m", one(), []string{"x"}); err != nil {
		t.Errorf("healed: %v", err)
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Latency: time.Second})
		c := server.Client(t)
		start := time.Now()
		if _, _, err := c.Infer(t.Context(), "m", one(), []string{"x"}); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("took %v, want 1s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, _, err := c.Infer(ctx, "m", one(), []string{"x"}); !errors.Is(err, client.ErrDeadline) {
			t.Errorf("got error %v, want one that is ErrDeadline", err)
		}
	})
}

func TestModelErrors(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{
		Name: "m",
		Infer: func(_ context.Context, call tritontest.Call) (tensor.Map, error) {
			if call.ID == "plain" {
				return nil, errors.New("no status")
			}
			return nil, status.Error(codes.InvalidArgument, "a status")
		},
	})
	c := server.Client(t)
	for id, want := range map[string]error{"plain": client.ErrInternal, "status": client.ErrInvalidArgument} {
		if _, err := c.Do(t.Context(), client.Request{Model: "m", ID: id, Inputs: one(), Outputs: []string{"x"}}); !errors.Is(err, want) {
			t.Errorf("%s: got error %v, want one that is %v", id, err, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m", Versions: []string{"1", "2"}}, tritontest.Model{Name: "off"})
	server.SetReady("off", false)
	c := server.Client(t)
	tests := []struct {
		name    string
		request client.Request
		want    error
	}{
		{"unknown model", client.Request{Model: "nobody", Outputs: []string{"x"}}, client.ErrNotFound},
		{"unknown version", client.Request{Model: "m", Version: "3", Outputs: []string{"x"}}, client.ErrNotFound},
		{"unloaded model", client.Request{Model: "off", Outputs: []string{"x"}}, client.ErrNotFound},
		{"unknown output", client.Request{Model: "m", Outputs: []string{"z"}}, client.ErrInvalidArgument},
		{"nothing wrong", client.Request{Model: "m", Version: "1", Outputs: []string{"x"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.request.Inputs = one()
			if _, err := c.Do(t.Context(), tt.request); !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

// TestRequestsAreKept looks at what has arrived although the model has changed its input since.
func TestRequestsAreKept(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{
		Name: "m",
		Infer: func(_ context.Context, call tritontest.Call) (tensor.Map, error) {
			x, err := tensor.Data[int64](call.Inputs["x"])
			if err != nil {
				return nil, err
			}
			x[0] = 99
			return call.Inputs, nil
		},
	})
	if _, _, err := server.Client(t).Infer(t.Context(), "m", one(), []string{"x"}); err != nil {
		t.Fatal(err)
	}
	requests := server.Requests()
	if len(requests) != 1 || requests[0].GetModelName() != "m" || requests[0].GetRawInputContents()[0][0] != 1 {
		t.Errorf("got requests %v, want one for m with the input 1", requests)
	}
}
