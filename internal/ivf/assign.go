package ivf

import (
	"context"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/internal/parallel"
	"recsys/tensor"
)

// blockRows is the number of rows whose products with all centroids are computed at once.
const blockRows = 1024

// assigner finds nearest centroids: those of the greatest gain x·c - |c|²/2, which is the smallest distance.
type assigner struct {
	plan    *exec.Plan
	threads int
}

func newAssigner(width int, s Settings) (*assigner, error) {
	b := graph.NewBuilder("ivf")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("M"), graph.Fixed(width)})
	c := b.Input("centroids", tensor.Float32, graph.Shape{graph.Fixed(width), graph.Fixed(s.Lists)})
	b.Output("gain", b.Sub(b.MatMul(x, c), b.Input("half", tensor.Float32, graph.Dims(s.Lists))))
	g, err := b.Build()
	if err != nil {
		return nil, err
	}
	p, err := exec.Compile(g, exec.Options{Kernels: s.Kernels})
	return &assigner{p, s.Threads}, err
}

// operands are the centroids as the plan takes them.
func operands(centroids *tensor.Tensor) (turned, half *tensor.Tensor) {
	c, d := centroids.Dim(0), centroids.Dim(1)
	data := tensor.MustData[float32](centroids)
	t, h := make([]float32, c*d), make([]float32, c)
	for l := range c {
		for j, v := range data[l*d : (l+1)*d] {
			t[j*c+l] = v
			h[l] += float32(v * v / 2)
		}
	}
	return tensor.Of(t, d, c), tensor.Of(h, c)
}

// gains returns the gains of rows [M,D] with all centroids, [M,C].
func (a *assigner) gains(ctx context.Context, rows, centroids *tensor.Tensor) ([]float32, error) {
	turned, half := operands(centroids)
	return a.run(ctx, rows, turned, half)
}

func (a *assigner) run(ctx context.Context, rows, turned, half *tensor.Tensor) ([]float32, error) {
	out, err := a.plan.Run(ctx, tensor.Map{"x": rows, "centroids": turned, "half": half})
	if err != nil {
		return nil, err
	}
	return tensor.MustData[float32](out["gain"]), nil
}

// nearest returns each row's nearest centroid, the first of equal ones, with its gain. Blocks do not depend on the number of threads.
func (a *assigner) nearest(ctx context.Context, rows, centroids *tensor.Tensor) (list []int32, gain []float32, err error) {
	n, c := rows.Dim(0), centroids.Dim(0)
	turned, half := operands(centroids)
	list, gain = make([]int32, n), make([]float32, n)
	err = parallel.Do(a.threads, (n+blockRows-1)/blockRows, func(block int) error {
		from := block * blockRows
		gains, err := a.run(ctx, rows.Rows(from, min(from+blockRows, n)), turned, half)
		if err != nil {
			return err
		}
		for i := range len(gains) / c {
			row := gains[i*c : (i+1)*c]
			best := 0
			for l, g := range row {
				if g > row[best] {
					best = l
				}
			}
			list[from+i], gain[from+i] = int32(best), row[best]
		}
		return nil
	})
	return list, gain, err
}
