package exec

import (
	"context"
	"fmt"

	"recsys/tensor"
)

// Session runs a plan again and again in memory of its own. It is not safe for concurrent use; several sessions of
// one plan are.
type Session struct {
	plan  *Plan
	state *state
}

// NewSession returns a session. It needs no closing.
func (p *Plan) NewSession() *Session { return &Session{plan: p} }

// Run is Plan.Run, but the map and the outputs belong to the session: they hold until its next Run, and only the
// tensors' elements may be changed. With inputs of the same shapes as before and, where the graph reshapes an
// input, in the same tensors, it allocates nothing.
func (s *Session) Run(ctx context.Context, in tensor.Map) (tensor.Map, error) {
	b, err := s.plan.bind(in)
	if err != nil {
		return nil, fmt.Errorf("run graph %q: %w", s.plan.name, err)
	}
	if s.state == nil || s.state.b != b {
		if s.state != nil {
			s.state.b.give(s.state)
		}
		s.state = b.take()
	}
	if err := s.state.run(ctx, in); err != nil {
		return nil, fmt.Errorf("run graph %q: %w", s.plan.name, err)
	}
	return s.state.result, nil
}
