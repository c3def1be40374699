package ensembletest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/stage"
	"recsys/graph"
	"recsys/tensor"
)

// subject is a stage written in Go: twice the input.
func subject() ensembletest.Subject {
	return ensembletest.Subject{
		Config: &ensemble.Config{
			Inputs:  []ensemble.TensorConfig{{Name: "x", DType: tensor.Float32, Dims: []int64{3}}},
			Outputs: []ensemble.TensorConfig{{Name: "y", DType: tensor.Float32, Dims: []int64{3}}},
		},
		Infer: double,
	}
}

func double(_ context.Context, in tensor.Map) (tensor.Map, error) {
	y := in["x"].Clone()
	for i := range tensor.MustData[float32](y) {
		tensor.MustData[float32](y)[i] *= 2
	}
	return tensor.Map{"y": y}, nil
}

func TestGoodStages(t *testing.T) {
	t.Run("in Go", func(t *testing.T) { ensembletest.Run(t, subject()) })

	items := tensor.Of([]float32{0, 0, 1, 0, 0, 1, 1, 1, -1, 2, 3, 1}, 6, 2)
	keys := tensor.Of([]string{"", "b", "c", "d", "e", "f"}, 6)
	stages := map[string]func() (ensemble.Stage, error){
		"retrieve": func() (ensemble.Stage, error) {
			return stage.Retrieve(stage.Retrieval{Items: items, First: 1, Candidates: 4})
		},
		"retrieve from lists": func() (ensemble.Stage, error) {
			return stage.RetrieveIVF(stage.Retrieval{Items: items, First: 1, Candidates: 4}, stage.Lists{
				Centroids: tensor.Of([]float32{1, 1, 0, 1}, 2, 2), Items: [][]int32{{1, 3, 5}, {2, 4}}, Probes: 2,
			})
		},
		"guard":  func() (ensemble.Stage, error) { return stage.Guard(1, 6, 4) },
		"keys":   func() (ensemble.Stage, error) { return stage.Keys(keys, 1, 4) },
		"mask":   func() (ensemble.Stage, error) { return stage.Mask([]string{"keep"}, 4) },
		"pick":   func() (ensemble.Stage, error) { return stage.Pick(keys, 4, 3) },
		"filter": func() (ensemble.Stage, error) { return stage.Filter(6, 4) },
		"lookup": func() (ensemble.Stage, error) {
			return stage.Lookup(tensor.Map{"price": tensor.Of([]float32{0, 1, 2, 3, 4, 5}, 6), "tags": tensor.Zeros(tensor.Int64, 6, 2)}, nil, 4)
		},
		"order": func() (ensemble.Stage, error) {
			return stage.Order(stage.Ordering{Keys: keys, Blend: []stage.Term{{Tensor: "like", Weight: 1}}, Candidates: 4, Return: 3})
		},
		"features": func() (ensemble.Stage, error) {
			b := graph.NewBuilder("workflow")
			x := b.Input("brand", tensor.String, graph.Shape{graph.Sym("B")})
			b.Output("brand", b.LabelEncoder(x, tensor.Of([]string{"a", "c"}, 2), tensor.Of([]int64{3, 4}, 2), tensor.Of([]int64{2}, 1)))
			g, err := b.Build()
			if err != nil {
				return ensemble.Stage{}, err
			}
			return stage.Features(g)
		},
	}
	for name, build := range stages {
		t.Run(name, func(t *testing.T) {
			s, err := build()
			if err != nil {
				t.Fatal(err)
			}
			sub, err := ensembletest.Graph(s)
			if err != nil {
				t.Fatal(err)
			}
			ensembletest.Run(t, sub)
		})
	}
}

func TestShop(t *testing.T) {
	e, _, err := ensembletest.Shop(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		stages, err := e.Fuse(fuse)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range stages {
			t.Run(string(fuse)+"/"+s.Name, func(t *testing.T) {
				sub, err := ensembletest.Graph(s)
				if err != nil {
					t.Fatal(err)
				}
				ensembletest.Run(t, sub)
			})
		}
	}
}

func TestBrokenStages(t *testing.T) {
	var calls atomic.Int64
	tests := []struct {
		name  string
		infer func(ctx context.Context, in tensor.Map) (tensor.Map, error)
		want  string
	}{
		{"error", func(context.Context, tensor.Map) (tensor.Map, error) { return nil, errors.New("boom") }, "boom"},
		{"missing output", func(context.Context, tensor.Map) (tensor.Map, error) { return tensor.Map{}, nil }, `output "y" is declared but not given`},
		{"undeclared output", func(ctx context.Context, in tensor.Map) (tensor.Map, error) {
			out, err := double(ctx, in)
			out["z"] = out["y"]
			return out, err
		}, `output "z" is given but not declared`},
		{"type", func(_ context.Context, in tensor.Map) (tensor.Map, error) {
			return tensor.Map{"y": tensor.Zeros(tensor.Int64, in["x"].Shape()...)}, nil
		}, `output "y" is int64[5,3], declared is float32[5,3]`},
		{"no batch axis", func(context.Context, tensor.Map) (tensor.Map, error) {
			return tensor.Map{"y": tensor.Zeros(tensor.Float32, 3)}, nil
		}, `output "y" is float32[3], declared is float32[5,3]`},
		{"shape by data", func(ctx context.Context, in tensor.Map) (tensor.Map, error) {
			out, err := double(ctx, in)
			if tensor.MustData[float32](in["x"])[0] == 0 {
				out["y"] = tensor.Zeros(tensor.Float32, in["x"].Dim(0), 2)
			}
			return out, err
		}, `a request of zeros, as in a warm-up: output "y" is float32[5,2]`},
		{"mean over the batch", func(_ context.Context, in tensor.Map) (tensor.Map, error) {
			y := in["x"].Clone()
			data := tensor.MustData[float32](y)
			for i := range data {
				data[i] -= data[0]
			}
			return tensor.Map{"y": y}, nil
		}, "a batch split at 1: output \"y\" differs"},
		{"place in the batch", func(_ context.Context, in tensor.Map) (tensor.Map, error) {
			y := in["x"].Clone()
			data := tensor.MustData[float32](y)
			for i := range data {
				data[i] += float32(i / 3)
			}
			return tensor.Map{"y": y}, nil
		}, "users in another order"},
		{"state", func(ctx context.Context, in tensor.Map) (tensor.Map, error) {
			out, err := double(ctx, in)
			tensor.MustData[float32](out["y"])[0] += float32(calls.Add(1))
			return out, err
		}, "the same request again"},
		{"fails on zeros", func(ctx context.Context, in tensor.Map) (tensor.Map, error) {
			if tensor.MustData[float32](in["x"])[0] == 0 {
				return nil, errors.New("division by zero")
			}
			return double(ctx, in)
		}, "a request of zeros, as in a warm-up: division by zero"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := subject()
			s.Infer = tt.infer
			err := ensembletest.Check(t.Context(), s, 1)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func ExampleCheck() {
	s := subject()
	s.Infer = func(_ context.Context, in tensor.Map) (tensor.Map, error) {
		return tensor.Map{"y": in["x"].Rows(0, 1)}, nil
	}
	fmt.Println(ensembletest.Check(context.Background(), s, 1))
	// Output: a request for 5 users: output "y" is float32[1,3], declared is float32[5,3]
}
