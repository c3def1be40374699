package client

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"recsys/tensor"
)

// Sequence is a series of inferences that a model with state answers in their order, such as the events of a session.
// All go to one replica, which holds the state: when it is lost the sequence is too. Use it from one goroutine.
type Sequence struct {
	client  *Client
	model   string
	id      int64
	started bool
	ended   bool
	pinned  bool
	err     error
}

// Sequence starts a sequence for a model with a sequence_batching configuration, with an id of its own.
func (c *Client) Sequence(model string) *Sequence {
	var b [8]byte
	_, _ = rand.Read(b[:])                               // never fails
	id := int64(binary.LittleEndian.Uint64(b[:])>>1) | 1 // positive: 0 is no sequence
	return &Sequence{client: c, model: model, id: id}
}

// Infer sends the next inference; last says that it ends the sequence, after which the sequence cannot be used. Errors
// are of type [*Error]; after one the state is unknown, and a new sequence is needed.
func (s *Sequence) Infer(ctx context.Context, inputs tensor.Map, outputs []string, last bool) (tensor.Map, error) {
	if s.err == nil && !s.pinned {
		s.err = s.pin(ctx)
	}
	switch {
	case s.ended:
		s.err = fmt.Errorf("%w: the sequence has ended: start another", ErrInvalidArgument)
	case s.err == nil:
		result, err := s.client.Do(ctx, Request{
			Model: s.model, Inputs: inputs, Outputs: outputs,
			Parameters: map[string]any{"sequence_id": s.id, "sequence_start": !s.started, "sequence_end": last},
		})
		s.started, s.ended, s.err = true, last, err
		return result.Outputs, err
	}
	return nil, callError(ctx, "sequence", s.model, s.err)
}

// pin chooses the replica.
func (s *Sequence) pin(ctx context.Context) error {
	p, err := s.client.acquire(ctx, s.model, nil)
	if err != nil {
		return err
	}
	p.release()
	p.replica.settled() // a probe that asks nothing
	s.client, s.pinned = &Client{core: s.client.core, pin: p.replica}, true
	return nil
}
