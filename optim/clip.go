package optim

import (
	"fmt"
	"math"

	"recsys/tensor"
)

// clip returns the factor for all gradients of a step: ClipNorm/(norm+1e-6), as torch.nn.utils.clip_grad_norm_ has
// it, at most 1.
func (o *Optimizer) clip(g Gradients) (float32, error) {
	if o.config.ClipNorm == 0 {
		return 1, nil
	}
	total := 0.0
	for _, path := range o.paths {
		part := 0.0
		if t := g.Dense[path]; t != nil {
			part = o.squares(tensor.MustData[float32](t))
		} else if rows, ok := g.Sparse[path]; ok {
			part = o.squares(rows.Rows)
		}
		if part-part != 0 {
			return 0, fmt.Errorf("gradient of %q is not finite; lower the learning rate or look for bad inputs", path)
		}
		total += part
	}
	return float32(min(o.config.ClipNorm/(math.Sqrt(total)+1e-6), 1)), nil
}

func (o *Optimizer) squares(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		v = o.limit(v)
		sum += float64(float64(v) * float64(v))
	}
	return sum
}

// limit brings an element into the range of ClipValue; NaN stays NaN.
func (o *Optimizer) limit(v float32) float32 {
	high := float32(o.config.ClipValue)
	if high == 0 {
		return v
	}
	return max(min(v, high), -high)
}
