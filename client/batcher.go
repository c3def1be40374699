package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"recsys/tensor"
)

// Batcher gathers calls of one model into common requests: where the server's own dynamic batching is off, and many
// callers have few rows each. It is safe for concurrent use.
type Batcher struct {
	client  *Client
	model   string
	outputs []string
	max     int
	delay   time.Duration

	mu     sync.Mutex // guards the rest
	closed bool
	open   map[string]*batch // by what their inputs have in common
	flying sync.WaitGroup
}

// batch is a request in the making.
type batch struct {
	calls []*batched
	rows  int
	timer *time.Timer
}

// batched is one caller's part.
type batched struct {
	ctx     context.Context //nolint:containedctx // the caller waits, and the batch asks whether it still does
	inputs  tensor.Map
	rows    int
	outputs tensor.Map
	err     error
	done    chan struct{} // closed when outputs or err are set
}

// NewBatcher makes a batcher for the outputs of a model. A request is sent when it has maxRows rows, at least 1, or delay
// after its first call. Close the batcher before the client.
func (c *Client) NewBatcher(model string, outputs []string, maxRows int, delay time.Duration) (*Batcher, error) {
	if maxRows < 1 || delay < 0 || len(outputs) == 0 {
		return nil, fmt.Errorf("batcher for %q: %d rows, delay %v, %d outputs: rows and outputs must be positive, the delay not negative",
			model, maxRows, delay, len(outputs))
	}
	return &Batcher{client: c, model: model, outputs: slices.Clone(outputs), max: maxRows, delay: delay, open: make(map[string]*batch)}, nil
}

// Infer runs the model on inputs of one batch size, the first axis of each, together with the calls of others whose
// inputs have the same names, types and further axes. More rows than a request may have are sent as they are. When ctx
// ends the caller leaves; the request goes on for the others. An error is that of the common request.
func (b *Batcher) Infer(ctx context.Context, inputs tensor.Map) (tensor.Map, error) {
	const call = "infer in a batch"
	key, rows, err := keyOf(inputs)
	if err != nil {
		return nil, callError(ctx, call, b.model, fmt.Errorf("%w: %w", ErrInvalidArgument, err))
	}
	mine := &batched{ctx: ctx, inputs: inputs, rows: rows, done: make(chan struct{})}
	if err := b.join(key, mine); err != nil { //nolint:contextcheck // a batch belongs to several callers: run makes their common context
		return nil, callError(ctx, call, b.model, err)
	}
	select {
	case <-mine.done:
		return mine.outputs, mine.err
	case <-ctx.Done():
		return nil, callError(ctx, call, b.model, ctx.Err())
	}
}

// keyOf tells which inputs fit into one request, and their rows.
func keyOf(inputs tensor.Map) (string, int, error) {
	rows := -1
	var key strings.Builder
	for _, name := range inputs.Names() {
		t := inputs[name]
		if t == nil || t.Rank() == 0 {
			return "", 0, fmt.Errorf("input %q has no batch axis", name)
		}
		if rows >= 0 && t.Dim(0) != rows {
			return "", 0, fmt.Errorf("input %q has %d rows, another %d", name, t.Dim(0), rows)
		}
		rows = t.Dim(0)
		fmt.Fprintf(&key, "%q%s%s", name, t.DType(), tensor.FormatShape(t.Shape()[1:]))
	}
	if rows < 1 {
		return "", 0, errors.New("there are no rows")
	}
	return key.String(), rows, nil
}

// join adds a call to the open batch of its kind, and sends what is full.
func (b *Batcher) join(key string, mine *batched) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	open := b.open[key]
	if open != nil && open.rows+mine.rows > b.max {
		b.send(key, open)
		open = nil
	}
	if open == nil {
		open = &batch{}
		b.open[key] = open
		open.timer = time.AfterFunc(b.delay, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.open[key] == open {
				b.send(key, open)
			}
		})
	}
	open.calls, open.rows = append(open.calls, mine), open.rows+mine.rows
	if open.rows >= b.max {
		b.send(key, open)
	}
	return nil
}

// send closes a batch and runs it. The caller holds the lock.
func (b *Batcher) send(key string, full *batch) {
	full.timer.Stop()
	delete(b.open, key)
	b.flying.Go(func() { b.run(full.calls) })
}

func (b *Batcher) run(calls []*batched) {
	calls = slices.DeleteFunc(calls, func(c *batched) bool { return c.ctx.Err() != nil }) // who has left gets nothing
	if len(calls) == 0 {
		return
	}
	ctx, cancel := common(calls)
	defer cancel()
	outputs, err := b.infer(ctx, calls)
	for i, c := range calls {
		if c.err = err; err == nil {
			c.outputs = outputs[i]
		}
		close(c.done)
	}
}

// common is a context that ends when every caller has left, with the last of their deadlines.
func common(calls []*batched) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(calls[0].ctx))
	last, all := time.Time{}, true
	var mu sync.Mutex
	waiting := len(calls)
	stops := make([]func() bool, len(calls))
	for i, c := range calls {
		deadline, ok := c.ctx.Deadline()
		all = all && ok
		if deadline.After(last) {
			last = deadline
		}
		stops[i] = context.AfterFunc(c.ctx, func() {
			mu.Lock()
			defer mu.Unlock()
			if waiting--; waiting == 0 {
				cancel()
			}
		})
	}
	end := func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
	if !all {
		return ctx, end
	}
	bounded, stop := context.WithDeadline(ctx, last)
	return bounded, func() {
		stop()
		end()
	}
}

// infer sends the common request and splits its answer.
func (b *Batcher) infer(ctx context.Context, calls []*batched) ([]tensor.Map, error) {
	inputs := calls[0].inputs
	if len(calls) > 1 {
		inputs = make(tensor.Map, len(inputs))
		for name := range calls[0].inputs {
			parts := make([]*tensor.Tensor, len(calls))
			for i, c := range calls {
				parts[i] = c.inputs[name]
			}
			joined, err := tensor.Concat(parts...)
			if err != nil {
				return nil, callError(ctx, "infer in a batch", b.model, fmt.Errorf("%w: input %q: %w", ErrInvalidArgument, name, err))
			}
			inputs[name] = joined
		}
	}
	answer, _, err := b.client.Infer(ctx, b.model, inputs, b.outputs)
	if err != nil {
		return nil, err
	}
	rows := 0
	for _, c := range calls {
		rows += c.rows
	}
	split := make([]tensor.Map, len(calls))
	for i := range split {
		split[i] = make(tensor.Map, len(answer))
	}
	for _, name := range slices.Sorted(maps.Keys(answer)) {
		t := answer[name]
		if t.Rank() == 0 || t.Dim(0) != rows {
			return nil, callError(ctx, "infer in a batch", b.model, fmt.Errorf("%w: output %q is %s for %d rows: the model does not batch", ErrProtocol, name, t, rows))
		}
		at := 0
		for i, c := range calls {
			split[i][name] = t.Rows(at, at+c.rows)
			at += c.rows
		}
	}
	return split, nil
}

// Close sends what is gathered and waits for all answers. Calls after it fail with [ErrClosed].
func (b *Batcher) Close() error {
	b.mu.Lock()
	b.closed = true
	for key, open := range b.open {
		b.send(key, open)
	}
	b.mu.Unlock()
	b.flying.Wait()
	return nil
}
