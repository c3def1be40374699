package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/engine"
	"recsys/engine/server"
	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/tensor"
	"recsys/test/ort"
	"recsys/test/triton"
)

// repository exports the shop.
func repository(tb testing.TB, fuse ensemble.Fuse) string {
	tb.Helper()
	e, m, err := ensembletest.Shop(1)
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	if _, err := ensemble.Write(tb.Context(), dir, e, m, ensemble.Options{Fuse: fuse, MaxBatch: 4}); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// serve starts a server for a repository and returns its address.
func serve(t *testing.T, dir string) string {
	t.Helper()
	e, err := engine.Open(t.Context(), dir, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- server.Serve(ctx, l, e, server.Options{Version: "test"}) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, e.Close()); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string) *client.Client {
	t.Helper()
	c, err := client.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// request is for three users, with nothing, some items and all items blocked; infer.py makes the same.
func request() tensor.Map {
	return tensor.Map{
		"user_id": tensor.Of([]int64{100, 101, 7}, 3, 1), "likes": tensor.Of([]int64{1, 2, 3, 0, 0, 0, 4, 5, 6}, 3, 3),
		"blocked": tensor.Of([]uint8{0, 0, 40, 1, 255, 255}, 3, 2),
	}
}

var outputs = []string{"item_ids", "scores", "explain_candidates"}

func TestGoClient(t *testing.T) {
	dir := repository(t, ensemble.FuseGroups)
	c := dial(t, serve(t, dir))
	e, err := engine.Open(t.Context(), dir, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := e.Infer(t.Context(), "shop", request(), outputs)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ready(t.Context(), "shop"); err != nil {
		t.Error(err)
	}
	got, version, err := c.Infer(t.Context(), "shop", request(), outputs)
	if err != nil || version != "1" {
		t.Fatalf("version %s, %v; want 1", version, err)
	}
	for name := range want {
		if !got[name].Equal(want[name]) {
			t.Errorf("%s over the wire is %v, in process %v", name, got[name].Any(), want[name].Any())
		}
	}
	_, _, err = c.Infer(t.Context(), "none", request(), outputs)
	if !errors.Is(err, client.ErrNotFound) {
		t.Errorf("an unknown model gives %v, want ErrNotFound", err)
	}
	_, _, err = c.Infer(t.Context(), "shop", tensor.Map{}, outputs)
	if !errors.Is(err, client.ErrInvalidArgument) {
		t.Errorf("a request without inputs gives %v, want ErrInvalidArgument", err)
	}
	config, err := c.ModelConfig(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(config.GetEnsembleScheduling().GetStep()); n != 3 {
		t.Errorf("the configuration has %d steps, want 3", n)
	}
}

func TestPythonClient(t *testing.T) {
	python := os.Getenv(ort.Env)
	if python == "" {
		t.Skip(ort.Env + " is not set: Python's tritonclient is not asked; see test/ort/install.sh")
	}
	address := serve(t, repository(t, ensemble.FuseGroups))
	want, _, err := dial(t, address).Infer(t.Context(), "shop", request(), outputs)
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.CommandContext(t.Context(), python, "testdata/infer.py", address).Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		t.Fatalf("infer.py: %v\n%s", err, exit.Stderr)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	var scores []any
	for _, s := range tensor.MustData[float32](want["scores"]) {
		text := strconv.FormatFloat(float64(s), 'g', -1, 64)
		if math.IsInf(float64(s), -1) {
			text = "-inf"
		}
		scores = append(scores, text)
	}
	expected := map[string]any{
		"live": true, "ready": []any{true, true, false}, "version": "1", "id": "r1",
		"item_ids": rows(tensor.MustData[string](want["item_ids"]), 3), "scores": scores,
		"candidates": rows(tensor.MustData[int64](want["explain_candidates"]), 3), "error": "StatusCode.INVALID_ARGUMENT",
		"inputs": []any{
			[]any{"likes", "INT64", []any{"-1", "3"}}, []any{"user_id", "INT64", []any{"-1", "1"}}, []any{"blocked", "UINT8", []any{"-1", "2"}},
		},
		"platform": "ensemble", "batch": 4.0, "index": []any{"shop", "shop_prep", "shop_recall", "shop_score"}, "count": "6",
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("what Python's client got (-want +got):\n%s", diff)
	}
}

// rows cuts a list into n, as JSON has them.
func rows[T any](list []T, n int) []any {
	out := make([]any, n)
	for i := range out {
		var row []any
		for _, v := range list[i*len(list)/n : (i+1)*len(list)/n] {
			if number, ok := any(v).(int64); ok {
				row = append(row, float64(number))
			} else {
				row = append(row, any(v))
			}
		}
		out[i] = row
	}
	return out
}

// TestTriton sends the same requests to a real Triton, for every way to fuse: it loads the export as it is, and both agree.
func TestTriton(t *testing.T) {
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		t.Run(string(fuse), func(t *testing.T) {
			dir := repository(t, fuse)
			other := triton.Start(t, dir, triton.Options{LoadModels: []string{"shop"}})
			names := outputs
			if fuse == ensemble.FuseAll {
				names = names[:2]
			}
			want, version, err := dial(t, other.GRPC).Infer(t.Context(), "shop", request(), names)
			if err != nil {
				t.Fatal(err)
			}
			got, ours, err := dial(t, serve(t, dir)).Infer(t.Context(), "shop", request(), names)
			if err != nil {
				t.Fatal(err)
			}
			if ours != version {
				t.Errorf("version %s, Triton has %s", ours, version)
			}
			for _, name := range names {
				// Scores may differ by 1e-4, as the design defines agreement; ids may not.
				if diff := cmp.Diff(want[name].Any(), got[name].Any(), cmpopts.EquateApprox(0, 1e-4)); diff != "" {
					t.Errorf("%s (-Triton +engine):\n%s", name, diff)
				}
			}
		})
	}
}

func stub(t *testing.T, address string) tritonpb.GRPCInferenceServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return tritonpb.NewGRPCInferenceServiceClient(conn)
}

func TestTypedContents(t *testing.T) {
	c := stub(t, serve(t, repository(t, ensemble.FuseGroups)))
	answer, err := c.ModelInfer(t.Context(), &tritonpb.ModelInferRequest{
		ModelName: "shop_prep", ModelVersion: "1", Id: "7",
		Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{
			{Name: "user_id", Datatype: "INT64", Shape: []int64{1, 1}, Contents: &tritonpb.InferTensorContents{Int64Contents: []int64{101}}},
			{Name: "likes", Datatype: "INT64", Shape: []int64{1, 3}, Contents: &tritonpb.InferTensorContents{Int64Contents: []int64{1, 2, 3}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	// Without a list of outputs all come, in the configuration's order.
	var got []string
	for _, o := range answer.GetOutputs() {
		got = append(got, o.GetName())
	}
	if diff := cmp.Diff([]string{"encoded_user_id", "query", "explain_query"}, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if answer.GetId() != "7" || answer.GetRawOutputContents()[0][0] != 4 {
		t.Errorf("id %s, user %v; want 7 and 4", answer.GetId(), answer.GetRawOutputContents()[0])
	}
}

func TestErrorCodes(t *testing.T) {
	c := stub(t, serve(t, repository(t, ensemble.FuseGroups)))
	ctx := t.Context()
	infer := func(r *tritonpb.ModelInferRequest) error {
		_, err := c.ModelInfer(ctx, r)
		return err
	}
	_, load := c.RepositoryModelLoad(ctx, &tritonpb.RepositoryModelLoadRequest{ModelName: "shop"})
	_, metadata := c.ModelMetadata(ctx, &tritonpb.ModelMetadataRequest{Name: "x"})
	_, config := c.ModelConfig(ctx, &tritonpb.ModelConfigRequest{Name: "shop", Version: "9"})
	_, statistics := c.ModelStatistics(ctx, &tritonpb.ModelStatisticsRequest{Name: "x"})
	tests := []struct {
		name string
		err  error
		want codes.Code
	}{
		{"unknown model", infer(&tritonpb.ModelInferRequest{ModelName: "x"}), codes.NotFound},
		{"unknown version", infer(&tritonpb.ModelInferRequest{ModelName: "shop", ModelVersion: "9"}), codes.NotFound},
		{"no inputs", infer(&tritonpb.ModelInferRequest{ModelName: "shop"}), codes.InvalidArgument},
		{"contents of a wrong length", infer(&tritonpb.ModelInferRequest{ModelName: "shop", Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{
			{Name: "user_id", Datatype: "INT64", Shape: []int64{1, 1}},
		}, RawInputContents: [][]byte{{1, 2, 3}}}), codes.InvalidArgument},
		{"classification", infer(&tritonpb.ModelInferRequest{ModelName: "shop", Outputs: []*tritonpb.ModelInferRequest_InferRequestedOutputTensor{
			{Name: "scores", Parameters: map[string]*tritonpb.InferParameter{"classification": {}}},
		}}), codes.Unimplemented},
		{"metadata", metadata, codes.NotFound},
		{"configuration", config, codes.NotFound},
		{"statistics", statistics, codes.InvalidArgument},
		{"load", load, codes.Unavailable},
	}
	for _, tt := range tests {
		if got := status.Code(tt.err); got != tt.want {
			t.Errorf("%s: code %s, want %s: %v", tt.name, got, tt.want, tt.err)
		}
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	e, err := engine.Open(t.Context(), repository(t, ensemble.FuseAll), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := server.Serve(ctx, l, e, server.Options{}); err != nil {
		t.Errorf("Serve gives %v, want nil", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener is open still")
	}
	if err := server.Serve(t.Context(), l, e, server.Options{}); err == nil {
		t.Error("a closed listener was served")
	}
}
