package ensembletest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"recsys/ensemble"
	"recsys/internal/portable"
	"recsys/tensor"
)

// batch is the number of users in the requests: enough to split unevenly.
const batch = 5

// Check returns what keeps the subject out of an ensemble, joined; nil if nothing was found. The same seed makes the same requests.
func Check(ctx context.Context, s Subject, seed uint64) error {
	if s.Tolerance == 0 {
		s.Tolerance = 1e-5
	}
	if s.Draw == nil {
		s.Draw = draw
	}
	whole := s.request(portable.New(seed, "ensembletest"), batch)
	out, err := s.ask(ctx, whole)
	if err != nil {
		return fmt.Errorf("a request for %d users: %w", batch, err)
	}
	var errs []error
	for _, check := range []func(context.Context, tensor.Map, tensor.Map) error{s.again, s.split, s.permuted, s.zeros, s.otherData} {
		errs = append(errs, check(ctx, whole, out))
	}
	return errors.Join(errs...)
}

// request draws an input for each of n users.
func (s Subject) request(rng *portable.Rand, n int) tensor.Map {
	in := tensor.Map{}
	for _, t := range s.Config.Inputs {
		rows := make([]*tensor.Tensor, n)
		for i := range rows {
			row := s.Draw(rng, t)
			row, err := row.Reshape(append([]int{1}, row.Shape()...)...)
			if err != nil {
				panic("ensembletest: " + err.Error()) // one element more or less is impossible
			}
			rows[i] = row
		}
		in[t.Name] = concat(rows...)
	}
	return in
}

func concat(rows ...*tensor.Tensor) *tensor.Tensor {
	t, err := tensor.Concat(rows...)
	if err != nil {
		panic("ensembletest: Draw gives tensors of different shapes: " + err.Error())
	}
	return t
}

func draw(rng *portable.Rand, t ensemble.TensorConfig) *tensor.Tensor {
	shape := make([]int, len(t.ModelDims()))
	for i, d := range t.ModelDims() {
		shape[i] = int(d)
	}
	x := tensor.Zeros(t.DType, shape...)
	switch data := x.Any().(type) {
	case []float32:
		for i := range data {
			data[i] = float32(2*rng.Float32()) - 1
		}
	case []int64:
		for i := range data {
			data[i] = int64(rng.Float32() * 4)
		}
	case []int32:
		for i := range data {
			data[i] = int32(rng.Float32() * 4)
		}
	case []uint8:
		for i := range data {
			data[i] = uint8(rng.Float32() * 256)
		}
	case []bool:
		for i := range data {
			data[i] = rng.Float32() < 0.5
		}
	case []string:
		for i := range data {
			data[i] = string(rune('a' + int(rng.Float32()*4)))
		}
	}
	return x
}

// ask answers a request and checks the declaration.
func (s Subject) ask(ctx context.Context, in tensor.Map) (tensor.Map, error) {
	n := in[s.Config.Inputs[0].Name].Dim(0)
	out, err := s.Infer(ctx, in)
	if err != nil {
		return nil, err
	}
	declared := map[string]bool{}
	var errs []error
	for _, t := range s.Config.Outputs {
		declared[t.Name] = true
		want := []int{n}
		for _, d := range t.ModelDims() {
			want = append(want, int(d))
		}
		got := out[t.Name]
		if got == nil {
			errs = append(errs, fmt.Errorf("output %q is declared but not given", t.Name))
			continue
		}
		if got.DType() != t.DType || !slices.Equal(got.Shape(), want) {
			errs = append(errs, fmt.Errorf("output %q is %s, declared is %s%s", t.Name, got, t.DType, tensor.FormatShape(want)))
		}
	}
	for _, name := range out.Names() {
		if !declared[name] {
			errs = append(errs, fmt.Errorf("output %q is given but not declared", name))
		}
	}
	return out, errors.Join(errs...)
}

// again asks the same: state from request to request is not allowed.
func (s Subject) again(ctx context.Context, whole, want tensor.Map) error {
	got, err := s.ask(ctx, whole)
	if err != nil {
		return fmt.Errorf("the same request again: %w", err)
	}
	return s.compare("the same request again", want, got)
}

// split asks for the users in parts.
func (s Subject) split(ctx context.Context, whole, want tensor.Map) error {
	for _, cut := range []int{1, 3} {
		var parts []tensor.Map
		for _, r := range [][2]int{{0, cut}, {cut, batch}} {
			in := tensor.Map{}
			for name, t := range whole {
				in[name] = t.Rows(r[0], r[1])
			}
			out, err := s.ask(ctx, in)
			if err != nil {
				return fmt.Errorf("users %d to %d of a request: %w", r[0], r[1]-1, err)
			}
			parts = append(parts, out)
		}
		joined := tensor.Map{}
		for name := range want {
			joined[name] = concat(parts[0][name], parts[1][name])
		}
		if err := s.compare(fmt.Sprintf("a batch split at %d", cut), want, joined); err != nil {
			return err
		}
	}
	return nil
}

// permuted asks for the users in another order.
func (s Subject) permuted(ctx context.Context, whole, want tensor.Map) error {
	order := []int{3, 0, 4, 2, 1}
	got, err := s.ask(ctx, pick(whole, order))
	if err != nil {
		return fmt.Errorf("users in another order: %w", err)
	}
	return s.compare("users in another order", pick(want, order), got)
}

func pick(m tensor.Map, order []int) tensor.Map {
	out := tensor.Map{}
	for name, t := range m {
		rows := make([]*tensor.Tensor, len(order))
		for i, row := range order {
			rows[i] = t.Rows(row, row+1)
		}
		out[name] = concat(rows...)
	}
	return out
}

// zeros asks what servers warm up with.
func (s Subject) zeros(ctx context.Context, whole, _ tensor.Map) error {
	in := tensor.Map{}
	for name, t := range whole {
		in[name] = tensor.Zeros(t.DType(), t.Shape()...)
	}
	if _, err := s.ask(ctx, in); err != nil {
		return fmt.Errorf("a request of zeros, as in a warm-up: %w", err)
	}
	return nil
}

// otherData asks with other data: ask checks that shapes are the same.
func (s Subject) otherData(ctx context.Context, _, _ tensor.Map) error {
	for seed := range uint64(8) {
		if _, err := s.ask(ctx, s.request(portable.New(seed, "ensembletest/data"), batch)); err != nil {
			return fmt.Errorf("a request with other data: %w", err)
		}
	}
	return nil
}

func (s Subject) compare(what string, want, got tensor.Map) error {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if err := s.same(want[name], got[name]); err != nil {
			return fmt.Errorf("%s: output %q differs: %w", what, name, err)
		}
	}
	return nil
}

func (s Subject) same(want, got *tensor.Tensor) error {
	if got == nil || want.DType() != got.DType() || !slices.Equal(want.Shape(), got.Shape()) {
		return fmt.Errorf("%s, not %s", got, want)
	}
	a, ok := want.Any().([]float32)
	if !ok {
		if !want.Equal(got) {
			return fmt.Errorf("%v, not %v", got.Any(), want.Any())
		}
		return nil
	}
	for i, x := range a {
		y := tensor.MustData[float32](got)[i]
		limit := s.Tolerance * max(1, math.Abs(float64(x)), math.Abs(float64(y)))
		if x != y && !(x != x && y != y) && !(math.Abs(float64(x)-float64(y)) <= limit) {
			return fmt.Errorf("element %d is %v, not %v", i, y, x)
		}
	}
	return nil
}
