package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"recsys/client/tritonpb"
)

// defaultRefresh is how often a name is looked up again.
const defaultRefresh = 30 * time.Second

// lookup returns the addresses of a name's servers.
func lookup(host, port string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		ips, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			return nil, err
		}
		addresses := make([]string, len(ips))
		for i, ip := range ips {
			addresses[i] = net.JoinHostPort(ip, port)
		}
		return addresses, nil
	}
}

// discover keeps the replicas up to date until ctx ends.
func (c *core) discover(ctx context.Context, find func(context.Context) ([]string, error), every time.Duration) {
	defer c.background.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		bounded, cancel := context.WithTimeout(ctx, every)
		found, err := find(bounded)
		cancel()
		if ctx.Err() != nil {
			return
		}
		next := every
		if err == nil && len(found) > 0 {
			err = c.setReplicas(found)
		}
		if err != nil || len(found) == 0 {
			// The servers known so far go on; a name that does not resolve yet is asked for again soon.
			c.log.DebugContext(ctx, "discovery has found no servers", slog.Any("error", err))
			next = min(every, time.Second)
		}
		c.mu.Lock()
		c.discoveryErr = err
		c.mu.Unlock()
		c.discovered.Do(func() { close(c.known) })
		timer.Reset(next)
	}
}

// waitReplicas waits for the first discovery.
func (c *core) waitReplicas(ctx context.Context) error {
	select {
	case <-c.known:
		return nil
	default:
	}
	select {
	case <-c.known:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// setReplicas dials new addresses, and lets replicas whose address is gone end their calls before it closes them.
func (c *core) setReplicas(found []string) error {
	found = slices.Compact(slices.Sorted(slices.Values(found)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	var set []*replica
	for _, r := range c.set {
		if slices.Contains(found, r.address) {
			set = append(set, r)
			continue
		}
		c.background.Go(func() {
			r.users.Wait()
			if err := r.close(); err != nil {
				c.log.Debug("close replica", slog.String("address", r.address), slog.Any("error", err))
			}
		})
	}
	for _, address := range found {
		if slices.ContainsFunc(set, func(r *replica) bool { return r.address == address }) {
			continue
		}
		r, err := c.dial(address)
		if err != nil {
			return err
		}
		set = append(set, r)
	}
	c.set = set
	return nil
}

// dial makes a replica and starts to connect to it.
func (c *core) dial(address string) (*replica, error) {
	r := &replica{address: address}
	made, err := c.connect(address)
	for _, cc := range made {
		r.conns = append(r.conns, &conn{cc: cc, stub: tritonpb.NewGRPCInferenceServiceClient(cc)})
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	r.conns[0].cc.Connect()
	return r, nil
}

func (r *replica) close() error {
	errs := make([]error, 0, len(r.conns))
	for _, k := range r.conns {
		if err := k.cc.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close connection to %s: %w", r.address, err))
		}
	}
	return errors.Join(errs...)
}
