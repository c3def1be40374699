package graph

import (
	"fmt"

	"recsys/internal/keytable"
	"recsys/tensor"
)

// LabelEncoder maps the elements of x (int64, string, float32) through a table: keys[i] becomes values[i], anything
// else def. Keys have x's type and are distinct; values and the one element of def are int64, string or float32.
func (b *Builder) LabelEncoder(x *Value, keys, values, def *tensor.Tensor) *Value {
	attrs := Attrs{}
	for _, part := range []struct {
		name string
		data *tensor.Tensor
	}{{"keys_", keys}, {"values_", values}, {"default_", def}} {
		if err := encoderAttr(attrs, part.name, part.data); err != nil {
			return b.Fail(fmt.Errorf("LabelEncoder: %w", err))
		}
	}
	if keys.Len() != values.Len() {
		return b.Fail(fmt.Errorf("LabelEncoder: %d keys and %d values", keys.Len(), values.Len()))
	}
	if err := distinctKeys(keys); err != nil {
		return b.Fail(fmt.Errorf("LabelEncoder: %w", err))
	}
	return b.op("LabelEncoder", attrs, x)
}

// encoderAttr sets keys_*, values_* or default_* by the tensor's type.
func encoderAttr(attrs Attrs, prefix string, t *tensor.Tensor) error {
	if t == nil {
		return fmt.Errorf("%s is missing", prefix)
	}
	one := prefix == "default_"
	if one && t.Len() != 1 {
		return fmt.Errorf("the default is %s; it has to have one element", t)
	}
	switch data := t.Any().(type) {
	case []int64:
		attrs[prefix+"int64s"] = data
		if one {
			delete(attrs, prefix+"int64s")
			attrs[prefix+"int64"] = data[0]
		}
	case []string:
		attrs[prefix+"strings"] = data
		if one {
			delete(attrs, prefix+"strings")
			attrs[prefix+"string"] = data[0]
		}
	case []float32:
		attrs[prefix+"floats"] = data
		if one {
			delete(attrs, prefix+"floats")
			attrs[prefix+"float"] = data[0]
		}
	default:
		return fmt.Errorf("%s is %s; use int64, string or float32", prefix, t)
	}
	return nil
}

func distinctKeys(keys *tensor.Tensor) error {
	switch data := keys.Any().(type) {
	case []int64:
		seen := keytable.New(len(data))
		for _, k := range data {
			if !seen.Put(k, 0) {
				return fmt.Errorf("key %d stands twice", k)
			}
		}
	case []string:
		return distinct(data)
	case []float32:
		return distinct(data)
	}
	return nil
}

func distinct[K comparable](keys []K) error {
	seen := make(map[K]struct{}, len(keys))
	for _, k := range keys {
		if _, again := seen[k]; again {
			return fmt.Errorf("key %v stands twice", k)
		}
		seen[k] = struct{}{}
	}
	return nil
}

func opLabelEncoder() *Op {
	return &Op{
		Type: "LabelEncoder", Domain: "ai.onnx.ml", Since: 2,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 1); err != nil {
				return err
			}
			keys, n := encoderList(c.Node.Attrs, "keys_")
			values, m := encoderList(c.Node.Attrs, "values_")
			if keys == tensor.Invalid || values == tensor.Invalid || n != m {
				return fmt.Errorf("there are %d keys (%s) and %d values (%s)", n, keys, m, values)
			}
			c.Out(0, values, c.In[0].Shape)
			return c.WantDType(0, keys)
		},
		Prepare: newEncoder,
		Kernel: func(r *Run, n *Node, in, out []*tensor.Tensor) error {
			e, ok := r.Prepared.(encoder)
			if !ok {
				prepared, err := newEncoder(n)
				if err != nil {
					return err
				}
				e = prepared.(encoder)
			}
			return e.encode(in[0], out[0])
		},
	}
}

// encoderList returns the type and the length of keys_* or values_*.
func encoderList(a Attrs, prefix string) (tensor.DType, int) {
	if list, ok := a[prefix+"int64s"].([]int64); ok {
		return tensor.Int64, len(list)
	}
	if list, ok := a[prefix+"strings"].([]string); ok {
		return tensor.String, len(list)
	}
	if list, ok := a[prefix+"floats"].([]float32); ok {
		return tensor.Float32, len(list)
	}
	return tensor.Invalid, 0
}

// encoder is a LabelEncoder's table, made once per plan.
type encoder interface {
	encode(in, out *tensor.Tensor) error
}

type table[K, V tensor.Element] struct {
	values map[K]V
	def    V
}

func newEncoder(n *Node) (any, error) {
	switch keys, _ := encoderList(n.Attrs, "keys_"); keys {
	case tensor.Int64:
		return encoderFrom(n, n.Attrs.Ints("keys_int64s"))
	case tensor.String:
		return encoderFrom(n, n.Attrs.Strs("keys_strings"))
	default:
		return encoderFrom(n, n.Attrs.Floats("keys_floats"))
	}
}

func encoderFrom[K int64 | string | float32](n *Node, keys []K) (any, error) {
	a := n.Attrs
	switch values, _ := encoderList(a, "values_"); values {
	case tensor.Int64:
		return newIDs(keys, a.Ints("values_int64s"), a.Int("default_int64", -1)), nil
	case tensor.String:
		return newTable(keys, a.Strs("values_strings"), a.Str("default_string", "_Unused")), nil
	case tensor.Float32:
		return newTable(keys, a.Floats("values_floats"), a.Float("default_float", 0)), nil
	default:
		return nil, fmt.Errorf("node %q: no values", n.Name)
	}
}

// ids is a table from int64 to int64.
type ids struct {
	values *keytable.Table
	def    int64
}

// newIDs is newTable where values are int64: of int64 keys, a table that is faster than a map.
func newIDs[K int64 | string | float32](keys []K, values []int64, def int64) encoder {
	ints, ok := any(keys).([]int64)
	if !ok {
		return newTable(keys, values, def)
	}
	t := ids{keytable.New(len(keys)), def}
	for i, k := range ints {
		t.values.Put(k, values[i])
	}
	return t
}

func (t ids) encode(in, out *tensor.Tensor) error {
	x, err := tensor.Data[int64](in)
	if err != nil {
		return err
	}
	y, err := tensor.Data[int64](out)
	if err != nil {
		return err
	}
	t.values.Lookup(y, x, t.def)
	return nil
}

// newTable makes the table; as in ONNX Runtime, of equal keys the first counts and NaN is
// never found.
func newTable[K, V tensor.Element](keys []K, values []V, def V) table[K, V] {
	t := table[K, V]{values: make(map[K]V, len(keys)), def: def}
	for i, k := range keys {
		if _, ok := t.values[k]; !ok {
			t.values[k] = values[i]
		}
	}
	return t
}

func (t table[K, V]) encode(in, out *tensor.Tensor) error {
	x, err := tensor.Data[K](in)
	if err != nil {
		return err
	}
	y, err := tensor.Data[V](out)
	if err != nil {
		return err
	}
	for i, k := range x {
		v, ok := t.values[k]
		if !ok {
			v = t.def
		}
		y[i] = v
	}
	return nil
}
