package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"recsys/client/tritonpb"
	"recsys/engine"
	"recsys/engine/server"
	"recsys/ensemble"
)

// FuzzHTTP sends arbitrary requests: each is answered, errors as JSON with a text, and nothing grows with what a request claims.
func FuzzHTTP(f *testing.F) {
	h := handler(f, server.Options{Control: true})
	f.Add("POST", "/v2/models/shop_prep/infer", "", "", `{"inputs":[`+prepInputs+`]}`)
	f.Add("POST", "/v2/models/shop_prep/infer", "60", "gzip", `{"inputs":[{"name":"user_id","shape":[1,1],"datatype":"BYTES","parameters":{"binary_data_size":8}}]}aaaaaaaa`)
	f.Add("POST", "/v2/models/shop_all/versions/1/infer", "0", "deflate", "\x00\x01")
	f.Add("POST", "/v2/repository/models/shop/load", "", "", `{"parameters":{"config":"{\"name\":\"shop\"}","file:1/model.onnx":"AAAA"}}`)
	f.Add("POST", "/v2/repository/index", "", "", `{"ready":true}`)
	f.Add("GET", "/v2/models/%2e%2e/config", "", "", "")
	f.Fuzz(func(t *testing.T, method, path, length, encoding, body string) {
		r, err := http.NewRequest(method, "http://x/"+strings.TrimPrefix(path, "/"), strings.NewReader(body))
		if err != nil {
			return
		}
		r.Header.Set("Inference-Header-Content-Length", length)
		r.Header.Set("Content-Encoding", encoding)
		if length == "" {
			r.Header.Del("Inference-Header-Content-Length")
		}
		w := httptest.NewRecorder()
		bounded(t, func() { h.ServeHTTP(w, r) })
		var fault struct{ Error *string }
		if w.Code >= 400 && w.Body.Len() > 0 && (json.Unmarshal(w.Body.Bytes(), &fault) != nil || fault.Error == nil) {
			t.Errorf("%s %s: got %d with %q, want an error as JSON", method, path, w.Code, w.Body)
		}
	})
}

// FuzzInfer decodes arbitrary bytes as a request over gRPC and answers it.
func FuzzInfer(f *testing.F) {
	e, err := engine.Open(f.Context(), repository(f, ensemble.FuseGroups), engine.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = e.Close() }) // it never fails
	s := server.New(e, server.Options{})
	data, err := proto.Marshal(prepRequest("1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &tritonpb.ModelInferRequest{}
		if proto.Unmarshal(data, r) != nil {
			return
		}
		bounded(t, func() {
			a, err := s.ModelInfer(t.Context(), r)
			if (err == nil) == (a == nil) {
				t.Errorf("got %v and error %v, want one of them", a, err)
			}
		})
	})
}

// bounded fails where a call allocates more than the largest request and the models can be the reason for.
func bounded(t *testing.T, call func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("the call allocated %d bytes", grown)
	}
}
