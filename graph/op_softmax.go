package graph

import (
	"recsys/tensor"
)

// Softmax returns exp(x) divided by its sum along axis (float32).
func (b *Builder) Softmax(x *Value, axis int64) *Value {
	return b.op("Softmax", Attrs{"axis": axis}, x)
}

// LogSoftmax returns the logarithm of Softmax along axis (float32), computed without overflow.
func (b *Builder) LogSoftmax(x *Value, axis int64) *Value {
	return b.op("LogSoftmax", Attrs{"axis": axis}, x)
}

func opSoftmax() *Op {
	return &Op{
		Type: "Softmax", Since: 13,
		Infer:  inferSoftmax,
		Rows:   softmaxRows(softmaxRow),
		Kernel: softmaxKernel(softmaxRow),
		// dx = y·(g − Σ g·y).
		Grad: func(c *GradContext) {
			b, y, g := c.B, c.Out(0), c.Upstream(0)
			axis := c.Node.Attrs.Int("axis", -1)
			c.Set(0, b.Mul(y, b.Sub(g, b.ReduceSum(b.Mul(g, y), []int64{axis}, true))))
		},
	}
}

func opLogSoftmax() *Op {
	return &Op{
		Type: "LogSoftmax", Since: 13,
		Infer:  inferSoftmax,
		Rows:   softmaxRows(logSoftmaxRow),
		Kernel: softmaxKernel(logSoftmaxRow),
		// dx = g − exp(y)·Σ g.
		Grad: func(c *GradContext) {
			b, g := c.B, c.Upstream(0)
			axis := c.Node.Attrs.Int("axis", -1)
			c.Set(0, b.Sub(g, b.Mul(b.Exp(c.Out(0)), b.ReduceSum(g, []int64{axis}, true))))
		},
	}
}

func inferSoftmax(c *InferContext) error {
	if err := inferSame(tensor.Float32)(c); err != nil {
		return err
	}
	_, err := Axis(c.Node.Attrs.Int("axis", -1), len(c.In[0].Shape))
	return err
}

// softmaxKernel applies row along the node's axis; other axes than the last go through scratch.
func softmaxKernel(row func(r *Run, y, x, tmp []float32)) func(*Run, *Node, []*tensor.Tensor, []*tensor.Tensor) error {
	return func(r *Run, n *Node, in, out []*tensor.Tensor) error {
		x, y := tensor.MustData[float32](in[0]), tensor.MustData[float32](out[0])
		axis, err := Axis(n.Attrs.Int("axis", -1), in[0].Rank())
		if err != nil || len(x) == 0 {
			return err
		}
		size, inner := in[0].Dim(axis), 1
		for _, d := range in[0].Shape()[axis+1:] {
			inner *= d
		}
		buffer := r.Scratch(2 * size)
		line, tmp := buffer[:size], buffer[size:]
		if inner == 1 {
			for at := 0; at < len(x); at += size {
				row(r, y[at:at+size], x[at:at+size], tmp)
			}
			return nil
		}
		for at := 0; at < len(x); at += size * inner {
			for i := range inner {
				for k := range line {
					line[k] = x[at+k*inner+i]
				}
				row(r, line, line, tmp)
				for k, v := range line {
					y[at+k*inner+i] = v
				}
			}
		}
		return nil
	}
}

// softmaxRows is the rule of row along the last axis.
func softmaxRows(row func(r *Run, y, x, tmp []float32)) func(*Node) *RowRule {
	return alongRows(&RowRule{Kind: RowWise, Compute: func(r *Run, _ *Node, y []float32, x [][]float32, width int) {
		tmp := r.Scratch(width)
		for at := 0; at < len(y); at += width {
			row(r, y[at:at+width], x[0][at:at+width], tmp)
		}
	}}, axisAttr)
}

// softmaxRow: y may be x.
func softmaxRow(r *Run, y, x, _ []float32) {
	sum := r.Kernels.ExpSum(y, x, r.Kernels.Max(x))
	r.Kernels.Scale(y, 1/sum, y)
}

// logSoftmaxRow: y may be x; tmp has their length.
func logSoftmaxRow(r *Run, y, x, tmp []float32) {
	top := r.Kernels.Max(x)
	tmp[0] = r.Kernels.ExpSum(tmp, x, top)
	r.Kernels.Log(tmp[:1], tmp[:1])
	r.Kernels.Shift(y, -top, x)
	r.Kernels.Shift(y, -tmp[0], y)
}
