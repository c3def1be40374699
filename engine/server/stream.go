package server

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
)

// streamWidth bounds the requests of one stream that are at work; the next one is not read before.
const streamWidth = 64

// ModelStreamInfer answers each request of a stream once, as its answer is there. An error is an answer too, unless the client asks for the
// stream's end in its place by the header "triton_grpc_error: true".
func (s *Server) ModelStreamInfer(stream tritonpb.GRPCInferenceService_ModelStreamInferServer) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	ends := slices.Contains(md.Get("triton_grpc_error"), "true")
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	var work sync.WaitGroup
	var send sync.Mutex
	width := make(chan struct{}, streamWidth)
	answer := func(r *tritonpb.ModelInferRequest) {
		defer func() { <-width }()
		out := s.streamAnswer(ctx, r)
		send.Lock()
		defer send.Unlock()
		if ctx.Err() != nil {
			return
		}
		if out.err != nil && ends {
			cancel(out.err)
			return
		}
		if err := stream.Send(out.message); err != nil {
			cancel(err)
		}
	}
	requests := received(ctx, stream)
	for open := true; open; {
		select {
		case <-ctx.Done():
			open = false
		case r, more := <-requests:
			switch {
			case !more:
				open = false
			case r.err != nil:
				cancel(r.err)
			default:
				width <- struct{}{}
				work.Go(func() { answer(r.message) })
			}
		}
	}
	work.Wait()
	if err := context.Cause(ctx); err != nil {
		return streamEnd(err)
	}
	return nil
}

// streamed is a message, or why there is none.
type streamed[M any] struct {
	message M
	err     error
}

// received reads a stream until it or ctx ends. Reading ends with the stream's handler at the latest.
func received(ctx context.Context, stream tritonpb.GRPCInferenceService_ModelStreamInferServer) <-chan streamed[*tritonpb.ModelInferRequest] {
	out := make(chan streamed[*tritonpb.ModelInferRequest])
	go func() {
		defer close(out)
		for {
			r, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			select {
			case out <- streamed[*tritonpb.ModelInferRequest]{r, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

func streamEnd(err error) error {
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	return status.FromContextError(err).Err()
}

func (s *Server) streamAnswer(ctx context.Context, r *tritonpb.ModelInferRequest) streamed[*tritonpb.ModelStreamInferResponse] {
	a, err := s.ModelInfer(ctx, r)
	if err != nil {
		return streamed[*tritonpb.ModelStreamInferResponse]{&tritonpb.ModelStreamInferResponse{
			ErrorMessage: status.Convert(err).Message(), InferResponse: &tritonpb.ModelInferResponse{Id: r.GetId()},
		}, err}
	}
	a.Parameters = map[string]*tritonpb.InferParameter{
		"triton_final_response": {ParameterChoice: &tritonpb.InferParameter_BoolParam{BoolParam: true}},
	}
	return streamed[*tritonpb.ModelStreamInferResponse]{message: &tritonpb.ModelStreamInferResponse{InferResponse: a}}
}
