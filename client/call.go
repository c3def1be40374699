package client

import "context"

// Call is one call with all its tries, as [WithCallTracer] tells it.
type Call struct {
	Name  string // such as "infer"
	Model string // empty for calls about the server
	// Version is the model's version: at the start the one that was asked for, at the end the one that has answered an inference, or the
	// newest answer of a stream. Empty if it is not known.
	Version string
	// Err is nil at the start, and nil or an [*Error] at the end.
	Err error
}

// WithCallTracer calls start before each call, with what is known of it then, such as to begin the span that those of [WithTracer] are
// part of. The call has the context that start returns; end is called after it. Both are called concurrently. A stream is a call
// from its start to its end, and each replica that [Client.ForEach] comes to has calls of its own.
func WithCallTracer(start func(context.Context, Call) (traced context.Context, end func(Call))) Option {
	return func(s *settings) { s.callTracer = start }
}

// traceCall tells the call tracer that a call begins; end is nil without one.
func (c *Client) traceCall(ctx context.Context, call Call) (traced context.Context, end func(version string, err error)) {
	if c.callTracer == nil {
		return ctx, nil
	}
	ctx, done := c.callTracer(ctx, call)
	return ctx, func(version string, err error) {
		if version != "" {
			call.Version = version
		}
		call.Err = err
		done(call)
	}
}
