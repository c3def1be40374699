package rest

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"google.golang.org/grpc/status"

	"recsys/client/internal/message"
	"recsys/tensor"
)

// FuzzAnswer reads any bytes as an answer, from inside as the package is not seen from outside: no panic, no more memory
// than the limit, and tensors that fit their shapes.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}1234`), 92, false)
	f.Add([]byte(`{"outputs":[{"name":"x","datatype":"BYTES","shape":[2],"data":["a",["b"]]}]}`), -1, false)
	f.Add([]byte(`{"parameters":{"a":1,"b":2.5,"c":true,"d":"e"},"outputs":[{"name":"x","datatype":"BOOL","shape":[],"data":[true]}]}`), -1, false)
	f.Add([]byte{0x1f, 0x8b}, 3, true)
	f.Fuzz(func(t *testing.T, data []byte, length int, packed bool) {
		response := &http.Response{Body: io.NopCloser(bytes.NewReader(data)), ContentLength: -1, Header: http.Header{}, StatusCode: http.StatusOK}
		if length >= 0 {
			response.Header.Set(HeaderLength, strconv.Itoa(length))
		}
		if packed {
			response.Header.Set("Content-Encoding", "gzip")
		}
		a, err := newAnswer(t.Context(), response, 1<<16)
		if err != nil {
			if _, ok := status.FromError(err); !ok {
				t.Errorf("got error %v, want one with a status", err)
			}
			return
		}
		defer a.close()
		into := tensor.Zeros(tensor.Float32, 1)
		r := &message.Response{Into: tensor.Map{"x": into}}
		if decode(a, r) != nil {
			return
		}
		for name, x := range r.Outputs {
			if n, err := tensor.Count(x.Shape()); err != nil || n != x.Len() || n > 1<<16 {
				t.Errorf("output %q: %v", name, x)
			}
		}
	})
}
