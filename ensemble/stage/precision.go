package stage

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recsys/graph"
	"recsys/internal/portable"
	"recsys/tensor"
)

// Precision says how numbers of a model, which are float32 by themselves, are stored and computed with.
type Precision string

// The precisions.
const (
	// Float16 stores 2 bytes a number and computes in float32.
	Float16 Precision = "fp16"
	// Int8 stores a byte a number and a float32 scale for each row, and computes in whole numbers: fast on CPUs. A query has 21 bits,
	// nearly those of float32, so that what is lost is the matrix's rounding alone. With fewer, engines that differ in the last bits of
	// a query would now and then round it differently, and their scores would be further apart than engines' are.
	Int8 Precision = "int8"
	// Int8Dequantized stores as Int8 does and computes in float32, for GPUs, which have no whole-number products here.
	Int8Dequantized Precision = "int8_dequantized"
)

// The query is three whole numbers of 7 bits, (high·128 + middle)·128 + low. More bits each could overflow the 16 in which processors
// without VNNI add two products of a byte and a signed byte: 2·128·127 is below 2^15.
const (
	queryHigh = 63
	queryBase = 128
	queryZero = 64 // what is added to make bytes of them
)

// NarrowItems stores the item matrices of a retrieval graph, as [Retrieve] and [RetrieveSources] make them, in another precision: the
// constants by which its queries are multiplied.
func NarrowItems(g *graph.Graph, p Precision) (*graph.Graph, error) {
	if !HasItems(g) {
		return nil, fmt.Errorf("graph %q multiplies its input %q by no constant float32 matrix", g.Name, Query)
	}
	if slices.ContainsFunc(g.Nodes, gathersLists) {
		return nil, fmt.Errorf("graph %q looks at inverted lists, which have no other precision: leave it at float32, or retrieve exactly", g.Name)
	}
	b := graph.NewBuilder(g.Name)
	var products []*graph.Node
	given := map[string]*graph.Value{}
	for _, n := range g.Nodes {
		if !multipliesItems(n) {
			continue
		}
		query, items := n.Inputs[0], n.Inputs[1]
		in := b.Input(query.Name(), query.DType(), query.Shape())
		scores, err := itemScores(b, in, items.Name(), transposed(items.Data()), p)
		if err != nil {
			return nil, err
		}
		products = append(products, n)
		given[query.Name()], given[n.Outputs[0].Name()] = in, scores
	}
	return rebuild(b, g, products, given)
}

// HasItems reports whether a retrieval graph has an item matrix that [NarrowItems] can narrow. That of a model of item pairs has none: its
// weights are a table of its query.
func HasItems(g *graph.Graph) bool { return slices.ContainsFunc(g.Nodes, multipliesItems) }

func multipliesItems(n *graph.Node) bool {
	query := n.Inputs[0]
	if n.Op.Type != "MatMul" || query.Kind() != graph.FromInput || query.Name() != Query && !strings.HasPrefix(query.Name(), SourceQuery("")) {
		return false
	}
	items := n.Inputs[1]
	return items.Data() != nil && items.Rank() == 2 && items.DType() == tensor.Float32
}

// gathersLists reports whether the node takes whole lists of vectors, as [RetrieveIVF] does.
func gathersLists(n *graph.Node) bool {
	return n.Op.Type == "Gather" && n.Inputs[0].Data() != nil && n.Inputs[0].Rank() == 3
}

// rebuild makes a graph again in which given values, by name, stand in for the outputs of the nodes.
func rebuild(b *graph.Builder, g *graph.Graph, without []*graph.Node, given map[string]*graph.Value) (*graph.Graph, error) {
	rest := &graph.Graph{Name: g.Name, Inputs: slices.Clone(g.Inputs), Params: g.Params, Outputs: g.Outputs}
	for _, n := range g.Nodes {
		if slices.Contains(without, n) {
			rest.Inputs = append(rest.Inputs, n.Outputs...)
		} else {
			rest.Nodes = append(rest.Nodes, n)
		}
	}
	results := b.Inline(rest, given)
	for _, o := range g.Outputs {
		b.Output(o.Name, results[o.Name])
	}
	return b.Build()
}

// itemScores returns query [B,D] times the rows of items [V,D], a constant of the given name: [B,V] float32.
func itemScores(b *graph.Builder, query *graph.Value, name string, items *tensor.Tensor, p Precision) (*graph.Value, error) {
	turned := func(v *graph.Value) *graph.Value { return b.Transpose(v, []int64{1, 0}) }
	switch p {
	case Float16:
		half, err := toHalf(items)
		if err != nil {
			return nil, fmt.Errorf("item matrix: %w", err)
		}
		return b.MatMul(query, turned(b.Cast(b.Const(name, half), tensor.Float32))), nil
	case Int8, Int8Dequantized:
		rows, scales, err := quantizeRows(items)
		if err != nil {
			return nil, fmt.Errorf("item matrix: %w", err)
		}
		table, scale := b.Const(name, rows), b.Const("scales", scales)
		if p == Int8Dequantized {
			return b.MatMul(query, turned(b.DequantizeLinear(table, scale, nil, 0))), nil
		}
		return b.Mul(integerScores(b, query, turned(table)), scale), nil
	}
	return nil, fmt.Errorf("precision %q: want %s, %s or %s", p, Float16, Int8, Int8Dequantized)
}

// integerScores multiplies query [B,D] with int8 table [D,V], the query rounded to 21 bits with one scale for each user: a scale for all
// users of a batch, as DynamicQuantizeLinear has it, would make answers depend on who else asks.
func integerScores(b *graph.Builder, query, table *graph.Value) *graph.Value {
	const least = 1e-30 // of a query of zeros
	step := b.Mul(b.ReduceMax(b.Abs(query), []int64{1}, true), b.Float32(1.0/(queryHigh*queryBase*queryBase)))
	step = b.Max(step, b.Float32(least)) // [B,1]
	row := func(x *graph.Value) *graph.Value { return b.Unsqueeze(x, []int64{1}) }
	part := func(x *graph.Value, unit float32) (whole, rest *graph.Value) {
		whole = b.Round(b.Mul(x, b.Float32(1/unit)))
		return whole, b.Sub(x, b.Mul(whole, b.Float32(unit)))
	}
	high, rest := part(b.Round(b.Div(query, step)), queryBase*queryBase)
	middle, low := part(rest, queryBase)
	parts := b.Concat(1, row(high), row(middle), row(low)) // [B,3,D]
	bytes := b.Cast(b.Add(parts, b.Float32(queryZero)), tensor.Uint8)
	products := b.MatMulInteger(bytes, table, b.Const("query_zero", tensor.Scalar(uint8(queryZero))), nil) // [B,3,V]
	units := b.Const("query_units", tensor.Of([]float32{queryBase * queryBase, queryBase, 1}, 1, 3))
	return b.Squeeze(b.MatMul(row(b.Mul(step, units)), b.Cast(products, tensor.Float32)), []int64{1})
}

// quantizeRows rounds each row of x [V,D] to 127 steps of its greatest absolute value (symmetric quantisation, Jacob et al. 2018, section
// 2.1, with zero point 0), and returns the steps, [V].
func quantizeRows(x *tensor.Tensor) (rows, scales *tensor.Tensor, err error) {
	v, d := x.Dim(0), x.Dim(1)
	rows, scales = tensor.Zeros(tensor.Int8, v, d), tensor.Zeros(tensor.Float32, v)
	in, out, steps := tensor.MustData[float32](x), tensor.MustData[int8](rows), tensor.MustData[float32](scales)
	for i := range v {
		row, most := in[i*d:][:d], float32(0)
		for _, y := range row {
			most = max(most, float32(math.Abs(float64(y))))
		}
		if math.IsInf(float64(most), 0) || math.IsNaN(float64(most)) {
			return nil, nil, fmt.Errorf("row %d has a number that is not finite", i)
		}
		if steps[i] = most / 127; steps[i] == 0 {
			steps[i] = 1
		}
		for j, y := range row {
			out[i*d+j] = int8(math.RoundToEven(float64(y) / float64(steps[i])))
		}
	}
	return rows, scales, nil
}

// toHalf rounds to half precision and refuses numbers beyond its range.
func toHalf(x *tensor.Tensor) (*tensor.Tensor, error) {
	in := tensor.MustData[float32](x)
	out := make([]tensor.F16, len(in))
	for i, y := range in {
		out[i] = tensor.F16(portable.ToHalf(y))
		if math.Abs(float64(y)) >= 65520 || y != y {
			return nil, fmt.Errorf("%g is beyond the range of float16", y)
		}
	}
	return tensor.Of(out, x.Shape()...), nil
}

// NarrowTables stores the tables of a graph as [Float16] or [Int8]: those of 1,024 numbers or more whose rows a Gather picks. What is
// picked becomes float32 again, and all else stays. It returns the number of tables.
func NarrowTables(g *graph.Graph, p Precision) (*graph.Graph, int, error) {
	gathers := slices.DeleteFunc(slices.Clone(g.Nodes), func(n *graph.Node) bool { return !picksRows(n) })
	if len(gathers) == 0 {
		return g, 0, nil
	}
	b := graph.NewBuilder(g.Name)
	ids := &graph.Graph{Name: g.Name, Inputs: g.Inputs, Params: g.Params, Nodes: g.Nodes}
	for i, n := range gathers {
		ids.Outputs = append(ids.Outputs, graph.Output{Name: strconv.Itoa(i), Value: n.Inputs[1]})
	}
	picked := b.Inline(ids, nil)
	rows, tables := map[string]*graph.Value{}, map[*graph.Value]*narrowTable{}
	for i, n := range gathers {
		table := n.Inputs[0]
		if tables[table] == nil {
			t, err := newNarrowTable(b, table, p)
			if err != nil {
				return nil, 0, fmt.Errorf("table %q: %w", table.Name(), err)
			}
			tables[table] = t
		}
		rows[n.Outputs[0].Name()] = tables[table].pick(b, picked[strconv.Itoa(i)])
	}
	out, err := rebuild(b, g, gathers, rows)
	return out, len(tables), err
}

// narrowTable is a table with the scales [V,1] of its rows; nil without.
type narrowTable struct{ rows, scales *graph.Value }

func newNarrowTable(b *graph.Builder, table *graph.Value, p Precision) (*narrowTable, error) {
	if p == Float16 {
		half, err := toHalf(table.Data())
		if err != nil {
			return nil, err
		}
		return &narrowTable{rows: b.Const(table.Name(), half)}, nil
	}
	if p == Int8 {
		rows, scales, err := quantizeRows(table.Data())
		if err != nil {
			return nil, err
		}
		column, err := scales.Reshape(scales.Len(), 1)
		return &narrowTable{b.Const(table.Name(), rows), b.Const(table.Name()+"/scales", column)}, err
	}
	return nil, fmt.Errorf("precision %q: want %s or %s", p, Float16, Int8)
}

// pick returns the rows of ids as float32.
func (t *narrowTable) pick(b *graph.Builder, ids *graph.Value) *graph.Value {
	rows := b.Cast(b.Gather(t.rows, ids, 0), tensor.Float32)
	if t.scales == nil {
		return rows
	}
	return b.Mul(rows, b.Gather(t.scales, ids, 0))
}

// picksRows says whether a node picks rows of a large constant table.
func picksRows(n *graph.Node) bool {
	const least = 1024
	if n.Op.Type != "Gather" || n.Attrs.Int("axis", 0) != 0 {
		return false
	}
	table := n.Inputs[0]
	return table.DType() == tensor.Float32 && table.Rank() == 2 && table.Data() != nil && table.Data().Len() >= least
}
