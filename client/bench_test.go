package client_test

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

// recommendation is an inference of the size that the gateway sends: a handful of scalars, a history, a bitmap of
// 4,000 items; 100 ids and scores come back.
func recommendation() (inputs tensor.Map, outputs []string, answer tensor.Map) {
	inputs = tensor.Map{
		"user_id": tensor.Of([]int64{42}, 1, 1),
		"gender":  tensor.Of([]string{"F"}, 1, 1),
		"age":     tensor.Of([]float32{31}, 1, 1),
		"history": tensor.Zeros(tensor.Int64, 1, 50),
		"blocked": tensor.Zeros(tensor.Uint8, 1, 500),
	}
	answer = tensor.Map{"item_ids": tensor.Zeros(tensor.Int64, 1, 100), "scores": tensor.Zeros(tensor.Float32, 1, 100)}
	return inputs, []string{"item_ids", "scores"}, answer
}

// service answers every inference with the same message, so that the benchmarks count the client's allocations and
// as few of the server's as can be.
type service struct {
	tritonpb.UnimplementedGRPCInferenceServiceServer
	answer *tritonpb.ModelInferResponse
}

func (s service) ModelInfer(context.Context, *tritonpb.ModelInferRequest) (*tritonpb.ModelInferResponse, error) {
	return s.answer, nil
}

// serve returns a gRPC target and how to connect to it.
func serve(tb testing.TB) (string, grpc.DialOption) {
	tb.Helper()
	listener := bufconn.Listen(1 << 20)
	serveOn(tb, listener)
	dial := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
	return "passthrough:///bench", dial
}

// serveOn returns the listener's address.
func serveOn(tb testing.TB, listener net.Listener) string {
	tb.Helper()
	_, names, answer := recommendation()
	s := service{answer: &tritonpb.ModelInferResponse{ModelName: "shop", ModelVersion: "1"}}
	if err := wire.SetOutputs(s.answer, answer, names); err != nil {
		tb.Fatal(err)
	}
	server := grpc.NewServer()
	tritonpb.RegisterGRPCInferenceServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(server.Stop)
	return listener.Addr().String()
}

// BenchmarkInfer and BenchmarkStub make the same call; the difference is what the client adds to the bare stub, which
// is given a message made before: a request's and an answer's tensors, names and timeout.
func BenchmarkInfer(b *testing.B) {
	target, dial := serve(b)
	c, err := client.New(b.Context(), target, client.WithDialOptions(dial))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	inputs, outputs, _ := recommendation()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.Infer(b.Context(), "shop", inputs, outputs); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations holds the client to ten allocations more than the bare stub, of the whole process with the server.
func TestAllocations(t *testing.T) {
	if testing.Short() {
		t.Skip("-short goes with the race detector, which allocates in the counted code")
	}
	infer, stub := testing.Benchmark(BenchmarkInfer), testing.Benchmark(BenchmarkStub)
	if got, want := infer.AllocsPerOp(), stub.AllocsPerOp(); got > want+10 {
		t.Errorf("an inference allocates %d times, want the bare stub's %d and 10 at most", got, want)
	}
}

func BenchmarkStub(b *testing.B) {
	target, dial := serve(b)
	cc, err := grpc.NewClient(target, dial, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cc.Close() })
	stub := tritonpb.NewGRPCInferenceServiceClient(cc)
	inputs, outputs, _ := recommendation()
	request := &tritonpb.ModelInferRequest{
		ModelName: "shop",
		Parameters: map[string]*tritonpb.InferParameter{
			"timeout": {ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: 9_999_000}},
		},
	}
	if err := wire.SetInputs(request, inputs, outputs); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
		if _, err := stub.ModelInfer(ctx, request); err != nil {
			b.Fatal(err)
		}
		cancel()
	}
}
