package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// What an export with narrow models may lose on held-out users without being told to: the mean share of candidates that stay, and the
// part of NDCG@10 that goes.
const (
	LeastOverlap = 0.95
	MostNDCGLoss = 0.01
)

// lossUsers is the number of held-out users, at most, whose answers are compared.
const lossUsers = 2000

// precision is what the settings ask for with a profile, nil for float32. Whole numbers are for CPUs; ONNX Runtime has no such products
// on GPUs.
func (s *ExportSettings) precision(profile ensemble.Profile) *ensemble.ManifestPrecision {
	if s.ItemMatrix == "" && s.Ranker == "" {
		return nil
	}
	p := &ensemble.ManifestPrecision{ItemMatrix: s.ItemMatrix, Ranker: s.Ranker}
	gpu := profile == ensemble.ProfileGPU || profile == ensemble.ProfileTensorRT
	if gpu && p.ItemMatrix == string(stage.Int8) {
		p.ItemMatrix = string(stage.Int8Dequantized)
	}
	return p
}

// narrow stores an ensemble's item matrix and ranker in a precision; nil is float32.
func narrow(e ensemble.Ensemble, p *ensemble.ManifestPrecision) (ensemble.Ensemble, error) {
	if p == nil {
		return e, nil
	}
	// The item matrix is the retrieval's, or, of a model of item pairs, the weights that its query picks from.
	items := stage.RetrieveName
	for _, g := range e.Groups {
		for _, s := range g.Stages {
			if s.Name == stage.RetrieveName && !stage.HasItems(s.Graph) {
				items = stage.QueryName
			}
		}
	}
	groups := slices.Clone(e.Groups)
	narrowed := map[string]bool{}
	for i := range groups {
		groups[i].Stages = slices.Clone(groups[i].Stages)
		for j := range groups[i].Stages {
			s, tables := &groups[i].Stages[j], 0
			var err error
			switch {
			case s.Name == items && p.ItemMatrix != "" && items == stage.RetrieveName:
				tables = 1
				s.Graph, err = stage.NarrowItems(s.Graph, stage.Precision(p.ItemMatrix))
			case s.Name == items && p.ItemMatrix != "":
				precision := stage.Precision(p.ItemMatrix)
				if precision == stage.Int8Dequantized {
					precision = stage.Int8 // there are no products in whole numbers
				}
				s.Graph, tables, err = stage.NarrowTables(s.Graph, precision)
			case s.Name == stage.RankName && p.Ranker != "":
				s.Graph, tables, err = stage.NarrowTables(s.Graph, stage.Precision(p.Ranker))
			}
			if err != nil {
				return e, fmt.Errorf("stage %q: %w", s.Name, err)
			}
			narrowed[s.Name] = tables > 0
		}
	}
	if p.ItemMatrix != "" && !narrowed[items] {
		return e, fmt.Errorf("item_matrix: stage %q has none of 1,024 numbers or more", items)
	}
	if p.Ranker != "" && !narrowed[stage.RankName] {
		return e, fmt.Errorf("ranker: there is no stage %q with an embedding table of 1,024 numbers or more", stage.RankName)
	}
	e.Groups = groups
	return e, nil
}

// newChain compiles the stages of an ensemble in a precision to be run offline.
func newChain(e ensemble.Ensemble, p *ensemble.ManifestPrecision, kernels *kernel.Set) (*Chain, error) {
	e, err := narrow(e, p)
	if err != nil {
		return nil, err
	}
	// Fusing none makes the shapes between stages exact.
	stages, err := e.Fuse(ensemble.FuseNone)
	if err != nil {
		return nil, err
	}
	graphs := make([]NamedGraph, len(stages))
	for i, st := range stages {
		if st.Graph == nil {
			return nil, fmt.Errorf("stage %q runs on Triton's backend %q: %w", st.Name, st.Folder.Config.Backend, ErrNoStandIn)
		}
		graphs[i] = NamedGraph{st.Name, st.Graph}
	}
	return NewChain(graphs, kernels)
}

// measureLoss answers requests of held-out users in float32 and in the precision, and fills in what differs. Data is the folder of the
// tables that the run was fitted on.
func measureLoss(ctx context.Context, run string, s *Serving, e ensemble.Ensemble, p *ensemble.ManifestPrecision, eo ExportOptions) error {
	if eo.Data == "" {
		return errors.New("what narrow models lose is measured on held-out users: name the folder of the tables with --data")
	}
	text, err := os.ReadFile(filepath.Join(run, configFile))
	if err != nil {
		return notRun(err, "fit")
	}
	var origin Origin
	if err := readJSON(filepath.Join(run, originFile), "fit", &origin); err != nil {
		return err
	}
	pipe, err := New(text, eo.Data, run, origin.Seed, Options{Registry: eo.Registry, Reporter: eo.Reporter})
	if err != nil {
		return err
	}
	if err := pipe.prepare(ctx); err != nil {
		return err
	}
	pipe.phase("measure what narrow models lose")
	var evals [2]*pipelineEval
	var queries []testQuery
	for i, precision := range []*ensemble.ManifestPrecision{nil, p} {
		chain, err := newChain(e, precision, pipe.options.Kernels)
		if err != nil {
			return err
		}
		if evals[i], queries, _, err = pipe.newEval(ctx, s, chain); err != nil {
			return err
		}
	}
	if len(queries) == 0 {
		return errors.New("no interaction is held out to measure what narrow models lose; look at the split")
	}
	if n := len(queries); n > lossUsers {
		for i := range lossUsers {
			queries[i] = queries[i*n/lossUsers]
		}
		queries = queries[:lossUsers]
	}
	kept := 0.0
	for block := range slices.Chunk(queries, evalBatch) {
		var out [2]tensor.Map
		for i, e := range evals {
			if out[i], err = e.block(ctx, block); err != nil {
				return err
			}
		}
		for i := range block {
			kept += overlap(shown(out[0], i), shown(out[1], i))
		}
	}
	p.Users, p.Overlap = len(queries), kept/float64(len(queries))
	p.NDCG = evals[0].stages[stage.OrderName].Metrics()[ndcg10]
	p.NDCGNarrow = evals[1].stages[stage.OrderName].Metrics()[ndcg10]
	return nil
}

// ndcg10 names the metric by which answers are compared.
const ndcg10 = "ndcg@10"

// shown returns the candidates of user i that are not masked.
func shown(out tensor.Map, i int) []int {
	return ranked(rowOf[int64](out[stage.Candidates], i), rowOf[float32](out[stage.MaskedScores], i))
}

// overlap is the share of a's items that b has, too; 1 without any.
func overlap(a, b []int) float64 {
	if len(a) == 0 {
		return 1
	}
	has := make(map[int]bool, len(b))
	for _, item := range b {
		has[item] = true
	}
	both := 0
	for _, item := range a {
		if has[item] {
			both++
		}
	}
	return float64(both) / float64(len(a))
}

// tooMuch returns an error for a loss beyond the margins.
func tooMuch(p *ensemble.ManifestPrecision) error {
	if p.Overlap >= LeastOverlap && p.NDCGNarrow >= p.NDCG*(1-MostNDCGLoss) {
		return nil
	}
	return fmt.Errorf("the narrow models lose too much: %.4f of the candidates stay (at least %g), ndcg@10 goes from %.4f to %.4f (by at most %g %%); "+
		"leave item_matrix or ranker out, or accept it with accept_loss", p.Overlap, LeastOverlap, p.NDCG, p.NDCGNarrow, 100*MostNDCGLoss)
}
