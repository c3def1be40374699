package tritonpb_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/client/tritonpb"
)

// TestServiceHasEveryCall holds the stubs to the protocol's calls: a wheel with fewer would lose them silently.
func TestServiceHasEveryCall(t *testing.T) {
	service := tritonpb.GRPCInferenceService_ServiceDesc
	got := make([]string, 0, 20)
	for _, method := range service.Methods {
		got = append(got, method.MethodName)
	}
	for _, stream := range service.Streams {
		got = append(got, stream.StreamName)
	}
	slices.Sort(got)
	want := []string{
		"CudaSharedMemoryRegister", "CudaSharedMemoryStatus", "CudaSharedMemoryUnregister", "LogSettings",
		"ModelConfig", "ModelInfer", "ModelMetadata", "ModelReady", "ModelStatistics", "ModelStreamInfer",
		"RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload",
		"ServerLive", "ServerMetadata", "ServerReady",
		"SystemSharedMemoryRegister", "SystemSharedMemoryStatus", "SystemSharedMemoryUnregister", "TraceSetting",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if service.ServiceName != "inference.GRPCInferenceService" {
		t.Errorf("got service %q", service.ServiceName)
	}
}
