package server_test

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

// TestOtherBackend asks for a model of Triton's Python backend: it is described as Triton 2.51.0 does, and not implemented.
func TestOtherBackend(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "affordable"), os.DirFS("../../examples/stages/affordable")); err != nil {
		t.Fatal(err)
	}
	c := stub(t, serve(t, dir))
	m, err := c.ModelMetadata(t.Context(), &tritonpb.ModelMetadataRequest{Name: "affordable"})
	if err != nil {
		t.Fatal(err)
	}
	if m.GetPlatform() != "python" || len(m.GetInputs()) != 2 {
		t.Errorf("metadata: platform %q with %d inputs, want python with 2", m.GetPlatform(), len(m.GetInputs()))
	}
	if ready, err := c.ModelReady(t.Context(), &tritonpb.ModelReadyRequest{Name: "affordable"}); err != nil || ready.GetReady() {
		t.Errorf("ready gives %v, %v; want false", ready, err)
	}
	config, err := c.ModelConfig(t.Context(), &tritonpb.ModelConfigRequest{Name: "affordable"})
	if err != nil {
		t.Fatal(err)
	}
	if b := config.GetConfig().GetBackend(); b != "python" {
		t.Errorf("configuration: backend %q, want python", b)
	}
	r := &tritonpb.ModelInferRequest{ModelName: "affordable"}
	in := tensor.Map{"years": tensor.Of([]int64{30}, 1, 1), "prices": tensor.Of([]float32{1, 2}, 1, 2)}
	if err := wire.SetInputs(r, in, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ModelInfer(t.Context(), r); status.Code(err) != codes.Unimplemented {
		t.Errorf("infer gives %v, want UNIMPLEMENTED", err)
	}
}
