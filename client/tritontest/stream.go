package tritontest

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
	"recsys/tensor"
)

// ModelStreamInfer answers one request after another. An error ends the stream with its code if the caller's headers
// have triton_grpc_error: true; otherwise it is a text.
func (s *service) ModelStreamInfer(stream grpc.BidiStreamingServer[tritonpb.ModelInferRequest, tritonpb.ModelStreamInferResponse]) error {
	headers, _ := metadata.FromIncomingContext(stream.Context())
	coded := slices.Contains(headers.Get("triton_grpc_error"), "true")
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = s.answerAll(stream, r)
		if err != nil && !coded {
			err = stream.Send(&tritonpb.ModelStreamInferResponse{ErrorMessage: status.Convert(err).Message()})
		}
		if err != nil {
			return err
		}
	}
}

func (s *service) answerAll(stream grpc.ServerStreamingServer[tritonpb.ModelStreamInferResponse], r *tritonpb.ModelInferRequest) error {
	ctx := stream.Context()
	m, version, fault, err := s.arrive(r)
	if err != nil {
		return err
	}
	if err := fault.before(ctx); err != nil {
		return err
	}
	call, err := callOf(r, version)
	if err != nil {
		return err
	}
	final := r.GetParameters()["triton_enable_empty_final_response"].GetBoolParam()
	for outputs, err := range m.answers(ctx, call) {
		if err != nil {
			return statusOf(err)
		}
		answer, err := m.answer(call, outputs)
		if err != nil {
			return err
		}
		mark(answer, final, m.model.Stream == nil)
		if fault.Corrupt != nil {
			fault.Corrupt(answer)
		}
		if err := stream.Send(&tritonpb.ModelStreamInferResponse{InferResponse: answer}); err != nil {
			return err
		}
	}
	s.succeeded(m, version)
	if m.model.Stream == nil || !final {
		return nil
	}
	last := &tritonpb.ModelInferResponse{ModelName: m.model.Name, ModelVersion: version, Id: r.GetId()}
	mark(last, true, true)
	return stream.Send(&tritonpb.ModelStreamInferResponse{InferResponse: last})
}

// answers are those of a decoupled model, or the one of another.
func (m *state) answers(ctx context.Context, call Call) iter.Seq2[tensor.Map, error] {
	if m.model.Stream != nil {
		return m.model.Stream(ctx, call)
	}
	return func(yield func(tensor.Map, error) bool) { yield(m.model.Infer(ctx, call)) }
}

// mark says whether an answer is the last one, to callers that want to know.
func mark(answer *tritonpb.ModelInferResponse, wanted, last bool) {
	if wanted {
		answer.Parameters = map[string]*tritonpb.InferParameter{
			"triton_final_response": {ParameterChoice: &tritonpb.InferParameter_BoolParam{BoolParam: last}},
		}
	}
}
