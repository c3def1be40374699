package train

import (
	"recsys/internal/parallel"
	"recsys/optim"
	"recsys/tensor"
)

// updater hands the gradients of a batch to an optimiser.
type updater struct {
	optimizer *optim.Optimizer
	slots     []slot
	dense     []*tensor.Tensor // by slot, over the sums' memory
	sorted    []optim.Rows     // by slot
	combiners []optim.Combiner // by slot, which hold the memory of sorted
	gradients optim.Gradients  // of the step
}

func newUpdater(o Options, slots []slot, sums []gradient) (*updater, error) {
	params := make(tensor.Map, len(slots))
	u := &updater{
		slots: slots, dense: make([]*tensor.Tensor, len(slots)), sorted: make([]optim.Rows, len(slots)),
		combiners: make([]optim.Combiner, len(slots)),
		gradients: optim.Gradients{Dense: make(tensor.Map, len(slots)), Sparse: make(map[string]optim.Rows, len(slots))},
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
	err := parallel.Do(workers, len(sums), func(i int) error {
		sums[i].densify()
		if sums[i].dense == nil {
			return u.sort(i, sums[i].rows)
		}
		return nil
	})
	if err != nil {
		return err
	}
	g := u.gradients
	clear(g.Dense)
	clear(g.Sparse)
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

// sort writes the rows of s in ascending order of ids to u.sorted[i]. Every id is in s once, so that nothing is added.
func (u *updater) sort(i int, s *rowSum) error {
	var err error
	u.sorted[i], err = u.combiners[i].Combine([]optim.Rows{{IDs: s.ids, Rows: s.rows}}, u.slots[i].param.Data.Dim(0), s.dim)
	return err
}
