package client

import (
	"context"
	"errors"
	"fmt"

	"recsys/client/internal/message"
	"recsys/client/tritonpb"
	"recsys/tensor"
)

// SharedTensor is where a tensor lies in memory that the server shares: in a region that was registered with it.
type SharedTensor struct {
	Region string // the name by which it was registered
	Offset int    // bytes from the region's start
	Size   int    // bytes: of an input all, of an output the most that it may have
	// DType and Shape are an input's.
	DType tensor.DType
	Shape []int
}

// Region is a piece of shared memory that a server knows.
type Region struct {
	Name string
	// Key is the system's name of it, such as "/shop", and Offset where the region begins in it. For CUDA memory they are
	// empty, and Device is the GPU.
	Key    string
	Offset int
	Size   int // bytes
	Device int
}

// RegisterShared tells every replica of shared memory that [NewSharedMemory] or another program of this machine has made:
// size bytes from offset, a multiple of the page size, of what the system calls key are region name from now on. A replica on another machine has no
// such memory, and is an error. Triton 26.05 and later want to be started with --allow-client-shm=true; 24.10 does not hold
// tensors to the region's bounds, and has been seen to mistake an offset that is not 0.
func (c *Client) RegisterShared(ctx context.Context, name, key string, offset, size int) error {
	if offset < 0 || size < 1 {
		return &Error{Call: "register shared memory", Kinds: []error{ErrInvalidArgument}, Cause: fmt.Errorf("region %q: %d bytes from %d", name, size, offset)}
	}
	request := &tritonpb.SystemSharedMemoryRegisterRequest{Name: name, Key: key, Offset: uint64(offset), ByteSize: uint64(size)}
	return everywhere(ctx, c, "register shared memory", request, stub.SystemSharedMemoryRegister)
}

// RegisterCUDA tells every replica of memory of a GPU: handle is the serialized cudaIpcMemHandle_t of size bytes that a
// program of this machine has allocated on device.
func (c *Client) RegisterCUDA(ctx context.Context, name string, handle []byte, device, size int) error {
	if device < 0 || size < 1 {
		return &Error{Call: "register CUDA memory", Kinds: []error{ErrInvalidArgument}, Cause: fmt.Errorf("region %q: %d bytes of device %d", name, size, device)}
	}
	request := &tritonpb.CudaSharedMemoryRegisterRequest{Name: name, RawHandle: handle, DeviceId: int64(device), ByteSize: uint64(size)}
	return everywhere(ctx, c, "register CUDA memory", request, stub.CudaSharedMemoryRegister)
}

// UnregisterShared has every replica forget a region, or all of them if name is empty. One that is not known is no
// error.
func (c *Client) UnregisterShared(ctx context.Context, name string) error {
	request := &tritonpb.SystemSharedMemoryUnregisterRequest{Name: name}
	return everywhere(ctx, c, "unregister shared memory", request, stub.SystemSharedMemoryUnregister)
}

// UnregisterCUDA is [Client.UnregisterShared] for memory of GPUs.
func (c *Client) UnregisterCUDA(ctx context.Context, name string) error {
	request := &tritonpb.CudaSharedMemoryUnregisterRequest{Name: name}
	return everywhere(ctx, c, "unregister CUDA memory", request, stub.CudaSharedMemoryUnregister)
}

// SharedRegions lists the regions of the system's memory that a server knows, by their names; one of several servers
// answers, see [Client.ForEach].
func (c *Client) SharedRegions(ctx context.Context) (map[string]Region, error) {
	r, err := query(ctx, c, "shared memory status", "", &tritonpb.SystemSharedMemoryStatusRequest{}, stub.SystemSharedMemoryStatus)
	regions := make(map[string]Region, len(r.GetRegions()))
	for name, s := range r.GetRegions() {
		regions[name] = Region{Name: name, Key: s.GetKey(), Offset: int(s.GetOffset()), Size: int(s.GetByteSize())}
	}
	return regions, err
}

// CUDARegions is [Client.SharedRegions] for memory of GPUs.
func (c *Client) CUDARegions(ctx context.Context) (map[string]Region, error) {
	r, err := query(ctx, c, "CUDA memory status", "", &tritonpb.CudaSharedMemoryStatusRequest{}, stub.CudaSharedMemoryStatus)
	regions := make(map[string]Region, len(r.GetRegions()))
	for name, s := range r.GetRegions() {
		regions[name] = Region{Name: name, Device: int(s.GetDeviceId()), Size: int(s.GetByteSize())}
	}
	return regions, err
}

// share adds a request's tensors in shared memory to its message.
func (r Request) share(m *message.Request) error {
	for _, name := range sorted(r.SharedInputs) {
		s := r.SharedInputs[name]
		switch {
		case r.Inputs[name] != nil:
			return fmt.Errorf("input %q is given twice, in shared memory and not", name)
		case s.DType == tensor.Invalid:
			return fmt.Errorf("input %q in shared memory has no type", name)
		}
		if err := s.check(); err != nil {
			return fmt.Errorf("input %q: %w", name, err)
		}
		m.Inputs = append(m.Inputs, message.Input{
			Name: name, DType: s.DType.Triton(), Shape: s.Shape, Parameters: s.parameters(), Elsewhere: true,
		})
	}
	for _, name := range sorted(r.SharedOutputs) {
		s := r.SharedOutputs[name]
		if err := s.check(); err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		m.Outputs = append(m.Outputs, message.Output{Name: name, Parameters: s.parameters()})
	}
	return nil
}

func (s SharedTensor) check() error {
	if s.Region == "" || s.Offset < 0 || s.Size < 0 {
		return errors.New("shared memory needs a region, and an offset and a size that are not negative")
	}
	return nil
}

func (s SharedTensor) parameters() []message.Parameter {
	list := []message.Parameter{
		{Name: "shared_memory_byte_size", Value: int64(s.Size)},
		{Name: message.SharedRegion, Value: s.Region},
	}
	if s.Offset > 0 {
		list = append(list, message.Parameter{Name: "shared_memory_offset", Value: int64(s.Offset)})
	}
	return list
}

// shared completes a request's tensors in shared memory by what the answer says of them.
func (r Request) shared(m *message.Response) (map[string]SharedTensor, error) {
	if len(r.SharedOutputs) == 0 {
		return nil, nil //nolint:nilnil // none are wanted
	}
	out := make(map[string]SharedTensor, len(r.SharedOutputs))
	for _, d := range m.Elsewhere {
		s, ok := r.SharedOutputs[d.Name]
		if !ok {
			return nil, fmt.Errorf("output %q is in shared memory, which was not asked for", d.Name)
		}
		n, err := tensor.Count(d.Shape)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", d.Name, err)
		}
		if d.DType != tensor.String {
			if n*d.DType.Size() > s.Size {
				return nil, fmt.Errorf("output %q is %s of %s, more than the %d bytes it may have", d.Name, d.DType, tensor.FormatShape(d.Shape), s.Size)
			}
			s.Size = n * d.DType.Size()
		}
		s.DType, s.Shape = d.DType, d.Shape
		out[d.Name] = s
	}
	for _, name := range sorted(r.SharedOutputs) {
		if _, ok := out[name]; !ok {
			return nil, fmt.Errorf("output %q is missing from the answer in shared memory", name)
		}
	}
	return out, nil
}
