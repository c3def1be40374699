package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"recsys/client/tritonpb"
)

type (
	pbInput  = tritonpb.ModelInferRequest_InferInputTensor
	pbOutput = tritonpb.ModelInferRequest_InferRequestedOutputTensor
	pbValues = tritonpb.InferTensorContents
)

// call is a gRPC call of the script.
type call struct {
	name string
	do   func(ctx context.Context, c stub) (proto.Message, error)
}

// stub has the services of a server.
type stub struct {
	tritonpb.GRPCInferenceServiceClient
	health grpc_health_v1.HealthClient
}

// unary makes a call of a method and its message.
func unary[Q, A proto.Message](name string, method func(stub, context.Context, Q, ...grpc.CallOption) (A, error), message Q) call {
	return call{name, func(ctx context.Context, c stub) (proto.Message, error) {
		a, err := method(c, ctx, message)
		return a, err
	}}
}

// infers makes an inference.
func infers(name string, message *tritonpb.ModelInferRequest) call {
	return unary(name, stub.ModelInfer, message)
}

func boolParameter(v bool) *tritonpb.InferParameter {
	return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_BoolParam{BoolParam: v}}
}

func intParameter(v int64) *tritonpb.InferParameter {
	return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: v}}
}

func stringParameter(v string) *tritonpb.InferParameter {
	return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_StringParam{StringParam: v}}
}

func configParameter(v string) *tritonpb.ModelRepositoryParameter {
	return &tritonpb.ModelRepositoryParameter{ParameterChoice: &tritonpb.ModelRepositoryParameter_StringParam{StringParam: v}}
}

// raw3 asks latest with raw contents.
func raw3() *tritonpb.ModelInferRequest {
	return &tritonpb.ModelInferRequest{
		ModelName: "latest", Inputs: []*pbInput{{Name: "x", Datatype: "FP32", Shape: []int64{1, 3}}},
		RawInputContents: [][]byte{[]byte(floats(1, 2, 3))},
	}
}

// with changes a copy of raw3.
func with(change func(*tritonpb.ModelInferRequest)) *tritonpb.ModelInferRequest {
	r := raw3()
	change(r)
	return r
}

// grpcScript is the script of gRPC calls, in order.
func grpcScript() []call {
	name := func(n, v string) *tritonpb.ModelMetadataRequest {
		return &tritonpb.ModelMetadataRequest{Name: n, Version: v}
	}
	list := []call{
		unary("live", stub.ServerLive, &tritonpb.ServerLiveRequest{}),
		unary("ready", stub.ServerReady, &tritonpb.ServerReadyRequest{}),
		{"health", func(ctx context.Context, c stub) (proto.Message, error) {
			return c.health.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		}},
		unary("server", stub.ServerMetadata, &tritonpb.ServerMetadataRequest{}),
		unary("model ready", stub.ModelReady, &tritonpb.ModelReadyRequest{Name: "add"}),
		unary("version ready", stub.ModelReady, &tritonpb.ModelReadyRequest{Name: "add", Version: "3"}),
		unary("version not ready", stub.ModelReady, &tritonpb.ModelReadyRequest{Name: "add", Version: "2"}),
		unary("version x ready", stub.ModelReady, &tritonpb.ModelReadyRequest{Name: "add", Version: "x"}),
		unary("nobody ready", stub.ModelReady, &tritonpb.ModelReadyRequest{Name: "nobody"}),
		unary("no name ready", stub.ModelReady, &tritonpb.ModelReadyRequest{}),
		unary("metadata", stub.ModelMetadata, name("add", "")),
		unary("metadata of a version", stub.ModelMetadata, name("add", "1")),
		unary("metadata of an unserved version", stub.ModelMetadata, name("add", "2")),
		unary("metadata of version x", stub.ModelMetadata, name("add", "x")),
		unary("metadata of version -1", stub.ModelMetadata, name("add", "-1")),
		unary("metadata of nobody", stub.ModelMetadata, name("nobody", "")),
		unary("metadata of an ensemble", stub.ModelMetadata, name("square", "")),
		unary("metadata of identity", stub.ModelMetadata, name("identity", "")),
	}
	for _, model := range []string{"add", "lookup", "queue", "square", "chain", "all", "latest", "identity", "nobody", "cold"} {
		list = append(list, unary("config of "+model, stub.ModelConfig, &tritonpb.ModelConfigRequest{Name: model}))
	}
	list = append(list,
		unary("config of a version", stub.ModelConfig, &tritonpb.ModelConfigRequest{Name: "add", Version: "3"}),
		unary("config of an unserved version", stub.ModelConfig, &tritonpb.ModelConfigRequest{Name: "add", Version: "2"}),
		unary("statistics of nobody", stub.ModelStatistics, &tritonpb.ModelStatisticsRequest{Name: "nobody"}),
		unary("statistics of an unserved version", stub.ModelStatistics, &tritonpb.ModelStatisticsRequest{Name: "add", Version: "2"}),
		unary("index", stub.RepositoryIndex, &tritonpb.RepositoryIndexRequest{}),
		unary("index of what is ready", stub.RepositoryIndex, &tritonpb.RepositoryIndexRequest{Ready: true}),
	)
	list = append(list, grpcInferScript()...)
	return append(list, grpcControlScript()...)
}

func grpcInferScript() []call {
	typed := func(datatype string, values *pbValues) *tritonpb.ModelInferRequest {
		return &tritonpb.ModelInferRequest{ModelName: "latest", Inputs: []*pbInput{{Name: "x", Datatype: datatype, Shape: []int64{1, 3}, Contents: values}}}
	}
	type request = tritonpb.ModelInferRequest
	parameter := func(key string, v *tritonpb.InferParameter) *request {
		return with(func(r *request) { r.Parameters = map[string]*tritonpb.InferParameter{key: v} })
	}
	list := []call{
		infers("raw", raw3()),
		infers("typed", typed("FP32", &pbValues{Fp32Contents: []float32{1, 2, 3}})),
		infers("typed of another type", typed("FP32", &pbValues{Int64Contents: []int64{1, 2, 3}})),
		infers("typed and too few", typed("FP32", &pbValues{Fp32Contents: []float32{1, 2}})),
		infers("typed and too many", typed("FP32", &pbValues{Fp32Contents: []float32{1, 2, 3, 4}})),
		infers("typed half precision", typed("FP16", &pbValues{Fp32Contents: []float32{1, 2, 3}})),
		infers("no contents", typed("FP32", nil)),
		infers("typed and raw", with(func(r *request) { r.Inputs[0].Contents = &pbValues{Fp32Contents: []float32{1, 2, 3}} })),
		infers("id", with(func(r *request) { r.Id = "r-7" })),
		infers("version", with(func(r *request) { r.ModelVersion = "2" })),
		infers("unserved version", with(func(r *request) { r.ModelVersion = "1" })),
		infers("version x", with(func(r *request) { r.ModelVersion = "x" })),
		infers("nobody", with(func(r *request) { r.ModelName = "nobody" })),
		infers("no name", with(func(r *request) { r.ModelName = "" })),
		infers("cold", with(func(r *request) { r.ModelName = "cold" })),
		infers("ensemble", with(func(r *request) { r.ModelName = "square" })),
		infers("one output", with(func(r *request) { r.Outputs = []*pbOutput{{Name: "y"}} })),
		infers("one output of an ensemble", with(func(r *request) { r.ModelName, r.Outputs = "square", []*pbOutput{{Name: "squared"}} })),
		infers("an output twice", with(func(r *request) { r.Outputs = []*pbOutput{{Name: "y"}, {Name: "y"}} })),
		infers("unknown output", with(func(r *request) { r.Outputs = []*pbOutput{{Name: "z"}} })),
		infers("raw too short", with(func(r *request) { r.RawInputContents[0] = r.RawInputContents[0][:8] })),
		infers("raw too long", with(func(r *request) { r.RawInputContents[0] = []byte(floats(1, 2, 3, 4)) })),
		infers("raw for nobody", with(func(r *request) { r.RawInputContents = append(r.RawInputContents, []byte{1}) })),
		infers("input without a name", with(func(r *request) { r.Inputs[0].Name = "" })),
		infers("another input", with(func(r *request) { r.Inputs[0].Name = "w" })),
		infers("no inputs", with(func(r *request) { r.Inputs, r.RawInputContents = nil, nil })),
		infers("an input twice", with(func(r *request) {
			r.Inputs, r.RawInputContents = append(r.Inputs, r.Inputs[0]), append(r.RawInputContents, r.RawInputContents[0])
		})),
		infers("unknown type", with(func(r *request) { r.Inputs[0].Datatype = "FP33" })),
		infers("other type", with(func(r *request) { r.Inputs[0].Datatype = "INT32" })),
		infers("config's name of a type", with(func(r *request) { r.Inputs[0].Datatype = "TYPE_FP32" })),
		infers("other shape", with(func(r *request) { r.Inputs[0].Shape = []int64{3, 1} })),
		infers("other rank", with(func(r *request) { r.Inputs[0].Shape = []int64{3} })),
		infers("rank 0", with(func(r *request) { r.Inputs[0].Shape = nil })),
		infers("negative shape", with(func(r *request) { r.Inputs[0].Shape = []int64{-1, 3} })),
		infers("huge shape", with(func(r *request) { r.Inputs[0].Shape = []int64{1 << 62, 3} })),
		infers("batch 0", with(func(r *request) { r.Inputs[0].Shape, r.RawInputContents[0] = []int64{0, 3}, []byte{} })),
		infers("too large a batch", with(func(r *request) {
			r.Inputs[0].Shape, r.RawInputContents[0] = []int64{5, 3}, []byte(strings.Repeat(floats(1, 2, 3), 5))
		})),
		infers("too large a batch with an id", with(func(r *request) {
			r.Id, r.Inputs[0].Shape, r.RawInputContents[0] = "r-8", []int64{5, 3}, []byte(strings.Repeat(floats(1, 2, 3), 5))
		})),
		infers("unbatched and empty", with(func(r *request) {
			r.ModelName, r.Inputs[0].Shape, r.RawInputContents[0] = "all", []int64{0, 3}, []byte{}
		})),
		infers("fault of the model", &request{ModelName: "lookup", Inputs: []*pbInput{{
			Name: "i", Datatype: "INT64", Shape: []int64{4, 1}, Contents: &pbValues{Int64Contents: []int64{4, 0, 0, 0}},
		}}}),
		infers("fault of a step", &request{ModelName: "chain", Inputs: []*pbInput{{
			Name: "i", Datatype: "INT64", Shape: []int64{4, 1}, Contents: &pbValues{Int64Contents: []int64{4, 0, 0, 0}},
		}}}),
		infers("unknown parameter", parameter("tenant", stringParameter("shop"))),
		infers("reserved parameter", parameter("triton_x", intParameter(1))),
		infers("parameter without a value", parameter("tenant", &tritonpb.InferParameter{})),
		infers("priority", parameter("priority", intParameter(1))),
		infers("priority of another kind", parameter("priority", stringParameter("high"))),
		infers("timeout", parameter("timeout", intParameter(1_000_000))),
		infers("timeout of another kind", parameter("timeout", stringParameter("soon"))),
		infers("binary_data_output", parameter("binary_data_output", boolParameter(true))),
		infers("sequence", parameter("sequence_id", intParameter(1))),
		infers("classification", with(func(r *request) {
			r.Outputs = []*pbOutput{{Name: "y", Parameters: map[string]*tritonpb.InferParameter{"classification": intParameter(2)}}}
		})),
		infers("shared memory", with(func(r *request) {
			r.RawInputContents = nil
			r.Inputs[0].Parameters = map[string]*tritonpb.InferParameter{"shared_memory_region": stringParameter("r"), "shared_memory_byte_size": intParameter(12)}
		})),
		infers("shared memory for an output", with(func(r *request) {
			r.Outputs = []*pbOutput{{Name: "y", Parameters: map[string]*tritonpb.InferParameter{"shared_memory_region": stringParameter("r"), "shared_memory_byte_size": intParameter(12)}}}
		})),
		streams("stream", raw3(), with(func(r *request) { r.Id = "2" })),
		streams("stream with an error", with(func(r *request) { r.ModelName = "nobody" }), raw3()),
		streams("stream with a final answer", parameter("triton_enable_empty_final_response", boolParameter(true))),
		streams("stream of an ensemble", with(func(r *request) { r.ModelName = "square" })),
		streams("stream of nothing"),
	}
	r := &request{ModelName: "identity"}
	sizes := map[string]int{
		"bool": 1, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "float16": 2, "float32": 4, "float64": 8,
	}
	for _, t := range types {
		part := []byte("\x00\x00\x00\x00\x04\x00\x00\x00abcd")
		if n := sizes[t[0]]; n > 0 {
			part = append(make([]byte, n), append([]byte{1}, make([]byte, n-1)...)...)
		}
		r.Inputs = append(r.Inputs, &pbInput{Name: "x_" + t[0], Datatype: wireName(t[1]), Shape: []int64{1, 2}})
		r.RawInputContents = append(r.RawInputContents, part)
	}
	short := proto.CloneOf(r)
	short.RawInputContents[len(short.RawInputContents)-1] = short.RawInputContents[len(short.RawInputContents)-1][:11]
	return append(list, infers("every type", r), infers("strings whose bytes end early", short))
}

// streams sends requests on one stream and collects what comes back.
func streams(name string, requests ...*tritonpb.ModelInferRequest) call {
	return call{name, func(ctx context.Context, c stub) (proto.Message, error) {
		s, err := c.ModelStreamInfer(ctx)
		if err != nil {
			return nil, err
		}
		// One answer each, taken before the next request: the order between requests is nobody's promise.
		all := &tritonpb.ModelStreamInferResponse{InferResponse: &tritonpb.ModelInferResponse{}}
		for _, r := range requests {
			if err := s.Send(r); err != nil {
				return nil, err
			}
			a, err := s.Recv()
			if err != nil {
				return nil, err
			}
			all.ErrorMessage += "|" + a.GetErrorMessage()
			proto.Merge(all.InferResponse, a.GetInferResponse())
		}
		if err := s.CloseSend(); err != nil {
			return nil, err
		}
		if _, err := s.Recv(); !errors.Is(err, io.EOF) {
			return nil, err
		}
		return all, nil
	}}
}

func grpcControlScript() []call {
	load := func(name string, parameters map[string]*tritonpb.ModelRepositoryParameter) call {
		return unary(name, stub.RepositoryModelLoad, &tritonpb.RepositoryModelLoadRequest{ModelName: "cold", Parameters: parameters})
	}
	const config = `{"backend":"onnxruntime","max_batch_size":2,"input":[{"name":"x","data_type":"TYPE_FP32","dims":[3]}],` +
		`"output":[{"name":"y","data_type":"TYPE_FP32","dims":[3]}],"instance_group":[{"kind":"KIND_CPU","count":1}]}`
	cold := with(func(r *tritonpb.ModelInferRequest) { r.ModelName = "cold" })
	return []call{
		unary("load nobody", stub.RepositoryModelLoad, &tritonpb.RepositoryModelLoadRequest{ModelName: "nobody"}),
		unary("load no name", stub.RepositoryModelLoad, &tritonpb.RepositoryModelLoadRequest{}),
		unary("load wrong", stub.RepositoryModelLoad, &tritonpb.RepositoryModelLoadRequest{ModelName: "wrong"}),
		load("load", nil),
		infers("infer what was loaded", cold),
		load("load with a configuration", map[string]*tritonpb.ModelRepositoryParameter{"config": configParameter(config)}),
		unary("configuration of it", stub.ModelConfig, &tritonpb.ModelConfigRequest{Name: "cold"}),
		load("load with an unknown parameter", map[string]*tritonpb.ModelRepositoryParameter{"speed": configParameter("7")}),
		unary("unload", stub.RepositoryModelUnload, &tritonpb.RepositoryModelUnloadRequest{ModelName: "cold"}),
		infers("infer what was unloaded", cold),
		unary("unload nobody", stub.RepositoryModelUnload, &tritonpb.RepositoryModelUnloadRequest{ModelName: "nobody"}),
		unary("metadata of what was unloaded", stub.ModelMetadata, &tritonpb.ModelMetadataRequest{Name: "cold"}),
		unary("trace", stub.TraceSetting, &tritonpb.TraceSettingRequest{}),
		unary("log", stub.LogSettings, &tritonpb.LogSettingsRequest{}),
		unary("shared memory status", stub.SystemSharedMemoryStatus, &tritonpb.SystemSharedMemoryStatusRequest{}),
		unary("register shared memory", stub.SystemSharedMemoryRegister, &tritonpb.SystemSharedMemoryRegisterRequest{Name: "r", Key: "/recsys-none", ByteSize: 8}),
		unary("CUDA memory", stub.CudaSharedMemoryStatus, &tritonpb.CudaSharedMemoryStatusRequest{}),
	}
}

// runGRPC does the calls and returns what was answered.
func runGRPC(t *testing.T, address string, script []call) []answer {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // nothing is in flight
	c := stub{tritonpb.NewGRPCInferenceServiceClient(conn), grpc_health_v1.NewHealthClient(conn)}
	var list []answer
	for _, s := range script {
		out := map[string]any{}
		a, err := s.do(t.Context(), c)
		if err != nil {
			st := status.Convert(err)
			out["code"], out["message"] = st.Code().String(), st.Message()
		} else {
			maps.Copy(out, jsonOf(t, a))
		}
		list = append(list, answer{"grpc: " + s.name, out})
	}
	return list
}

func jsonOf(t *testing.T, m proto.Message) map[string]any {
	t.Helper()
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
