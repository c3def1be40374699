package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/engine"
	"recsys/engine/server"
	"recsys/ensemble"
)

// handler serves the shop over HTTP, with at most 4096 bytes in a request.
func handler(tb testing.TB, o server.Options) http.Handler {
	tb.Helper()
	e, err := engine.Open(tb.Context(), repository(tb, ensemble.FuseGroups), engine.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Error(err)
		}
	})
	o.Version, o.MaxMessage = "test", 4096
	return server.New(e, o)
}

func ask(h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const prepInputs = `{"name":"user_id","shape":[1,1],"datatype":"INT64","data":[101]},{"name":"likes","shape":[1,3],"datatype":"INT64","data":[[1,2,3]]}`

func TestHTTP(t *testing.T) {
	h := handler(t, server.Options{})
	tests := []struct {
		name, method, path, body string
		code                     int
		want                     string
	}{
		{"live", "GET", "/v2/health/live", "", 200, ""},
		{"server", "GET", "/v2", "", 200, `"name":"recsys-engine","version":"test"`},
		{"another path", "GET", "/v3", "", 404, `{"error":"Not Found"}`},
		{"a longer word", "GET", "/v2x", "", 404, `{"error":"Not Found"}`},
		{"metadata", "GET", "/v2/models/shop_prep", "", 200, `{"name":"user_id","datatype":"INT64","shape":[-1,1]}`},
		{"unknown model", "GET", "/v2/models/x", "", 404, `{"error":"Request for unknown model: 'x' is not found"}`},
		{"ready", "GET", "/v2/models/shop/versions/1/ready", "", 200, ""},
		{"not ready", "GET", "/v2/models/shop/versions/2/ready", "", 400, `{"error":"Model version not ready"}`},
		{"configuration", "GET", "/v2/models/shop_prep/config", "", 200, `"max_batch_size":4`},
		{"statistics", "GET", "/v2/models/shop/stats", "", 200, `"execution_count":0`},
		{"method", "POST", "/v2/models/shop", "{}", 405, `{"error":"Method Not Allowed"}`},
		{"index", "POST", "/v2/repository/index", "", 200, `{"name":"shop","version":"1","state":"READY"}`},
		{"load", "POST", "/v2/repository/models/shop/load", "{}", 503, "explicit model load / unload is not allowed"},
		{"infer", "POST", "/v2/models/shop_prep/infer", `{"id":"7","inputs":[` + prepInputs + `],"outputs":[{"name":"encoded_user_id"}]}`, 200, `{"model_name":"shop_prep","model_version":"1","id":"7","outputs":[{"name":"encoded_user_id","datatype":"INT64","shape":[1,1],"data":[4]}]}`},
		{"a value too few", "POST", "/v2/models/shop_prep/infer", `{"inputs":[{"name":"user_id","shape":[2,1],"datatype":"INT64","data":[101]}]}`, 500, "Shape does not match true shape of 'data' field"},
		{"a value too many", "POST", "/v2/models/shop_prep/infer", `{"inputs":[{"name":"user_id","shape":[1,1],"datatype":"INT64","data":[101,102]}]}`, 500, "Shape does not match true shape of 'data' field"},
		{"an object as value", "POST", "/v2/models/shop_prep/infer", `{"inputs":[{"name":"user_id","shape":[1,1],"datatype":"INT64","data":[{"a":[1]}]}]}`, 500, "non-signed-integer"},
		{"a huge shape", "POST", "/v2/models/shop_prep/infer", `{"inputs":[{"name":"user_id","shape":[4000000000,4000000000],"datatype":"INT64","data":[1]}]}`, 400, "expected 2 inputs but got 1"},
		{"a shape beyond all data", "POST", "/v2/models/shop_prep/infer", `{"inputs":[{"name":"user_id","shape":[1000000000,1],"datatype":"INT64","data":[1]}]}`, 500, "Shape does not match"},
		{"too large a body", "POST", "/v2/models/shop_prep/infer", `{"x":"` + strings.Repeat("x", 4096) + `"}`, 400, "larger than the 4096 bytes"},
		{"tracing", "POST", "/v2/trace/setting", "{}", 501, "tracing is not supported by the embedded engine"},
		{"shared memory", "POST", "/v2/systemsharedmemory/region/r/register", "{}", 501, "shared memory is not supported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(h, tt.method, tt.path, tt.body)
			if a.Code != tt.code || !strings.Contains(a.Body.String(), tt.want) {
				t.Errorf("got %d %s, want %d with %s", a.Code, a.Body, tt.code, tt.want)
			}
		})
	}
}

// TestHTTPUnpacksNoBomb sends a small body that unpacks to a large one.
func TestHTTPUnpacksNoBomb(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a := ask(handler(t, server.Options{}), "POST", "/v2/models/shop_prep/infer", b.String(), "Content-Encoding", "gzip")
	if a.Code != 400 || !strings.Contains(a.Body.String(), "larger than the 4096 bytes") {
		t.Errorf("got %d %s, want 400", a.Code, a.Body)
	}
}

func TestHTTPBinary(t *testing.T) {
	h := handler(t, server.Options{})
	head := `{"inputs":[{"name":"user_id","shape":[1,1],"datatype":"INT64","parameters":{"binary_data_size":8}},` +
		`{"name":"likes","shape":[1,3],"datatype":"INT64","data":[1,2,3]}],"outputs":[{"name":"encoded_user_id","parameters":{"binary_data":true}}]}`
	a := ask(h, "POST", "/v2/models/shop_prep/infer", head+"\x65\x00\x00\x00\x00\x00\x00\x00", "Inference-Header-Content-Length", strconv.Itoa(len(head)), "Accept-Encoding", "gzip")
	if a.Code != 200 || a.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("got %d, encoding %q: %s", a.Code, a.Header().Get("Content-Encoding"), a.Body)
	}
	r, err := gzip.NewReader(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"model_name":"shop_prep","model_version":"1","outputs":[{"name":"encoded_user_id","datatype":"INT64","shape":[1,1],"parameters":{"binary_data_size":8}}]}` +
		"\x04\x00\x00\x00\x00\x00\x00\x00"
	if diff := cmp.Diff(want, string(body)); diff != "" {
		t.Errorf("the answer (-want +got):\n%s", diff)
	}
}

func TestHTTPControl(t *testing.T) {
	h := handler(t, server.Options{Control: true})
	steps := []struct {
		path, body string
		code       int
		want       string
	}{
		{"shop/unload", `{"parameters":{"unload_dependents":true}}`, 200, ""},
		{"shop/load", `{}`, 200, ""},
		{"..%2f..%2fetc/load", `{}`, 500, "failed to load '../../etc', failed to poll from model repository"},
		{"shop_prep/load", `{"parameters":{"config":"{}","file:../../x":"eA=="}}`, 500, "not of the form VERSION/PATH"},
		{"shop_prep/load", `{"parameters":{"config":"{\"no_such_field\":1}"}}`, 500, "no_such_field"},
		{"shop_prep/load", `{"parameters":{"file:1/model.onnx":"*"}}`, 400, "is no base64"},
		{"shop_prep/load", `{"parameters":{"speed":"7"}}`, 500, "unrecognized load parameter 'speed'"},
		{"shop/fly", `{}`, 404, "Not Found"},
	}
	for _, s := range steps {
		a := ask(h, "POST", "/v2/repository/models/"+s.path, s.body)
		if a.Code != s.code || !strings.Contains(a.Body.String(), s.want) {
			t.Errorf("%s %s: got %d %s, want %d with %s", s.path, s.body, a.Code, a.Body, s.code, s.want)
		}
	}
	if a := ask(h, "GET", "/v2/models/shop/ready", ""); a.Code != 200 {
		t.Errorf("at the end the shop is not ready: %d %s", a.Code, a.Body)
	}
}

func TestMetrics(t *testing.T) {
	e, err := engine.Open(t.Context(), repository(t, ensemble.FuseAll), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Infer(t.Context(), "shop", request(), nil); err != nil {
		t.Fatal(err)
	}
	a := ask(server.Metrics(e), "GET", "/metrics", "")
	for _, want := range []string{
		"# TYPE nv_inference_count counter\n", `nv_inference_count{_ensemble="shop",_stage="ensemble",model="shop",version="1"} 3` + "\n",
		`nv_inference_request_success{_ensemble="shop",_stage="all",model="shop_all",version="1"} 1` + "\n", `nv_inference_request_failure{_ensemble="shop",_stage="ensemble",model="shop",reason="OTHER",version="1"} 0` + "\n",
		"# TYPE nv_inference_pending_request_count gauge\n",
	} {
		if !strings.Contains(a.Body.String(), want) {
			t.Errorf("the metrics have no %q:\n%s", want, a.Body)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if a := ask(server.Metrics(e), "GET", "/metrics", ""); a.Code != 503 {
		t.Errorf("a closed engine has metrics: %d", a.Code)
	}
}

func TestServeHTTPEndsWithItsContext(t *testing.T) {
	e, err := engine.Open(t.Context(), repository(t, ensemble.FuseAll), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, serve := range map[string]func(context.Context, net.Listener) error{
		"/v2/health/ready": func(ctx context.Context, l net.Listener) error {
			return server.ServeHTTP(ctx, l, e, server.Options{})
		},
		"/metrics": func(ctx context.Context, l net.Listener) error { return server.ServeMetrics(ctx, l, e) },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- serve(ctx, l) }()
		a, err := http.Get("http://" + l.Addr().String() + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Body.Close(); err != nil || a.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, %v", name, a.StatusCode, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := serve(t.Context(), l); err == nil {
			t.Errorf("%s: a closed listener was served", name)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if err := errors.Join(e.Close()); err != nil {
		t.Error(err)
	}
}
