package onnxpb

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

func (m *Model) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			return v.int(&m.IRVersion)
		case 2:
			return v.string(&m.ProducerName)
		case 3:
			return v.string(&m.ProducerVersion)
		case 4:
			return v.string(&m.Domain)
		case 5:
			return v.int(&m.ModelVersion)
		case 6:
			return v.string(&m.Doc)
		case 7:
			if m.Graph == nil {
				m.Graph = &Graph{}
			}
			return v.message(m.Graph)
		case 8:
			return add(&m.Opsets, v)
		case 14:
			return add(&m.Metadata, v)
		case 25:
			m.Functions++
		}
		return nil
	})
}

func (m *OperatorSetID) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			return v.string(&m.Domain)
		case 2:
			return v.int(&m.Version)
		}
		return nil
	})
}

func (m *StringPair) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			return v.string(&m.Key)
		case 2:
			return v.string(&m.Value)
		}
		return nil
	})
}

func (m *Graph) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			return add(&m.Nodes, v)
		case 2:
			return v.string(&m.Name)
		case 5:
			return add(&m.Initializers, v)
		case 10:
			return v.string(&m.Doc)
		case 11:
			return add(&m.Inputs, v)
		case 12:
			return add(&m.Outputs, v)
		case 15:
			m.SparseInitializers++
		}
		return nil
	})
}

func (m *Node) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			return v.strings(&m.Inputs)
		case 2:
			return v.strings(&m.Outputs)
		case 3:
			return v.string(&m.Name)
		case 4:
			return v.string(&m.OpType)
		case 5:
			return add(&m.Attributes, v)
		case 6:
			return v.string(&m.Doc)
		case 7:
			return v.string(&m.Domain)
		}
		return nil
	})
}

func (m *Attribute) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			return v.string(&m.Name)
		case 2:
			if v.wire != protowire.Fixed32Type {
				return errWire
			}
			m.F = math.Float32frombits(uint32(v.number))
		case 3:
			return v.int(&m.I)
		case 4:
			return v.string(&m.S)
		case 5:
			m.T = &Tensor{}
			return v.message(m.T)
		case 7:
			return floats(&m.Floats, v)
		case 8:
			return ints(&m.Ints, v)
		case 9:
			return v.strings(&m.Strings)
		case 20:
			var t int64
			err := v.int(&t)
			m.Type = AttributeType(t)
			return err
		case 21:
			return v.string(&m.RefName)
		}
		return nil
	})
}

func (m *Tensor) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			return ints(&m.Dims, v)
		case 2:
			var t int64
			err := v.int(&t)
			m.DataType = DataType(t)
			return err
		case 3:
			m.Segment = true
		case 4:
			return floats(&m.FloatData, v)
		case 5:
			return ints(&m.Int32Data, v)
		case 6:
			return v.strings(&m.StringData)
		case 7:
			return ints(&m.Int64Data, v)
		case 8:
			return v.string(&m.Name)
		case 9:
			if v.wire != protowire.BytesType {
				return errWire
			}
			m.RawData = v.bytes
		case 10:
			return doubles(&m.DoubleData, v)
		case 11:
			return ints(&m.Uint64Data, v)
		case 12:
			return v.string(&m.Doc)
		case 13:
			return add(&m.ExternalData, v)
		case 14:
			return v.int(&m.DataLocation)
		}
		return nil
	})
}

func (m *ValueInfo) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			return v.string(&m.Name)
		case 2:
			m.Type = &Type{}
			return v.message(m.Type)
		case 3:
			return v.string(&m.Doc)
		}
		return nil
	})
}

func (m *Type) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			m.Tensor = &TensorType{}
			return v.message(m.Tensor)
		case 4, 5, 7, 8, 9:
			m.Other = true
		}
		return nil
	})
}

func (m *TensorType) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			var t int64
			err := v.int(&t)
			m.ElemType = DataType(t)
			return err
		case 2:
			m.Shape = &Shape{}
			return v.message(m.Shape)
		}
		return nil
	})
}

func (m *Shape) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		if num == 1 {
			return add(&m.Dims, v)
		}
		return nil
	})
}

func (m *Dim) decode(data []byte) error {
	return decode(data, func(num int, v value) error {
		switch num {
		case 1:
			m.HasValue = true
			return v.int(&m.Value)
		case 2:
			return v.string(&m.Param)
		}
		return nil
	})
}
