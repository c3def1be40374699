package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func TestDeadlines(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration // of the context, 0 for none
		want    error
		after   time.Duration
		sent    int
	}{
		{"the context's", 300 * time.Millisecond, client.ErrDeadline, 300 * time.Millisecond, 1},
		{"the client's", 0, client.ErrDeadline, 2 * time.Second, 1},
		{"too short to send", 4 * time.Millisecond, client.ErrDeadline, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := tritontest.Start(t, tritontest.Model{Name: "m"})
				server.Inject("m", tritontest.Fault{Hang: true})
				c := server.Client(t, client.WithTimeout(2*time.Second))
				if err := c.WaitReady(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx := t.Context()
				if tt.timeout != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.timeout)
					defer cancel()
				}
				start := time.Now()
				_, _, err := c.Infer(ctx, "m", scalar(), []string{"x"})
				if !errors.Is(err, tt.want) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got error %v, want one that is ErrDeadline and context.DeadlineExceeded", err)
				}
				if got := time.Since(start); got != tt.after {
					t.Errorf("failed after %v, want %v", got, tt.after)
				}
				if got := len(server.Requests()); got != tt.sent {
					t.Errorf("%d requests were sent, want %d", got, tt.sent)
				}
			})
		})
	}
}

// TestServerIsToldTheTimeLeft checks the request parameter with which Triton's queues drop what nobody waits for.
func TestServerIsToldTheTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		c := server.Client(t, client.WithTimeout(2*time.Second))
		if _, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"}); err != nil {
			t.Fatal(err)
		}
		got := server.Requests()[0].GetParameters()["timeout"].GetInt64Param()
		if want := int64(1_999_000); got != want { // 2 s less the margin of 1 ms
			t.Errorf("got timeout parameter %d us, want %d", got, want)
		}
	})
}

// TestCancellationReachesTheServer sees the model's context end when the caller gives up.
func TestCancellationReachesTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		server := tritontest.Start(t, tritontest.Model{
			Name: "m",
			Infer: func(ctx context.Context, _ tritontest.Call) (tensor.Map, error) {
				<-ctx.Done()
				close(ended)
				return nil, ctx.Err()
			},
		})
		c := server.Client(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, _, err := c.Infer(ctx, "m", scalar(), []string{"x"}); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want one that is context.Canceled", err)
		}
		<-ended
		_, _, err := c.Infer(ctx, "m", scalar(), []string{"x"})
		if !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrInternal) {
			t.Errorf("already cancelled: got error %v, want one that is context.Canceled alone", err)
		}
	})
}

// TestKeepaliveIsTolerated holds a call for 30 minutes against a server with Triton's limits, a ping each 300 s and two
// strikes (grpc-go's server allows two as well).
func TestKeepaliveIsTolerated(t *testing.T) {
	slow := tritontest.Fault{Latency: 30 * time.Minute, Times: 1}
	policy := grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 300 * time.Second})
	tests := []struct {
		name    string
		options []client.Option
		want    error
	}{
		{"as it is", nil, nil},
		// Shows that the server does enforce its policy.
		{"pinging each 10 s", []client.Option{client.WithDialOptions(
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second}))}, client.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := tritontest.StartWith(t, []grpc.ServerOption{policy}, tritontest.Model{Name: "m"})
				server.Inject("m", slow)
				c := server.Client(t, append(tt.options, client.WithTimeout(time.Hour), once())...)
				if _, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"}); !errors.Is(err, tt.want) {
					t.Errorf("got error %v, want %v", err, tt.want)
				}
			})
		})
	}
}
