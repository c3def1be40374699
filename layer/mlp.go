package layer

import (
	"fmt"
	"strconv"

	"recsys/graph"
)

// Activation names the function behind a dense layer.
type Activation string

// The activations. The zero value means ReLU.
const (
	ReLU    Activation = "relu"
	Sigmoid Activation = "sigmoid"
	Tanh    Activation = "tanh"
	Linear  Activation = "linear"
)

func (a Activation) apply(b *graph.Builder, x *graph.Value) *graph.Value {
	switch a {
	case ReLU, "":
		return b.Relu(x)
	case Sigmoid:
		return b.Sigmoid(x)
	case Tanh:
		return b.Tanh(x)
	case Linear:
		return x
	}
	return b.Fail(fmt.Errorf("activation %q is not one of relu, sigmoid, tanh, linear", a))
}

// Dense is y = f(x·W + b) along the last axis.
type Dense struct {
	// Name makes the parameter paths "NAME/weight" [F,Units] and "NAME/bias" [Units].
	Name       string
	Units      int
	Activation Activation
	// Init fills the weight; nil means GlorotUniform. The bias begins at 0.
	Init graph.Initializer
}

// Apply maps x [...,F] float32, whose F has to be fixed, to [...,Units].
func (d Dense) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	width, err := width(b, x)
	if err == nil && d.Units <= 0 {
		err = fmt.Errorf("has %d units; at least 1 is needed", d.Units)
	}
	if err != nil {
		return b.Fail(fmt.Errorf("dense layer %q: %w", d.Name, err))
	}
	init := d.Init
	if init == nil {
		init = graph.GlorotUniform()
	}
	weight := b.Param(d.Name+"/weight", graph.Dims(width, d.Units), init)
	bias := b.Param(d.Name+"/bias", graph.Dims(d.Units), graph.Zero())
	return d.Activation.apply(b, b.Add(b.MatMul(x, weight), bias))
}

// width returns the size of the last axis of x.
func width(b *graph.Builder, x *graph.Value) (int, error) {
	if err := b.Err(); err != nil {
		return 0, err
	}
	if x.Rank() == 0 || !x.Shape()[x.Rank()-1].IsFixed() {
		return 0, fmt.Errorf("input %s has no last axis of fixed size", x)
	}
	return x.Shape()[x.Rank()-1].Size, nil
}

// MLP is a stack of dense layers.
type MLP struct {
	// Name makes the parameter paths "NAME/0/weight", "NAME/0/bias", "NAME/1/weight" ...
	Name string
	// Units are the widths of the layers, first to last. None means that Apply returns its input.
	Units []int
	// Activation stands behind every layer but the last, Last behind that one; the zero values mean ReLU and Linear.
	Activation, Last Activation
}

// Apply maps x [...,F] float32 to [...,Units[last]].
func (m MLP) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	for i, units := range m.Units {
		activation := m.Activation
		if i == len(m.Units)-1 {
			activation = m.Last
			if activation == "" {
				activation = Linear
			}
		}
		x = Dense{Name: m.Name + "/" + strconv.Itoa(i), Units: units, Activation: activation}.Apply(b, x)
	}
	return x
}
