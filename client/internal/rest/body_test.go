package rest

import (
	"net/http"
	"testing"

	"recsys/client/internal/message"
)

// TestInputsAreHeld until the transport closes the body, which may be after the call; from inside, as net/http closes it
// before where it can.
func TestInputsAreHeld(t *testing.T) {
	m := &message.Request{Model: "m", Inputs: []message.Input{{Name: "x", DType: "UINT8", Shape: []int{1}, Raw: []byte{1}}}}
	for name, limit := range map[string]int{"sent": 1000, "too large": 1} {
		b, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if m.Released(0) {
			t.Errorf("%s: the inputs are free before the body is closed", name)
		}
		request := &http.Request{Header: http.Header{}}
		if err := b.attach(request, Settings{MaxMessage: limit}); (err == nil) != (limit > 1) {
			t.Fatalf("%s: got error %v", name, err)
		}
		if request.Body != nil {
			for range 2 { // again is nothing
				_ = request.Body.Close()
			}
		}
		if !m.Released(0) {
			t.Errorf("%s: the inputs are held after the body was closed", name)
		}
	}
}
