package graph

import (
	"errors"

	"recsys/tensor"
)

// Dropout returns x (float32): it is ONNX's operator in its form for inference, where nothing is dropped. The output
// mask and training_mode are not supported.
func (b *Builder) Dropout(x *Value) *Value { return b.op("Dropout", nil, x) }

func opDropout() *Op {
	return &Op{
		Type: "Dropout", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 3); err != nil {
				return err
			}
			if err := c.WantDType(0, tensor.Float32); err != nil {
				return err
			}
			if c.Has(2) {
				mode := c.Const(2)
				if mode == nil || mode.DType() != tensor.Bool || mode.Len() != 1 || tensor.MustData[bool](mode)[0] {
					return errors.New("training_mode is supported as the constant false only; export the model for inference")
				}
			}
			c.Out(0, c.In[0].DType, c.In[0].Shape)
			return nil
		},
		Kernel: copyKernel,
		Grad:   func(c *GradContext) { c.Set(0, c.Upstream(0)) },
	}
}
