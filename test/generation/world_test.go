package generation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"recsys/client"
	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/generation"
	"recsys/graph"
	"recsys/tensor"
	"recsys/test/triton"
)

// base is that of the stamp's digits: every stage appends its generation.
const base = 1000

// stamp is what an answer carries whose stages are all of one generation.
func stamp(generation int64) int64 {
	s := int64(0)
	for range 3 {
		s = s*base + generation
	}
	return s
}

// stamped adds to each of the shop's three groups a stage that appends number to the stamp, from the stamp that the group before has made:
// an answer to which stages of two generations have contributed has a stamp of neither.
func stamped(t *testing.T, number int64) (ensemble.Ensemble, ensemble.Manifest) {
	t.Helper()
	e, m, err := ensembletest.Shop(uint64(number))
	if err != nil {
		t.Fatal(err)
	}
	for i := range e.Groups {
		name, from := "stamp_"+strconv.Itoa(i), "stamp_"+strconv.Itoa(i-1)
		if i == 0 {
			from = "user_id"
		}
		if i == len(e.Groups)-1 {
			name = "stamp"
		}
		b := graph.NewBuilder(name)
		before := b.Input(from, tensor.Int64, graph.Shape{graph.Sym(ensemble.BatchDim)})
		if i == 0 {
			before = b.Mul(before, b.Int64(0))
		}
		b.Output(name, b.Add(b.Mul(before, b.Int64(base)), b.Int64(number)))
		g, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		e.Groups[i].Stages = append(slices.Clone(e.Groups[i].Stages), ensemble.Stage{Name: name, Graph: g})
	}
	e.Outputs = append(slices.Clone(e.Outputs), "stamp")
	return e, m
}

// export writes the next generation, whose stages append number.
func export(t *testing.T, dir string, number int64) int64 {
	t.Helper()
	e, m := stamped(t, number)
	x, err := ensemble.Write(t.Context(), dir, e, m, ensemble.Options{MaxBatch: 8})
	if err != nil {
		t.Fatal(err)
	}
	return int64(x.Generation)
}

// request is a user's; what it asks for carries the stamp.
func request(user int64) (tensor.Map, []string) {
	return tensor.Map{
		"user_id": tensor.Of([]int64{user}, 1, 1), "likes": tensor.Of([]int64{user % 2, 1, 0}, 1, 3),
		"blocked": tensor.Zeros(tensor.Uint8, 1, 2),
	}, []string{"item_ids", "stamp"}
}

// checkStamp says what is wrong with an answer that names its generation.
func checkStamp(out tensor.Map, version string) error {
	g, err := strconv.ParseInt(version, 10, 64)
	if err != nil {
		return err
	}
	got := tensor.MustData[int64](out["stamp"])
	if len(got) != 1 || got[0] != stamp(g) {
		return fmt.Errorf("%w: the answer of generation %d has the stamp %v, want %d", errMixed, g, got, stamp(g))
	}
	return nil
}

var errMixed = errors.New("mixed")

func formatGeneration(g int64) string { return strconv.FormatInt(g, 10) }

// server is a Triton as the publisher sees it.
type server struct{ *client.Client }

func connect(t *testing.T, s *triton.Server) server {
	t.Helper()
	c, err := client.New(t.Context(), s.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return server{c}
}

func (s server) String() string { return "triton" }

func (s server) Load(ctx context.Context, model string) error {
	return s.Client.Load(ctx, model, client.LoadOptions{})
}

func (s server) Unload(ctx context.Context, model string) error {
	return s.Client.Unload(ctx, model, client.UnloadOptions{Dependents: true})
}

func (s server) Ready(ctx context.Context, model, version string) (bool, error) {
	return s.ModelReady(ctx, model, version)
}

// probes ask for one user's stamp.
func probes(want int64) func(context.Context, string, string) ([]generation.Probe, error) {
	return func(context.Context, string, string) ([]generation.Probe, error) {
		inputs, outputs := request(100)
		return []generation.Probe{{Inputs: inputs, Outputs: outputs, Check: func(out tensor.Map) error {
			return checkStamp(out, formatGeneration(want))
		}}}, nil
	}
}
