package client_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/tritontest"
	"recsys/tensor"
)

// count answers with the numbers from 0 to below n, and then with an error if there is one.
func count(n int64, last error) func(context.Context, tritontest.Call) iter.Seq2[tensor.Map, error] {
	return func(ctx context.Context, _ tritontest.Call) iter.Seq2[tensor.Map, error] {
		return func(yield func(tensor.Map, error) bool) {
			for i := range n {
				if ctx.Err() != nil || !yield(tensor.Map{"n": tensor.Scalar(i)}, nil) {
					return
				}
			}
			if last != nil {
				yield(nil, last)
			}
		}
	}
}

func counting() client.Request {
	return client.Request{Model: "m", Inputs: scalar(), Outputs: []string{"n"}}
}

func TestStream(t *testing.T) {
	tests := []struct {
		name  string
		model tritontest.Model
		n     int64
		want  error
	}{
		{"10,000 answers", tritontest.Model{Stream: count(10_000, nil)}, 10_000, nil},
		{"no answer", tritontest.Model{Stream: count(0, nil)}, 0, nil},
		{"an error after 3", tritontest.Model{Stream: count(3, status.Error(codes.InvalidArgument, "enough"))}, 3, client.ErrInvalidArgument},
		{"an unavailable model", tritontest.Model{Stream: count(0, errUnavailable)}, 0, client.ErrUnavailable},
		{"one answer", tritontest.Model{Infer: func(context.Context, tritontest.Call) (tensor.Map, error) {
			return tensor.Map{"n": tensor.Scalar[int64](0)}, nil
		}}, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.model.Name = "m"
			server := tritontest.Start(t, tt.model)
			c := server.Client(t)
			n := int64(0)
			var last error
			for result, err := range c.Stream(t.Context(), counting()) {
				if last = err; err != nil {
					continue
				}
				if got := tensor.MustData[int64](result.Outputs["n"])[0]; got != n {
					t.Fatalf("got %d, want %d", got, n)
				}
				n++
			}
			if n != tt.n || !errors.Is(last, tt.want) {
				t.Errorf("got %d answers and error %v, want %d and %v", n, last, tt.n, tt.want)
			}
			if e := (*client.Error)(nil); last != nil && (!errors.As(last, &e) || e.Call != "stream") {
				t.Errorf("got %#v, want an *Error about a stream", last)
			}
			if got := len(server.Requests()); got != 1 {
				t.Errorf("%d requests were sent, want 1: streams are not tried again", got)
			}
		})
	}
}

// TestStreamErrorsWithoutCode has a server that ignores the header, as Triton does for what it refuses at once.
func TestStreamErrorsWithoutCode(t *testing.T) {
	drop := grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		return next(srv, headless{stream})
	})
	server := tritontest.StartWith(t, []grpc.ServerOption{drop}, tritontest.Model{Name: "m", Stream: count(0, errors.New("out of memory"))})
	c := server.Client(t)
	for model, want := range map[string]error{"nobody": client.ErrNotFound, "m": client.ErrInternal} {
		request := counting()
		request.Model = model
		n := 0
		for _, err := range c.Stream(t.Context(), request) {
			if n++; !errors.Is(err, want) {
				t.Errorf("%s: got error %v, want one that is %v", model, err, want)
			}
		}
		if n != 1 {
			t.Errorf("%s: got %d answers, want an error alone", model, n)
		}
	}
}

type headless struct{ grpc.ServerStream }

func (h headless) Context() context.Context {
	return metadata.NewIncomingContext(h.ServerStream.Context(), nil)
}

// endless hides that the caller wants to be told the last answer, as from a server that does not know how to.
type endless struct{ grpc.ServerStream }

func (e endless) RecvMsg(m any) error {
	err := e.ServerStream.RecvMsg(m)
	if r, ok := m.(*tritonpb.ModelInferRequest); ok {
		delete(r.GetParameters(), "triton_enable_empty_final_response")
	}
	return err
}

// TestStreamWithoutLastAnswer ends by the end of the stream.
func TestStreamWithoutLastAnswer(t *testing.T) {
	hide := grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		return next(srv, endless{stream})
	})
	server := tritontest.StartWith(t, []grpc.ServerOption{hide}, tritontest.Model{Name: "m", Stream: count(3, nil)})
	n := 0
	for _, err := range server.Client(t).Stream(t.Context(), counting()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("got %d answers, want 3", n)
	}
}

// TestCloseWaitsForStreams has a model answer a second apart.
func TestCloseWaitsForStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m", Stream: func(context.Context, tritontest.Call) iter.Seq2[tensor.Map, error] {
			return func(yield func(tensor.Map, error) bool) {
				for range 3 {
					<-time.After(time.Second)
					if !yield(tensor.Map{"n": tensor.Scalar[int64](1)}, nil) {
						return
					}
				}
			}
		}})
		c := server.Client(t)
		go func() {
			for _, err := range c.Stream(t.Context(), counting()) {
				if err != nil {
					t.Error(err)
				}
			}
		}()
		synctest.Wait()
		start := time.Now()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("closed after %v, want the 3 s that the stream took", got)
		}
		for _, err := range c.Stream(t.Context(), counting()) {
			if !errors.Is(err, client.ErrClosed) {
				t.Errorf("after Close: got error %v, want one that is ErrClosed", err)
			}
		}
	})
}

// TestStreamIsBrokenOff sees the model's context end, and the pace of a slow reader kept.
func TestStreamIsBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		ended := make(chan struct{})
		server := tritontest.Start(t, tritontest.Model{Name: "m", Stream: func(ctx context.Context, _ tritontest.Call) iter.Seq2[tensor.Map, error] {
			return func(yield func(tensor.Map, error) bool) {
				defer close(ended)
				for yield(tensor.Map{"n": tensor.Zeros(tensor.Int64, 1<<14)}, nil) {
					made++
				}
				<-ctx.Done()
			}
		}})
		c := server.Client(t)
		for _, err := range c.Stream(t.Context(), counting()) {
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second) // a slow reader
			synctest.Wait()
			break
		}
		<-ended
		if made > 100 { // of 128 KiB each: what buffers and windows hold, and not what there is time for
			t.Errorf("%d answers were made for a reader of one", made)
		}
	})
}

func TestStreamDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m", Stream: count(1, nil)})
		server.Inject("m", tritontest.Fault{Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, err := range server.Client(t).Stream(ctx, counting()) {
			if !errors.Is(err, client.ErrDeadline) {
				t.Errorf("got error %v, want one that is ErrDeadline", err)
			}
		}
		for _, err := range server.Client(t).Stream(t.Context(), client.Request{Model: "m"}) {
			if !errors.Is(err, client.ErrInvalidArgument) {
				t.Errorf("got error %v, want one that is ErrInvalidArgument", err)
			}
		}
	})
}

func TestSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, c := three(t)
		ids := map[int64]bool{}
		for range 3 {
			s := c.Sequence("m")
			before := arrived(servers)
			for i := range 4 {
				if _, err := s.Infer(t.Context(), scalar(), []string{"x"}, i == 3); err != nil {
					t.Fatal(err)
				}
			}
			replicas := 0
			for address, server := range servers {
				requests := server.Requests()[before[address]:]
				if len(requests) == 0 {
					continue
				}
				replicas++
				for i, r := range requests {
					p := r.GetParameters()
					ids[p["sequence_id"].GetInt64Param()] = true
					if start, end := p["sequence_start"].GetBoolParam(), p["sequence_end"].GetBoolParam(); start != (i == 0) || end != (i == 3) {
						t.Errorf("inference %d: got start %v and end %v", i, start, end)
					}
				}
			}
			if replicas != 1 {
				t.Errorf("a sequence went to %d replicas, want 1", replicas)
			}
			if _, err := s.Infer(t.Context(), scalar(), []string{"x"}, false); !errors.Is(err, client.ErrInvalidArgument) {
				t.Errorf("after its end: got error %v, want one that is ErrInvalidArgument", err)
			}
		}
		if len(ids) != 3 || ids[0] {
			t.Errorf("got ids %v, want one for each of 3 sequences, and not 0", ids)
		}
		lost := c.Sequence("m")
		for _, server := range servers {
			server.Inject("m", tritontest.Fault{Times: 1, Err: errUnavailable})
		}
		for range 2 {
			if _, err := lost.Infer(t.Context(), scalar(), []string{"x"}, false); !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("got error %v, want one that is ErrUnavailable, and again: the state is lost", err)
			}
		}
	})
}
