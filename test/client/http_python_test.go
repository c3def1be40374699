package client_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/client/wire"
	"recsys/tensor"
	"recsys/test/ort"
)

// pythonCall is a call as testdata/http_calls.py takes it.
type pythonCall struct {
	Model       string         `json:"model"`
	Version     string         `json:"version"`
	ID          string         `json:"id"`
	Priority    uint64         `json:"priority"`
	Parameters  map[string]any `json:"parameters"`
	Inputs      []pythonTensor `json:"inputs"`
	Outputs     []string       `json:"outputs"`
	Binary      bool           `json:"binary"`
	Compression string         `json:"compression"`
}

type pythonTensor struct {
	Name     string `json:"name"`
	DataType string `json:"datatype"`
	Shape    []int  `json:"shape"`
	Raw      string `json:"raw"` // hexadecimal
}

// pythonAnswer is what becomes of one.
type pythonAnswer struct {
	Model   string         `json:"model"`
	Version string         `json:"version"`
	ID      string         `json:"id"`
	Outputs []pythonTensor `json:"outputs"`
	Status  string         `json:"status"` // of an error
	Message string         `json:"message"`
}

// wireBody is what a server was sent: the JSON and the tensors behind it.
type wireBody struct {
	Path, Encoding string
	Header         any
	Tensors        []byte
}

// bodies records inferences on their way to a server.
type bodies struct {
	mu   sync.Mutex
	list []wireBody
}

// take returns what was recorded since the last take.
func (b *bodies) take() []wireBody {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.list
	b.list = nil
	return list
}

func (b *bodies) record(t *testing.T, r *http.Request) {
	t.Helper()
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	plain := io.Reader(bytes.NewReader(sent))
	encoding := r.Header.Get("Content-Encoding")
	switch encoding {
	case "gzip":
		plain, err = gzip.NewReader(plain)
	case "deflate":
		plain, err = zlib.NewReader(plain)
	}
	if err != nil {
		t.Error(err)
		return
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Error(err)
	}
	length := len(text)
	if header := r.Header.Get("Inference-Header-Content-Length"); header != "" {
		if length, err = strconv.Atoi(header); err != nil {
			t.Error(err)
		}
	}
	body := wireBody{Path: r.URL.Path, Encoding: encoding, Tensors: text[length:]}
	if err := json.Unmarshal(text[:length], &body.Header); err != nil {
		t.Error(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, body)
}

// sample has tensors of every type of the protocol, with extreme values, and of more shapes than one.
func sample() tensor.Map {
	return tensor.Map{
		"bool": tensor.Of([]bool{true, false}, 2), "uint8": tensor.Of([]uint8{0, 255}, 1, 2), "uint16": tensor.Of([]uint16{0, 65535}, 2, 1),
		"uint32": tensor.Of([]uint32{0, 1<<32 - 1}, 2), "uint64": tensor.Of([]uint64{0, 1<<64 - 1}, 2),
		"int8": tensor.Of([]int8{-128, 127}, 2), "int16": tensor.Of([]int16{-32768, 32767}, 2), "int32": tensor.Of([]int32{-1 << 31, 1<<31 - 1}, 2),
		"int64": tensor.Of([]int64{-1 << 63, 1<<63 - 1}, 2), "fp16": tensor.Of([]tensor.F16{0x3c00, 0xfbff}, 2),
		"bf16": tensor.Of([]tensor.BF16{0x3f80, 0xff7f}, 2), "fp32": tensor.Of([]float32{-1.5, 3.4028235e38, 1e-45}, 3),
		"fp64": tensor.Of([]float64{-0.1, 1.7976931348623157e308}, 2), "bytes": tensor.Of([]string{"", "Zoë 🦊", "\x00"}, 3, 1),
	}
}

// calls are those that both clients make.
func calls(t *testing.T) []pythonCall {
	t.Helper()
	all := func(in tensor.Map, c pythonCall) pythonCall {
		for _, name := range in.Names() {
			raw, err := wire.Encode(in[name])
			if err != nil {
				t.Fatal(err)
			}
			c.Inputs = append(c.Inputs, pythonTensor{name, in[name].DType().Triton(), in[name].Shape(), hex.EncodeToString(raw)})
			c.Outputs = append(c.Outputs, name)
		}
		return c
	}
	// JSON has no half floats.
	text := sample()
	maps.DeleteFunc(text, func(_ string, x *tensor.Tensor) bool {
		return x.DType() == tensor.Float16 || x.DType() == tensor.BFloat16
	})
	one := tensor.Map{"int64": sample()["int64"]}
	list := []pythonCall{
		all(text, pythonCall{Model: "echo"}), // as JSON
		all(one, pythonCall{Model: "echo", Version: "2", ID: "a b", Priority: 3, Binary: true, Parameters: map[string]any{
			"text": "x", "flag": true, "whole": 7,
		}}),
		all(one, pythonCall{Model: "absent", Binary: true}), all(one, pythonCall{Model: "echo", Version: "9", Binary: true}),
		all(one, pythonCall{Model: "broken", Binary: true}),
	}
	for _, compression := range []string{"", "gzip", "deflate"} {
		list = append(list, all(sample(), pythonCall{Model: "echo", Binary: true, Compression: compression}))
	}
	for name, x := range sample() {
		list = append(list, all(tensor.Map{name: x}, pythonCall{Model: "echo", Binary: true}))
	}
	return list
}

// TestHTTPAsPython makes the same calls with this client and with Python's HTTP client, and compares the answers, the errors and what
// travelled: the JSON as a document, the tensors as bytes.
func TestHTTPAsPython(t *testing.T) {
	python := os.Getenv(ort.Env)
	if python == "" {
		t.Skip(ort.Env + " is not set: Python's tritonclient is not asked; see test/ort/install.sh")
	}
	fake := tritontest.Start(t, tritontest.Model{Name: "echo", Versions: []string{"1", "2"}}, tritontest.Model{Name: "broken"})
	fake.Inject("broken", tritontest.Fault{Err: errors.New("the model has failed")})
	var sent bodies
	handler := fake.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/infer") {
			sent.record(t, r)
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	list := calls(t)
	input, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/http_calls.py", strings.TrimPrefix(server.URL, "http://"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []pythonAnswer
	if err := json.Unmarshal(output, &answers); err != nil || len(answers) != len(list) {
		t.Fatalf("%d answers to %d calls, error %v", len(answers), len(list), err)
	}
	theirs := sent.take()
	if len(theirs) != len(list) {
		t.Fatalf("Python sent %d inferences, want %d", len(theirs), len(list))
	}
	for i, c := range list {
		got, err := asPython(t, server.URL, c)
		compareAnswers(t, c, got, err, answers[i])
		ours := sent.take()
		if len(ours) != 1 {
			t.Fatalf("%s: the client sent %d inferences, want 1", describe(c), len(ours))
		}
		if !c.Binary {
			continue // This client sends tensors as bytes alone.
		}
		// It also says how long the server may take.
		if parameters, ok := ours[0].Header.(map[string]any)["parameters"].(map[string]any); ok {
			if delete(parameters, "timeout"); len(parameters) == 0 {
				delete(ours[0].Header.(map[string]any), "parameters")
			}
		}
		if diff := cmp.Diff(ours[0], theirs[i]); diff != "" {
			t.Errorf("%s: this client sends (-), Python's (+):\n%s", describe(c), diff)
		}
	}
}

func describe(c pythonCall) string {
	return strings.Join(append([]string{c.Model, c.Version, c.Compression}, c.Outputs...), " ")
}

// asPython makes a call with this client.
func asPython(t *testing.T, url string, c pythonCall) (pythonAnswer, error) {
	t.Helper()
	options := map[string][]client.Option{"gzip": {client.WithGzip()}, "deflate": {client.WithDeflate()}}[c.Compression]
	one, err := client.New(t.Context(), url, append(options, client.WithRetry(client.Retry{Attempts: 1}))...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = one.Close() }()
	r := client.Request{Model: c.Model, Version: c.Version, ID: c.ID, Priority: c.Priority, Outputs: c.Outputs, Inputs: tensor.Map{}, Parameters: map[string]any{}}
	for name, value := range c.Parameters {
		if n, ok := value.(int); ok {
			value = int64(n)
		}
		r.Parameters[name] = value
	}
	all := sample()
	for _, in := range c.Inputs {
		r.Inputs[in.Name] = all[in.Name]
	}
	result, err := one.Do(t.Context(), r)
	if err != nil {
		return pythonAnswer{}, err
	}
	answer := pythonAnswer{Model: result.Model, Version: result.Version, ID: result.ID}
	for _, name := range c.Outputs {
		x := result.Outputs[name]
		raw, err := wire.Encode(x)
		if err != nil {
			t.Fatal(err)
		}
		answer.Outputs = append(answer.Outputs, pythonTensor{name, x.DType().Triton(), x.Shape(), hex.EncodeToString(raw)})
	}
	return answer, nil
}

func compareAnswers(t *testing.T, c pythonCall, got pythonAnswer, err error, want pythonAnswer) {
	t.Helper()
	if want.Status == "" {
		if diff := cmp.Diff(got, want); diff != "" || err != nil {
			t.Errorf("%s: this client has (-), Python's (+), error %v:\n%s", describe(c), err, diff)
		}
		return
	}
	// The kinds of errors by Triton's HTTP status.
	kind := map[string]error{"400": client.ErrInvalidArgument, "404": client.ErrNotFound, "500": client.ErrInternal}[want.Status]
	if kind == nil || !errors.Is(err, kind) || want.Message == "" || !strings.Contains(err.Error(), want.Message) {
		t.Errorf("%s: this client has the error %v, Python's status %s: %s", describe(c), err, want.Status, want.Message)
	}
}
