package client_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/tritontest"
	"recsys/tensor"
)

// everything has a tensor of each type.
func everything() tensor.Map {
	return tensor.Map{
		"bool": tensor.Of([]bool{true, false}, 2, 1), "uint8": tensor.Of([]uint8{0, math.MaxUint8}, 1, 2),
		"uint16": tensor.Of([]uint16{1, math.MaxUint16}, 2), "uint32": tensor.Of([]uint32{1, math.MaxUint32}, 2),
		"uint64": tensor.Of([]uint64{1, math.MaxUint64}, 2), "int8": tensor.Of([]int8{math.MinInt8, 1, 2}, 3),
		"int16": tensor.Of([]int16{math.MinInt16, 1, 2}, 3), "int32": tensor.Of([]int32{math.MinInt32, 1}, 2),
		"int64": tensor.Of([]int64{tensor.NullInt64, math.MaxInt64}, 2), "float16": tensor.Of([]tensor.F16{0x3c00, 0x7c00}, 2),
		"bfloat16": tensor.Of([]tensor.BF16{0x3f80}, 1), "float32": tensor.Of([]float32{1.5, float32(math.Inf(1))}, 2),
		"float64": tensor.Of([]float64{math.NaN(), math.MaxFloat64}, 2), "string": tensor.Of([]string{"", "a\x00b", "日本"}, 3),
		"scalar": tensor.Scalar[float32](3), "empty": tensor.Zeros(tensor.Int64, 0, 4),
	}
}

// TestHTTPAgrees makes the same calls by both protocols.
func TestHTTPAgrees(t *testing.T) {
	model := tritontest.Model{Name: "m", Versions: []string{"3", "7"}, Config: &tritonpb.ModelConfig{
		MaxBatchSize: 8,
		Input:        []*tritonpb.ModelInput{{Name: "x", DataType: tritonpb.DataType_TYPE_INT64, Dims: []int64{-1}}},
		Output:       []*tritonpb.ModelOutput{{Name: "x", DataType: tritonpb.DataType_TYPE_STRING, Dims: []int64{2}}},
	}}
	script := func(c *client.Client) []any {
		t.Helper()
		var got []any
		note := func(v any, err error) {
			var kinds []error
			text := ""
			if e := (*client.Error)(nil); errors.As(err, &e) {
				kinds, text = e.Kinds, e.Error()
			} else if err != nil {
				t.Errorf("got error %v, want an *Error", err)
			}
			got = append(got, v, kinds, text)
		}
		in := everything()
		result, err := c.Do(t.Context(), client.Request{
			Model: "m", Version: "3", ID: "r", Inputs: in, Outputs: in.Names(), Priority: 2,
			Parameters: map[string]any{"b": true, "i": int64(-5), "u": uint64(9), "f": 2.0, "s": "é"},
		})
		note(result, err)
		result, err = c.Do(t.Context(), client.Request{Model: "nobody", Inputs: in, Outputs: []string{"x"}})
		note(result, err)
		result, err = c.Do(t.Context(), client.Request{Model: "m", Inputs: in, Outputs: []string{"nothing"}})
		note(result, err)
		live, err := c.ServerLive(t.Context())
		note(live, err)
		ready, err := c.ServerReady(t.Context())
		note(ready, err)
		for _, version := range []string{"", "3", "9"} {
			ready, err = c.ModelReady(t.Context(), "m", version)
			note(ready, err)
		}
		server, err := c.ServerMetadata(t.Context())
		note(server, err)
		for _, model := range []string{"m", "nobody"} {
			metadata, err := c.ModelMetadata(t.Context(), model, "")
			note(metadata, err)
			config, err := c.ModelConfig(t.Context(), model, "")
			note(config, err)
			_, err = c.Statistics(t.Context(), model, "") // which differ by what was asked before
			note(nil, err)
		}
		all, err := c.Statistics(t.Context(), "", "")
		note(len(all), err)
		index, err := c.RepositoryIndex(t.Context(), false)
		note(index, err)
		note(nil, c.Unload(t.Context(), "m", client.UnloadOptions{Dependents: true}))
		index, err = c.RepositoryIndex(t.Context(), false)
		note(index, err)
		index, err = c.RepositoryIndex(t.Context(), true)
		note(len(index), err)
		note(nil, c.Load(t.Context(), "m", client.LoadOptions{Config: &tritonpb.ModelConfig{MaxBatchSize: 3}, Files: map[string][]byte{"1/x": {0}}}))
		config, err := c.ModelConfig(t.Context(), "m", "")
		note(config, err)
		note(nil, c.Load(t.Context(), "nobody", client.LoadOptions{}))
		return got
	}
	server := tritontest.Start(t, model)
	want := script(server.Client(t))
	first := len(server.Requests())
	again := tritontest.Start(t, model)
	got := script(again.HTTPClient(t))
	compare := cmp.Options{protocmp.Transform(), cmp.Comparer(errors.Is), cmp.Comparer(func(a, b *tensor.Tensor) bool { return a.Equal(b) })}
	if diff := cmp.Diff(got, want, compare); diff != "" {
		t.Errorf("got by HTTP (-), by gRPC (+):\n%s", diff)
	}
	// The requests are the same too, but for the time left and the marks of numbers, which JSON does not have.
	one, other := server.Requests()[:first], again.Requests()
	for _, list := range [][]*tritonpb.ModelInferRequest{one, other} {
		for _, r := range list {
			if left := r.GetParameters()["timeout"].GetInt64Param(); left < 9e6 || left > 1e7 {
				t.Errorf("got a timeout of %d us, want nearly 10 s", left)
			}
			delete(r.GetParameters(), "timeout")
			for name, p := range r.GetParameters() {
				if v, ok := p.GetParameterChoice().(*tritonpb.InferParameter_Uint64Param); ok {
					r.Parameters[name] = &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: int64(v.Uint64Param)}}
				}
			}
		}
	}
	if diff := cmp.Diff(other, one, protocmp.Transform()); diff != "" {
		t.Errorf("sent by HTTP (-), by gRPC (+):\n%s", diff)
	}
}

// TestHTTPErrors has the model fail with each code that Triton's HTTP endpoint can say.
func TestHTTPErrors(t *testing.T) {
	for code, want := range map[codes.Code]error{
		codes.InvalidArgument: client.ErrInvalidArgument, codes.NotFound: client.ErrNotFound, codes.Unavailable: client.ErrUnavailable,
		codes.Unimplemented: errors.ErrUnsupported, codes.Internal: client.ErrInternal, codes.Unknown: client.ErrInternal,
	} {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		server.Inject("m", tritontest.Fault{Err: status.Error(code, "the reason")})
		if err := infer(t, server.HTTPClient(t, once())); !errors.Is(err, want) || !strings.Contains(err.Error(), "the reason") {
			t.Errorf("%v: got error %v, want one that is %v, and the reason", code, err, want)
		}
	}
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	server.Inject("m", tritontest.Fault{Times: 1, Err: status.Error(codes.Unavailable, "Exceeds maximum queue size")})
	c := server.HTTPClient(t)
	if err := infer(t, c); !errors.Is(err, client.ErrOverloaded) {
		t.Errorf("a full queue: got error %v, want one that is ErrOverloaded", err)
	}
	for _, err := range c.Stream(t.Context(), counting()) {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a stream: got error %v, want one that is ErrUnsupported", err)
		}
	}
}

// TestHTTPResilience has the machinery of calls work over HTTP: tries, deadlines, cancellation, faults of the network.
func TestHTTPResilience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		c := server.HTTPClient(t, client.WithTimeout(time.Second))
		server.Inject("m", tritontest.Fault{Times: 1, Err: errUnavailable})
		if err := infer(t, c); err != nil || len(server.Requests()) != 2 {
			t.Errorf("an unavailable model: got error %v and %d tries, want none and 2", err, len(server.Requests()))
		}
		server.Inject("m", tritontest.Fault{Times: 1, Hang: true})
		start := time.Now()
		if err := infer(t, c); !errors.Is(err, client.ErrDeadline) || time.Since(start) != time.Second {
			t.Errorf("a model that hangs: got error %v after %v, want ErrDeadline after 1s", err, time.Since(start))
		}
		server.Inject("m", tritontest.Fault{Times: 1, Hang: true})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		if _, _, err := c.Infer(ctx, "m", scalar(), []string{"x"}); !errors.Is(err, context.Canceled) {
			t.Errorf("given up: got error %v, want one that is context.Canceled", err)
		}
		for name, fault := range map[string]func(){
			"reset": server.Reset, "reset in the answer": func() { server.ResetAfter(30) },
			"garbage": func() { server.Garble([]byte("\x00\x01garbage\r\n\r\n")) }, "drain": server.Drain,
		} {
			for range 3 { // with idle connections, which the fault befalls
				if err := infer(t, c); err != nil {
					t.Errorf("before %s: %v", name, err)
				}
			}
			fault()
			if err := infer(t, c); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := c.Replicas(); len(got) != 1 || !got[0].Connected {
			t.Errorf("got replicas %+v, want one that is connected", got)
		}
		server.Stop()
		if err := infer(t, c); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("a stopped server: got error %v, want one that is ErrUnavailable", err)
		}
		if got := c.Replicas(); got[0].Connected {
			t.Errorf("got replicas %+v, want one that is not connected", got)
		}
		server.Restart()
		if err := c.WaitReady(t.Context(), "m"); err != nil {
			t.Error(err)
		}
		if err := infer(t, c); err != nil {
			t.Errorf("after a restart: %v", err)
		}
	})
}

// TestHTTPReplicas loses one of three.
func TestHTTPReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := map[string]*tritontest.Server{}
		for _, address := range []string{"a:80", "b:80", "c:80"} {
			servers[address] = tritontest.Start(t, tritontest.Model{Name: "m"})
		}
		dial := tritontest.HTTPDialer(servers)
		c, err := client.New(t.Context(), "http://a:80,http://b:80, c:80", client.WithDialer(dial))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 30 {
			if err := infer(t, c); err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff(arrived(servers), map[string]int{"a:80": 10, "b:80": 10, "c:80": 10}); diff != "" {
			t.Errorf("got (-), want (+):\n%s", diff)
		}
		servers["b:80"].Stop()
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if err := infer(t, c); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestHTTPTargets refuses what makes no sense.
func TestHTTPTargets(t *testing.T) {
	for want, tt := range map[string]struct {
		target string
		option client.Option
	}{
		"mixes schemes":   {"http://a:1,https://b:1", client.WithGzip()},
		"give https://":   {"http://a:1", client.WithTLSFiles(client.TLSFiles{})},
		"options of grpc": {"http://a:1", client.WithDialOptions(grpc.WithUserAgent("x"))},
		"empty address":   {"http://", client.WithGzip()},
		"is for HTTP":     {"a:1", client.WithDeflate()},
	} {
		if _, err := client.New(t.Context(), tt.target, tt.option); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", tt.target, err, want)
		}
	}
}

// TestHTTPS has a server behind a path, with a certificate of its own authority, that wants a header.
func TestHTTPS(t *testing.T) {
	fake := tritontest.New(tritontest.Model{Name: "m"})
	defer fake.Stop()
	server := httptest.NewTLSServer(http.StripPrefix("/behind/a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer ann" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fake.Handler().ServeHTTP(w, r)
	})))
	defer server.Close()
	config := server.Client().Transport.(*http.Transport).TLSClientConfig
	token := "ann"
	c, err := client.New(t.Context(), server.URL+"/behind/a/", client.WithTLS(config), once(),
		client.WithHeaders(func(context.Context) (map[string]string, error) {
			return map[string]string{"authorization": "Bearer " + token}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := infer(t, c); err != nil {
		t.Error(err)
	}
	token = "bob"
	if err := infer(t, c); !errors.Is(err, client.ErrDenied) {
		t.Errorf("another's token: got error %v, want one that is ErrDenied", err)
	}
	stranger, err := client.New(t.Context(), server.URL, once())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Close() }()
	if err := infer(t, stranger); !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: got error %v, want one that is ErrUnavailable about the certificate", err)
	}
}

// TestHTTPEncodings sees requests packed, and takes each encoding of answers that was offered.
func TestHTTPEncodings(t *testing.T) {
	fake := tritontest.New(tritontest.Model{Name: "m"})
	defer fake.Stop()
	for _, encoding := range []string{"", "gzip", "deflate"} {
		t.Run(encoding, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent, accepted := r.Header.Get("Content-Encoding"), r.Header.Get("Accept-Encoding")
				if r.Method == http.MethodGet { // the question by which a connection begins
					return
				}
				if encoding == "" && (sent != "" || accepted != "") || encoding != "" && (sent != encoding || accepted != "gzip, deflate") {
					t.Errorf("got encoding %q, accepting %q", sent, accepted)
				}
				r.Header.Set("Accept-Encoding", encoding)
				fake.Handler().ServeHTTP(w, r)
			}))
			defer server.Close()
			opts := map[string][]client.Option{"gzip": {client.WithGzip()}, "deflate": {client.WithDeflate()}}[encoding]
			c, err := client.New(t.Context(), server.URL, opts...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			in := everything()
			if got, _, err := c.Infer(t.Context(), "m", in, in.Names()); err != nil || cmp.Diff(got, in) != "" {
				t.Errorf("got error %v and tensors %v", err, got)
			}
		})
	}
}

// TestHTTPAnswers has a server answer by JSON alone, and wrongly.
func TestHTTPAnswers(t *testing.T) {
	tests := []struct {
		name   string
		header int // the JSON's length, -1 for none
		body   string
		want   error
	}{
		{"JSON", -1, `{"model_name":"m","outputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[3.5]}]}`, nil},
		{"nested JSON", -1, `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[[3.5]]}]}`, nil},
		{"binary", 95, `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}   ` + "\x00\x00\x60\x40", nil},
		{"more JSON", -1, `{"outputs":[{"name":"y","datatype":"INT8","shape":[2,2],"data":[[1,2],[3,4]]},{"name":"x","datatype":"FP32","shape":[1],"data":[3.5]}]}`, nil},
		{"no JSON", -1, `<html>`, client.ErrProtocol},
		{"another output", -1, `{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1]}]}`, client.ErrProtocol},
		{"too few elements", -1, `{"outputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1]}]}`, client.ErrProtocol},
		{"many too few", -1, `{"outputs":[{"name":"x","datatype":"FP32","shape":[9999999999],"data":[1]}]}`, client.ErrProtocol},
		{"a negative shape", -1, `{"outputs":[{"name":"x","datatype":"FP32","shape":[-1],"data":[]}]}`, client.ErrProtocol},
		{"an unknown type", -1, `{"outputs":[{"name":"x","datatype":"FP8","shape":[1],"data":[1]}]}`, client.ErrProtocol},
		{"a half of no JSON", -1, `{"outputs":[{"name":"x","datatype":"FP16","shape":[1],"data":[1]}]}`, client.ErrProtocol},
		{"text for numbers", -1, `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"data":["1"]}]}`, client.ErrProtocol},
		{"a number out of range", -1, `{"outputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[300]}]}`, client.ErrProtocol},
		{"binary without a header", -1, `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}`, client.ErrProtocol},
		{"binary of another size", 92, `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":8}}]}12345678`, client.ErrProtocol},
		{"binary that ends early", 92, `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}12`, client.ErrUnavailable},
		{"binary that goes on", 92, `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}12345`, client.ErrProtocol},
		{"huge binary", 102, `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":99999999999}}]}`, client.ErrTooLarge},
		{"an output twice", -1, `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]},{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`, client.ErrProtocol},
		{"a header beyond the answer", 500, `{}`, client.ErrUnavailable},
		{"a huge header", 1 << 40, `{}`, client.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tt.header >= 0 {
					w.Header().Set("Inference-Header-Content-Length", strconv.Itoa(tt.header))
				}
				_, _ = io.WriteString(w, tt.body)
			}))
			defer server.Close()
			c, err := client.New(t.Context(), server.URL, once())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			got, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"})
			if !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if want := tensor.Of([]float32{3.5}, 1); err == nil && !got["x"].Equal(want) {
				t.Errorf("got %v, want %v", got["x"].Any(), want.Any())
			}
		})
	}
}

// TestHTTPKeepsConnections makes calls one after another over one connection, and many at once over theirs.
func TestHTTPKeepsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, tritontest.Model{Name: "m"})
		var mu sync.Mutex
		dialled := 0
		c, err := client.New(t.Context(), server.HTTPTarget(), client.WithDialer(func(ctx context.Context, address string) (net.Conn, error) {
			mu.Lock()
			dialled++
			mu.Unlock()
			return server.DialHTTP(ctx, address)
		}))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 10 {
			if err := infer(t, c); err != nil {
				t.Error(err)
			}
			if err := c.Ready(t.Context(), "nobody"); !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("got error %v, want one that is ErrUnavailable", err)
			}
		}
		if dialled != 1 {
			t.Errorf("20 calls one after another went over %d connections, want 1", dialled)
		}
		server.Inject("m", tritontest.Fault{Latency: time.Second})
		for range 2 {
			for i, err := range inFlight(t, c, 10)() {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
		}
		if dialled != 10 {
			t.Errorf("10 calls at a time went over %d connections, want 10", dialled)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestHTTPLimits refuses what is too large on either way, before it is sent or taken.
func TestHTTPLimits(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m", Infer: func(context.Context, tritontest.Call) (tensor.Map, error) {
		return tensor.Map{"x": tensor.Zeros(tensor.Float32, 1000)}, nil
	}})
	plain := `{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[3.5` + strings.Repeat(" ", 2000) + `]}]}`
	chunked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, plain[:10])
		w.(http.Flusher).Flush() // so that the size is not known before
		_, _ = io.WriteString(w, plain[10:])
	}))
	defer chunked.Close()
	for limit, want := range map[int]error{len(plain) - 1: client.ErrTooLarge, len(plain): nil} {
		c, err := client.New(t.Context(), chunked.URL, client.WithMaxMessageSize(limit))
		if err != nil {
			t.Fatal(err)
		}
		if err := infer(t, c); !errors.Is(err, want) {
			t.Errorf("an answer of %d bytes by a limit of %d: got error %v, want %v", len(plain), limit, err, want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, gzip := range []bool{false, true} {
		opts := []client.Option{client.WithMaxMessageSize(2000), once()}
		if gzip { // where nobody knows the answer's size before
			opts = append(opts, client.WithGzip())
		}
		c := server.HTTPClient(t, opts...)
		if err := infer(t, c); !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("a large answer: got error %v, want one that is ErrTooLarge", err)
		}
		sent := len(server.Requests())
		_, _, err := c.Infer(t.Context(), "m", tensor.Map{"x": tensor.Zeros(tensor.Float32, 1000)}, []string{"x"})
		if !errors.Is(err, client.ErrTooLarge) || len(server.Requests()) != sent {
			t.Errorf("a large request: got error %v, want one that is ErrTooLarge, and nothing sent", err)
		}
	}
}
