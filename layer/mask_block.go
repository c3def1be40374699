package layer

import (
	"fmt"

	"recsys/graph"
)

// MaskBlock multiplies features with a mask that the embeddings of the same example decide, and maps the product to
// hidden units (MaskNet, Wang, She and Zhang 2021, equations 4, 7 and 8): ReLU(LN(W·(mask ⊙ x))), where the mask is a
// network of one hidden layer over the embeddings.
type MaskBlock struct {
	// Name makes the parameter paths: those of [Dense] behind "NAME/mask/0" and "NAME/mask/1", "NAME/weight" [F,Units]
	// and those of [LayerNorm] behind "NAME/norm".
	Name string
	// Hidden is the width of the mask's hidden layer, Units that of the block's output.
	Hidden, Units int
}

// Apply maps x [...,F] float32, whose F has to be fixed, and embeddings [...,E] to [...,Units].
func (m MaskBlock) Apply(b *graph.Builder, embeddings, x *graph.Value) *graph.Value {
	f, err := width(b, x)
	if err == nil && (m.Hidden < 1 || m.Units < 1) {
		err = fmt.Errorf("has %d hidden units and %d units; both have to be positive", m.Hidden, m.Units)
	}
	if err != nil {
		return b.Fail(fmt.Errorf("mask block %q: %w", m.Name, err))
	}
	mask := MLP{Name: m.Name + "/mask", Units: []int{m.Hidden, f}}.Apply(b, embeddings)
	y := b.MatMul(b.Mul(mask, x), b.Param(m.Name+"/weight", graph.Dims(f, m.Units), graph.GlorotUniform()))
	return b.Relu(LayerNorm{Name: m.Name + "/norm"}.Apply(b, y))
}
