package model

import (
	"errors"
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// rankerBase is what the rankers have in common: a name, a schema and tasks.
type rankerBase struct {
	name   string
	schema schema.Schema
	tasks  []string
}

// newRankerBase fills in the default name, standard, and the default task, and checks the schema, dim and deviation.
// Further faults are joined to what it finds.
func newRankerBase(s schema.Schema, name, standard string, tasks []string, faults ...error) (rankerBase, error) {
	if name == "" {
		name = standard
	}
	if len(tasks) == 0 {
		tasks = []string{"like"}
	}
	errs := append([]error{check(s)}, faults...)
	if !slices.ContainsFunc(ItemColumns(s), func(c schema.Column) bool { return c.Length == 0 }) {
		errs = append(errs, errors.New("the schema has no categorical or continuous item column that is a scalar, such as the item's key"))
	}
	if err := errors.Join(errs...); err != nil {
		return rankerBase{}, fmt.Errorf("model %q: %w", name, err)
	}
	return rankerBase{name: name, schema: s, tasks: tasks}, nil
}

// positive is the fault of a width and a deviation.
func positive(dim int, deviation float32) error {
	if dim > 0 && deviation >= 0 {
		return nil
	}
	return fmt.Errorf("dim %d and deviation %g have to be positive", dim, deviation)
}

func (r rankerBase) Name() string { return r.name }

func (r rankerBase) Schema() schema.Schema { return r.schema }

func (r rankerBase) Tasks() []string { return r.tasks }

// heads are a linear unit per task over x [B,K,F]: [B,K] each.
func (r rankerBase) heads(b *graph.Builder, x *graph.Value) []*graph.Value {
	logits := make([]*graph.Value, len(r.tasks))
	for i := range r.tasks {
		logits[i] = r.head(b, i, x)
	}
	return logits
}

// head is the linear unit of task i over x [B,K,F]: [B,K].
func (r rankerBase) head(b *graph.Builder, i int, x *graph.Value) *graph.Value {
	y := layer.Dense{Name: "task/" + r.tasks[i], Units: 1, Activation: layer.Linear}.Apply(b, x)
	return b.Squeeze(y, []int64{-1})
}

// towers are an MLP and a linear unit per task over its own x [B,K,F]: [B,K] each.
func (r rankerBase) towers(b *graph.Builder, units []int, x []*graph.Value) []*graph.Value {
	logits := make([]*graph.Value, len(r.tasks))
	for i, task := range r.tasks {
		tower := layer.MLP{Name: "tower/" + task, Units: units, Last: layer.ReLU}
		logits[i] = r.head(b, i, tower.Apply(b, x[i]))
	}
	return logits
}

// fields are columns as vectors: of users [B,1,D], of candidates [B,K,D].
type fields struct{ users, items []*graph.Value }

// vectors makes the columns vectors of width dim behind the scope of table: categorical columns are embedded, lists
// averaged, and numbers multiplied with a learned vector each.
func (r rankerBase) vectors(b *graph.Builder, query, candidates Columns, scope string, dim int, init graph.Initializer) fields {
	if scope != "" {
		defer b.Scope(scope)()
	}
	vector := func(c schema.Column, x *graph.Value) *graph.Value {
		if c.Has(schema.Continuous) {
			return b.MatMul(number(b, c, x), b.Param("number/"+c.Name, graph.Dims(max(c.Length, 1), dim), init))
		}
		return embed(b, c, layer.Embedding{Name: c.Name, Rows: c.Cardinality, Dim: dim, Init: init}, x)
	}
	var f fields
	for _, c := range QueryColumns(r.schema) {
		f.users = append(f.users, b.Unsqueeze(vector(c, query[c.Name]), []int64{1}))
	}
	for _, c := range CandidateColumns(r.schema) {
		f.items = append(f.items, vector(c, candidates[c.Name]))
	}
	return f
}

// all returns users' and candidates' vectors, which broadcast.
func (f fields) all() []*graph.Value { return append(append([]*graph.Value{}, f.users...), f.items...) }

// sum adds them up: [B,K,D].
func (f fields) sum(b *graph.Builder) *graph.Value {
	total := func(xs []*graph.Value) *graph.Value {
		sum := xs[0]
		for _, x := range xs[1:] {
			sum = b.Add(sum, x)
		}
		return sum
	}
	if len(f.users) == 0 {
		return total(f.items)
	}
	return b.Add(total(f.users), total(f.items))
}

// concat joins them: [B,K,F·D]. Axes is the shape [B,K,1] of the candidates.
func (f fields) concat(b *graph.Builder, axes *graph.Value) *graph.Value {
	items := layer.Concat{}.Apply(b, f.items...)
	if len(f.users) == 0 {
		return items
	}
	return layer.Concat{}.Apply(b, b.Expand(layer.Concat{}.Apply(b, f.users...), axes), items)
}

// stack puts the vectors, of width dim, behind one another: [B,K,F,dim]. Axes is the shape [B,K,1] of the candidates.
func (f fields) stack(b *graph.Builder, axes *graph.Value, dim int) *graph.Value {
	return b.Reshape(f.concat(b, axes), b.Int64s(0, 0, int64(len(f.users)+len(f.items)), int64(dim)))
}

// flat joins the fields of x [B,K,F,D] to [B,K,F·D], which is width.
func flat(b *graph.Builder, x *graph.Value, width int) *graph.Value {
	return b.Reshape(x, b.Int64s(0, 0, int64(width)))
}

// split makes [B,K] per task of x [B,K,T] plus a bias per task.
func (r rankerBase) split(b *graph.Builder, x *graph.Value) []*graph.Value {
	x = b.Add(x, b.Param("bias", graph.Dims(len(r.tasks)), graph.Zero()))
	parts := []*graph.Value{x}
	if len(r.tasks) > 1 {
		sizes := make([]int64, len(r.tasks))
		for i := range sizes {
			sizes[i] = 1
		}
		parts = b.Split(x, -1, sizes...)
	}
	for i := range parts {
		parts[i] = b.Squeeze(parts[i], []int64{-1})
	}
	return parts
}

// linear is the first-order term of every task, a weight per id and number: [B,K,T].
func (r rankerBase) linear(b *graph.Builder, query, candidates Columns) *graph.Value {
	return r.vectors(b, query, candidates, "linear", len(r.tasks), graph.Zero()).sum(b)
}
