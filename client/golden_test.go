package client_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/tritontest"
	"recsys/tensor"
)

// goldenRequests mirrors CASES in test/python/infer_requests.py, which writes testdata/requests.
func goldenRequests() map[string]client.Request {
	one := map[string]*tensor.Tensor{
		"bool":         tensor.Of([]bool{true, false, true}, 1, 3),
		"uint8":        tensor.Of([]uint8{0, 1, math.MaxUint8}, 1, 3),
		"uint16":       tensor.Of([]uint16{0, 1, math.MaxUint16}, 1, 3),
		"uint32":       tensor.Of([]uint32{0, 1, math.MaxUint32}, 1, 3),
		"uint64":       tensor.Of([]uint64{0, 1, math.MaxUint64}, 1, 3),
		"int8":         tensor.Of([]int8{math.MinInt8, -1, math.MaxInt8}, 1, 3),
		"int16":        tensor.Of([]int16{math.MinInt16, -1, math.MaxInt16}, 1, 3),
		"int32":        tensor.Of([]int32{math.MinInt32, -1, math.MaxInt32}, 1, 3),
		"int64":        tensor.Of([]int64{math.MinInt64, -1, math.MaxInt64}, 1, 3),
		"float16":      tensor.Of([]tensor.F16{0x3800, 0xc000, 0x7c00}, 1, 3),  // 0.5, -2, +Inf
		"bfloat16":     tensor.Of([]tensor.BF16{0x3f00, 0xc000, 0x7f80}, 1, 3), // 0.5, -2, +Inf
		"float32":      tensor.Of([]float32{0.5, -2, float32(math.Inf(1))}, 1, 3),
		"float64":      tensor.Of([]float64{0.5, -2, math.Inf(1)}, 1, 3),
		"string":       tensor.Of([]string{"", "a", "naïve café", "with\x00nul", "\xff\xfe"}, 1, 5),
		"scalar":       tensor.Scalar[int64](7),
		"empty":        tensor.Zeros(tensor.Float32, 0, 3),
		"empty_string": tensor.Zeros(tensor.String, 0),
		"rank6":        tensor.Of([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 1, 2, 1, 3, 1, 2),
	}
	requests := map[string]client.Request{
		"everything": {
			Version: "7", ID: "r-1", Priority: 2,
			Inputs: tensor.Map{
				"age":     tensor.Of([]float32{37.5}, 1, 1),
				"history": tensor.Of([]int64{3, 1, 2}, 1, 3),
				"user":    tensor.Of([]string{"u42"}, 1, 1),
			},
			Outputs:    []string{"scores", "item_ids"},
			Parameters: map[string]any{"flag": true, "count": int64(3), "ratio": 0.5, "tenant": "shop"},
		},
	}
	for name, value := range one {
		requests[name] = client.Request{Inputs: tensor.Map{"x": value}, Outputs: []string{"y"}}
	}
	return requests
}

// TestRequestsEqualPythons compares the bytes of requests with those that Python's tritonclient makes.
func TestRequestsEqualPythons(t *testing.T) {
	files, err := filepath.Glob("testdata/requests/*.bin")
	if err != nil || len(files) != len(goldenRequests()) {
		t.Fatalf("got %d golden files for %d requests: %v", len(files), len(goldenRequests()), err)
	}
	for name, request := range goldenRequests() {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile("testdata/requests/" + name + ".bin")
			if err != nil {
				t.Fatal(err)
			}
			sent := send(t, request)
			if name != "everything" {
				delete(sent.Parameters, "timeout") // which Python's client does not send unless told to
			}
			got, err := proto.MarshalOptions{Deterministic: true}.Marshal(sent)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) == string(want) {
				return
			}
			var golden tritonpb.ModelInferRequest
			if err := proto.Unmarshal(want, &golden); err != nil {
				t.Fatal(err)
			}
			t.Errorf("the bytes differ; as messages, got (-), want (+):\n%s", cmp.Diff(sent, &golden, protocmp.Transform()))
		})
	}
}

// send makes the request against a fake server and returns what arrived. Its clock is the test's own, so the
// 250 ms that are left after the margin of 1 ms are exact.
func send(t *testing.T, request client.Request) *tritonpb.ModelInferRequest {
	t.Helper()
	var sent *tritonpb.ModelInferRequest
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{
			Name: "model", Versions: []string{"7"},
			Infer: func(_ context.Context, call tritontest.Call) (tensor.Map, error) {
				out := tensor.Map{}
				for _, name := range call.Outputs {
					out[name] = tensor.Scalar[int64](0)
				}
				return out, nil
			},
		})
		ctx, cancel := context.WithTimeout(t.Context(), 251*time.Millisecond)
		defer cancel()
		request.Model = "model"
		if _, err := server.Client(t).Do(ctx, request); err != nil {
			t.Fatal(err)
		}
		sent = server.Requests()[0]
	})
	return sent
}
