package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
	"recsys/ensemble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func prepRequest(id string) *tritonpb.ModelInferRequest {
	return &tritonpb.ModelInferRequest{
		ModelName: "shop_prep", Id: id,
		Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{
			{Name: "user_id", Datatype: "INT64", Shape: []int64{1, 1}, Contents: &tritonpb.InferTensorContents{Int64Contents: []int64{101}}},
			{Name: "likes", Datatype: "INT64", Shape: []int64{1, 3}, Contents: &tritonpb.InferTensorContents{Int64Contents: []int64{1, 2, 3}}},
		},
	}
}

func TestStream(t *testing.T) {
	c := stub(t, serve(t, repository(t, ensemble.FuseGroups)))
	stream, err := c.ModelStreamInfer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const n = 200 // more than are at work at once
	go func() {
		for i := range n {
			r := prepRequest(fmt.Sprint(i))
			if i%10 == 3 {
				r.ModelName = "nobody"
			}
			if err := stream.Send(r); err != nil {
				t.Error(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
	got := map[string]string{}
	for {
		a, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		r := a.GetInferResponse()
		got[r.GetId()] = a.GetErrorMessage()
		if a.GetErrorMessage() == "" && (!r.GetParameters()["triton_final_response"].GetBoolParam() || len(r.GetRawOutputContents()) != 3) {
			t.Errorf("answer %s is not final or not whole: %v", r.GetId(), r)
		}
	}
	want := map[string]string{}
	for i := range n {
		want[fmt.Sprint(i)] = ""
		if i%10 == 3 {
			want[fmt.Sprint(i)] = "Request for unknown model: 'nobody' is not found"
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors by id (-want +got):\n%s", diff)
	}
}

func TestStreamThatEndsWithItsError(t *testing.T) {
	c := stub(t, serve(t, repository(t, ensemble.FuseGroups)))
	stream, err := c.ModelStreamInfer(metadata.AppendToOutgoingContext(t.Context(), "triton_grpc_error", "true"))
	if err != nil {
		t.Fatal(err)
	}
	r := prepRequest("1")
	r.ModelName = "nobody"
	if err := stream.Send(r); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.NotFound { // while this side is open still
		t.Errorf("got error %v, want NotFound", err)
	}
}

func TestStreamWhoseClientLeaves(t *testing.T) {
	c := stub(t, serve(t, repository(t, ensemble.FuseGroups)))
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := c.ModelStreamInfer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(prepRequest("1")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := stream.Recv(); err != nil && status.Code(err) != codes.Canceled {
		t.Errorf("got error %v, want an answer or Canceled", err)
	}
}

func TestWhatIsNotSupportedSaysWhy(t *testing.T) {
	c := stub(t, serve(t, repository(t, ensemble.FuseGroups)))
	ctx := t.Context()
	_, trace := c.TraceSetting(ctx, &tritonpb.TraceSettingRequest{})
	_, log := c.LogSettings(ctx, &tritonpb.LogSettingsRequest{})
	_, shm := c.SystemSharedMemoryStatus(ctx, &tritonpb.SystemSharedMemoryStatusRequest{})
	_, register := c.SystemSharedMemoryRegister(ctx, &tritonpb.SystemSharedMemoryRegisterRequest{})
	_, unregister := c.SystemSharedMemoryUnregister(ctx, &tritonpb.SystemSharedMemoryUnregisterRequest{})
	_, cuda := c.CudaSharedMemoryStatus(ctx, &tritonpb.CudaSharedMemoryStatusRequest{})
	_, registerCuda := c.CudaSharedMemoryRegister(ctx, &tritonpb.CudaSharedMemoryRegisterRequest{})
	_, unregisterCuda := c.CudaSharedMemoryUnregister(ctx, &tritonpb.CudaSharedMemoryUnregisterRequest{})
	in := prepRequest("")
	in.Inputs[0].Parameters = map[string]*tritonpb.InferParameter{"shared_memory_region": {}}
	_, input := c.ModelInfer(ctx, in)
	for name, err := range map[string]error{
		"trace": trace, "log": log, "shm": shm, "register": register, "unregister": unregister, "cuda": cuda, "register cuda": registerCuda,
		"unregister cuda": unregisterCuda, "input": input,
	} {
		if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "not supported by the embedded engine") {
			t.Errorf("%s: got error %v, want Unimplemented with a reason", name, err)
		}
	}
}
