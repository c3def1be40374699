package graph

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"recsys/tensor"
)

// Reshape returns x with another shape (any type). The target is a constant, in which 0 keeps the dimension of x at
// that place and one -1 takes what is left, or ShapeOf another value.
func (b *Builder) Reshape(x, target *Value) *Value { return b.op("Reshape", nil, x, target) }

func opReshape() *Op {
	return &Op{
		Type: "Reshape", Since: 14,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			if c.Node.Attrs.Int("allowzero", 0) != 0 {
				return errors.New("attribute allowzero is not supported; leave it out")
			}
			target, err := c.Dims(1)
			if err != nil {
				return err
			}
			shape, err := reshaped(c.In[0].Shape, target)
			if err != nil {
				return err
			}
			c.Out(0, c.In[0].DType, shape)
			return nil
		},
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			return tensor.Copy(out[0], in[0])
		},
		Grad: func(c *GradContext) { c.Set(0, c.B.Reshape(c.Upstream(0), c.B.ShapeOf(c.In(0)))) },
	}
}

// reshaped applies a reshape target to x. The dimension of a -1 is the quotient of both products; symbolic factors
// that stay over make a product name such as "B*50", the same for all values of that size.
func reshaped(x, target Shape) (Shape, error) {
	out := slices.Clone(target)
	infer := -1
	for i, d := range target {
		switch {
		case d.Is(0) && i < len(x):
			out[i] = x[i]
		case d.Is(0):
			return nil, fmt.Errorf("target %s keeps dimension %d of %s, which has fewer", target, i, x)
		case d.Is(-1) && infer >= 0:
			return nil, fmt.Errorf("target %s has two -1", target)
		case d.Is(-1):
			infer = i
			out[i] = Fixed(1)
		case d.IsFixed() && d.Size < 0:
			return nil, fmt.Errorf("target %s has a negative dimension", target)
		}
	}
	have, names := product(x)
	want, used := product(out)
	for _, name := range used {
		i := slices.Index(names, name)
		if i < 0 || name == Unknown {
			if out.Same(x) {
				return out, nil
			}
			return nil, fmt.Errorf("%s does not reshape to %s", x, target)
		}
		names = slices.Delete(names, i, i+1)
	}
	if infer < 0 {
		if have != want || len(names) > 0 {
			return nil, fmt.Errorf("%s does not reshape to %s", x, target)
		}
		return out, nil
	}
	if want == 0 || have%want != 0 {
		return nil, fmt.Errorf("%s does not reshape to %s", x, target)
	}
	out[infer] = productDim(have/want, names)
	return out, nil
}

// product returns the fixed factor of a shape's element count and its symbolic factors, sorted.
func product(s Shape) (factor int, names []string) {
	factor = 1
	for _, d := range s {
		if d.IsFixed() {
			factor *= d.Size
			continue
		}
		for part := range strings.SplitSeq(d.Name, "*") {
			if n, err := strconv.Atoi(part); err == nil {
				factor *= n
			} else {
				names = append(names, part)
			}
		}
	}
	slices.Sort(names)
	return factor, names
}

func productDim(factor int, names []string) Dim {
	switch {
	case len(names) == 0:
		return Fixed(factor)
	case slices.Contains(names, Unknown):
		return Sym(Unknown)
	case factor != 1:
		names = append(slices.Clone(names), strconv.Itoa(factor))
	}
	return Sym(strings.Join(names, "*"))
}
