package onnxpb

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Marshal returns the message's bytes. The same message gives the same bytes.
func (m *Model) Marshal() []byte {
	e := &encoder{buf: make([]byte, 0, size(m))}
	m.encode(e)
	return e.buf
}

// Size returns the length of Marshal's result without making it.
func (m *Model) Size() int { return size(m) }

type message interface{ encode(e *encoder) }

// encoder appends fields to buf, or only counts their bytes.
type encoder struct {
	counting bool
	n        int
	buf      []byte
}

func size(m message) int {
	e := &encoder{counting: true}
	m.encode(e)
	return e.n
}

func (e *encoder) varint(v uint64) {
	if e.counting {
		e.n += protowire.SizeVarint(v)
		return
	}
	e.buf = protowire.AppendVarint(e.buf, v)
}

func (e *encoder) tag(num protowire.Number, t protowire.Type) { e.varint(protowire.EncodeTag(num, t)) }

func (e *encoder) fixed32(v uint32) {
	if e.counting {
		e.n += 4
		return
	}
	e.buf = protowire.AppendFixed32(e.buf, v)
}

func (e *encoder) int(num protowire.Number, v int64) {
	if v != 0 {
		e.tag(num, protowire.VarintType)
		e.varint(uint64(v))
	}
}

func (e *encoder) string(num protowire.Number, s string) {
	if s != "" {
		e.element(num, s)
	}
}

// element writes a string that counts even if it is empty.
func (e *encoder) element(num protowire.Number, s string) {
	e.tag(num, protowire.BytesType)
	e.varint(uint64(len(s)))
	if e.counting {
		e.n += len(s)
		return
	}
	e.buf = append(e.buf, s...)
}

func (e *encoder) elements(num protowire.Number, list []string) {
	for _, s := range list {
		e.element(num, s)
	}
}

func (e *encoder) bytes(num protowire.Number, b []byte) {
	if b == nil {
		return
	}
	e.tag(num, protowire.BytesType)
	e.varint(uint64(len(b)))
	if e.counting {
		e.n += len(b)
		return
	}
	e.buf = append(e.buf, b...)
}

func (e *encoder) doubles(num protowire.Number, list []float64) {
	if len(list) == 0 {
		return
	}
	e.tag(num, protowire.BytesType)
	e.varint(uint64(8 * len(list)))
	if e.counting {
		e.n += 8 * len(list)
		return
	}
	for _, v := range list {
		e.buf = protowire.AppendFixed64(e.buf, math.Float64bits(v))
	}
}

func varints[T int32 | int64 | uint64](e *encoder, num protowire.Number, list []T) {
	if len(list) == 0 {
		return
	}
	n := 0
	for _, v := range list {
		n += protowire.SizeVarint(uint64(v))
	}
	e.tag(num, protowire.BytesType)
	e.varint(uint64(n))
	if e.counting {
		e.n += n
		return
	}
	for _, v := range list {
		e.buf = protowire.AppendVarint(e.buf, uint64(v))
	}
}

func (e *encoder) floats(num protowire.Number, list []float32) {
	if len(list) == 0 {
		return
	}
	e.tag(num, protowire.BytesType)
	e.varint(uint64(4 * len(list)))
	for _, v := range list {
		e.fixed32(math.Float32bits(v))
	}
}

func (e *encoder) message(num protowire.Number, m message) {
	e.tag(num, protowire.BytesType)
	e.varint(uint64(size(m)))
	m.encode(e)
}

func messages[M message](e *encoder, num protowire.Number, list []M) {
	for _, m := range list {
		e.message(num, m)
	}
}

func (m *Model) encode(e *encoder) {
	e.int(1, m.IRVersion)
	e.string(2, m.ProducerName)
	e.string(3, m.ProducerVersion)
	e.string(4, m.Domain)
	e.int(5, m.ModelVersion)
	e.string(6, m.Doc)
	if m.Graph != nil {
		e.message(7, m.Graph)
	}
	messages(e, 8, m.Opsets)
	messages(e, 14, m.Metadata)
}

func (m *OperatorSetID) encode(e *encoder) {
	e.element(1, m.Domain)
	e.int(2, m.Version)
}

func (m *StringPair) encode(e *encoder) {
	e.string(1, m.Key)
	e.string(2, m.Value)
}

func (m *Graph) encode(e *encoder) {
	messages(e, 1, m.Nodes)
	e.string(2, m.Name)
	messages(e, 5, m.Initializers)
	e.string(10, m.Doc)
	messages(e, 11, m.Inputs)
	messages(e, 12, m.Outputs)
}

func (m *Node) encode(e *encoder) {
	e.elements(1, m.Inputs)
	e.elements(2, m.Outputs)
	e.string(3, m.Name)
	e.string(4, m.OpType)
	messages(e, 5, m.Attributes)
	e.string(6, m.Doc)
	e.string(7, m.Domain)
}

func (m *Attribute) encode(e *encoder) {
	e.string(1, m.Name)
	switch m.Type {
	case AttributeFloat:
		e.tag(2, protowire.Fixed32Type)
		e.fixed32(math.Float32bits(m.F))
	case AttributeInt:
		e.tag(3, protowire.VarintType)
		e.varint(uint64(m.I))
	case AttributeString:
		e.element(4, m.S)
	case AttributeTensor:
		if m.T != nil {
			e.message(5, m.T)
		}
	case AttributeFloats:
		e.floats(7, m.Floats)
	case AttributeInts:
		varints(e, 8, m.Ints)
	case AttributeStrings:
		e.elements(9, m.Strings)
	}
	e.int(20, int64(m.Type))
	e.string(21, m.RefName)
}

// encode leaves out segments, which are read to be refused.
func (m *Tensor) encode(e *encoder) {
	varints(e, 1, m.Dims)
	e.int(2, int64(m.DataType))
	e.floats(4, m.FloatData)
	varints(e, 5, m.Int32Data)
	e.elements(6, m.StringData)
	varints(e, 7, m.Int64Data)
	e.string(8, m.Name)
	e.bytes(9, m.RawData)
	e.doubles(10, m.DoubleData)
	varints(e, 11, m.Uint64Data)
	e.string(12, m.Doc)
	messages(e, 13, m.ExternalData)
	e.int(14, m.DataLocation)
}

func (m *ValueInfo) encode(e *encoder) {
	e.string(1, m.Name)
	if m.Type != nil {
		e.message(2, m.Type)
	}
	e.string(3, m.Doc)
}

func (m *Type) encode(e *encoder) {
	if m.Tensor != nil {
		e.message(1, m.Tensor)
	}
}

func (m *TensorType) encode(e *encoder) {
	e.int(1, int64(m.ElemType))
	if m.Shape != nil {
		e.message(2, m.Shape)
	}
}

func (m *Shape) encode(e *encoder) { messages(e, 1, m.Dims) }

func (m *Dim) encode(e *encoder) {
	if m.HasValue {
		e.tag(1, protowire.VarintType)
		e.varint(uint64(m.Value))
	}
	e.string(2, m.Param)
}
