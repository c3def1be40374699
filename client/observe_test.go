package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/tritontest"
)

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Times: 1, Latency: time.Second, Err: errUnavailable})
		var got []client.Attempt
		c := server.Client(t, client.WithObserver(func(_ context.Context, a client.Attempt) { got = append(got, a) }))
		if err := infer(t, c); err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[0].Number != 1 || got[1].Number != 2 || got[0].Duration != time.Second ||
			!errors.Is(got[0].Err, client.ErrUnavailable) || got[1].Err != nil || got[0].Call != "infer" || got[0].Model != "m" || got[0].Address != server.Target() {
			t.Errorf("got attempts %+v, want a failure of a second and a success", got)
		}
	})
}

// observe counts the tries of a call.
func observe(n *int, call string) func(context.Context, client.Attempt) {
	return func(_ context.Context, a client.Attempt) {
		if a.Call == call {
			*n++
		}
	}
}

// TestTracer has each try in a span of its own, whose name travels in a header.
func TestTracer(t *testing.T) {
	type key struct{}
	var spans, headers []string
	server := tritontest.StartWith(t, []grpc.ServerOption{
		grpc.UnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			got, _ := metadata.FromIncomingContext(ctx)
			headers = append(headers, got.Get("traceparent")...)
			return next(ctx, r)
		}),
	}, tritontest.Model{Name: "m"}, tritontest.Model{Name: "s", Stream: count(2, status.Error(codes.Internal, "enough"))})
	server.Inject("m", tritontest.Fault{Times: 1, Err: errUnavailable})
	var observed []client.Attempt
	c := server.Client(t,
		client.WithTracer(func(ctx context.Context, a client.Attempt) (context.Context, func(client.Attempt)) {
			name := fmt.Sprintf("%s %s %d", a.Call, a.Model, a.Number)
			return context.WithValue(ctx, key{}, name), func(a client.Attempt) {
				spans = append(spans, fmt.Sprintf("%s: %v", name, a.Err != nil))
			}
		}),
		client.WithHeaders(func(ctx context.Context) (map[string]string, error) {
			name, _ := ctx.Value(key{}).(string)
			return map[string]string{"traceparent": name}, nil
		}),
		client.WithObserver(func(_ context.Context, a client.Attempt) { observed = append(observed, a) }))
	if err := infer(t, c); err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{10, 1} {
		n := 0
		for _, err := range c.Stream(t.Context(), client.Request{Model: "s", Inputs: scalar(), Outputs: []string{"n"}}) {
			if n++; n == most || err != nil {
				break
			}
		}
	}
	if diff := cmp.Diff(spans, []string{"infer m 1: true", "infer m 2: false", "stream s 1: true", "stream s 1: false"}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if diff := cmp.Diff(headers, []string{"infer m 1", "infer m 2"}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if len(observed) != 4 || !errors.Is(observed[2].Err, client.ErrInternal) || observed[3].Err != nil {
		t.Errorf("the observer was told %+v, want all four", observed)
	}
}

// TestCallTracer has each call in a span of its own, above those of its tries, whatever becomes of it.
func TestCallTracer(t *testing.T) {
	type key struct{}
	server := tritontest.Start(t, tritontest.Model{Name: "m", Versions: []string{"1", "7"}},
		tritontest.Model{Name: "s", Versions: []string{"3"}, Stream: count(2, status.Error(codes.Internal, "enough"))})
	server.Inject("m", tritontest.Fault{Times: 1, Err: errUnavailable})
	var calls, tries []string
	c := server.Client(t,
		client.WithCallTracer(func(ctx context.Context, call client.Call) (context.Context, func(client.Call)) {
			name := fmt.Sprintf("%s %q %q", call.Name, call.Model, call.Version)
			return context.WithValue(ctx, key{}, name), func(call client.Call) {
				calls = append(calls, fmt.Sprintf("%s -> %q %v", name, call.Version, call.Err != nil))
			}
		}),
		client.WithTracer(func(ctx context.Context, _ client.Attempt) (context.Context, func(client.Attempt)) {
			return ctx, func(a client.Attempt) {
				tries = append(tries, fmt.Sprintf("%v / %d -> %q", ctx.Value(key{}), a.Number, a.Version))
			}
		}))
	if err := infer(t, c); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), client.Request{Model: "m", Version: "1", Inputs: scalar()}); !errors.Is(err, client.ErrInvalidArgument) {
		t.Fatalf("got the error %v, want one of missing outputs", err)
	}
	if _, err := c.ServerMetadata(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{10, 1} {
		n := 0
		for _, err := range c.Stream(t.Context(), client.Request{Model: "s", Inputs: scalar(), Outputs: []string{"n"}}) {
			if n++; n == most || err != nil {
				break
			}
		}
	}
	if diff := cmp.Diff(calls, []string{
		`infer "m" "" -> "7" false`, `infer "m" "1" -> "1" true`, `server metadata "" "" -> "" false`,
		`stream "s" "" -> "3" true`, `stream "s" "" -> "3" false`,
	}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if diff := cmp.Diff(tries[:2], []string{`infer "m" "" / 1 -> ""`, `infer "m" "" / 2 -> "7"`}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}
