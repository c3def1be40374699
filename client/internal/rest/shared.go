package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"recsys/client/tritonpb"
)

// sharedMemory makes the calls about shared memory, and reports whether request is one of them.
func (c *Conn) sharedMemory(ctx context.Context, request any, reply proto.Message) (done bool, err error) {
	const system, cuda = "systemsharedmemory", "cudasharedmemory"
	switch q := request.(type) {
	case *tritonpb.SystemSharedMemoryStatusRequest:
		return true, c.regions(ctx, region(system, q.GetName(), "status"), reply)
	case *tritonpb.CudaSharedMemoryStatusRequest:
		return true, c.regions(ctx, region(cuda, q.GetName(), "status"), reply)
	case *tritonpb.SystemSharedMemoryRegisterRequest:
		return true, c.post(ctx, region(system, q.GetName(), "register"),
			map[string]any{"key": q.GetKey(), "offset": q.GetOffset(), "byte_size": q.GetByteSize()}, nil, "")
	case *tritonpb.CudaSharedMemoryRegisterRequest:
		return true, c.post(ctx, region(cuda, q.GetName(), "register"), map[string]any{
			"raw_handle": map[string]any{"b64": q.GetRawHandle()}, "device_id": q.GetDeviceId(), "byte_size": q.GetByteSize(),
		}, nil, "")
	case *tritonpb.SystemSharedMemoryUnregisterRequest:
		return true, c.post(ctx, region(system, q.GetName(), "unregister"), map[string]any{}, nil, "")
	case *tritonpb.CudaSharedMemoryUnregisterRequest:
		return true, c.post(ctx, region(cuda, q.GetName(), "unregister"), map[string]any{}, nil, "")
	}
	return false, nil
}

func region(kind, name, verb string) string {
	if name == "" {
		return kind + "/" + verb
	}
	return kind + "/region/" + url.PathEscape(name) + "/" + verb
}

// regions reads a list where gRPC has a map by name.
func (c *Conn) regions(ctx context.Context, path string, reply proto.Message) error {
	data, err := c.fetch(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return status.Errorf(codes.Internal, "read answer: %v", err)
	}
	byName := make(map[string]json.RawMessage, len(list))
	for _, raw := range list {
		var named struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(raw, &named); err != nil {
			return status.Errorf(codes.Internal, "read answer: %v", err)
		}
		byName[named.Name] = raw
	}
	whole, err := json.Marshal(byName)
	if err != nil {
		return status.Errorf(codes.Internal, "read answer: %v", err)
	}
	return read(whole, reply, "regions")
}
