package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/internal/parallel"
	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
)

// IALS are the settings of matrix factorisation by implicit alternating least squares (Hu, Koren and Volinsky 2008, in
// the form of Rendle et al. 2022): vectors w of users and h of items minimise
//
//	Σ over a user's items (<w,h> - 1)² + Unobserved·Σ over the others <w,h>² + Σ L2·(n + Unobserved·m)^Exponent·|w|²
//
// and the same for items, where n is the number of the user's items and m that of all. Each alternation solves for the
// users' and then for the items' vectors by conjugate gradients (Takács, Pilászy and Tikk 2011).
type IALS struct {
	// Dim is the width of the vectors; 0 means 128.
	Dim int `json:"dim,omitempty"`
	// L2 is the weight of the squared length of a vector; 0 means 0.003.
	L2 float64 `json:"l2,omitempty"`
	// Exponent makes the regularisation of a vector grow with what there is to learn it from; 0 is the same for all.
	// Nil means 1.
	Exponent *float64 `json:"exponent,omitempty"`
	// Unobserved is the weight of a pair that did not meet beside one that did, in (0,1]; 0 means 0.3.
	Unobserved float64 `json:"unobserved,omitempty"`
	// Iterations is the number of alternations; 0 means 16.
	Iterations int `json:"iterations,omitempty"`
}

// gradientSteps is the number of steps of conjugate gradients in an alternation, from the vector of the last one on: few
// are enough, as the other side moves next.
const gradientSteps = 3

func (s IALS) withDefaults() (IALS, float64) {
	if s.Dim == 0 {
		s.Dim = 128
	}
	if s.L2 == 0 {
		s.L2 = 0.003
	}
	if s.Unobserved == 0 {
		s.Unobserved = 0.3
	}
	if s.Iterations == 0 {
		s.Iterations = 16
	}
	exponent := 1.0
	if s.Exponent != nil {
		exponent = *s.Exponent
	}
	return s, exponent
}

// Fit learns from the users' items, of which an item counts once for a user. Keys are the encoded ids of the user rows,
// those from first on, by which a request finds its user's vector; ids that no user with items has get the mean of all.
// Items is V. Nil kernels are kernel.Best(). The result depends on the kernel set and the seed alone.
func (s IALS) Fit(
	ctx context.Context, sc schema.Schema, seen *UserItems, keys []int64, items, first int, kernels *kernel.Set, seed uint64,
) (*Retrieval, error) {
	s, exponent := s.withDefaults()
	user, err := key(sc, schema.User)
	if err == nil && (s.Dim < 0 || !(s.L2 > 0) || !(s.Unobserved > 0 && s.Unobserved <= 1) || s.Iterations < 0 || !(exponent >= 0)) {
		err = errors.New("dim, l2 and iterations have to be positive, unobserved in (0,1] and exponent not negative")
	}
	if err != nil {
		return nil, fmt.Errorf(`model "ials": %w`, err)
	}
	if kernels == nil {
		kernels = kernel.Best()
	}
	sets := seen.sets(first, items)
	f := &factors{k: kernels, dim: s.Dim, unobserved: float32(s.Unobserved), l2: s.L2, exponent: exponent}
	byUser := side{sets, f.random(sets.Users(), seed, "users")}
	byItem := side{sets.inverted(items), f.random(items, seed, "items")}
	byUser.clearEmpty(s.Dim)
	byItem.clearEmpty(s.Dim)
	for range s.Iterations {
		for _, pair := range [2][2]side{{byUser, byItem}, {byItem, byUser}} {
			if err := f.solve(ctx, pair[0], pair[1]); err != nil {
				return nil, err
			}
		}
	}
	g, err := f.query(user, byUser, keys)
	if err != nil {
		return nil, err
	}
	return &Retrieval{Name: "ials", Query: g, Items: tensor.Of(byItem.vectors, items, s.Dim), First: first}, nil
}

// side is the vectors of users with their items, or of items with their users.
type side struct {
	of      *UserItems
	vectors []float32
}

// clearEmpty makes the vectors zero that nothing is known of.
func (s side) clearEmpty(dim int) {
	for i := range s.of.Users() {
		if len(s.of.Of(int32(i))) == 0 {
			clear(s.vectors[i*dim : (i+1)*dim])
		}
	}
}

// present is the number of vectors that something is known of.
func (s side) present() int {
	n := 0
	for i := range s.of.Users() {
		if len(s.of.Of(int32(i))) > 0 {
			n++
		}
	}
	return n
}

type factors struct {
	k            *kernel.Set
	dim          int
	unobserved   float32
	l2, exponent float64
}

// random returns n vectors whose products with one another have a size below 1.
func (f *factors) random(n int, seed uint64, name string) []float32 {
	rng := portable.New(seed, "ials/"+name)
	x := make([]float32, n*f.dim)
	for i := range x {
		x[i] = float32(rng.Normal() * 0.1 / math.Sqrt(float64(f.dim)))
	}
	return x
}

// solve moves the vectors of to towards their best for those of from.
func (f *factors) solve(ctx context.Context, to, from side) error {
	d := f.dim
	gram := make([]float32, d*d) // unobserved·HᵀH
	f.k.Gemm(kernel.Gemm{
		TransA: true, M: d, N: d, K: len(from.vectors) / d, A: from.vectors, B: from.vectors, C: gram, LDA: d, LDB: d, LDC: d,
	})
	f.k.Scale(gram, f.unobserved, gram)
	others := float64(from.present())
	const chunk = 32
	n := to.of.Users()
	return parallel.Do(runtime.GOMAXPROCS(0), (n+chunk-1)/chunk, func(c int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		g := gradient{f: f, gram: gram, rest: make([]float32, d), step: make([]float32, d), image: make([]float32, d)}
		for i := c * chunk; i < min((c+1)*chunk, n); i++ {
			known := to.of.Of(int32(i))
			if len(known) == 0 {
				continue
			}
			ridge := f.l2 * math.Pow(float64(len(known))+float64(f.unobserved)*others, f.exponent)
			g.descend(to.vectors[i*d:(i+1)*d], from.vectors, known, float32(ridge))
		}
		return nil
	})
}

// gradient is the memory of one descent.
type gradient struct {
	f                       *factors
	gram, rest, step, image []float32
}

// descend takes steps of conjugate gradients on A·w = Σ h, where A = unobserved·HᵀH + (1-unobserved)·Σ h·hᵀ + ridge·I and
// the sums are over known.
func (g *gradient) descend(w, vectors []float32, known []int32, ridge float32) {
	k, d := g.f.k, g.f.dim
	g.multiply(w, vectors, known, ridge)
	k.Scale(g.rest, -1, g.image)
	for _, j := range known {
		k.AddScaled(g.rest, 1, vectors[int(j)*d:(int(j)+1)*d])
	}
	copy(g.step, g.rest)
	size := k.Dot(g.rest, g.rest)
	for range gradientSteps {
		if size < 1e-20 {
			return
		}
		g.multiply(g.step, vectors, known, ridge)
		a := size / k.Dot(g.step, g.image)
		k.AddScaled(w, a, g.step)
		k.AddScaled(g.rest, -a, g.image)
		next := k.Dot(g.rest, g.rest)
		k.Scale(g.step, next/size, g.step)
		k.Add(g.step, g.step, g.rest)
		size = next
	}
}

// multiply sets image to A·x.
func (g *gradient) multiply(x, vectors []float32, known []int32, ridge float32) {
	k, d := g.f.k, g.f.dim
	for i := range d {
		g.image[i] = k.Dot(g.gram[i*d:(i+1)*d], x)
	}
	k.AddScaled(g.image, ridge, x)
	for _, j := range known {
		h := vectors[int(j)*d : (int(j)+1)*d]
		k.AddScaled(g.image, (1-g.f.unobserved)*k.Dot(h, x), h)
	}
}

// query builds the graph that looks up users' vectors by their encoded ids.
func (f *factors) query(user schema.Column, users side, keys []int64) (*graph.Graph, error) {
	d := f.dim
	table := make([]float32, user.Cardinality*d)
	mean := make([]float32, d)
	if n := users.present(); n > 0 {
		for u := range users.of.Users() {
			f.k.AddScaled(mean, 1/float32(n), users.vectors[u*d:(u+1)*d])
		}
	}
	for i := range user.Cardinality {
		copy(table[i*d:], mean)
	}
	for u, id := range keys {
		if u < users.of.Users() && len(users.of.Of(int32(u))) > 0 {
			copy(table[int(id)*d:(int(id)+1)*d], users.vectors[u*d:(u+1)*d])
		}
	}
	b := graph.NewBuilder("ials_query")
	ids := b.Input(QueryInput(user.Name), tensor.Int64, InputShape(user, graph.Sym("B")))
	b.Output(QueryOutput, b.Gather(b.Const("users", tensor.Of(table, user.Cardinality, d)), ids, 0))
	return build(b, "query graph", "ials")
}
