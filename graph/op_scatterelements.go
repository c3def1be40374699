package graph

import (
	"fmt"

	"recsys/tensor"
)

// ScatterElements returns x with updates written at the places that indices (int64, int32, of updates' shape) name:
// an update's own place but for the index along axis, which is the given one (any type).
// Reduction "none" writes, later updates last; "add" adds (numbers only). Negative indices count from the end;
// others outside fail the run.
func (b *Builder) ScatterElements(x, indices, updates *Value, axis int64, reduction string) *Value {
	return b.op("ScatterElements", Attrs{"axis": axis, "reduction": reduction}, x, indices, updates)
}

func opScatterElements() *Op {
	return &Op{
		Type: "ScatterElements", Since: 16,
		Infer: func(c *InferContext) error {
			if err := inferScatter(c); err != nil {
				return err
			}
			axis, err := Axis(c.Node.Attrs.Int("axis", 0), len(c.In[0].Shape))
			if err != nil {
				return err
			}
			if !c.In[1].Shape.Same(c.In[2].Shape) {
				return fmt.Errorf("indices %s and updates %s differ in shape", c.In[1].Shape, c.In[2].Shape)
			}
			return checkElementIndices(c.In[0].Shape, c.In[1].Shape, axis)
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			axis, err := Axis(n.Attrs.Int("axis", 0), in[0].Rank())
			if err != nil {
				return err
			}
			if err := tensor.Copy(out[0], in[0]); err != nil {
				return err
			}
			e := elements{axis: axis, data: in[0].Shape(), indices: in[1].Shape()}
			if n.Attrs.Str("reduction", "none") == "add" {
				switch in[0].DType() {
				case tensor.Float32:
					return addElements[float32](e, in, out[0])
				case tensor.Int64:
					return addElements[int64](e, in, out[0])
				case tensor.Int32:
					return addElements[int32](e, in, out[0])
				default:
					return fmt.Errorf("no kernel that adds %s", in[0].DType())
				}
			}
			m, err := moverOf(in[0].DType())
			if err != nil {
				return err
			}
			return m.scatterElements(e, in, out[0])
		},
		Grad: func(c *GradContext) {
			b, g, axis := c.B, c.Upstream(0), c.Node.Attrs.Int("axis", 0)
			c.Set(2, b.GatherElements(g, c.In(1), axis))
			if c.Node.Attrs.Str("reduction", "none") == "add" {
				c.Set(0, g)
				return
			}
			// Rows that are written lose their gradient. An update that a later one overwrites gets a gradient all
			// the same: indices have to be distinct, as ONNX asks for.
			zeros := b.Expand(b.Float32(0), b.ShapeOf(c.In(2)))
			c.Set(0, b.ScatterElements(g, c.In(1), zeros, axis, "none"))
		},
	}
}

// inferScatter is what the shape rules of ScatterElements and ScatterND share.
func inferScatter(c *InferContext) error {
	if err := c.Want(3, 3); err != nil {
		return err
	}
	if c.In[0].DType != c.In[2].DType {
		return fmt.Errorf("data is %s, updates are %s", c.In[0].DType, c.In[2].DType)
	}
	switch reduction := c.Node.Attrs.Str("reduction", "none"); reduction {
	case "none":
	case "add":
		if err := c.WantDType(0, tensor.Float32, tensor.Int64, tensor.Int32); err != nil {
			return fmt.Errorf("reduction add: %w", err)
		}
	default:
		return fmt.Errorf("reduction %q is not supported; use none or add", reduction)
	}
	c.Out(0, c.In[0].DType, c.In[0].Shape)
	return c.WantDType(1, tensor.Int64, tensor.Int32)
}

func scatterElements[T tensor.Element](e elements, in []*tensor.Tensor, out *tensor.Tensor) error {
	y, updates := tensor.MustData[T](out), tensor.MustData[T](in[2])
	return e.visit(in[1], func(at, to int) { y[to] = updates[at] })
}

func addElements[T number](e elements, in []*tensor.Tensor, out *tensor.Tensor) error {
	y, updates := tensor.MustData[T](out), tensor.MustData[T](in[2])
	return e.visit(in[1], func(at, to int) { y[to] += updates[at] })
}
