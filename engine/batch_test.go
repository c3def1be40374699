package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/engine"
	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
)

// double writes a model y = 2x of [B,L], whose configuration ends with the text.
func double(t *testing.T, dir, name, versions, text string) {
	t.Helper()
	for _, v := range versions {
		folder := filepath.Join(dir, name, string(v))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		scaled(t, filepath.Join(folder, "model.onnx"), 2)
	}
	config := fmt.Sprintf("name: %q\nbackend: \"onnxruntime\"\nmax_batch_size: 4\n"+
		"input { name: \"x\" data_type: TYPE_FP32 dims: -1 }\noutput { name: \"y\" data_type: TYPE_FP32 dims: -1 }\n%s", name, text)
	if err := os.WriteFile(filepath.Join(dir, name, "config.pbtxt"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// scaled writes a model file: y = factor * x, [B,L].
func scaled(t *testing.T, path string, factor float32) {
	t.Helper()
	b := graph.NewBuilder("scaled")
	b.Output("y", b.Mul(b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Sym("L")}), b.Float32(factor)))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Write(path, g, onnx.Meta{}); err != nil {
		t.Fatal(err)
	}
}

// patient waits a minute for four users: no test reaches that.
const patient = `dynamic_batching { preferred_batch_size: 4 max_queue_delay_microseconds: 60000000 %s }`

// answer is what a request ended with.
type answer struct {
	got engine.Result
	err error
}

// ask sends a request of the size users x length, all of whose elements are value.
func ask(ctx context.Context, e *engine.Engine, r engine.Request, users, length int, value float32) chan answer {
	x := tensor.Zeros(tensor.Float32, users, length)
	for i := range tensor.MustData[float32](x) {
		tensor.MustData[float32](x)[i] = value
	}
	r.Model, r.Inputs = "double", tensor.Map{"x": x}
	out := make(chan answer, 1)
	go func() {
		got, err := e.Do(ctx, r)
		out <- answer{got, err}
	}()
	return out
}

// pending waits until n requests wait in the queue of double.
func pending(t *testing.T, e *engine.Engine, n int) engine.Statistics {
	t.Helper()
	for {
		list, err := e.Statistics("double", "")
		if err != nil {
			t.Fatal(err)
		}
		if list[0].Pending == n {
			return list[0]
		}
		if t.Context().Err() != nil {
			t.Fatalf("%d requests wait, want %d", list[0].Pending, n)
		}
		runtime.Gosched()
	}
}

func batcher(t *testing.T, policy string) *engine.Engine {
	t.Helper()
	dir := t.TempDir()
	double(t, dir, "double", "1", fmt.Sprintf(patient, policy))
	return open(t, dir, engine.Options{})
}

func check(t *testing.T, a answer, users, length int, value float32) {
	t.Helper()
	if a.err != nil {
		t.Error(a.err)
		return
	}
	want := tensor.Zeros(tensor.Float32, users, length)
	for i := range tensor.MustData[float32](want) {
		tensor.MustData[float32](want)[i] = value
	}
	if !a.got.Outputs["y"].Equal(want) {
		t.Errorf("got %v %v, want %v", a.got.Outputs["y"], a.got.Outputs["y"].Any(), want.Any())
	}
}

func TestRequestsMakeAPreferredBatch(t *testing.T) {
	e := batcher(t, "")
	a, b, c := ask(t.Context(), e, engine.Request{}, 1, 3, 1), ask(t.Context(), e, engine.Request{}, 2, 3, 2), ask(t.Context(), e, engine.Request{}, 1, 3, 3)
	check(t, <-a, 1, 3, 2)
	check(t, <-b, 2, 3, 4)
	check(t, <-c, 1, 3, 6)
	s := pending(t, e, 0)
	if s.Executions != 1 || s.Inferences != 4 || s.Success.Count != 3 || len(s.Batches) != 1 || s.Batches[0].Size != 4 {
		t.Errorf("got statistics %+v, want one run of 4 users in 3 requests", s)
	}
}

func TestOtherShapesMakeOtherBatches(t *testing.T) {
	e := batcher(t, "")
	short := ask(t.Context(), e, engine.Request{}, 2, 1, 1)
	pending(t, e, 1)
	long := ask(t.Context(), e, engine.Request{}, 2, 2, 2)
	pending(t, e, 2)
	check(t, <-func() chan answer { return ask(t.Context(), e, engine.Request{}, 2, 1, 3) }(), 2, 1, 6)
	check(t, <-short, 2, 1, 2)
	check(t, <-func() chan answer { return ask(t.Context(), e, engine.Request{}, 2, 2, 4) }(), 2, 2, 8)
	check(t, <-long, 2, 2, 4)
	if s := pending(t, e, 0); s.Executions != 2 {
		t.Errorf("%d runs, want 2", s.Executions)
	}
}

func TestABatchIsNeverLargerThanTheModelTakes(t *testing.T) {
	e := batcher(t, "")
	first := ask(t.Context(), e, engine.Request{}, 3, 1, 1)
	pending(t, e, 1)
	second := ask(t.Context(), e, engine.Request{}, 3, 1, 2) // with the first there would be 6 of 4
	check(t, <-first, 3, 1, 2)
	third := ask(t.Context(), e, engine.Request{}, 1, 1, 3)
	check(t, <-second, 3, 1, 4)
	check(t, <-third, 1, 1, 6)
}

func TestFullQueue(t *testing.T) {
	e := batcher(t, "default_queue_policy { max_queue_size: 2 }")
	ctx, cancel := context.WithCancel(t.Context())
	first := ask(ctx, e, engine.Request{}, 1, 1, 1)
	pending(t, e, 1)
	second := ask(ctx, e, engine.Request{}, 1, 1, 2)
	pending(t, e, 2)
	a := <-ask(t.Context(), e, engine.Request{}, 1, 1, 3)
	if !errors.Is(a.err, engine.ErrUnavailable) || a.err.Error() != "[request id: <id_unknown>] Exceeds maximum queue size" {
		t.Errorf("got error %v, want ErrUnavailable", a.err)
	}
	cancel() // who is not there any more takes no place
	for _, w := range []chan answer{first, second} {
		if a := <-w; !errors.Is(a.err, context.Canceled) {
			t.Errorf("got error %v, want context.Canceled", a.err)
		}
	}
	if s := pending(t, e, 0); s.Rejected != 1 || s.Cancelled != 2 || s.Failure.Count != 3 {
		t.Errorf("got statistics %+v, want one rejected and two cancelled requests", s)
	}
	check(t, <-ask(t.Context(), e, engine.Request{}, 4, 1, 3), 4, 1, 6)
}

func TestTimeouts(t *testing.T) {
	const minute = "default_timeout_microseconds: 60000000"
	tests := []struct {
		name    string
		policy  string
		timeout time.Duration
		expires bool
	}{
		{"the policy's", "default_timeout_microseconds: 1000", 0, true},
		{"the request's", minute + " allow_timeout_override: true", time.Millisecond, true},
		{"the request's where there is no other", "allow_timeout_override: true", time.Millisecond, true},
		{"a longer one of the request", "default_timeout_microseconds: 1000 allow_timeout_override: true", time.Minute, true},
		{"one that requests may not have", minute, time.Millisecond, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := batcher(t, "default_queue_policy { "+tt.policy+" }")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := ask(ctx, e, engine.Request{Timeout: tt.timeout}, 1, 1, 1)
			if tt.expires {
				if a := <-w; !errors.Is(a.err, engine.ErrUnavailable) || a.err.Error() != "Request timeout expired" {
					t.Errorf("got error %v, want ErrUnavailable", a.err)
				}
				pending(t, e, 0)
				return
			}
			pending(t, e, 1)
			expired := time.NewTimer(20 * time.Millisecond) // 20 times what the request wished
			<-expired.C
			pending(t, e, 1)
			cancel()
			<-w
		})
	}
}

func TestPriorities(t *testing.T) {
	e := batcher(t, "priority_levels: 2 default_priority_level: 2")
	low := ask(t.Context(), e, engine.Request{}, 3, 1, 1)
	pending(t, e, 1)
	other := ask(t.Context(), e, engine.Request{Priority: 9}, 1, 2, 1) // beyond the levels: the default one
	pending(t, e, 2)
	check(t, <-ask(t.Context(), e, engine.Request{Priority: 1}, 4, 1, 5), 4, 1, 10) // does not wait behind them
	pending(t, e, 2)
	check(t, <-ask(t.Context(), e, engine.Request{}, 1, 1, 2), 1, 1, 4)
	check(t, <-low, 3, 1, 2)
	check(t, <-ask(t.Context(), e, engine.Request{}, 3, 2, 2), 3, 2, 4)
	check(t, <-other, 1, 2, 2)
}

func TestPoliciesOfPriorities(t *testing.T) {
	e := batcher(t, `priority_levels: 2 default_priority_level: 2
priority_queue_policy { key: 1 value { max_queue_size: 1 } } default_queue_policy { default_timeout_microseconds: 1000 }`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	high := ask(ctx, e, engine.Request{Priority: 1}, 1, 1, 1)
	pending(t, e, 1)
	if a := <-ask(t.Context(), e, engine.Request{Priority: 1}, 1, 1, 1); !errors.Is(a.err, engine.ErrUnavailable) || !strings.Contains(a.err.Error(), "queue size") {
		t.Errorf("a second request of priority 1 has error %v, want a full queue", a.err)
	}
	if a := <-ask(t.Context(), e, engine.Request{}, 1, 1, 1); !errors.Is(a.err, engine.ErrUnavailable) || !strings.Contains(a.err.Error(), "timeout") {
		t.Errorf("a request of priority 2 has error %v, want that its time is over", a.err)
	}
	pending(t, e, 1) // to which the default policy does not apply
	cancel()
	<-high
}

// TestLateRequestsGoLast has a request whose time is over be passed by one that would not have fitted beside it.
func TestLateRequestsGoLast(t *testing.T) {
	e := batcher(t, "default_queue_policy { timeout_action: DELAY allow_timeout_override: true }")
	late := ask(t.Context(), e, engine.Request{Timeout: time.Millisecond}, 3, 1, 1)
	pending(t, e, 1)
	expired := time.NewTimer(20 * time.Millisecond) // 20 times what it may wait
	<-expired.C
	check(t, <-ask(t.Context(), e, engine.Request{}, 4, 1, 2), 4, 1, 4)
	pending(t, e, 1)
	check(t, <-ask(t.Context(), e, engine.Request{}, 1, 1, 2), 1, 1, 4)
	check(t, <-late, 3, 1, 2)
}

func TestDelayEnds(t *testing.T) {
	dir := t.TempDir()
	double(t, dir, "double", "1", "dynamic_batching { max_queue_delay_microseconds: 1000 }")
	e := open(t, dir, engine.Options{})
	check(t, <-ask(t.Context(), e, engine.Request{}, 1, 1, 1), 1, 1, 2)
}

// TestBatchesHaveTheBitsOfSingleRuns joins eight users at every stage of the committed repository.
func TestBatchesHaveTheBitsOfSingleRuns(t *testing.T) {
	e := open(t, "../model_repository", engine.Options{})
	config, err := e.Config("shop", "")
	if err != nil {
		t.Fatal(err)
	}
	requests := make([]tensor.Map, 8)
	want := make([]tensor.Map, 8)
	for i := range requests {
		requests[i] = tensor.Map{}
		for _, c := range config.Inputs {
			x := tensor.Zeros(c.DType, 1, int(c.Dims[0]))
			if ids, ok := x.Any().([]int64); ok {
				for j := range ids {
					ids[j] = int64(i*31+j*7) % 97
				}
			}
			requests[i][c.Name] = x
		}
		if want[i], _, err = e.Infer(t.Context(), "shop", requests[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range config.Steps {
		part, err := e.Config(s.Model, "")
		if err != nil {
			t.Fatal(err)
		}
		batched := *part
		dynamic := *part.DynamicBatching
		dynamic.PreferredBatchSizes, dynamic.MaxQueueDelayMicroseconds = []int64{8}, 60_000_000
		batched.DynamicBatching = &dynamic
		if err := e.Load(t.Context(), s.Model, engine.LoadOptions{Config: &batched}); err != nil {
			t.Fatal(err)
		}
	}
	answers := make([]chan answer, 8)
	for i, r := range requests {
		answers[i] = make(chan answer, 1)
		go func() {
			got, err := e.Do(t.Context(), engine.Request{Model: "shop", Inputs: r})
			answers[i] <- answer{got, err}
		}()
	}
	for i := range answers {
		a := <-answers[i]
		if a.err != nil {
			t.Fatal(a.err)
		}
		for name, w := range want[i] {
			if !a.got.Outputs[name].Equal(w) {
				t.Errorf("user %d: %s in a batch is %v, alone %v", i, name, a.got.Outputs[name].Any(), w.Any())
			}
		}
	}
	list, err := e.Statistics("", "")
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]uint64{}
	for _, s := range list {
		runs[s.Model] = s.Executions
	}
	if diff := cmp.Diff(map[string]uint64{"shop": 16, "shop_prep": 1, "shop_recall": 1, "shop_score": 1}, runs); diff != "" {
		t.Errorf("runs by model (-want +got):\n%s", diff)
	}
}
