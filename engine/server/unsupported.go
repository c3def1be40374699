package server

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
)

// The reasons of what is not implemented, which clients get.
const (
	noTrace        = "tracing is not supported by the embedded engine"
	noLog          = "log settings are not supported by the embedded engine: its program has them"
	noSharedMemory = "shared memory is not supported by the embedded engine: send the contents in the message"
	noClasses      = "classification is not supported by the embedded engine: ask for the output itself"
)

func unsupported(reason string) error { return status.Error(codes.Unimplemented, reason) }

// TraceSetting is not implemented.
func (*Server) TraceSetting(context.Context, *tritonpb.TraceSettingRequest) (*tritonpb.TraceSettingResponse, error) {
	return nil, unsupported(noTrace)
}

// LogSettings is not implemented.
func (*Server) LogSettings(context.Context, *tritonpb.LogSettingsRequest) (*tritonpb.LogSettingsResponse, error) {
	return nil, unsupported(noLog)
}

// SystemSharedMemoryStatus is not implemented.
func (*Server) SystemSharedMemoryStatus(
	context.Context, *tritonpb.SystemSharedMemoryStatusRequest,
) (*tritonpb.SystemSharedMemoryStatusResponse, error) {
	return nil, unsupported(noSharedMemory)
}

// SystemSharedMemoryRegister is not implemented.
func (*Server) SystemSharedMemoryRegister(
	context.Context, *tritonpb.SystemSharedMemoryRegisterRequest,
) (*tritonpb.SystemSharedMemoryRegisterResponse, error) {
	return nil, unsupported(noSharedMemory)
}

// SystemSharedMemoryUnregister is not implemented.
func (*Server) SystemSharedMemoryUnregister(
	context.Context, *tritonpb.SystemSharedMemoryUnregisterRequest,
) (*tritonpb.SystemSharedMemoryUnregisterResponse, error) {
	return nil, unsupported(noSharedMemory)
}

// CudaSharedMemoryStatus is not implemented.
func (*Server) CudaSharedMemoryStatus(
	context.Context, *tritonpb.CudaSharedMemoryStatusRequest,
) (*tritonpb.CudaSharedMemoryStatusResponse, error) {
	return nil, unsupported(noSharedMemory)
}

// CudaSharedMemoryRegister is not implemented.
func (*Server) CudaSharedMemoryRegister(
	context.Context, *tritonpb.CudaSharedMemoryRegisterRequest,
) (*tritonpb.CudaSharedMemoryRegisterResponse, error) {
	return nil, unsupported(noSharedMemory)
}

// CudaSharedMemoryUnregister is not implemented.
func (*Server) CudaSharedMemoryUnregister(
	context.Context, *tritonpb.CudaSharedMemoryUnregisterRequest,
) (*tritonpb.CudaSharedMemoryUnregisterResponse, error) {
	return nil, unsupported(noSharedMemory)
}
