package graph

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// Attrs are a node's attributes by ONNX name. Values are int64, float32, string, []int64, []float32, []string or
// *tensor.Tensor; nothing else.
type Attrs map[string]any

// Int returns an integer attribute, or def when it is absent.
func (a Attrs) Int(name string, def int64) int64 { return attr(a, name, def) }

// Float returns a float attribute, or def when it is absent.
func (a Attrs) Float(name string, def float32) float32 { return attr(a, name, def) }

// Str returns a string attribute, or def when it is absent.
func (a Attrs) Str(name, def string) string { return attr(a, name, def) }

// Ints returns a list of integers, nil when it is absent.
func (a Attrs) Ints(name string) []int64 { return attr[[]int64](a, name, nil) }

// Floats returns a list of floats, nil when it is absent.
func (a Attrs) Floats(name string) []float32 { return attr[[]float32](a, name, nil) }

// Strs returns a list of strings, nil when it is absent.
func (a Attrs) Strs(name string) []string { return attr[[]string](a, name, nil) }

func attr[T any](a Attrs, name string, def T) T {
	if v, ok := a[name].(T); ok {
		return v
	}
	return def
}

// Names returns the attributes' names in ascending order.
func (a Attrs) Names() []string {
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (a Attrs) validate() error {
	for _, name := range a.Names() {
		switch a[name].(type) {
		case int64, float32, string, []int64, []float32, []string, *tensor.Tensor:
		default:
			return fmt.Errorf("attribute %q has type %T", name, a[name])
		}
	}
	return nil
}
