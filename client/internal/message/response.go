package message

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

// Response is an inference.ModelInferResponse.
type Response struct {
	// Into are tensors to decode outputs into: those of the same name, type and shape, of numbers.
	Into tensor.Map
	// ExpectModel and Expect, the names of outputs, are what the answer probably has, so that it needs no memory.
	ExpectModel string
	Expect      []string
	// Shared are the outputs that are to come in shared memory: Triton says so by empty contents (24.10).
	Shared []string

	Model, Version, ID string
	Parameters         map[string]*tritonpb.InferParameter
	// Outputs are the tensors with contents; they share their memory.
	Outputs tensor.Map
	// Elsewhere are the outputs in shared memory.
	Elsewhere []Described
	// Err is what is wrong with the answer.
	Err error
}

// Described is an output without its contents.
type Described struct {
	Name  string
	DType tensor.DType
	Shape []int
}

// output is what an answer says of one, before its contents come.
type output struct {
	Described
	elsewhere bool
}

// errPlain says that protobuf has to decode the message: it has something that servers rarely send.
var errPlain = errors.New("message needs the general decoder")

// SharedRegion is the parameter of a tensor whose contents lie in shared memory.
const SharedRegion = "shared_memory_region"

// unmarshal does not keep data.
func (r *Response) unmarshal(data mem.BufferSlice) error {
	err := r.fast(data)
	if errors.Is(err, errPlain) {
		return r.plain(data)
	}
	return err
}

// plain decodes by protobuf.
func (r *Response) plain(data mem.BufferSlice) error {
	var m tritonpb.ModelInferResponse
	if err := proto.Unmarshal(data.Materialize(), &m); err != nil {
		return err
	}
	var elsewhere []Described
	kept := m.Outputs[:0]
	raw, place := m.RawOutputContents[:0], 0
	for _, o := range m.GetOutputs() {
		_, shared := o.GetParameters()[SharedRegion]
		if !shared && place < len(m.RawOutputContents) {
			contents := m.RawOutputContents[place]
			place++
			if shared = len(contents) == 0 && r.IsShared(o.GetName()); !shared {
				raw = append(raw, contents)
			}
		}
		if !shared {
			kept = append(kept, o)
			continue
		}
		dtype, shape, err := wire.Describe(o.GetDatatype(), o.GetShape())
		if err != nil {
			return fmt.Errorf("output %q: %w", o.GetName(), err)
		}
		elsewhere = append(elsewhere, Described{Name: o.GetName(), DType: dtype, Shape: shape})
	}
	m.Outputs, m.RawOutputContents = kept, append(raw, m.RawOutputContents[place:]...)
	outputs, err := wire.Outputs(&m)
	if err != nil {
		return err
	}
	r.Model, r.Version, r.ID, r.Parameters = m.GetModelName(), m.GetModelVersion(), m.GetId(), m.GetParameters()
	r.Outputs, r.Elsewhere = outputs, elsewhere
	return nil
}

// fast decodes the messages that servers send.
func (r *Response) fast(data mem.BufferSlice) error {
	c := cursor{buffers: data}
	c.next()
	left := data.Len()
	var room [8]output
	outputs := room[:0]
	r.Outputs, r.Elsewhere = make(tensor.Map, len(r.Expect)), nil
	r.Parameters = nil
	var block []byte
	place := 0 // of the next contents among the outputs
	for left > 0 {
		field, kind, n, err := c.tag()
		if err != nil {
			return err
		}
		left -= n
		if kind != protowire.BytesType {
			return errPlain
		}
		size, n, err := c.length(left)
		if err != nil {
			return err
		}
		left -= n + size
		if field == responseRaw {
			if place, block, err = r.raw(&c, outputs, place, size, block, size+left); err != nil {
				return err
			}
			continue
		}
		view := c.view(size)
		switch field {
		case modelName:
			r.Model, err = r.text(view)
		case modelVersion:
			r.Version, err = r.text(view)
		case id:
			r.ID, err = r.text(view)
		case responseOutputs:
			if place > 0 {
				return errPlain
			}
			var o output
			o, err = r.describe(view)
			outputs = append(outputs, o)
		case parameters:
			err = r.parameter(view)
		default: // what a later protocol has
			return errPlain
		}
		if err != nil {
			return err
		}
	}
	return r.finish(outputs, place)
}

// raw reads the next contents, and returns the place of the output after theirs.
func (r *Response) raw(c *cursor, outputs []output, place, size int, block []byte, left int) (int, []byte, error) {
	for place < len(outputs) && outputs[place].elsewhere {
		place++
	}
	if place == len(outputs) {
		return place, block, errPlain // protobuf allows any order; or an error to tell
	}
	o := &outputs[place]
	if size == 0 && r.IsShared(o.Name) {
		o.elsewhere = true
		return place + 1, block, nil
	}
	block, err := r.contents(c, o.Described, size, block, left)
	if err != nil {
		err = fmt.Errorf("output %q: %w", o.Name, err)
	}
	return place + 1, block, err
}

// IsShared reports whether an output is to come in shared memory.
func (r *Response) IsShared(name string) bool { return slices.Contains(r.Shared, name) }

// finish sees to the outputs that have no contents.
func (r *Response) finish(outputs []output, place int) error {
	for _, o := range outputs[place:] {
		if !o.elsewhere {
			return errPlain // which tells the error
		}
	}
	for _, o := range outputs {
		if o.elsewhere {
			r.Elsewhere = append(r.Elsewhere, o.Described)
		}
	}
	return nil
}

// contents reads an output's. The first one that needs memory allocates it for all that may follow, left bytes.
func (r *Response) contents(c *cursor, d Described, size int, block []byte, left int) ([]byte, error) {
	if r.Outputs[d.Name] != nil {
		return block, errPlain // a name twice
	}
	into := r.Into[d.Name]
	if view, ok := d.Fits(into); ok && len(view) == size {
		c.copy(view)
		r.Outputs[d.Name] = into
		return block, nil
	}
	const align = 8 // of the widest elements
	if block == nil {
		block = AlignedBytes(left + (align-1)*8)
	}
	if len(block) < size {
		block = AlignedBytes(left + align - 1)
	}
	raw := block[:size:size]
	block = block[min((size+align-1)&^(align-1), len(block)):]
	c.copy(raw)
	t, err := wire.Decode(d.DType, d.Shape, raw)
	if err != nil {
		return block, err
	}
	r.Outputs[d.Name] = t
	return block, nil
}

// AlignedBytes allocates n bytes that start where any element may.
func AlignedBytes(n int) []byte {
	words := make([]uint64, n/8+1)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n) // within words
}

// Fits returns the memory of a tensor that the output can be decoded into; false if there is none.
func (d *Described) Fits(into *tensor.Tensor) ([]byte, bool) {
	if into == nil || into.DType() != d.DType || !equal(into.Shape(), d.Shape) {
		return nil, false
	}
	return wire.View(into)
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// describe reads an InferOutputTensor.
func (r *Response) describe(b []byte) (output, error) {
	var o output
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 || kind != protowire.BytesType {
			return o, errPlain
		}
		b = b[n:]
		value, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return o, errPlain
		}
		b = b[n:]
		var err error
		switch field {
		case tensorName:
			o.Name, err = r.text(value)
		case tensorDType:
			o.DType = dtypeOf(value)
			if o.DType == tensor.Invalid {
				return o, errPlain
			}
		case tensorShape:
			err = o.dims(value)
		case tensorParameters:
			name, setting, ok := entry(value)
			if !ok || !utf8.Valid(name) || proto.Unmarshal(setting, &tritonpb.InferParameter{}) != nil {
				return o, errPlain
			}
			o.elsewhere = o.elsewhere || string(name) == SharedRegion
		default: // typed contents
			return o, errPlain
		}
		if err != nil {
			return o, err
		}
	}
	if o.DType == tensor.Invalid {
		return o, errPlain
	}
	return o, nil
}

// dims reads the sizes of a shape, each of at least one byte.
func (d *Described) dims(b []byte) error {
	if d.Shape == nil {
		d.Shape = make([]int, 0, min(len(b), 8))
	}
	for len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 || v > math.MaxInt {
			return errPlain
		}
		d.Shape = append(d.Shape, int(v))
		b = b[n:]
	}
	return nil
}

// parameter reads one of the answer's.
func (r *Response) parameter(b []byte) error {
	key, value, ok := entry(b)
	if !ok || !utf8.Valid(key) {
		return errPlain
	}
	p := &tritonpb.InferParameter{}
	if err := proto.Unmarshal(value, p); err != nil {
		return err
	}
	if r.Parameters == nil {
		r.Parameters = make(map[string]*tritonpb.InferParameter, 1)
	}
	r.Parameters[string(key)] = p
	return nil
}

// entry returns the key and the value of a map's entry, written in this order.
func entry(b []byte) (key, value []byte, ok bool) {
	for want := protowire.Number(1); want <= 2; want++ {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 || field != want || kind != protowire.BytesType {
			return nil, nil, false
		}
		b = b[n:]
		part, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return nil, nil, false
		}
		b = b[n:]
		key, value = value, part
	}
	return key, value, len(b) == 0
}

func dtypeOf(name []byte) tensor.DType {
	for d := tensor.Bool; d <= tensor.String; d++ {
		if d.Triton() == string(name) {
			return d
		}
	}
	return tensor.Invalid
}

// text makes a string, one of the expected ones where it can.
func (r *Response) text(b []byte) (string, error) {
	if r.ExpectModel == string(b) {
		return r.ExpectModel, nil
	}
	for _, s := range r.Expect {
		if s == string(b) {
			return s, nil
		}
	}
	if !utf8.Valid(b) {
		return "", errPlain // which refuses it
	}
	return string(b), nil
}
