package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"recsys/client/tritonpb"
)

// ServerLive reports whether the server runs. A server that cannot be reached is an error, ErrUnavailable.
func (c *Client) ServerLive(ctx context.Context) (bool, error) {
	r, err := unary(ctx, c, "server live", "", &tritonpb.ServerLiveRequest{}, stub.ServerLive)
	return r.GetLive(), err
}

// ServerReady reports whether the server can answer inferences. With --strict-readiness=true, Triton's default, a
// server is ready only while all its models are.
func (c *Client) ServerReady(ctx context.Context) (bool, error) {
	r, err := unary(ctx, c, "server ready", "", &tritonpb.ServerReadyRequest{}, stub.ServerReady)
	return r.GetReady(), err
}

// ModelReady reports whether a version of model can answer inferences; an empty version asks for any. A model that
// the server does not know is not ready.
func (c *Client) ModelReady(ctx context.Context, model, version string) (bool, error) {
	r, err := unary(ctx, c, "model ready", model, &tritonpb.ModelReadyRequest{Name: model, Version: version}, stub.ModelReady)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return r.GetReady(), err
}

// Ready returns nil if model can answer inferences now, and an error that matches ErrUnavailable if not.
func (c *Client) Ready(ctx context.Context, model string) error {
	ready, err := c.ModelReady(ctx, model, "")
	if err == nil && !ready {
		err = notReady(model)
	}
	return err
}

// How often WaitReady asks: a server on the same machine is ready within 0.2 s, one with large models after minutes.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// WaitReady returns when the server, one of several, and all the models are ready; for all replicas see
// [Client.WaitServing]. When ctx ends before, the error says what was not;
// a context without a deadline is waited for without end.
func (c *Client) WaitReady(ctx context.Context, models ...string) error {
	return c.wait(ctx, func(ctx context.Context) error { return c.allReady(ctx, models) })
}

// wait asks until the answer is nil.
func (c *Client) wait(ctx context.Context, ask func(context.Context) error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last error
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		select {
		case <-ctx.Done():
			if last != nil {
				return fmt.Errorf("wait until ready: %w: %w", ctx.Err(), last)
			}
			return fmt.Errorf("wait until ready: %w", ctx.Err())
		case <-timer.C:
		}
		err := ask(ctx)
		if err == nil || errors.Is(err, ErrClosed) {
			return err
		}
		if ctx.Err() == nil && !errors.Is(err, ErrDeadline) || last == nil {
			last = err
		}
		c.log.DebugContext(ctx, "not ready yet", slog.Any("reason", err), slog.Duration("next", pause))
		timer.Reset(pause)
	}
}

func (c *Client) allReady(ctx context.Context, models []string) error {
	ready, err := c.ServerReady(ctx)
	if err != nil {
		return err
	}
	if !ready {
		return &Error{Call: "server ready", Kinds: []error{ErrUnavailable}, Cause: errors.New("the server is up but not ready")}
	}
	for _, model := range models {
		if err := c.Ready(ctx, model); err != nil {
			return err
		}
	}
	return nil
}
