package client

import (
	"context"

	"google.golang.org/grpc"

	"recsys/client/tritonpb"
)

// stub names the calls, as method expressions: stub.ServerLive.
type stub = tritonpb.GRPCInferenceServiceClient

// unary makes one call, with the client's timeout where ctx has no deadline, and does not try it again.
func unary[Q, A any](
	ctx context.Context, c *Client, name, model string, request Q,
	call func(stub, context.Context, Q, ...grpc.CallOption) (A, error),
) (A, error) {
	return simple(ctx, c, spec{name: name, model: model}, request, call)
}

// query is unary for calls that only read, which may be tried again.
func query[Q, A any](
	ctx context.Context, c *Client, name, model string, request Q,
	call func(stub, context.Context, Q, ...grpc.CallOption) (A, error),
) (A, error) {
	return simple(ctx, c, spec{name: name, model: model, repeatable: true}, request, call)
}

// everywhere makes a change on every replica.
func everywhere[Q, A any](
	ctx context.Context, c *Client, name string, request Q, call func(stub, context.Context, Q, ...grpc.CallOption) (A, error),
) error {
	return c.ForEach(ctx, func(ctx context.Context, _ string, one *Client) error {
		_, err := unary(ctx, one, name, "", request, call)
		return err
	})
}

func simple[Q, A any](
	ctx context.Context, c *Client, s spec, request Q, call func(stub, context.Context, Q, ...grpc.CallOption) (A, error),
) (A, error) {
	ctx, traced := c.traceCall(ctx, Call{Name: s.name, Model: s.model})
	answer, err := untraced(ctx, c, s, request, call)
	if traced != nil {
		traced("", err)
	}
	return answer, err
}

func untraced[Q, A any](
	ctx context.Context, c *Client, s spec, request Q, call func(stub, context.Context, Q, ...grpc.CallOption) (A, error),
) (A, error) {
	var none A
	inner, end, err := c.begin(ctx, c.timeout)
	if err != nil {
		return none, callError(ctx, s.name, s.model, err)
	}
	defer end()
	return run(inner, c, s, func(ctx context.Context, k *conn, _ bool) (A, error) { return call(k.stub, ctx, request) })
}
