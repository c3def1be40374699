package client_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Latency: time.Second})
		c := server.Client(t)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"}); err != nil {
					t.Errorf("a call in flight failed: %v", err)
				}
			})
		}
		synctest.Wait() // until all are in flight
		start := time.Now()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("closed after %v, want the second that the calls took", got)
		}
		if _, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"}); !errors.Is(err, client.ErrClosed) {
			t.Errorf("after Close: got error %v, want one that is ErrClosed", err)
		}
		if err := c.WaitReady(t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("wait after Close: got error %v, want one that is ErrClosed", err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		wg.Wait()
	})
}

// TestServerLoss takes the server away under calls and brings it back: no call hangs, and later ones succeed.
func TestServerLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Hang: true})
		c := server.Client(t, once(), client.WithConnections(1))
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if _, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"}); !errors.Is(err, client.ErrUnavailable) {
					t.Errorf("a call under a crash: got error %v, want one that is ErrUnavailable", err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		server.Stop()
		wg.Wait()
		if got := time.Since(start); got != 0 {
			t.Errorf("calls failed %v after the crash, want at once", got)
		}

		server.Heal("m")
		for range 60 { // of the test's own clock: longer than any pause between attempts to connect
			<-time.After(time.Second)
			if err := infer(t, c); !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("a call to a stopped server: got error %v, want one that is ErrUnavailable", err)
			}
		}
		server.Restart()
		start = time.Now()
		if err := c.WaitReady(t.Context(), "m"); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got > 2*time.Second {
			t.Errorf("used again %v after the restart, want 2s at most", got)
		}
		if _, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"}); err != nil {
			t.Error(err)
		}
	})
}

// TestReplicasShareTheCalls gives two addresses, and then loses one of them.
func TestReplicasShareTheCalls(t *testing.T) {
	servers := map[string]*tritontest.Server{
		"a:8001": tritontest.Start(t, tritontest.Model{Name: "m"}),
		"b:8001": tritontest.Start(t, tritontest.Model{Name: "m"}),
	}
	c := connect(t, "a:8001, b:8001", tritontest.Dialer(servers), client.WithConnections(1))
	call := func() error {
		_, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"})
		return err
	}
	counts := func() (a, b int) { return len(servers["a:8001"].Requests()), len(servers["b:8001"].Requests()) }

	for a, b := counts(); a == 0 || b == 0; a, b = counts() { // until both are connected
		if err := call(); err != nil {
			t.Fatal(err)
		}
		if a+b > 10_000 { // about a second; connecting takes a millisecond
			t.Fatalf("of the first calls %d and %d went to the replicas", a, b)
		}
	}
	a, b := counts()
	for range 20 {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	if a2, b2 := counts(); a2-a != 10 || b2-b != 10 {
		t.Errorf("of 20 calls %d and %d went to the replicas, want 10 each", a2-a, b2-b)
	}

	servers["b:8001"].Stop()
	for range 20 {
		if err := call(); err != nil {
			t.Errorf("with one of two replicas: %v", err)
		}
	}
}

// TestConnectionsShareTheCalls holds calls open and looks at the connections that they came by.
func TestConnectionsShareTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Latency: time.Second})
		var mu sync.Mutex
		dialled := 0
		count := client.WithDialOptions(grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			mu.Lock()
			dialled++
			mu.Unlock()
			return server.Dial(ctx)
		}))
		c, err := client.New(t.Context(), server.Target(), count, client.WithConnections(3))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if dialled != 3 {
			t.Errorf("3 concurrent calls went over %d connections, want 3", dialled)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"}, tritontest.Model{Name: "late"})
		server.SetReady("late", false)
		c := server.Client(t)
		if err := c.WaitReady(t.Context(), "m"); err != nil {
			t.Errorf("a ready model: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.WaitReady(ctx, "m", "late")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), `"late"`) {
			t.Errorf("got error %v, want a deadline and the model that was not ready", err)
		}
		time.AfterFunc(3*time.Second, func() { server.SetReady("late", true) })
		start := time.Now()
		if err := c.WaitReady(t.Context(), "m", "late"); err != nil {
			t.Errorf("a model that becomes ready: %v", err)
		}
		if got := time.Since(start); got < 3*time.Second || got > 4*time.Second {
			t.Errorf("waited %v for a model that was ready after 3s", got)
		}
	})
}

func TestReady(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m"}, tritontest.Model{Name: "off"})
	server.SetReady("off", false)
	c := server.Client(t)
	for model, want := range map[string]error{"m": nil, "off": client.ErrUnavailable, "nobody": client.ErrUnavailable} {
		if err := c.Ready(t.Context(), model); !errors.Is(err, want) {
			t.Errorf("%s: got error %v, want %v", model, err, want)
		}
	}
	if ready, err := c.ModelReady(t.Context(), "m", "9"); ready || err != nil {
		t.Errorf("version 9: got %v, %v, want that it is not ready", ready, err)
	}
	if live, err := c.ServerLive(t.Context()); !live || err != nil {
		t.Errorf("got live %v, %v", live, err)
	}
}

var _ interface {
	Infer(ctx context.Context, model string, inputs tensor.Map, outputs []string) (tensor.Map, string, error)
	Ready(ctx context.Context, model string) error
} = (*client.Client)(nil) // what the gateway wants

// TestInputsMayChangeAfterACall reuses the inputs of calls that were given up; the race detector sees a connection that
// still reads them.
func TestInputsMayChangeAfterACall(t *testing.T) {
	// grpc-go probes the bandwidth by pings, of which a server stands two while it answers nothing, as here.
	patient := grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Nanosecond})
	server := tritontest.StartWith(t, []grpc.ServerOption{patient}, tritontest.Model{Name: "m"})
	c := server.Client(t)
	x := make([]float32, 1<<18) // more than a connection's window, so that sending takes a while
	held := 0
	for i := range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Duration(i)*50*time.Microsecond, cancel)
		_, err := c.Do(ctx, client.Request{Model: "m", Inputs: tensor.Map{"x": tensor.Of(x, len(x))}, Outputs: []string{"x"}})
		if e := (*client.Error)(nil); errors.As(err, &e) && e.InputsHeld {
			held++
			x = make([]float32, len(x)) // on a busy machine letting go may take longer than is waited for
		}
		for j := range x {
			x[j]++
		}
		cancel()
	}
	if held > 25 {
		t.Errorf("inputs of %d of 50 calls are held by a connection that works", held)
	}
}

// stuck is a connection that takes nothing more once it is told to.
type stuck struct {
	net.Conn
	now chan struct{} // closed when it is stuck
	end chan struct{} // closed with the connection
}

func (s *stuck) Write(b []byte) (int, error) {
	select {
	case <-s.now:
		<-s.end
		return 0, net.ErrClosed
	default:
		return s.Conn.Write(b)
	}
}

// TestStuckConnectionHoldsInputs sees that a call ends all the same, and says so.
func TestStuckConnectionHoldsInputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		now, end := make(chan struct{}), make(chan struct{})
		dial := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := server.Dial(ctx)
			return &stuck{conn, now, end}, err
		})
		c, err := client.New(t.Context(), server.Target(), client.WithDialOptions(dial), client.WithConnections(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := infer(t, c); err != nil {
			t.Fatal(err)
		}
		close(now)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err = c.Do(ctx, client.Request{Model: "m", Inputs: tensor.Map{"x": tensor.Zeros(tensor.Float32, 1<<20)}, Outputs: []string{"x"}})
		var e *client.Error
		if !errors.Is(err, client.ErrDeadline) || !errors.As(err, &e) || !e.InputsHeld {
			t.Errorf("got error %#v, want one that is ErrDeadline and says that the inputs are held", err)
		}
		if got := time.Since(start); got > 1050*time.Millisecond {
			t.Errorf("failed after %v, want the deadline of 1s and 50ms at most", got)
		}
		close(end)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
