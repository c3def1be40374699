package client

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"recsys/client/wire"
	"recsys/tensor"
)

// sharedFolder is where Linux has POSIX shared memory; shm_open of "/shop" opens the file shop in it.
const sharedFolder = "/dev/shm"

// SharedMemory is POSIX shared memory of this machine, through which tensors reach a server on it without being sent.
// Tensors of it must not be used after Close; their memory is gone. What is in it is the business of who writes it:
// the methods are safe for concurrent use, the bytes are not.
type SharedMemory struct {
	key   string
	bytes []byte
	once  sync.Once
	err   error
}

// NewSharedMemory makes shared memory of size bytes, all zero, that the system knows as key, such as "/shop"; it fails
// where there is one. Register it by [Client.RegisterShared], and close it when no server has it registered.
func NewSharedMemory(key string, size int) (*SharedMemory, error) {
	name, ok := strings.CutPrefix(key, "/")
	if !ok || name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return nil, fmt.Errorf("shared memory %q: the key has to be a slash and a name without one", key)
	}
	if size < 1 {
		return nil, fmt.Errorf("shared memory %q: %d bytes: must be positive", key, size)
	}
	path := filepath.Join(sharedFolder, name)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make shared memory %q: %w", key, err)
	}
	defer func() { _ = file.Close() }() // the memory stays
	err = file.Truncate(int64(size))
	var bytes []byte
	if err == nil {
		bytes, err = syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make shared memory %q: %w", key, err), os.Remove(path))
	}
	return &SharedMemory{key: key, bytes: bytes}, nil
}

// Key is what the system knows the memory as.
func (s *SharedMemory) Key() string { return s.key }

// Size is the number of bytes.
func (s *SharedMemory) Size() int { return len(s.bytes) }

// Tensor returns the tensor of numbers that begins at offset, which has to be a multiple of its elements' size, and
// shares its memory: to write an input's elements or read an output's. Memory that does not lie right is an error.
func (s *SharedMemory) Tensor(offset int, dtype tensor.DType, shape ...int) (*tensor.Tensor, error) {
	n, err := tensor.Count(shape)
	if err != nil {
		return nil, fmt.Errorf("shared memory %q: %w", s.key, err)
	}
	if dtype == tensor.Bool || dtype == tensor.String || dtype == tensor.Invalid {
		return nil, fmt.Errorf("shared memory %q: %s is no type of numbers: use Bytes", s.key, dtype)
	}
	size := n * dtype.Size()
	if offset < 0 || offset%dtype.Size() != 0 || size > len(s.bytes) || offset > len(s.bytes)-size {
		return nil, fmt.Errorf("shared memory %q: %s%s does not lie at %d of %d bytes", s.key, dtype, tensor.FormatShape(shape), offset, len(s.bytes))
	}
	return wire.Decode(dtype, shape, s.bytes[offset:offset+size:offset+size])
}

// Bytes are the memory itself, for strings and what has no type here.
func (s *SharedMemory) Bytes() []byte { return s.bytes }

// Close takes the memory back, and its key from the system. Closing again does nothing.
func (s *SharedMemory) Close() error {
	s.once.Do(func() {
		s.err = errors.Join(syscall.Munmap(s.bytes), os.Remove(filepath.Join(sharedFolder, s.key[1:])))
		s.bytes = nil
	})
	return s.err
}
