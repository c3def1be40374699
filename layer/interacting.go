package layer

import (
	"fmt"
	"strconv"

	"recsys/graph"
)

// Interacting lets fields attend to one another (the interacting layer of AutoInt, Song et al. 2019, equations 5 to 8):
// in each head softmax(QKᵀ)·V over the fields, the heads joined, plus a linear map of the fields themselves, behind ReLU.
type Interacting struct {
	// Name makes the parameter paths "NAME/HEAD/query", "NAME/HEAD/key" and "NAME/HEAD/value" [D,Width] and "NAME/rest"
	// [D,Heads·Width].
	Name string
	// Heads is the number of heads, Width that of the columns of each.
	Heads, Width int
}

// Apply maps fields x [...,F,D] float32, whose F and D have to be fixed, to [...,F,Heads·Width].
func (l Interacting) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	_, d, err := fieldSizes(b, x)
	if err == nil && (l.Heads < 1 || l.Width < 1) {
		err = fmt.Errorf("has %d heads of width %d; both have to be positive", l.Heads, l.Width)
	}
	if err != nil {
		return b.Fail(fmt.Errorf("interacting layer %q: %w", l.Name, err))
	}
	heads := make([]*graph.Value, l.Heads)
	for i := range heads {
		project := func(name string) *graph.Value {
			return b.MatMul(x, b.Param(l.Name+"/"+strconv.Itoa(i)+"/"+name, graph.Dims(d, l.Width), graph.GlorotUniform()))
		}
		query, keys, values := project("query"), project("key"), project("value")
		heads[i] = b.MatMul(b.Softmax(b.MatMul(query, swapLast(b, keys)), -1), values)
	}
	rest := b.MatMul(x, b.Param(l.Name+"/rest", graph.Dims(d, l.Heads*l.Width), graph.GlorotUniform()))
	return b.Relu(b.Add(Concat{}.Apply(b, heads...), rest))
}
