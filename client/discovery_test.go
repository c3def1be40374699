package client_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"recsys/client"
	"recsys/client/tritontest"
)

// TestDiscovery adds a replica and takes one away under a call.
func TestDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := map[string]*tritontest.Server{
			"a": tritontest.Start(t, tritontest.Model{Name: "m"}), "b": tritontest.Start(t, tritontest.Model{Name: "m"}),
		}
		var mu sync.Mutex
		var found []string
		set := func(addresses ...string) {
			mu.Lock()
			defer mu.Unlock()
			found = addresses
		}
		find := func(context.Context) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			return found, nil
		}
		c := connect(t, "triton", tritontest.Dialer(servers), client.WithDiscovery(find, 10*time.Second), once())
		if err := infer(t, c); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("without servers: got error %v, want one that is ErrUnavailable", err)
		}
		set("a")
		<-time.After(2 * time.Second)
		if err := infer(t, c); err != nil {
			t.Error(err)
		}
		set("b")
		servers["a"].Inject("m", tritontest.Fault{Latency: 30 * time.Second})
		slow := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, _, err := c.Infer(ctx, "m", scalar(), []string{"x"})
			slow <- err
		}()
		<-time.After(11 * time.Second)
		if got := c.Replicas(); len(got) != 1 || got[0].Address != "b" {
			t.Errorf("got replicas %v, want b alone", got)
		}
		if err := infer(t, c); err != nil || arrived(servers)["b"] != 1 {
			t.Errorf("error %v; %d calls went to the new replica, want 1", err, arrived(servers)["b"])
		}
		set()
		<-time.After(11 * time.Second)
		if err := infer(t, c); err != nil {
			t.Errorf("when nothing is found any more: %v", err)
		}
		if err := <-slow; err != nil {
			t.Errorf("a call to the replica that went away: %v", err)
		}
	})
}

// TestDNS resolves a name for real.
func TestDNS(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("no loopback network: %v", err)
	}
	_, port, err := net.SplitHostPort(serveOn(t, listener))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(t.Context(), "dns:///localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	inputs, outputs, _ := recommendation()
	if _, _, err := c.Infer(t.Context(), "shop", inputs, outputs); err != nil {
		t.Error(err)
	}
	nowhere, err := client.New(t.Context(), "dns:///does-not-exist.invalid:8001", client.WithTimeout(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nowhere.Close() })
	if _, err := nowhere.ServerLive(t.Context()); !errors.Is(err, client.ErrUnavailable) && !errors.Is(err, client.ErrDeadline) {
		t.Errorf("unknown name: got error %v, want one that is ErrUnavailable, or ErrDeadline where nothing answers for names", err)
	}
}
