package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/graph/exec"
	"recsys/tensor"
)

// export writes a generation of the shop and returns its generation.
func export(tb testing.TB, dir string, seed uint64, o ensemble.Options) {
	tb.Helper()
	e, m, err := ensembletest.Shop(seed)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := ensemble.Write(tb.Context(), dir, e, m, o); err != nil {
		tb.Fatal(err)
	}
}

func open(tb testing.TB, dir string, o engine.Options) *engine.Engine {
	tb.Helper()
	e, err := engine.Open(tb.Context(), dir, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
	})
	return e
}

// request is for three users: both known ones and one who is not, with nothing, some items and all items blocked.
func request() tensor.Map {
	return tensor.Map{
		"user_id": tensor.Of([]int64{100, 101, 7}, 3, 1), "likes": tensor.Of([]int64{1, 2, 3, 0, 0, 0, 4, 5, 6}, 3, 3),
		"blocked": tensor.Of([]uint8{0, 0, 0x28, 1, 255, 255}, 3, 2),
	}
}

// reference runs the shop's stages one after the other, as they are before any export.
func reference(t *testing.T, seed uint64) tensor.Map {
	t.Helper()
	e, _, err := ensembletest.Shop(seed)
	if err != nil {
		t.Fatal(err)
	}
	all := request()
	all["user_id"] = tensor.Of([]int64{100, 101, 7}, 3)
	for _, group := range e.Groups {
		for _, s := range group.Stages {
			p, err := exec.Compile(s.Graph, exec.Options{Unfused: true})
			if err != nil {
				t.Fatal(err)
			}
			in := tensor.Map{}
			for _, v := range p.Inputs() {
				in[v.Name()] = all[v.Name()]
			}
			out, err := p.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			maps.Copy(all, out)
		}
	}
	return all
}

func same(t *testing.T, name string, want, got *tensor.Tensor) {
	t.Helper()
	// A fused plan may add in another order: sums of 4 products below 1.
	if diff := cmp.Diff(want.Any(), got.Any(), cmpopts.EquateApprox(0, 1e-5)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
	if diff := cmp.Diff(want.Shape(), got.Shape()); diff != "" {
		t.Errorf("shape of %s (-want +got):\n%s", name, diff)
	}
}

func TestInferAgreesWithStages(t *testing.T) {
	want := reference(t, 1)
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		t.Run(string(fuse), func(t *testing.T) {
			dir := t.TempDir()
			export(t, dir, 1, ensemble.Options{Fuse: fuse, MaxBatch: 4})
			outputs := []string{"item_ids", "scores"}
			if fuse != ensemble.FuseAll {
				for _, name := range []string{"candidates", "candidate_scores", "masked_scores", "like"} {
					outputs = append(outputs, ensemble.ExplainPrefix+name)
				}
			}
			e := open(t, dir, engine.Options{})
			got, version, err := e.Infer(t.Context(), "shop", request(), outputs)
			if err != nil {
				t.Fatal(err)
			}
			if version != "1" || len(got) != len(outputs) {
				t.Errorf("got version %s and %d outputs, want 1 and %d", version, len(got), len(outputs))
			}
			for _, name := range outputs {
				same(t, name, want[strings.TrimPrefix(name, ensemble.ExplainPrefix)], got[name])
			}
		})
	}
}

func TestScalarsHaveAnAxisOnTheWire(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	e := open(t, dir, engine.Options{})
	in := request()
	delete(in, "blocked")
	out, _, err := e.Infer(t.Context(), "shop_prep", in, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "encoded_user_id", tensor.Of([]int64{3, 4, 2}, 3, 1), out["encoded_user_id"])
}

func TestStepsThatNobodyNeedsAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	e := open(t, dir, engine.Options{})
	if _, _, err := e.Infer(t.Context(), "shop", request(), []string{"explain_query"}); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	list, err := e.Statistics("", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		got[s.Model+"/"+s.Version] = s.Inferences
	}
	want := map[string]uint64{"shop/1": 3, "shop_prep/1": 3, "shop_recall/1": 0, "shop_score/1": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("users by model (-want +got):\n%s", diff)
	}
}

func TestInferErrors(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{MaxBatch: 4})
	e := open(t, dir, engine.Options{})
	tests := []struct {
		name    string
		model   string
		version string
		spoil   func(in tensor.Map)
		outputs []string
		kind    error
		want    string
	}{
		{name: "model", model: "shup", kind: engine.ErrNotFound, want: "Request for unknown model: 'shup' is not found"},
		{name: "version", version: "2", kind: engine.ErrNotFound, want: "Request for unknown model: 'shop' version 2 is not found"},
		{name: "version's text", version: "new", kind: engine.ErrInvalidArgument, want: "failed to get model version from specified version string 'new'"},
		{name: "negative version", version: "-2", kind: engine.ErrInvalidArgument, want: "invalid model version specified '-2'"},
		{name: "missing input", spoil: func(in tensor.Map) { delete(in, "likes") }, kind: engine.ErrInvalidArgument, want: "expected 3 inputs but got 2 inputs for model 'shop'. Got input(s) ['blocked','user_id'], but missing required input(s) ['likes']."},
		{name: "unknown input too many", spoil: func(in tensor.Map) { in["x"] = in["likes"] }, kind: engine.ErrInvalidArgument, want: "expected 3 inputs but got 4 inputs"},
		{name: "unknown input", spoil: func(in tensor.Map) { in["x"] = in["likes"]; delete(in, "likes") }, kind: engine.ErrInvalidArgument, want: "unexpected inference input 'x' for model 'shop'"},
		{name: "nil input", spoil: func(in tensor.Map) { in["likes"] = nil }, kind: engine.ErrInvalidArgument, want: "unable to find data for input tensor 'likes'"},
		{name: "type", spoil: func(in tensor.Map) { in["likes"] = tensor.Zeros(tensor.Int32, 3, 3) }, kind: engine.ErrInvalidArgument, want: "inference input 'likes' data-type is 'INT32', but model 'shop' expects 'INT64'"},
		{name: "scalar without its axis", spoil: func(in tensor.Map) { in["user_id"] = tensor.Zeros(tensor.Int64, 3) }, kind: engine.ErrInvalidArgument, want: "unexpected shape for input 'user_id' for model 'shop'. Expected [-1,1], got [3]. NOTE: "},
		{name: "no axis", spoil: func(in tensor.Map) { in["user_id"] = tensor.Scalar(int64(1)) }, kind: engine.ErrInvalidArgument, want: "input 'user_id' has no shape but model requires batch dimension for 'shop'"},
		{name: "length", spoil: func(in tensor.Map) { in["likes"] = tensor.Zeros(tensor.Int64, 3, 4) }, kind: engine.ErrInvalidArgument, want: "unexpected shape for input 'likes' for model 'shop'. Expected [-1,3], got [3,4]."},
		{name: "batches differ", spoil: func(in tensor.Map) { in["likes"] = tensor.Zeros(tensor.Int64, 2, 3) }, kind: engine.ErrInvalidArgument, want: "batch size does not match other inputs for 'shop'"},
		{name: "large batch", spoil: func(in tensor.Map) {
			in["likes"], in["user_id"], in["blocked"] = tensor.Zeros(tensor.Int64, 5, 3), tensor.Zeros(tensor.Int64, 5, 1), tensor.Zeros(tensor.Uint8, 5, 2)
		}, kind: engine.ErrInvalidArgument, want: "inference request batch-size must be <= 4 for 'shop'"},
		{name: "empty batch", spoil: func(in tensor.Map) {
			in["likes"], in["user_id"], in["blocked"] = tensor.Zeros(tensor.Int64, 0, 3), tensor.Zeros(tensor.Int64, 0, 1), tensor.Zeros(tensor.Uint8, 0, 2)
		}, kind: engine.ErrInvalidArgument, want: "input byte size mismatch for input 'likes' for model 'shop'. Expected 24, got 0"},
		{name: "output", outputs: []string{"x"}, kind: engine.ErrInvalidArgument, want: "unexpected inference output 'x' for model 'shop'"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := request()
			if tt.spoil != nil {
				tt.spoil(in)
			}
			if tt.model == "" {
				tt.model = "shop"
			}
			_, err := e.Do(t.Context(), engine.Request{Model: tt.model, Version: tt.version, Inputs: in, Outputs: tt.outputs})
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %v with %s", err, tt.kind, tt.want)
			}
		})
	}
}

func TestGenerations(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	export(t, dir, 2, ensemble.Options{})
	e := open(t, dir, engine.Options{})
	out, version, err := e.Infer(t.Context(), "shop", request(), []string{"explain_query"})
	if err != nil || version != "1" {
		t.Fatalf("got version %s, %v; want 1", version, err)
	}
	same(t, "query", reference(t, 1)["query"], out["explain_query"])

	// Publishing the second generation is one file.
	config, err := os.ReadFile(filepath.Join(dir, "shop", "2", "config.pbtxt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "shop", "config.pbtxt"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir, engine.Options{})
	out, version, err = e.Infer(t.Context(), "shop", request(), []string{"explain_query"})
	if err != nil || version != "2" {
		t.Fatalf("got version %s, %v; want 2", version, err)
	}
	same(t, "query", reference(t, 2)["query"], out["explain_query"])
	versions, err := e.Versions("shop_prep")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "2"}, versions); diff != "" {
		t.Errorf("versions of a stage (-want +got):\n%s", diff)
	}
}

// TestUnpinnedStepTakesTheLatestVersion is as in Triton; our exports pin.
func TestUnpinnedStepTakesTheLatestVersion(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	export(t, dir, 2, ensemble.Options{})
	edit("shop/config.pbtxt", "model_version: 1", "model_version: -1")(t, dir)
	out, _, err := open(t, dir, engine.Options{}).Infer(t.Context(), "shop", request(), []string{"explain_query"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "query", reference(t, 2)["query"], out["explain_query"])
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"a missing stage", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, "shop_recall")); err != nil {
				t.Fatal(err)
			}
		}, `shop/config.pbtxt: step[1] "shop_recall": the repository has no readable model "shop_recall"`},
		{"another stage's model", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Rename(filepath.Join(dir, "shop_recall/1/model.onnx"), filepath.Join(dir, "shop_prep/1/model.onnx")); err != nil {
				t.Fatal(err)
			}
		}, `shop_prep/1/model.onnx: input "user_id": the model has no such input`},
		{"a broken model", edit("shop_prep/1/model.onnx", "recsys", "x"), "read ModelProto"},
		{"an unknown field", edit("shop_prep/config.pbtxt", "backend", "bakend"), `has no field "bakend"`},
		{"an ensemble as a step", edit("shop_prep/config.pbtxt", `backend: "onnxruntime"`, `platform: "ensemble"`), "which the embedded engine and publishing do not have as a step"},
		{"sequences", edit("shop_prep/config.pbtxt", "dynamic_batching { }", "sequence_batching { }"), `model "shop_prep": has sequence_batching`},
		{"a missing version", edit("shop/config.pbtxt", "model_version: 1", "model_version: 2"), `version 2 of "shop_prep" is not served`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			export(t, dir, 1, ensemble.Options{})
			tt.spoil(t, dir)
			_, err := engine.Open(t.Context(), dir, engine.Options{Models: []string{"shop"}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %s", err, tt.want)
			}
		})
	}
	if _, err := engine.Open(t.Context(), filepath.Join(t.TempDir(), "none"), engine.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v, want os.ErrNotExist", err)
	}
}

func edit(path, from, to string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		path := filepath.Join(dir, path)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLoadUnimplemented: what Triton does and the engine does not is refused by name when it is loaded, as not implemented.
func TestLoadUnimplemented(t *testing.T) {
	for text, want := range map[string]string{
		"sequence_batching { direct { } }":                                         "has sequence_batching, which is not implemented by the embedded engine: it keeps no state",
		`sequence_batching { state { input_name: "x" output_name: "y" } }`:         "has sequence_batching",
		`batch_input { target_name: "n" data_type: TYPE_INT32 source_input: "x" }`: "has batch_input",
		`batch_output { target_name: "y" source_input: "x" }`:                      "has batch_output",
		"model_transaction_policy { decoupled: true }":                             "has model_transaction_policy.decoupled",
	} {
		dir := t.TempDir()
		double(t, dir, "double", "1", text)
		if _, err := engine.Open(t.Context(), dir, engine.Options{}); !errors.Is(err, engine.ErrUnimplemented) || !strings.Contains(err.Error(), `model "double": `+want) {
			t.Errorf("%s: a start gives %v", text, err)
		}
		e := open(t, dir, engine.Options{Models: []string{}})
		if err := e.Load(t.Context(), "double", engine.LoadOptions{}); !errors.Is(err, engine.ErrUnimplemented) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: a load gives %v", text, err)
		}
	}
}

func TestOtherModelsMayBeBroken(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	if err := os.Mkdir(filepath.Join(dir, "broken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Open(t.Context(), dir, engine.Options{}); err == nil {
		t.Error("a broken model was loaded")
	}
	e := open(t, dir, engine.Options{Models: []string{"shop"}})
	if err := e.Ready(t.Context(), "shop"); err != nil {
		t.Error(err)
	}
	if _, err := engine.Open(t.Context(), dir, engine.Options{Models: []string{"shop", "none"}}); err == nil {
		t.Error("a model that is not there was loaded")
	}
}

func TestReadyAndClose(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	e := open(t, dir, engine.Options{})
	for _, name := range []string{"", "shop", "shop_prep"} {
		if err := e.Ready(t.Context(), name); err != nil {
			t.Errorf("Ready(%q) = %v", name, err)
		}
	}
	if err := e.Ready(t.Context(), "x"); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("Ready(x) = %v, want ErrNotFound", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Infer(t.Context(), "shop", request(), nil); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("Infer after Close gives %v, want ErrClosed", err)
	}
	if err := e.Ready(t.Context(), ""); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("Ready after Close gives %v, want ErrClosed", err)
	}
}

func TestConcurrentRequests(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	e := open(t, dir, engine.Options{Concurrency: 2})
	want := reference(t, 1)["item_ids"]
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for range 20 {
				out, _, err := e.Infer(t.Context(), "shop", request(), []string{"item_ids"})
				if err != nil {
					t.Error(err)
					return
				}
				if !out["item_ids"].Equal(want) {
					t.Errorf("got %v, want %v", out["item_ids"].Any(), want.Any())
				}
			}
		})
	}
	wait.Wait()
}

func TestCancelledRequest(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	e := open(t, dir, engine.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if _, _, err := e.Infer(ctx, "shop", request(), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want context.DeadlineExceeded", err)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // A temporary folder.
	ctx := context.Background()
	shop, manifest, err := ensembletest.Shop(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := ensemble.Write(ctx, dir, shop, manifest, ensemble.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	e, err := engine.Open(ctx, dir, engine.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close() //nolint:errcheck // It never fails.
	out, version, err := e.Infer(ctx, "shop", tensor.Map{
		"user_id": tensor.Of([]int64{100}, 1, 1), "likes": tensor.Zeros(tensor.Int64, 1, 3), "blocked": tensor.Zeros(tensor.Uint8, 1, 2),
	}, []string{"item_ids"})
	fmt.Println(out["item_ids"].Any(), version, err)
	// Output: [j g e f] 1 <nil>
}
