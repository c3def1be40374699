package client

import (
	"context"

	"google.golang.org/grpc"

	"recsys/client/tritonpb"
)

// stub names the calls, as method expressions: stub.ServerLive.
type stub = tritonpb.GRPCInferenceServiceClient

// unary makes one call, with the client's timeout where ctx has no deadline.
func unary[Q, A any](
	ctx context.Context, c *Client, name, model string, request Q,
	call func(stub, context.Context, Q, ...grpc.CallOption) (A, error),
) (A, error) {
	var none A
	inner, k, end, err := c.begin(ctx, c.timeout)
	if err != nil {
		return none, callError(ctx, name, model, err)
	}
	defer end()
	answer, err := call(k.stub, inner, request)
	return answer, callError(ctx, name, model, err)
}
