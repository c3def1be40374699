package tritontest

import (
	"context"
	"iter"
	"time"

	"recsys/client/tritonpb"
	"recsys/tensor"
)

// Model is a model that the fake server knows.
type Model struct {
	Name string
	// Versions are those it has, the newest last; none means "1".
	Versions []string
	// Config is the answer to a question for the configuration, and from which metadata is made. Its name may be left
	// out. Nil answers with the name alone.
	Config *tritonpb.ModelConfig
	// Infer answers a call; ctx ends when the caller gives up. An error that has no gRPC status becomes INTERNAL.
	// It is called concurrently. Nil answers with the inputs: an output takes the input of its name.
	Infer func(ctx context.Context, call Call) (tensor.Map, error)
	// Stream answers a call any number of times, as a decoupled model does, which streams alone can ask. An error ends
	// the stream: after it, or the last answer, nothing more is yielded.
	Stream func(ctx context.Context, call Call) iter.Seq2[tensor.Map, error]
}

// Call is one inference as a model sees it.
type Call struct {
	Version string
	ID      string
	Inputs  tensor.Map
	Outputs []string // the names that are asked for; empty for all
	// Parameters are those of the request.
	Parameters map[string]*tritonpb.InferParameter
}

// Fault is what goes wrong in an inference.
type Fault struct {
	// Times is the number of inferences that it befalls; 0 is all until [Server.Heal].
	Times int
	// Latency is waited before anything else, or until the caller gives up.
	Latency time.Duration
	// Err is returned in place of an answer, such as one made by status.Error.
	Err error
	// Hang gives no answer until the caller gives up.
	Hang bool
	// Corrupt changes the answer.
	Corrupt func(*tritonpb.ModelInferResponse)
}

func echo(_ context.Context, call Call) (tensor.Map, error) { return call.Inputs, nil }
