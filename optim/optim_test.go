package optim_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"recsys/optim"
	"recsys/tensor"
)

// torchCase is a case of testdata/torch.py.
type torchCase struct {
	Name, Rule string
	Settings   struct {
		Momentum, Beta1, Beta2, Eps, Initial, Decay, Beta, L1, L2 float64
		Nesterov                                                  bool
	}
	L2, Decay, Rate float64
	Sparse          bool
	Rows, Width     int
	Start, End      []float32
	Steps           []struct {
		IDs      []int64
		Gradient []float32
	}
}

func (c *torchCase) rule() optim.Rule {
	s := c.Settings
	switch c.Rule {
	case "sgd":
		return optim.SGD{Momentum: s.Momentum, Nesterov: s.Nesterov}
	case "adagrad":
		return optim.Adagrad{Epsilon: s.Eps, Initial: s.Initial, Decay: s.Decay}
	case "row_adagrad":
		return optim.RowAdagrad{Epsilon: s.Eps, Initial: s.Initial}
	case "ftrl":
		return optim.FTRL{Beta: s.Beta, L1: s.L1, L2: s.L2}
	}
	return optim.Adam{Beta1: s.Beta1, Beta2: s.Beta2, Epsilon: s.Eps}
}

// tolerance for a case, relative to max(1,|w|). PyTorch fuses multiplications with additions where the processor can,
// we round after every operation: in five steps some roundings of 2⁻²⁴ each. SparseAdam moreover adds Epsilon elsewhere.
// What numpy computed for the rules that PyTorch has not has the same bits.
func (c *torchCase) tolerance() float64 {
	if c.Rule == "row_adagrad" || c.Rule == "ftrl" {
		return 0
	}
	return 5e-7
}

// TestTorch compares with the parameters that PyTorch's optimisers arrive at.
func TestTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []torchCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name+"/sparse="+strconv.FormatBool(c.Sparse), func(t *testing.T) {
			w := tensor.Of(c.Start, c.Rows, c.Width)
			o := newOptimizer(t, tensor.Map{"w": w}, optim.Config{Rule: c.rule(), Rate: optim.Constant(c.Rate), L2: c.L2, Decay: c.Decay})
			for _, s := range c.Steps {
				g := optim.Gradients{Sparse: map[string]optim.Rows{"w": {IDs: s.IDs, Rows: s.Gradient}}}
				if !c.Sparse {
					g = optim.Gradients{Dense: tensor.Map{"w": tensor.Of(s.Gradient, c.Rows, c.Width)}}
				}
				if err := o.Step(g); err != nil {
					t.Fatal(err)
				}
			}
			for i, want := range c.End {
				if d := math.Abs(float64(c.Start[i] - want)); !(d <= c.tolerance()*max(1, math.Abs(float64(want)))) {
					t.Errorf("parameter %d: got %g, want %g", i, c.Start[i], want)
				}
			}
		})
	}
}

func newOptimizer(tb testing.TB, params tensor.Map, c optim.Config) *optim.Optimizer {
	tb.Helper()
	o, err := optim.New(params, c)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*rng.Float32() - 1
	}
	return x
}

// world is a table, a matrix and a few steps of gradients for them.
func world() (tensor.Map, []optim.Gradients) {
	rng := rand.New(rand.NewPCG(1, 2))
	params := tensor.Map{
		"table": tensor.Of(random(rng, 5000*16), 5000, 16), "w": tensor.Of(random(rng, 300*200), 300, 200),
		"bias": tensor.Of(random(rng, 200), 200), "idle": tensor.Of(random(rng, 4), 4),
	}
	steps := make([]optim.Gradients, 3)
	for i := range steps {
		rows := optim.Rows{}
		for id := range int64(5000) {
			if rng.IntN(2) == 0 {
				rows.IDs = append(rows.IDs, id)
			}
		}
		rows.Rows = random(rng, len(rows.IDs)*16)
		steps[i] = optim.Gradients{
			Dense:  tensor.Map{"w": tensor.Of(random(rng, 300*200), 300, 200), "bias": tensor.Of(random(rng, 200), 200)},
			Sparse: map[string]optim.Rows{"table": rows},
		}
	}
	return params, steps
}

// TestWorkers: any number of workers gives the same bits.
func TestWorkers(t *testing.T) {
	for _, rule := range []optim.Rule{optim.SGD{Momentum: 0.9}, optim.Adagrad{}, optim.Adam{}, optim.RowAdagrad{}, optim.FTRL{L1: 0.01}} {
		var want tensor.Map
		for _, workers := range []int{1, 2, 7} {
			params, steps := world()
			o := newOptimizer(t, params, optim.Config{
				Rule: rule, Rate: optim.Linear{Peak: 0.1, Warmup: 2}, ClipNorm: 1, L2: 0.1, Decay: 0.1, Workers: workers,
			})
			for _, g := range steps {
				if err := o.Step(g); err != nil {
					t.Fatal(err)
				}
			}
			if want == nil {
				want = params
			}
			for name, w := range want {
				if !params[name].Equal(w) {
					t.Errorf("%T with %d workers: parameter %q differs", rule, workers, name)
				}
			}
		}
	}
}

// TestResume: an optimiser that loads the state of another one goes on as that one does.
func TestResume(t *testing.T) {
	for _, rule := range []optim.Rule{optim.SGD{Momentum: 0.9}, optim.Adagrad{Initial: 0.5}, optim.Adam{}, optim.RowAdagrad{Initial: 0.5}, optim.FTRL{}} {
		config := optim.Config{Rule: rule, Rate: optim.Linear{Peak: 0.1, Warmup: 2, Total: 4}}
		params, steps := world()
		first := newOptimizer(t, params, config)
		for _, g := range steps[:2] {
			if err := first.Step(g); err != nil {
				t.Fatal(err)
			}
		}
		copied := tensor.Map{}
		for name, p := range params {
			copied[name] = p.Clone()
		}
		second := newOptimizer(t, copied, config)
		if err := second.LoadState(first.State()); err != nil {
			t.Fatal(err)
		}
		for _, o := range []*optim.Optimizer{first, second} {
			if err := o.Step(steps[2]); err != nil {
				t.Fatal(err)
			}
		}
		for name, p := range params {
			if !p.Equal(copied[name]) {
				t.Errorf("%T: parameter %q differs after resuming", rule, name)
			}
		}
		if first.Steps() != 3 || second.Steps() != 3 {
			t.Errorf("%T: %d and %d steps, want 3", rule, first.Steps(), second.Steps())
		}
	}
}

func TestLoadStateErrors(t *testing.T) {
	params, _ := world()
	o := newOptimizer(t, params, optim.Config{Rule: optim.Adagrad{}, Rate: optim.Constant(1)})
	tests := map[string]func(state tensor.Map){
		`no tensor "w/sum"`:    func(s tensor.Map) { delete(s, "w/sum") },
		`unknown tensor "w/m"`: func(s tensor.Map) { s["w/m"] = tensor.Scalar[float32](1) },
		`tensor "w/sum" is float32[2], want float32[300,200]`: func(s tensor.Map) { s["w/sum"] = tensor.Zeros(tensor.Float32, 2) },
		`tensor "step" is float32[], want int64[]`:            func(s tensor.Map) { s["step"] = tensor.Scalar[float32](1) },
	}
	for want, change := range tests {
		state := o.State()
		change(state)
		if err := o.LoadState(state); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestStepErrors(t *testing.T) {
	nan := float32(math.NaN())
	tests := map[string]optim.Gradients{
		`gradient of "x": no such parameter`:                     {Dense: tensor.Map{"x": tensor.Scalar[float32](1)}},
		`gradient of "y": no such parameter`:                     {Sparse: map[string]optim.Rows{"y": {}}},
		`gradient of "w" has to be float32[2,2], got float32[3]`: {Dense: tensor.Map{"w": tensor.Zeros(tensor.Float32, 3)}},
		`gradient of "w" is both dense and sparse`:               {Dense: tensor.Map{"w": tensor.Zeros(tensor.Float32, 2, 2)}, Sparse: map[string]optim.Rows{"w": {}}},
		`row 2 behind row -1 of 1: ids have to ascend in [0,2)`:  {Sparse: map[string]optim.Rows{"w": {IDs: []int64{2}, Rows: make([]float32, 2)}}},
		`row 1 behind row 1 of 2: ids have to ascend in [0,2)`:   {Sparse: map[string]optim.Rows{"w": {IDs: []int64{1, 1}, Rows: make([]float32, 4)}}},
		`2 ids with rows of 2 need 4 elements, got 3`:            {Sparse: map[string]optim.Rows{"w": {IDs: []int64{0, 1}, Rows: make([]float32, 3)}}},
		`rows are for parameters of rank 2, this is float32[2]`:  {Sparse: map[string]optim.Rows{"b": {IDs: []int64{0}, Rows: make([]float32, 1)}}},
		`gradient of "b" is not finite`:                          {Dense: tensor.Map{"b": tensor.Of([]float32{nan, 1}, 2)}},
	}
	for want, g := range tests {
		params := tensor.Map{"w": tensor.Zeros(tensor.Float32, 2, 2), "b": tensor.Zeros(tensor.Float32, 2)}
		o := newOptimizer(t, params, optim.Config{Rule: optim.SGD{}, Rate: optim.Constant(1), ClipNorm: 1})
		if err := o.Step(g); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
		if o.Steps() != 0 {
			t.Errorf("%s: the refused step was counted", want)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	rate := optim.Constant(1)
	tests := map[string]optim.Config{
		"Rule and Rate have to be set":   {Rule: optim.SGD{}},
		"Nesterov needs a Momentum":      {Rule: optim.SGD{Nesterov: true}, Rate: rate},
		"Momentum is 1; it has to be in": {Rule: optim.SGD{Momentum: 1}, Rate: rate},
		"Beta2 is 2":                     {Rule: optim.Adam{Beta2: 2}, Rate: rate},
		"row adagrad: Epsilon is 2":      {Rule: optim.RowAdagrad{Epsilon: 2}, Rate: rate},
		"ftrl: L1 is -1":                 {Rule: optim.FTRL{L1: -1}, Rate: rate},
		"Initial is -1":                  {Rule: optim.Adagrad{Initial: -1}, Rate: rate},
		"constant rate is -1":            {Rule: optim.SGD{}, Rate: optim.Constant(-1)},
		"ClipValue is -1":                {Rule: optim.SGD{}, Rate: rate, ClipValue: -1},
		"warm-up of -1 steps":            {Rule: optim.SGD{}, Rate: optim.Warmup{Steps: -1, Then: rate}},
		"Total is 0":                     {Rule: optim.SGD{}, Rate: optim.Cosine{}},
		"Factor is 0; it has":            {Rule: optim.SGD{}, Rate: optim.Exponential{Every: 1}},
		"Every is 0; it has":             {Rule: optim.SGD{}, Rate: optim.Exponential{Factor: 1}},
		"Warmup is 5 and Total 3":        {Rule: optim.SGD{}, Rate: optim.Linear{Warmup: 5, Total: 3}},
		`group "emb/": Scale is NaN`:     {Rule: optim.SGD{}, Rate: rate, Groups: []optim.Group{{Prefix: "emb/", Scale: math.NaN()}}},
	}
	for want, c := range tests {
		if _, err := optim.New(nil, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

func TestClip(t *testing.T) {
	// The gradients (3, 4) and (12) have the norm 13: SGD with rate 1 moves by them scaled to 6.5.
	params := tensor.Map{"w": tensor.Zeros(tensor.Float32, 1, 2), "b": tensor.Zeros(tensor.Float32, 1)}
	o := newOptimizer(t, params, optim.Config{Rule: optim.SGD{}, Rate: optim.Constant(1), ClipNorm: 6.5})
	g := optim.Gradients{
		Dense:  tensor.Map{"b": tensor.Of([]float32{12}, 1)},
		Sparse: map[string]optim.Rows{"w": {IDs: []int64{0}, Rows: []float32{3, 4}}},
	}
	if err := o.Step(g); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"w": {-1.5, -2}, "b": {-6}} {
		for i, v := range tensor.MustData[float32](params[name]) {
			if math.Abs(float64(v-want[i])) > 1e-5 { // 1e-6 is added to the norm
				t.Errorf("%s[%d] is %v, want %v", name, i, v, want[i])
			}
		}
	}
}

func TestGroups(t *testing.T) {
	params := tensor.Map{"emb/u": tensor.Of([]float32{1}, 1), "mlp/w": tensor.Of([]float32{1}, 1)}
	o := newOptimizer(t, params, optim.Config{
		Rule: optim.SGD{}, Rate: optim.Constant(0.5), L2: 1, Groups: []optim.Group{{Prefix: "emb/", Scale: 0.5, Decay: 1}},
	})
	one := tensor.Of([]float32{1}, 1)
	if err := o.Step(optim.Gradients{Dense: tensor.Map{"emb/u": one, "mlp/w": one}}); err != nil {
		t.Fatal(err)
	}
	// emb: 1·(1 - 0.25·1) - 0.25·1; mlp: 1 - 0.5·(1 + 1·1).
	if got := tensor.MustData[float32](params["emb/u"])[0]; got != 0.5 {
		t.Errorf("emb/u is %v, want 0.5", got)
	}
	if got := tensor.MustData[float32](params["mlp/w"])[0]; got != 0 {
		t.Errorf("mlp/w is %v, want 0", got)
	}
}

func TestSchedules(t *testing.T) {
	linear := optim.Linear{Peak: 1, Final: 0.2, Warmup: 4, Total: 8}
	tests := map[int64]float64{1: 0.25, 2: 0.5, 4: 1, 6: 0.6, 8: 0.2, 100: 0.2}
	for step, want := range tests {
		if got := linear.Rate(step); math.Abs(got-want) > 1e-15 {
			t.Errorf("step %d: rate %v, want %v", step, got, want)
		}
	}
	if got := (optim.Linear{Peak: 2}).Rate(1); got != 2 {
		t.Errorf("no warm-up: rate %v, want 2", got)
	}
}

func TestFallingSchedules(t *testing.T) {
	cosine := optim.Cosine{Peak: 1, Final: 0.2, Total: 6}
	smooth := optim.Exponential{Peak: 8, Factor: 0.25, Every: 4}
	stairs := optim.Exponential{Peak: 8, Factor: 0.25, Every: 4, Staircase: true}
	for name, test := range map[string]struct {
		schedule optim.Schedule
		want     map[int64]float64
	}{
		// The cosines of a third, half and two thirds of π are 1/2, 0 and -1/2.
		"cosine":      {cosine, map[int64]float64{2: 0.8, 3: 0.6, 4: 0.4, 6: 0.2, 99: 0.2}},
		"exponential": {smooth, map[int64]float64{1: 8, 3: 4, 5: 2, 9: 0.5}},
		"staircase":   {stairs, map[int64]float64{1: 8, 4: 8, 5: 2, 8: 2, 9: 0.5}},
		"warm-up":     {optim.Warmup{Steps: 4, Then: stairs}, map[int64]float64{1: 2, 2: 4, 4: 8, 5: 2}},
	} {
		for step, want := range test.want {
			// A cosine and a power are right but for the last places.
			if got := test.schedule.Rate(step); math.Abs(got-want) > 1e-15*8 {
				t.Errorf("%s, step %d: rate %v, want %v", name, step, got, want)
			}
		}
		if err := test.schedule.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClipValue clips (3, -4) and (12) to 3: SGD with rate 1 moves by them, scaled to half when the norm of what is left,
// √27, may be half of that.
func TestClipValue(t *testing.T) {
	for norm, scale := range map[float64]float64{0: 1, math.Sqrt(27) / 2: 0.5} {
		params := tensor.Map{"w": tensor.Zeros(tensor.Float32, 1, 2), "b": tensor.Zeros(tensor.Float32, 1)}
		o := newOptimizer(t, params, optim.Config{Rule: optim.SGD{}, Rate: optim.Constant(1), ClipValue: 3, ClipNorm: norm})
		g := optim.Gradients{
			Dense:  tensor.Map{"b": tensor.Of([]float32{12}, 1)},
			Sparse: map[string]optim.Rows{"w": {IDs: []int64{0}, Rows: []float32{3, -4}}},
		}
		if err := o.Step(g); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string][]float64{"w": {-3, 3}, "b": {-3}} {
			for i, v := range tensor.MustData[float32](params[name]) {
				if math.Abs(float64(v)-scale*want[i]) > 1e-5 { // 1e-6 is added to the norm
					t.Errorf("norm %g: %s[%d] is %v, want %v", norm, name, i, v, scale*want[i])
				}
			}
		}
	}
}
