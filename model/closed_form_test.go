package model_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/model"
	"recsys/onnx"
	"recsys/schema"
	"recsys/tensor"
	"recsys/test/ort"
)

// The world of the closed-form models: items first to worldItems-1 in two kinds, users with items of mostly one kind.
const (
	worldFirst = 3
	worldItems = worldFirst + 20
	worldUsers = 60
)

// world returns the users' items, some of them twice, one of no item, and the same as a dense matrix.
func world() (*model.UserItems, [][]float64) {
	rng := portable.New(1, "closed form")
	var users, items, rows []int32
	x := make([][]float64, worldUsers)
	add := func(user, item int) {
		rows = append(rows, int32(len(rows)))
		users, items = append(users, int32(user)), append(items, int32(item))
		if item >= worldFirst {
			x[user][item-worldFirst] = 1
		}
	}
	for u := range worldUsers - 1 { // The last user has nothing.
		x[u] = make([]float64, worldItems-worldFirst)
		for range 2 + rng.IntN(6) {
			item := worldFirst + (u%2+2*rng.IntN(10)+rng.IntN(8)/7)%(worldItems-worldFirst)
			add(u, item)
			if rng.IntN(4) == 0 {
				add(u, item)
			}
		}
	}
	x[worldUsers-1] = make([]float64, worldItems-worldFirst)
	add(0, 2)
	return model.NewUserItems(worldUsers, users, items, rows), x
}

// invert is Gauss-Jordan elimination in float64.
func invert(a [][]float64) [][]float64 {
	n := len(a)
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, n)
		out[i][i] = 1
	}
	for k := range n {
		for i := range n {
			if f := a[i][k] / a[k][k]; i != k {
				for j := range n {
					a[i][j] -= f * a[k][j]
					out[i][j] -= f * out[k][j]
				}
			}
		}
	}
	for i := range n {
		for j := range n {
			out[i][j] /= a[i][i]
		}
	}
	return out
}

func together(x [][]float64) [][]float64 {
	g := make([][]float64, len(x[0]))
	for i := range g {
		g[i] = make([]float64, len(x[0]))
		for j := range g {
			for _, row := range x {
				g[i][j] += row[i] * row[j]
			}
		}
	}
	return g
}

// scoresOf sums rows of w, by items from worldFirst on.
func scoresOf(w [][]float64, history []int32) []float32 {
	out := make([]float32, worldItems)
	for j := range w {
		sum := 0.0
		for _, i := range history {
			sum += w[int(i)-worldFirst][j]
		}
		out[worldFirst+j] = float32(sum)
	}
	return out
}

// pruned keeps the n entries of every column that are greatest by size.
func pruned(w [][]float64, n int) [][]float64 {
	out := make([][]float64, len(w))
	for i := range out {
		out[i] = make([]float64, len(w))
	}
	for j := range w {
		order := make([]int, len(w))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			return int(math.Copysign(1, math.Abs(w[b][j])-math.Abs(w[a][j])))
		})
		for _, i := range order[:n] {
			out[i][j] = w[i][j]
		}
	}
	return out
}

func TestItemItemModels(t *testing.T) {
	seen, x := world()
	g := together(x)
	cosine := make([][]float64, len(g))
	for i := range g {
		cosine[i] = make([]float64, len(g))
		for j := range g {
			if i != j {
				cosine[i][j] = g[i][j] / (math.Sqrt(g[i][i]*g[j][j]) + 2)
			}
		}
	}
	for i := range g {
		g[i][i] += 5
	}
	p := invert(g)
	ease := make([][]float64, len(p))
	for i := range p {
		ease[i] = make([]float64, len(p))
		for j := range p {
			if i != j {
				ease[i][j] = -p[i][j] / p[j][j]
			}
		}
	}
	fitEASE := func(neighbors int) func(*kernel.Set) (*model.ItemItem, error) {
		return func(k *kernel.Set) (*model.ItemItem, error) {
			return model.EASE{L2: 5, Neighbors: neighbors}.Fit(t.Context(), seen, worldItems, worldFirst, k)
		}
	}
	tests := map[string]struct {
		fit  func(*kernel.Set) (*model.ItemItem, error)
		want [][]float64
	}{
		"ease": {fitEASE(0), ease}, "ease, nearest": {fitEASE(4), pruned(ease, 4)}, "ease, more neighbours than items": {fitEASE(100), ease},
		"item_knn": {func(*kernel.Set) (*model.ItemItem, error) {
			return model.ItemKNN{Neighbors: 5, Shrink: 2}.Fit(t.Context(), seen, worldItems, worldFirst)
		}, pruned(cosine, 5)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, set := range kernel.Sets() {
				m, err := tc.fit(set)
				if err != nil {
					t.Fatal(err)
				}
				checkItemItem(t, m, tc.want, set)
				t.Run("ONNX Runtime agrees with "+set.Name, func(t *testing.T) { itemItemInONNXRuntime(t, m, tc.want) })
			}
		})
	}
}

// checkItemItem compares the scores of histories, and those of the graph for padded ones, with sums of w. Sums are of a
// few weights below 1, which the inversion leaves in error by some 1e-6.
func checkItemItem(t *testing.T, m *model.ItemItem, w [][]float64, set *kernel.Set) {
	t.Helper()
	near := cmpopts.EquateApprox(0, 1e-5)
	histories := [][]int32{{5}, {3, 22, 10}, {7, 8, 9, 10, 11}, {}}
	ids := make([]int64, 0, 5*len(histories))
	for _, h := range histories {
		got := make([]float32, worldItems)
		m.Score(got, append([]int32{0, 2}, append(h, h...)...)) // Padding, unknown items and repetitions count for nothing.
		if diff := cmp.Diff(scoresOf(w, h), got, near); diff != "" {
			t.Errorf("%s: scores of %v (-want +got):\n%s", set.Name, h, diff)
		}
		row := make([]int64, 5)
		for i, item := range h {
			row[i] = int64(item)
		}
		if len(h) == 3 {
			row[3], row[4] = row[1], 2 // again, and unknown
		}
		ids = append(ids, row...)
	}
	r, err := m.Retrieval(historySchema())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := exec.Compile(r.Query, exec.Options{Kernels: set})
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Run(t.Context(), tensor.Map{"encoded_history": tensor.Of(ids, len(histories), 5)})
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range histories {
		got := tensor.MustData[float32](out["query"].Rows(i, i+1))
		if diff := cmp.Diff(scoresOf(w, h), got, near); diff != "" {
			t.Errorf("%s: graph's scores of %v (-want +got):\n%s", set.Name, h, diff)
		}
	}
	if back := model.ReadItemItem(m.Name, r.Query, worldFirst); back == nil || back.Items() != worldItems {
		t.Errorf("%s: the model does not come back from its graph", set.Name)
	}
}

// itemItemInONNXRuntime compares the graph, run by ONNX Runtime, with sums of w: see checkItemItem for the tolerance.
func itemItemInONNXRuntime(t *testing.T, m *model.ItemItem, w [][]float64) {
	t.Helper()
	r, err := m.Retrieval(historySchema())
	if err != nil {
		t.Fatal(err)
	}
	file, err := onnx.Marshal(r.Query, onnx.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.Map{"encoded_history": tensor.Of([]int64{3, 22, 10, 22, 2, 0, 0, 0, 0, 0}, 2, 5)}
	scores := tensor.MustData[float32](ort.Run(t, file, in, nil)["query"])
	want := append(scoresOf(w, []int32{3, 22, 10}), make([]float32, worldItems)...)
	if diff := cmp.Diff(want, scores, cmpopts.EquateApprox(0, 1e-5)); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
}

func historySchema() schema.Schema {
	column := func(name string, length, cardinality int, tags ...schema.Tag) schema.Column {
		return schema.Column{
			Name: name, DType: schema.DType{DType: tensor.Int64}, Length: length, Cardinality: cardinality, Tags: tags,
		}
	}
	return schema.Schema{
		column("user_id", 0, worldFirst+worldUsers, schema.User, schema.ID, schema.Categorical),
		column("history", 5, worldItems, schema.User, schema.Sequence, schema.Categorical),
	}
}

// TestSLIMSolves: the weights of every item satisfy the conditions of Karush, Kuhn and Tucker, found in float64: where there is a
// weight the derivative is zero, elsewhere it is not negative. The descent ends where no weight moves by 1e-4, which leaves
// derivatives, sums over some 20 items of up to 30 users, off by some 0.01; a wrong penalty makes them 0.5 and more.
func TestSLIMSolves(t *testing.T) {
	const l1, l2, near = 1, 3, 0.02
	seen, x := world()
	g := together(x)
	for _, set := range kernel.Sets() {
		m, err := model.SLIM{L1: l1, L2: l2, Sweeps: 500}.Fit(t.Context(), seen, worldItems, worldFirst, set)
		if err != nil {
			t.Fatal(err)
		}
		w := make([][]float64, len(g))
		for i := range w {
			scores := make([]float32, worldItems)
			m.Score(scores, []int32{int32(worldFirst + i)})
			w[i] = make([]float64, len(g))
			for j := range w[i] {
				w[i][j] = float64(scores[worldFirst+j])
			}
		}
		some := 0
		for j := range g {
			for i := range g {
				if i == j {
					if w[i][j] != 0 {
						t.Errorf("%s: item %d has the weight %g for itself", set.Name, i, w[i][j])
					}
					continue
				}
				derivative := l1 + l2*w[i][j] - g[i][j]
				for k := range g {
					derivative += g[i][k] * w[k][j]
				}
				if w[i][j] > 0 {
					some++
				}
				if w[i][j] < 0 || derivative < -near || w[i][j] > 0 && derivative > near {
					t.Errorf("%s: weight [%d,%d] is %g with the derivative %g", set.Name, i, j, w[i][j], derivative)
				}
			}
		}
		if some < len(g) || some > len(g)*len(g)/2 {
			t.Errorf("%s: %d weights of %d are not zero", set.Name, some, len(g)*len(g))
		}
	}
	for _, s := range []model.SLIM{{L1: -1}, {L2: math.NaN()}, {Neighbors: -1}, {Sweeps: -1}} {
		if _, err := s.Fit(t.Context(), seen, worldItems, worldFirst, nil); err == nil || !strings.Contains(err.Error(), "have to be positive") {
			t.Errorf("%+v: error %v", s, err)
		}
	}
}

// TestIALSSolves: after many alternations every vector satisfies its normal equations, found in float64. float32 leaves them
// off by 1e-6; leaving out the weight of what is observed, or the exponent's argument, makes 0.4 and more.
func TestIALSSolves(t *testing.T) {
	seen, x := world()
	keys := make([]int64, worldUsers)
	for u := range keys {
		keys[u] = int64(worldFirst + u)
	}
	exponent := 0.5
	s := model.IALS{Dim: 4, L2: 0.3, Unobserved: 0.2, Exponent: &exponent, Iterations: 400}
	r, err := s.Fit(t.Context(), historySchema(), seen, keys, worldItems, worldFirst, kernel.Portable(), 1)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := exec.Compile(r.Query, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Run(t.Context(), tensor.Map{"encoded_user_id": tensor.Of(append([]int64{0, 1, 2}, keys...), worldFirst+worldUsers)})
	if err != nil {
		t.Fatal(err)
	}
	all := tensor.MustData[float32](out["query"])
	users, items := all[worldFirst*4:], tensor.MustData[float32](r.Items)[worldFirst*4:]
	if worst := residual(users, items, x, s, exponent); !(worst < 1e-4) {
		t.Errorf("users' normal equations are off by %g", worst)
	}
	turned := make([][]float64, len(x[0]))
	for i := range turned {
		for u := range x {
			turned[i] = append(turned[i], x[u][i])
		}
	}
	known := slices.Clone(users)
	clear(known[(worldUsers-1)*4:]) // who has nothing takes no part in learning
	if worst := residual(items, known, turned, s, exponent); !(worst < 1e-4) {
		t.Errorf("items' normal equations are off by %g", worst)
	}
	// Nobody's vector is the mean of those that there are.
	var mean [4]float32
	for u := range worldUsers - 1 {
		for d := range mean {
			mean[d] += users[u*4+d] / (worldUsers - 1)
		}
	}
	for _, row := range [][]float32{all[2*4 : 3*4], users[(worldUsers-1)*4:]} {
		if diff := cmp.Diff(mean[:], row, cmpopts.EquateApprox(1e-5, 1e-6)); diff != "" {
			t.Errorf("the vector of an unknown user (-mean +got):\n%s", diff)
		}
	}
}

// residual is the greatest element of A·w - b over all vectors w that have something to learn from.
func residual(vectors, others []float32, x [][]float64, s model.IALS, exponent float64) float64 {
	worst, d := 0.0, s.Dim
	m := 0.0 // others with anything
	for j := range x[0] {
		for i := range x {
			if x[i][j] > 0 {
				m++
				break
			}
		}
	}
	for i, row := range x {
		n := 0.0
		for _, v := range row {
			n += v
		}
		if n == 0 {
			continue
		}
		ridge := s.L2 * math.Pow(n+s.Unobserved*m, exponent)
		sum := make([]float64, d)
		for j, v := range row {
			product := 0.0
			for k := range d {
				product += float64(vectors[i*d+k]) * float64(others[j*d+k])
			}
			weight := s.Unobserved + (1-s.Unobserved)*v
			for k := range d {
				sum[k] += (weight*product - v) * float64(others[j*d+k])
			}
		}
		for k := range d {
			worst = max(worst, math.Abs(sum[k]+ridge*float64(vectors[i*d+k])))
		}
	}
	return worst
}

func TestClosedFormRefuses(t *testing.T) {
	seen, _ := world()
	noUser := historySchema()[1:]
	tests := map[string]struct {
		fit  func() error
		want string
	}{
		"negative l2": {func() error {
			_, err := model.EASE{L2: -1}.Fit(t.Context(), seen, worldItems, worldFirst, nil)
			return err
		}, `model "ease": l2 -1`},
		"a table of all weights too large": {func() error {
			_, err := model.EASE{}.Fit(t.Context(), seen, 20_000, worldFirst, nil)
			return err
		}, "a table of 1.6 GB, more than 16384 items may have; keep the greatest with neighbors"},
		"too many items": {func() error {
			_, err := model.EASE{Neighbors: 5}.Fit(t.Context(), seen, 50_000, worldFirst, nil)
			return err
		}, "raise min_frequency of the item's key, or use item_knn"},
		"negative shrink": {func() error {
			_, err := model.ItemKNN{Shrink: -1}.Fit(t.Context(), seen, worldItems, worldFirst)
			return err
		}, `model "item_knn": neighbors 100 and shrink -1`},
		"no user key": {func() error {
			_, err := model.IALS{}.Fit(t.Context(), noUser, seen, nil, worldItems, worldFirst, nil, 1)
			return err
		}, `model "ials": the schema has no categorical user id column`},
		"unobserved above 1": {func() error {
			_, err := model.IALS{Unobserved: 2}.Fit(t.Context(), historySchema(), seen, nil, worldItems, worldFirst, nil, 1)
			return err
		}, "unobserved in (0,1]"},
		"no history": {func() error {
			m, err := model.ItemKNN{}.Fit(t.Context(), seen, worldItems, worldFirst)
			if err != nil {
				return err
			}
			_, err = m.Retrieval(historySchema()[:1])
			return err
		}, "add a sequence of the item's key to features"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tc.fit(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one with %q", err, tc.want)
			}
		})
	}
}
