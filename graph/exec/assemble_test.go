package exec_test

import (
	"strings"
	"testing"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// TestAssemble: a Concat of lookups copies rows straight to their place.
func TestAssemble(t *testing.T) {
	tests := []struct {
		name  string
		build func(b *graph.Builder, x, y, z *graph.Value) []*graph.Value // x, y lookups [B,8]; z [B,3]
		want  []string
	}{
		{"rows", func(b *graph.Builder, x, y, _ *graph.Value) []*graph.Value {
			return []*graph.Value{b.Concat(1, x, y, x)}
		}, []string{"gather: Gather", "concat: Assemble"}}, // x has two readers
		{"with a value", func(b *graph.Builder, x, y, z *graph.Value) []*graph.Value {
			return []*graph.Value{b.Concat(-1, z, x, y, z)}
		}, []string{"concat: Assemble"}},
		{"stacked", func(b *graph.Builder, x, y, _ *graph.Value) []*graph.Value {
			return []*graph.Value{b.Concat(-2, b.Unsqueeze(x, []int64{-2}), b.Unsqueeze(y, []int64{-2}))}
		}, []string{"concat: Assemble"}},
		{"lists", func(b *graph.Builder, x, _, z *graph.Value) []*graph.Value {
			ids := b.Input("list_id", tensor.Int64, graph.Shape{graph.Sym("B"), graph.Fixed(5)})
			list := b.Gather(b.Param("list", graph.Dims(testRows, 8), graph.Uniform(1)), ids, 0)
			return []*graph.Value{b.Concat(1, z, b.Reshape(list, b.Int64s(-1, 40)), x)}
		}, []string{"concat: Assemble"}},
		{"a lookup that is an output", func(b *graph.Builder, x, y, z *graph.Value) []*graph.Value {
			return []*graph.Value{x, b.Concat(1, x, y, z)}
		}, []string{"gather: Gather", "concat: Assemble"}},
		{"values alone", func(b *graph.Builder, x, _, z *graph.Value) []*graph.Value {
			return []*graph.Value{b.Concat(1, b.Exp(x), z)}
		}, []string{"gather: Gather", "exp: Exp", "concat: Concat"}},
		{"along the batch", func(b *graph.Builder, x, y, _ *graph.Value) []*graph.Value {
			return []*graph.Value{b.Concat(0, x, y)}
		}, []string{"gather: Gather", "gather_2: Gather", "concat: Concat"}},
		{"columns of a table", func(b *graph.Builder, x, _, _ *graph.Value) []*graph.Value {
			ids := b.Const("columns", tensor.Of([]int64{1, 0, 1}, 3))
			return []*graph.Value{b.Concat(1, b.Gather(x, ids, 1), b.Exp(x))}
		}, []string{"gather: Gather", "gather_3: Gather", "exp: Exp", "concat: Concat"}},
		{"half rows", func(b *graph.Builder, x, y, _ *graph.Value) []*graph.Value {
			half := func(v *graph.Value) *graph.Value { return b.Reshape(v, b.Int64s(-1, 4)) }
			return []*graph.Value{b.Concat(1, half(x), half(b.Exp(y)))}
		}, []string{"gather: Gather", "gather_2: Gather", "reshape: Reshape", "exp: Exp", "reshape_2: Reshape", "concat: Concat"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := build(t, func(b *graph.Builder) { lookups(b, test.build) })
			agree(t, g, test.want, 0, 1, 31, 100)
			if !strings.Contains(test.want[len(test.want)-1], "Assemble") {
				return
			}
			in := stepInputs(compile(t, g, exec.Options{}), 3000, testRows)
			one, err := compile(t, g, exec.Options{}).Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			many, err := compile(t, g, exec.Options{Threads: 3}).Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range one {
				if !many[name].Equal(v) {
					t.Errorf("output %q differs with three threads", name)
				}
			}
		})
	}
}

func lookups(b *graph.Builder, f func(b *graph.Builder, x, y, z *graph.Value) []*graph.Value) {
	table := func(name string) *graph.Value {
		ids := b.Input(name+"_id", tensor.Int64, graph.Shape{graph.Sym("B")})
		return b.Gather(b.Param(name, graph.Dims(testRows, 8), graph.Uniform(1)), ids, 0)
	}
	for i, v := range f(b, table("x"), table("y"), b.Input("z", tensor.Float32, batch(3))) {
		b.Output(string(rune('a'+i)), v)
	}
}

// TestAssembleIDs: ids may count from the end; those beyond the table fail with the name of their Gather.
func TestAssembleIDs(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		lookups(b, func(b *graph.Builder, x, y, z *graph.Value) []*graph.Value {
			return []*graph.Value{b.Concat(1, x, y, z)}
		})
	})
	for _, set := range kernel.Sets() {
		plan := compile(t, g, exec.Options{Kernels: set})
		in := stepInputs(plan, 4, testRows)
		tensor.MustData[int64](in["x_id"])[2] = -1
		agreeOn(t, g, plan, set, in)
		for _, id := range []int64{testRows, -testRows - 1} {
			tensor.MustData[int64](in["y_id"])[3] = id
			_, err := plan.Run(t.Context(), in)
			if err == nil || !strings.Contains(err.Error(), `node "gather_2" (Gather): `) || strings.Contains(err.Error(), "concat") {
				t.Errorf("got error %v, want one of gather_2", err)
			}
		}
	}
}
