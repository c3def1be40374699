package train

import (
	"cmp"
	"slices"

	"recsys/optim"
	"recsys/tensor"
)

// updater hands the gradients of a batch to an optimiser.
type updater struct {
	optimizer *optim.Optimizer
	slots     []slot
	dense     []*tensor.Tensor // by slot, over the sums' memory
	sorted    []optim.Rows     // by slot
	order     [][]int32
}

func newUpdater(o Options, slots []slot, sums []gradient) (*updater, error) {
	params := make(tensor.Map, len(slots))
	u := &updater{
		slots: slots, dense: make([]*tensor.Tensor, len(slots)), sorted: make([]optim.Rows, len(slots)),
		order: make([][]int32, len(slots)),
	}
	for i, s := range slots {
		params[s.param.Path] = s.param.Data
		if sums[i].dense != nil {
			u.dense[i] = tensor.Of(sums[i].dense, s.param.Data.Shape()...)
		}
	}
	config := o.Optimizer
	if config.Rule == nil {
		config.Rule = optim.Adam{}
	}
	if config.Rate == nil {
		config.Rate = optim.Constant(0.001)
	}
	config.Workers = o.Workers
	var err error
	u.optimizer, err = optim.New(params, config)
	return u, err
}

// step updates the parameters by the sums.
func (u *updater) step(workers int, sums []gradient) error {
	err := parallel(workers, len(sums), func(i int) error {
		sums[i].densify()
		if sums[i].dense == nil {
			u.sort(i, sums[i].rows)
		}
		return nil
	})
	if err != nil {
		return err
	}
	g := optim.Gradients{Dense: tensor.Map{}, Sparse: map[string]optim.Rows{}}
	for i, s := range u.slots {
		switch {
		case sums[i].filled:
			g.Dense[s.param.Path] = u.dense[i]
		case sums[i].dense == nil:
			g.Sparse[s.param.Path] = u.sorted[i]
		}
	}
	return u.optimizer.Step(g)
}

// sort writes the rows of s in ascending order of ids to u.sorted[i].
func (u *updater) sort(i int, s *rowSum) {
	order := u.order[i][:0]
	for at := range s.ids {
		order = append(order, int32(at))
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(s.ids[a], s.ids[b]) })
	out := optim.Rows{IDs: u.sorted[i].IDs[:0], Rows: u.sorted[i].Rows[:0]}
	for _, at := range order {
		out.IDs = append(out.IDs, s.ids[at])
		out.Rows = append(out.Rows, s.rows[int(at)*s.dim:(int(at)+1)*s.dim]...)
	}
	u.order[i], u.sorted[i] = order, out
}
