package onnx

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"recsys/internal/onnxpb"
	"recsys/tensor"
)

// The keys of TensorProto.external_data, onnx.proto3. Others, such as checksum, are not read.
const (
	keyLocation = "location"
	keyOffset   = "offset"
	keyLength   = "length"
)

// external is TensorProto.data_location of tensors whose elements are in another file.
const external = 1

// span are the bytes [from, to) of a file, which hold a tensor.
type span struct {
	tensor   string
	from, to int64
}

// folder reads external data below a directory, which no path or symbolic link leaves.
type folder struct {
	path  string
	root  *os.Root
	spans map[string][]span // by location
}

func (f *folder) close() {
	if f.root != nil {
		f.root.Close() //nolint:errcheck // Nothing was written.
	}
}

// place is what a tensor's external_data says.
type place struct {
	location string
	offset   int64
	length   int64 // -1 where it is not said
}

func readPlace(p *onnxpb.Tensor) (place, error) {
	out := place{length: -1}
	seen := map[string]bool{}
	for _, pair := range p.ExternalData {
		if seen[pair.Key] {
			return out, fmt.Errorf("external data says %q twice", pair.Key)
		}
		seen[pair.Key] = true
		var number *int64
		switch pair.Key {
		case keyLocation:
			out.location = pair.Value
		case keyOffset:
			number = &out.offset
		case keyLength:
			number = &out.length
		}
		if number == nil {
			continue
		}
		v, err := strconv.ParseInt(pair.Value, 10, 64)
		if err != nil || v < 0 {
			return out, fmt.Errorf("external data: %s %q is no number of bytes", pair.Key, pair.Value)
		}
		*number = v
	}
	if !filepath.IsLocal(filepath.FromSlash(out.location)) {
		return out, fmt.Errorf("external data: location %q is no path inside the model's folder", out.location)
	}
	return out, nil
}

// read returns the tensor p, whose elements are in a file of the folder. Nothing is allocated before the file is known
// to hold them, and no two tensors share bytes, so that memory stays in proportion to the files.
func (f *folder) read(p *onnxpb.Tensor) (*tensor.Tensor, error) {
	at, err := readPlace(p)
	if err != nil {
		return nil, err
	}
	if f.path == "" {
		return nil, fmt.Errorf("its data lies in file %q and the model's folder is not known: read the model by its path", at.location)
	}
	n, err := bytesOf(p)
	if err != nil {
		return nil, fmt.Errorf("external data in file %q: %w", at.location, err)
	}
	if at.length >= 0 && at.length != n {
		return nil, fmt.Errorf("external data in file %q: its shape and type need %d bytes, length is %d", at.location, n, at.length)
	}
	raw, err := f.bytes(p.Name, at, n)
	if err != nil {
		return nil, fmt.Errorf("external data in file %q: %w", at.location, err)
	}
	return readTensor(&onnxpb.Tensor{Name: p.Name, DataType: p.DataType, Dims: p.Dims, Segment: p.Segment, RawData: raw})
}

// bytesOf returns the number of bytes that p's elements take.
func bytesOf(p *onnxpb.Tensor) (int64, error) {
	if p.DataLocation != external {
		return 0, fmt.Errorf("data_location is %d; it has to be %d", p.DataLocation, external)
	}
	if p.RawData != nil || len(p.FloatData)+len(p.Int32Data)+len(p.Int64Data)+len(p.DoubleData)+len(p.Uint64Data) > 0 {
		return 0, errors.New("the model holds elements of the tensor as well")
	}
	d, err := dtype(p.DataType)
	if err != nil {
		return 0, err
	}
	if d == tensor.String {
		return 0, errors.New("strings cannot lie in another file")
	}
	shape := make([]int, len(p.Dims))
	for i, v := range p.Dims {
		shape[i] = int(v)
	}
	n, err := tensor.Count(shape)
	if err != nil {
		return 0, err
	}
	if n > math.MaxInt/d.Size() {
		return 0, fmt.Errorf("shape %s of %s overflows", tensor.FormatShape(shape), d)
	}
	return int64(n * d.Size()), nil
}

func (f *folder) bytes(name string, at place, n int64) ([]byte, error) {
	location := filepath.Clean(filepath.FromSlash(at.location))
	if f.root == nil {
		root, err := os.OpenRoot(f.path)
		if err != nil {
			return nil, err
		}
		f.root, f.spans = root, map[string][]span{}
	}
	info, err := f.root.Stat(location)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is no regular file")
	}
	if n > info.Size() || at.offset > info.Size()-n {
		return nil, fmt.Errorf("%d bytes from %d on are wanted of %d", n, at.offset, info.Size())
	}
	s := span{name, at.offset, at.offset + n}
	for _, other := range f.spans[location] {
		if s.from < other.to && other.from < s.to {
			return nil, fmt.Errorf("bytes [%d,%d) overlap [%d,%d) of tensor %q", s.from, s.to, other.from, other.to, other.tensor)
		}
	}
	f.spans[location] = append(f.spans[location], s)
	file, err := f.root.Open(location)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // Nothing was written.
	raw := make([]byte, n)
	_, err = io.ReadFull(io.NewSectionReader(file, at.offset, n), raw)
	return raw, err
}

// alignment is that of tensors in the file that we write: a cache line, so that a mapped file can be computed with.
const alignment = 64

// outside collects the initialisers that a model puts into another file.
type outside struct {
	location string
	least    int // bytes of an initialiser that goes there
	offset   int64
	tensors  []*tensor.Tensor
}

// shapeBytes is the size below which integers stay in the model: they may be shapes and axes, which ONNX Runtime wants there.
const shapeBytes = 1024

// takes tells whether t goes to the other file. A nil receiver takes none.
func (o *outside) takes(t *tensor.Tensor) bool {
	if o == nil || t.Len() == 0 || t.DType() == tensor.String {
		return false
	}
	n := t.Len() * t.DType().Size()
	if d := t.DType(); (d == tensor.Int64 || d == tensor.Int32) && n < shapeBytes {
		return false
	}
	return n >= o.least
}

// add gives t its place and returns what the model says of it.
func (o *outside) add(name string, t *tensor.Tensor) *onnxpb.Tensor {
	out := &onnxpb.Tensor{Name: name, DataType: dataType(t.DType()), Dims: make([]int64, t.Rank()), DataLocation: external}
	for i, d := range t.Shape() {
		out.Dims[i] = int64(d)
	}
	o.offset = aligned(o.offset)
	n := int64(t.Len() * t.DType().Size())
	out.ExternalData = []*onnxpb.StringPair{
		{Key: keyLocation, Value: o.location},
		{Key: keyOffset, Value: strconv.FormatInt(o.offset, 10)},
		{Key: keyLength, Value: strconv.FormatInt(n, 10)},
	}
	o.offset += n
	o.tensors = append(o.tensors, t)
	return out
}

func aligned(n int64) int64 { return (n + alignment - 1) / alignment * alignment }

// write writes the tensors that add got, each at its place, with zeros between them.
func (o *outside) write(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	at := int64(0)
	var raw []byte
	for _, t := range o.tensors {
		if _, err := buffered.Write(make([]byte, aligned(at)-at)); err != nil {
			return err
		}
		var err error
		if raw, err = binary.Append(raw[:0], binary.LittleEndian, t.Any()); err != nil {
			return err
		}
		if _, err := buffered.Write(raw); err != nil {
			return err
		}
		at = aligned(at) + int64(len(raw))
	}
	return buffered.Flush()
}
