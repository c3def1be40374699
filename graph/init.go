package graph

import (
	"fmt"
	"math"

	"recsys/internal/portable"
	"recsys/tensor"
)

// Initializer fills the data of a new parameter of the given shape. It must draw from rng alone.
type Initializer func(rng *portable.Rand, shape []int, data []float32)

// InitParams allocates and fills every parameter that has no data yet. The draws of a parameter depend on seed and
// its path only, so graphs that share parameters agree whatever else they hold.
func (g *Graph) InitParams(seed uint64) error {
	for _, p := range g.Params {
		if p.Data != nil {
			continue
		}
		if p.Init == nil {
			return fmt.Errorf("graph %q: parameter %q has no initialiser", g.Name, p.Path)
		}
		sizes, _ := p.Shape.Fixed()
		t := tensor.Zeros(tensor.Float32, sizes...)
		p.Init(portable.New(seed, p.Path), sizes, tensor.MustData[float32](t))
		p.Data = t
	}
	return nil
}

// Zero fills with 0.
func Zero() Initializer { return Constant(0) }

// Constant fills with v.
func Constant(v float32) Initializer {
	return func(_ *portable.Rand, _ []int, data []float32) {
		for i := range data {
			data[i] = v
		}
	}
}

// Uniform draws from [-limit, limit).
func Uniform(limit float32) Initializer {
	return func(rng *portable.Rand, _ []int, data []float32) {
		for i := range data {
			u := float32(2*rng.Float32()) - 1
			data[i] = float32(u * limit)
		}
	}
}

// Normal draws from a normal distribution with mean 0 and the given standard deviation.
func Normal(deviation float32) Initializer {
	return func(rng *portable.Rand, _ []int, data []float32) {
		for i := range data {
			data[i] = float32(float32(rng.Normal()) * deviation)
		}
	}
}

// GlorotUniform draws from [-a, a) with a = sqrt(6/(in+out)), where in and out are the last two dimensions (Glorot
// and Bengio 2010, equation 16).
func GlorotUniform() Initializer {
	return func(rng *portable.Rand, shape []int, data []float32) {
		fan := 1
		if n := len(shape); n > 1 {
			fan = shape[n-1] + shape[n-2]
		}
		Uniform(float32(math.Sqrt(6/float64(fan))))(rng, shape, data)
	}
}
