package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"google.golang.org/grpc/metadata"

	"recsys/client/internal/message"
	"recsys/client/tritonpb"
	"recsys/client/wire"
)

// Stream runs a model that answers a request any number of times (model_transaction_policy { decoupled: true }), or
// another one, which answers once. It yields the answers as they come, each belonging to the caller, and an error of
// type [*Error] last if there is one. Breaking off the loop ends the request. A stream is never tried again, and waits
// for who is slow to take its answers. It ends by the context's deadline; without one it has none.
func (c *Client) Stream(ctx context.Context, request Request) iter.Seq2[Result, error] {
	const call = "stream"
	return func(yield func(Result, error) bool) {
		ctx, end := c.traceCall(ctx, Call{Name: call, Model: request.Model, Version: request.Version})
		version := ""
		err := callError(ctx, call, request.Model, c.stream(ctx, request, func(r Result, err error) bool {
			version = r.Version
			return yield(r, err)
		}))
		if end != nil {
			end(version, err)
		}
		if err != nil {
			yield(Result{}, err)
		}
	}
}

// stream returns what is to be yielded last, nil if the answers have ended or are not wanted any more.
func (c *Client) stream(ctx context.Context, request Request, yield func(Result, error) bool) (err error) {
	m, err := request.stub()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidArgument, err)
	}
	// Without the header an error is a text without its code; refusals that come before the model still are with it
	// (Triton 24.10).
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, "triton_grpc_error", "true"))
	defer cancel()
	if err := c.count(ctx); err != nil {
		return err
	}
	defer c.calls.Done()
	s := spec{name: "stream", model: request.Model, infers: true}
	p, err := c.acquire(ctx, request.Model, nil)
	if err != nil {
		return c.pickError(ctx, s, err)
	}
	defer p.release()
	defer p.replica.settled() // where it is broken off
	ctx, w := c.watch(ctx, s, p.replica, Attempt{Number: 1})
	defer func() { w.done(ctx, c, callError(ctx, s.name, s.model, err)) }()
	if ctx, err = c.outgoing(ctx); err != nil {
		return err
	}
	stream, err := p.conn.stub.ModelStreamInfer(ctx)
	if err == nil {
		err = stream.Send(m)
	}
	if err == nil || errors.Is(err, io.EOF) { // EOF of Send: Recv tells the error
		err = stream.CloseSend()
	}
	if err != nil {
		return c.judge(ctx, s, p.replica, err)
	}
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return c.judge(ctx, s, p.replica, err)
		}
		if text := answer.GetErrorMessage(); text != "" {
			return &Error{Call: "stream", Model: request.Model, Kinds: kindsOfText(text), Cause: errors.New(text)}
		}
		p.replica.succeeded(s)
		got := answer.GetInferResponse()
		last := got.GetParameters()[finalResponse].GetBoolParam()
		if !last || len(got.GetOutputs()) > 0 {
			result, err := request.fromStub(got)
			if err != nil {
				return err
			}
			if !yield(result, nil) {
				return nil
			}
		}
		if last {
			return nil
		}
	}
}

// finalResponse is the parameter of a request's last answer, which may have no outputs.
const finalResponse = "triton_final_response"

// stub makes the request as the stubs want it, for a stream.
func (r Request) stub() (*tritonpb.ModelInferRequest, error) {
	m, err := r.message()
	if err != nil {
		return nil, err
	}
	if len(r.SharedInputs)+len(r.SharedOutputs) > 0 {
		return nil, errors.New("tensors are in shared memory, which streams do not use: leave them out, or call Do")
	}
	out := &tritonpb.ModelInferRequest{ModelName: r.Model, ModelVersion: r.Version, Id: r.ID, Parameters: map[string]*tritonpb.InferParameter{
		"triton_enable_empty_final_response": {ParameterChoice: &tritonpb.InferParameter_BoolParam{BoolParam: true}},
	}}
	for _, p := range m.Parameters {
		out.Parameters[p.Name] = inferParameter(p)
	}
	return out, wire.SetInputs(out, r.Inputs, r.Outputs)
}

func inferParameter(p message.Parameter) *tritonpb.InferParameter {
	switch v := p.Value.(type) {
	case bool:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_BoolParam{BoolParam: v}}
	case int64:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: v}}
	case uint64:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Uint64Param{Uint64Param: v}}
	case float64:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_DoubleParam{DoubleParam: v}}
	case string:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_StringParam{StringParam: v}}
	}
	return nil // Request.message has refused all others
}

// fromStub reads an answer of a stream.
func (r Request) fromStub(m *tritonpb.ModelInferResponse) (Result, error) {
	outputs, err := wire.Outputs(m)
	return r.result(&message.Response{
		Model: m.GetModelName(), Version: m.GetModelVersion(), ID: m.GetId(), Parameters: m.GetParameters(), Outputs: outputs, Err: err,
	})
}
