package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func TestSharedMemory(t *testing.T) {
	for key, want := range map[string]string{
		"shop": "a slash", "/": "a slash", "/a/b": "a slash", "/..": "a slash", "/a\x00": "a slash",
	} {
		if _, err := client.NewSharedMemory(key, 8); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", key, err, want)
		}
	}
	key := fmt.Sprintf("/recsys-unit-%d", os.Getpid())
	if _, err := client.NewSharedMemory(key, 0); err == nil {
		t.Error("no bytes: got no error")
	}
	m, err := client.NewSharedMemory(key, 16)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	if _, err := client.NewSharedMemory(key, 8); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second time: got error %v, want one that is os.ErrExist", err)
	}
	if m.Key() != key || m.Size() != 16 {
		t.Errorf("got %q of %d bytes", m.Key(), m.Size())
	}
	x, err := m.Tensor(8, tensor.Uint16, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	tensor.MustData[uint16](x)[3] = 0x1234
	if got := m.Bytes(); got[14] != 0x34 || got[15] != 0x12 {
		t.Errorf("got bytes %x, want the number in the last two", got)
	}
	if file, err := os.ReadFile("/dev/shm" + key); err != nil || file[15] != 0x12 {
		t.Errorf("got %x, %v, want the same bytes for other processes", file, err)
	}
	for name, tt := range map[string]struct {
		offset int
		dtype  tensor.DType
		shape  []int
	}{
		"beyond the end":   {12, tensor.Float32, []int{2}},
		"far beyond":       {1 << 40, tensor.Float32, []int{1}},
		"before the start": {-4, tensor.Float32, []int{1}},
		"not aligned":      {2, tensor.Float32, []int{1}},
		"strings":          {0, tensor.String, []int{1}},
		"bools":            {0, tensor.Bool, []int{1}},
		"no type":          {0, tensor.Invalid, []int{1}},
		"no shape":         {0, tensor.Float32, []int{-1}},
		"a huge shape":     {0, tensor.Float64, []int{1 << 58}},
	} {
		if _, err := m.Tensor(tt.offset, tt.dtype, tt.shape...); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// TestSharedRequests refuses what makes no sense before it is sent.
func TestSharedRequests(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	c := server.Client(t)
	good := client.SharedTensor{Region: "r", Size: 8, DType: tensor.Int64, Shape: []int{1}}
	with := func(change func(*client.SharedTensor)) map[string]client.SharedTensor {
		s := good
		change(&s)
		return map[string]client.SharedTensor{"x": s}
	}
	for name, request := range map[string]client.Request{
		"twice":      {SharedInputs: with(func(*client.SharedTensor) {}), Inputs: scalar()},
		"no type":    {SharedInputs: with(func(s *client.SharedTensor) { s.DType = tensor.Invalid })},
		"no region":  {SharedInputs: with(func(s *client.SharedTensor) { s.Region = "" })},
		"an offset":  {SharedInputs: with(func(s *client.SharedTensor) { s.Offset = -1 })},
		"an output":  {SharedOutputs: with(func(s *client.SharedTensor) { s.Size = -1 })},
		"no outputs": {SharedInputs: with(func(*client.SharedTensor) {})},
	} {
		request.Model = "m"
		if name != "no outputs" && name != "an output" {
			request.Outputs = []string{"x"}
		}
		if _, err := c.Do(t.Context(), request); !errors.Is(err, client.ErrInvalidArgument) {
			t.Errorf("%s: got error %v, want one that is ErrInvalidArgument", name, err)
		}
	}
	for _, err := range c.Stream(t.Context(), client.Request{Model: "m", Outputs: []string{"x"}, SharedInputs: with(func(*client.SharedTensor) {})}) {
		if !errors.Is(err, client.ErrInvalidArgument) {
			t.Errorf("a stream: got error %v, want one that is ErrInvalidArgument", err)
		}
	}
	if got := len(server.Requests()); got != 0 {
		t.Errorf("%d requests were sent, want none", got)
	}
}

// TestHTTPCalls holds the paths and bodies of calls that the fake server does not know to Triton's documentation
// (protocol/extension_shared_memory.md, extension_trace.md and extension_logging.md of triton-inference-server/server).
func TestHTTPCalls(t *testing.T) {
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/v2/health/live" {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, strings.TrimSpace(r.Method+" "+r.URL.EscapedPath()+" "+string(body)))
		switch {
		case strings.HasSuffix(r.URL.Path, "cudasharedmemory/status"):
			_, _ = io.WriteString(w, `[{"name":"g","device_id":1,"byte_size":8}]`)
		case strings.HasSuffix(r.URL.Path, "status"):
			_, _ = io.WriteString(w, `[{"name":"s","key":"/k","offset":0,"byte_size":16}]`)
		default:
			_, _ = io.WriteString(w, `{"a":["x","y"],"b":"z"}`)
		}
	}))
	defer server.Close()
	c, err := client.New(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	ctx := context.Background()
	cuda, err1 := c.CUDARegions(ctx)
	system, err2 := c.SharedRegions(ctx)
	trace, err3 := c.TraceSettings(ctx, "a b")
	err = errors.Join(err1, err2, err3,
		c.RegisterShared(ctx, "r/1", "/k", 0, 16), c.UnregisterShared(ctx, "r/1"), c.UnregisterShared(ctx, ""),
		c.RegisterCUDA(ctx, "g", []byte{1, 2, 3}, 1, 8), c.UnregisterCUDA(ctx, "g"),
		c.SetTraceSettings(ctx, "", map[string][]string{"trace_level": {"TIMESTAMPS", "TENSORS"}, "trace_rate": {"5"}, "trace_file": nil}),
		c.SetLogSettings(ctx, map[string]any{"log_info": false, "log_verbose_level": uint32(2), "log_format": "ISO8601"}))
	if err != nil {
		// The last answer has a list, which no log setting is.
		if !strings.Contains(err.Error(), `setting "a"`) {
			t.Error(err)
		}
	}
	want := []string{
		"GET /v2/cudasharedmemory/status", "GET /v2/systemsharedmemory/status", "GET /v2/models/a%20b/trace/setting",
		`POST /v2/systemsharedmemory/region/r%2F1/register {"byte_size":16,"key":"/k","offset":0}`,
		"POST /v2/systemsharedmemory/region/r%2F1/unregister {}", "POST /v2/systemsharedmemory/unregister {}",
		`POST /v2/cudasharedmemory/region/g/register {"byte_size":8,"device_id":1,"raw_handle":{"b64":"AQID"}}`,
		"POST /v2/cudasharedmemory/region/g/unregister {}",
		`POST /v2/trace/setting {"trace_file":null,"trace_level":["TIMESTAMPS","TENSORS"],"trace_rate":"5"}`,
		`POST /v2/logging {"log_format":"ISO8601","log_info":false,"log_verbose_level":2}`,
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if diff := cmp.Diff(cuda, map[string]client.Region{"g": {Name: "g", Device: 1, Size: 8}}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if diff := cmp.Diff(system, map[string]client.Region{"s": {Name: "s", Key: "/k", Size: 16}}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if diff := cmp.Diff(trace, map[string][]string{"a": {"x", "y"}, "b": {"z"}}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	for _, err := range []error{c.RegisterShared(ctx, "r", "/k", -1, 8), c.RegisterCUDA(ctx, "r", nil, 0, 0)} {
		if !errors.Is(err, client.ErrInvalidArgument) {
			t.Errorf("got error %v, want one that is ErrInvalidArgument", err)
		}
	}
}
