package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/graph/kernel"
	"recsys/internal/ivf"
	"recsys/model"
)

// Index says how retrieval finds candidates. The zero value looks at all items.
type Index struct {
	// IVF, if not nil, looks at the items of a few inverted lists.
	IVF *IVF `yaml:"ivf"`
}

// IVF are the settings of retrieval by inverted lists.
type IVF struct {
	// Lists is the number of lists that items are divided into. Default the square root of the number of items.
	Lists int `json:"lists" yaml:"lists"`
	// NProbe is the number of lists that a query looks at. Default 16, or more if those do not hold the candidates.
	NProbe int `json:"nprobe" yaml:"nprobe"`
}

// defaultProbes is IVF.NProbe where none is given.
const defaultProbes = 16

func (x Index) validate() error {
	if x.IVF == nil {
		return nil
	}
	var errs []error
	for field, v := range map[string]int{"lists": x.IVF.Lists, "nprobe": x.IVF.NProbe} {
		if v < 0 {
			errs = append(errs, fmt.Errorf("index.ivf.%s: %d has to be 1 or more", field, v))
		}
	}
	if x.IVF.Lists > 0 && x.IVF.NProbe > x.IVF.Lists {
		errs = append(errs, fmt.Errorf("index.ivf.nprobe: %d is more than the %d lists", x.IVF.NProbe, x.IVF.Lists))
	}
	return errors.Join(errs...)
}

// divide makes the inverted lists of a retrieval.
func divide(ctx context.Context, r stage.Retrieval, lists int, seed uint64, kernels *kernel.Set) (*ivf.Index, error) {
	return ivf.Build(ctx, r.Items, r.First, ivf.Settings{Lists: lists, Seed: seed, Threads: runtime.GOMAXPROCS(0), Kernels: kernels})
}

// probing is the stage that looks at n of the lists; 0 takes the default.
func probing(r stage.Retrieval, x *ivf.Index, n int) (ensemble.Stage, error) {
	if n == 0 {
		k := min(r.Candidates, r.Items.Dim(0)-r.First)
		n = min(len(x.Lists), max(defaultProbes, (k+x.Longest()-1)/x.Longest()))
	}
	s, err := stage.RetrieveIVF(r, stage.Lists{Centroids: x.Centroids, Items: x.Lists, Probes: n})
	if err != nil {
		return s, fmt.Errorf("index.ivf: %w", err)
	}
	return s, nil
}

// retrieveStage finds candidates as the index says.
func (p *Pipeline) retrieveStage(ctx context.Context, source *model.Retrieval, k int) (ensemble.Stage, error) {
	r := stage.Retrieval{Items: source.Items, Count: source.Count(), First: source.First, Candidates: k}
	settings := p.config.Index.IVF
	if settings == nil {
		return stage.Retrieve(r)
	}
	if source.Items == nil {
		return ensemble.Stage{}, fmt.Errorf("index.ivf: %s scores all items at once and has no item vectors to divide; leave index out", source.Name)
	}
	x, err := divide(ctx, r, settings.Lists, p.config.Seed, p.options.Kernels)
	if err != nil {
		return ensemble.Stage{}, fmt.Errorf("index.ivf: %w", err)
	}
	p.note("%d inverted lists of %d items at most, %d items in another than the nearest", len(x.Lists), x.Longest(), x.Moved)
	return probing(r, x, settings.NProbe)
}
