package layer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"recsys/graph"
)

// Experts is the multi-gate mixture of experts (Ma et al. 2018, equations 6 and 7): networks over the same input, which
// each gate mixes by weights of its own, softmax(W·x).
type Experts struct {
	// Name makes the parameter paths: those of an [MLP] behind "NAME/I", and "NAME/gate/GATE/weight" [F,Experts] and
	// "NAME/gate/GATE/bias".
	Name string
	// Experts is the number of networks, Units the widths of their layers; every layer ends in ReLU.
	Experts int
	Units   []int
	// Gates names the mixtures.
	Gates []string
}

// Apply maps x [...,F] float32, whose F has to be fixed, to [...,Units[last]] for each gate, in the order of Gates.
func (e Experts) Apply(b *graph.Builder, x *graph.Value) []*graph.Value {
	out := make([]*graph.Value, len(e.Gates))
	if e.Experts < 1 || len(e.Units) == 0 {
		err := errors.New("needs at least one expert and one layer")
		for i := range out {
			out[i] = b.Fail(fmt.Errorf("experts %q: %w", e.Name, err))
		}
		return out
	}
	experts := b.Concat(-2, expertRows(b, e.Name, e.Experts, e.Units, x)...) // [...,Experts,U]
	for i, gate := range e.Gates {
		out[i] = mix(b, e.Name+"/gate/"+gate, x, experts, e.Experts)
	}
	return out
}

// expertRows are n networks over x, [...,1,U] each.
func expertRows(b *graph.Builder, name string, n int, units []int, x *graph.Value) []*graph.Value {
	rows := make([]*graph.Value, n)
	for i := range rows {
		y := MLP{Name: name + "/" + strconv.Itoa(i), Units: units, Last: ReLU}.Apply(b, x)
		rows[i] = b.Unsqueeze(y, []int64{-2})
	}
	return rows
}

// mix weighs n experts [...,n,U] by the softmax of a linear map of x: [...,U].
func mix(b *graph.Builder, name string, x, experts *graph.Value, n int) *graph.Value {
	logits := Dense{Name: name, Units: n, Activation: Linear}.Apply(b, x)
	weights := b.Unsqueeze(b.Softmax(logits, -1), []int64{-2})
	return b.Squeeze(b.MatMul(weights, experts), []int64{-2})
}

// Extraction is a level of progressive layered extraction, the customized gate control (Tang et al. 2020, equations 1 to
// 7): experts of each task beside shared ones. A task's gate mixes its own with the shared experts, the shared gate, which
// the last level has not, all of them.
type Extraction struct {
	// Name makes the parameter paths: those of an [MLP] behind "NAME/task/TASK/I" and "NAME/shared/I", and of a [Dense]
	// behind "NAME/gate/task/TASK" and "NAME/gate/shared".
	Name  string
	Tasks []string
	// Own is the number of each task's experts and Shared that of the shared ones, Units the widths of their layers; every
	// layer ends in ReLU.
	Own, Shared int
	Units       []int
	// Last leaves the shared mixture out.
	Last bool
}

// Apply maps x [...,F] float32 of each task, in the order of Tasks, and shared [...,F], whose F have to be fixed, to a
// mixture [...,Units[last]] of each task and the shared one, which is nil for the last level.
func (e Extraction) Apply(b *graph.Builder, x []*graph.Value, shared *graph.Value) (own []*graph.Value, all *graph.Value) {
	own = make([]*graph.Value, len(e.Tasks))
	if e.Own < 1 || e.Shared < 1 || len(e.Units) == 0 || len(x) != len(e.Tasks) {
		err := fmt.Errorf("extraction %q: %d experts of each task, %d shared ones, %d layers and %d inputs for %d tasks; none can be missing",
			e.Name, e.Own, e.Shared, len(e.Units), len(x), len(e.Tasks))
		for i := range own {
			own[i] = b.Fail(err)
		}
		return own, b.Fail(err)
	}
	common := expertRows(b, e.Name+"/shared", e.Shared, e.Units, shared)
	every := common
	for i, task := range e.Tasks {
		rows := expertRows(b, e.Name+"/task/"+task, e.Own, e.Units, x[i])
		own[i] = mix(b, e.Name+"/gate/task/"+task, x[i], b.Concat(-2, slices.Concat(rows, common)...), e.Own+e.Shared)
		every = slices.Concat(every, rows)
	}
	if !e.Last {
		all = mix(b, e.Name+"/gate/shared", shared, b.Concat(-2, every...), len(every))
	}
	return own, all
}
