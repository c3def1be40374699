package onnxpb

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Unmarshal reads a ModelProto. The result aliases data. What it allocates is in proportion to len(data).
func Unmarshal(data []byte) (*Model, error) {
	m := &Model{}
	if err := m.decode(data); err != nil {
		return nil, fmt.Errorf("read ModelProto: %w", err)
	}
	return m, nil
}

// value is one field's content: number for varint and fixed types, bytes for the length-delimited one.
type value struct {
	wire   protowire.Type
	number uint64
	bytes  []byte
}

var errWire = errors.New("unexpected wire type")

// decode calls take for every field of a message in order.
func decode(data []byte, take func(num int, v value) error) error {
	for len(data) > 0 {
		num, wire, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		v := value{wire: wire}
		switch wire {
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(data)
			v.number = uint64(x)
		case protowire.Fixed64Type:
			v.number, n = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(data)
		case protowire.StartGroupType, protowire.EndGroupType:
			n = protowire.ConsumeFieldValue(num, wire, data)
		default:
			return fmt.Errorf("field %d: %w %d", num, errWire, wire)
		}
		if n < 0 {
			return fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		data = data[n:]
		if err := take(int(num), v); err != nil {
			return fmt.Errorf("field %d: %w", num, err)
		}
	}
	return nil
}

func (v value) int(to *int64) error {
	if v.wire != protowire.VarintType {
		return errWire
	}
	*to = int64(v.number)
	return nil
}

func (v value) string(to *string) error {
	if v.wire != protowire.BytesType {
		return errWire
	}
	*to = string(v.bytes)
	return nil
}

func (v value) strings(to *[]string) error {
	var s string
	err := v.string(&s)
	*to = append(*to, s)
	return err
}

func (v value) message(m interface{ decode([]byte) error }) error {
	if v.wire != protowire.BytesType {
		return errWire
	}
	return m.decode(v.bytes)
}

func add[M any, P interface {
	*M
	decode([]byte) error
}](to *[]P, v value) error {
	m := P(new(M))
	*to = append(*to, m)
	return v.message(m)
}

// ints reads a repeated varint field, packed or not.
func ints[T int32 | int64 | uint64](to *[]T, v value) error {
	switch v.wire {
	case protowire.VarintType:
		*to = append(*to, T(v.number))
		return nil
	case protowire.BytesType:
		for data := v.bytes; len(data) > 0; {
			x, n := protowire.ConsumeVarint(data)
			if n < 0 {
				return protowire.ParseError(n)
			}
			*to = append(*to, T(x))
			data = data[n:]
		}
		return nil
	case protowire.Fixed32Type, protowire.Fixed64Type, protowire.StartGroupType, protowire.EndGroupType:
	}
	return errWire
}

func floats(to *[]float32, v value) error {
	switch v.wire {
	case protowire.Fixed32Type:
		*to = append(*to, math.Float32frombits(uint32(v.number)))
		return nil
	case protowire.BytesType:
		for data := v.bytes; len(data) > 0; {
			x, n := protowire.ConsumeFixed32(data)
			if n < 0 {
				return protowire.ParseError(n)
			}
			*to = append(*to, math.Float32frombits(x))
			data = data[n:]
		}
		return nil
	case protowire.VarintType, protowire.Fixed64Type, protowire.StartGroupType, protowire.EndGroupType:
	}
	return errWire
}

func doubles(to *[]float64, v value) error {
	switch v.wire {
	case protowire.Fixed64Type:
		*to = append(*to, math.Float64frombits(v.number))
		return nil
	case protowire.BytesType:
		for data := v.bytes; len(data) > 0; {
			x, n := protowire.ConsumeFixed64(data)
			if n < 0 {
				return protowire.ParseError(n)
			}
			*to = append(*to, math.Float64frombits(x))
			data = data[n:]
		}
		return nil
	case protowire.VarintType, protowire.Fixed32Type, protowire.StartGroupType, protowire.EndGroupType:
	}
	return errWire
}
