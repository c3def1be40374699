package exec

import (
	"fmt"
	"sync"

	"recsys/graph"
	"recsys/tensor"
)

// maxBindings bounds the layouts that a plan keeps: the least recently used one goes.
const maxBindings = 16

// bindings caches layouts by the sizes of the symbols.
type bindings struct {
	mu    sync.Mutex
	byKey map[string]*binding
	clock uint64
}

func (c *bindings) init() { c.byKey = map[string]*binding{} }

func (c *bindings) find(key []byte) *binding {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.byKey[string(key)]
	if b != nil {
		c.clock++
		b.used = c.clock
	}
	return b
}

// add returns the binding of that key that another run added meanwhile, or b.
func (c *bindings) add(key []byte, b *binding) *binding {
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.byKey[string(key)]; other != nil {
		return other
	}
	if len(c.byKey) >= maxBindings {
		oldest := ""
		for k, other := range c.byKey {
			if oldest == "" || other.used < c.byKey[oldest].used {
				oldest = k
			}
		}
		delete(c.byKey, oldest)
	}
	c.clock++
	b.used = c.clock
	c.byKey[string(key)] = b
	return b
}

// binding is a plan for inputs of certain shapes: the shape and place of every value. It is immutable but for the
// bookkeeping of the cache and its states, which are safe for concurrent use.
type binding struct {
	plan   *Plan
	used   uint64
	shapes [][]int
	layout layout
	states sync.Pool
}

// bind finds or makes the binding for the inputs.
func (p *Plan) bind(in tensor.Map) (*binding, error) {
	var local [64]byte
	key, err := p.key(local[:0], in)
	if err != nil {
		return nil, err
	}
	if b := p.bindings.find(key); b != nil {
		return b, nil
	}
	b := &binding{plan: p}
	if b.shapes, err = p.inferShapes(in); err != nil {
		return nil, err
	}
	if b.layout, err = p.lay(b.shapes); err != nil {
		return nil, err
	}
	return p.bindings.add(key, b), nil
}

// inferShapes runs the shape rules with the sizes of the inputs and returns the shapes by slot.
func (p *Plan) inferShapes(in tensor.Map) ([][]int, error) {
	bound := map[*graph.Value]graph.Shape{}
	for _, v := range p.inputs {
		bound[v] = graph.Dims(in[v.Name()].Shape()...)
	}
	shapeOf := func(v *graph.Value) graph.Shape {
		if s, ok := bound[v]; ok {
			return s
		}
		return v.Shape()
	}
	for _, n := range p.nodes {
		types, err := graph.InferNode(n, shapeOf)
		if err != nil {
			return nil, err
		}
		for i, v := range n.Outputs {
			bound[v] = types[i].Shape
		}
	}
	shapes := make([][]int, len(p.values))
	for i, v := range p.values {
		sizes, fixed := shapeOf(v).Fixed()
		if !fixed {
			return nil, fmt.Errorf("value %q has the shape %s, which the inputs do not bind", v.Name(), shapeOf(v))
		}
		if _, err := tensor.Count(sizes); err != nil {
			return nil, fmt.Errorf("value %q: %w", v.Name(), err)
		}
		shapes[i] = sizes
	}
	return shapes, nil
}
