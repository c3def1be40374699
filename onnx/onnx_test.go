package onnx_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); go test -update accepts it:\n%s", path, diff)
	}
}

func build(tb testing.TB, b *graph.Builder) *graph.Graph {
	tb.Helper()
	g, err := b.Build()
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func marshal(tb testing.TB, g *graph.Graph) []byte {
	tb.Helper()
	data, err := onnx.Marshal(g, onnx.Meta{})
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// tower is a graph with an embedding, parameters, constants of several types, an attribute and two outputs, one of which is
// called like a node that is none.
func tower(tb testing.TB) *graph.Graph {
	tb.Helper()
	b := graph.NewBuilder("tower")
	ids := b.Input("ids", tensor.Int64, graph.Shape{graph.Sym("B"), graph.Fixed(2)})
	dense := b.Input("dense", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(1)})
	table := b.Param("user/embedding", graph.Dims(5, 3), nil)
	rows := b.Reshape(b.Gather(table, ids, 0), b.Int64s(0, 6))
	x := b.Concat(1, rows, b.Mul(dense, b.Float32(0.5)))
	w := b.Param("user/dense/weight", graph.Dims(7, 2), nil)
	defer b.Scope("head")()
	h := b.Relu(b.MatMul(x, w))
	b.Output("concat", h)
	b.Output("query", b.Add(h, b.Const("offset", tensor.Of([]float32{1, 2}, 2))))
	g := build(tb, b)
	for i, p := range g.Params {
		sizes, _ := p.Shape.Fixed()
		p.Data = tensor.Zeros(tensor.Float32, sizes...)
		for k := range tensor.MustData[float32](p.Data) {
			tensor.MustData[float32](p.Data)[k] = float32(k%7-3) / float32(4+i)
		}
	}
	return g
}

func TestMarshalGolden(t *testing.T) {
	g := tower(t)
	text, err := onnx.Dump(g)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "tower.txt", []byte(text))
	golden(t, "tower.onnx", marshal(t, g))
}

func TestReadBackIsWrittenAsTheSameBytes(t *testing.T) {
	want := marshal(t, tower(t))
	g, err := onnx.Unmarshal(want, onnx.AsParams())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(marshal(t, g))); diff != "" {
		t.Errorf("with parameters (-first +second):\n%s", diff)
	}
	var paths []string
	for _, p := range g.Params {
		paths = append(paths, p.Path)
	}
	if diff := cmp.Diff([]string{"user/dense/weight", "user/embedding"}, paths); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}

	constant, err := onnx.Unmarshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(constant.Params); n > 0 {
		t.Errorf("read without AsParams the graph has %d parameters, want none", n)
	}
	again, err := onnx.Unmarshal(marshal(t, constant))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(marshal(t, constant)), string(marshal(t, again))); diff != "" {
		t.Errorf("without parameters (-first +second):\n%s", diff)
	}
}

func TestEveryElementTypeRoundTrips(t *testing.T) {
	tensors := []*tensor.Tensor{
		tensor.Of([]bool{true, false}, 2), tensor.Of([]uint8{0, 255}, 2), tensor.Of([]uint16{1, 65535}, 2),
		tensor.Of([]uint32{1, 1 << 31}, 2), tensor.Of([]uint64{1, 1 << 63}, 2), tensor.Of([]int8{-128, 127}, 2),
		tensor.Of([]int16{-32768, 1}, 2), tensor.Of([]int32{-1, 1 << 30}, 2), tensor.Of([]int64{tensor.NullInt64, 1}, 2),
		tensor.Of([]tensor.F16{0x3c00, 1}, 2), tensor.Of([]tensor.BF16{0x3f80, 1}, 2), tensor.Of([]float32{-1.5, 3}, 2),
		tensor.Of([]float64{1e300, -0.1}, 2), tensor.Of([]string{"", "ü\x00"}, 2), tensor.Of([]int64{}, 0, 3),
		tensor.Of([]string{}, 0), tensor.Scalar(float32(2)),
	}
	for _, want := range tensors {
		t.Run(want.String(), func(t *testing.T) {
			b := graph.NewBuilder("constant")
			b.Output("y", b.Identity(b.Const("x", want)))
			g, err := onnx.Unmarshal(marshal(t, build(t, b)))
			if err != nil {
				t.Fatal(err)
			}
			if got := g.Nodes[0].Inputs[0].Data(); !got.Equal(want) {
				t.Errorf("read back %s %v, want %s %v", got, got.Any(), want, want.Any())
			}
		})
	}
}

func TestAbsentOptionalInputs(t *testing.T) {
	b := graph.NewBuilder("clip")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B")})
	b.Output("y", b.Clip(b.Clip(x, nil, b.Float32(1)), b.Float32(-1), nil))
	data := marshal(t, build(t, b))
	g, err := onnx.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(data), string(marshal(t, g))); diff != "" {
		t.Errorf("read back (-first +second):\n%s", diff)
	}
	text, err := onnx.Dump(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"clip = Clip(x, -, const) ", "y = Clip(clip, const_2) "} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
}

func TestMarshalErrors(t *testing.T) {
	float := func(b *graph.Builder, name string) *graph.Value {
		return b.Input(name, tensor.Float32, graph.Shape{graph.Sym("B")})
	}
	tests := []struct {
		name  string
		build func(b *graph.Builder)
		want  string
	}{
		{
			"output named as an input",
			func(b *graph.Builder) { b.Output("x", b.Relu(float(b, "x"))) },
			`write graph "g" as ONNX: an output and an input are both called "x": rename one`,
		},
		{
			"output named as a parameter",
			func(b *graph.Builder) { b.Output("w", b.Add(float(b, "x"), b.Param("w", graph.Dims(1), nil))) },
			`write graph "g" as ONNX: an output and a parameter are both called "w": rename one`,
		},
		{
			"parameter without data",
			func(b *graph.Builder) { b.Output("y", b.Add(float(b, "x"), b.Param("w", graph.Dims(1), nil))) },
			`write graph "g" as ONNX: parameter "w" has no data: initialise or load the graph first`,
		},
		{
			"operator of our own",
			func(b *graph.Builder) {
				own := *graph.Standard()["Relu"]
				own.Domain = "recsys"
				b.Output("y", b.Apply(&own, nil, float(b, "x"))[0])
			},
			`write graph "g" as ONNX: node "relu": operator recsys.Relu of version 14 cannot be written: domain "recsys" is written at version 0`,
		},
		{
			"more than 2 GiB", // of zeros that no one touches, so that they take no memory
			func(b *graph.Builder) {
				rows := graph.Fixed(1 << 20)
				x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), rows})
				small := b.Const("small", tensor.Zeros(tensor.Float32, 1<<20, 1))
				b.Output("y", b.MatMul(b.MatMul(x, small), b.Const("large", tensor.Zeros(tensor.Float32, 1, 1<<29))))
			},
			`write graph "g" as ONNX: initialisers have 2151677952 bytes, more than the 2147483647 that protobuf reads, most of them (2147483648) ` +
				`in tensor "large"; write it to a path with external data or make the table smaller`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := graph.NewBuilder("g")
			tt.build(b)
			_, err := onnx.Marshal(build(t, b), onnx.Meta{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestConstantsAreWrittenOnce(t *testing.T) {
	table := tensor.Of(make([]float32, 1000), 1000)
	b := graph.NewBuilder("shared")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(1000)})
	b.Output("y", b.Mul(b.Add(x, b.Const("left", table)), b.Const("right", table)))
	if n := len(marshal(t, build(t, b))); n > 5000 {
		t.Errorf("the model has %d bytes, want one copy of a constant of 4000", n)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model.onnx")
	if err := onnx.Write(path, tower(t), onnx.Meta{Doc: "d", Properties: map[string]string{"b": "2", "a": "1"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := onnx.Read(path); err != nil {
		t.Fatal(err)
	}
	if _, err := onnx.Read(filepath.Join(dir, "none.onnx")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v, want fs.ErrNotExist", err)
	}
	if err := os.WriteFile(path, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := onnx.Read(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want one with the path", err)
	}
	b := graph.NewBuilder("g")
	b.Output("y", b.Relu(b.Param("w", graph.Dims(1), nil)))
	if err := onnx.Write(path, build(t, b), onnx.Meta{}); err == nil {
		t.Error("a graph without data was written")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("the folder has %d files, want the model alone", len(entries))
	}
}
