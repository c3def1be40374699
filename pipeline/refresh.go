package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/feature"
	"recsys/model"
	"recsys/onnx"
)

// Refreshed says what a refresh found.
type Refreshed struct {
	// Items is the number of items now, Added that of the new ones among them. Gone is the number of items that the table no longer
	// holds: they keep their ids and their features.
	Items int `json:"items"`
	Added int `json:"added"`
	Gone  int `json:"gone"`
}

// Refresh writes into run a run that has the items of the item table in folder data and all else of the trained run from: its weights,
// its fitted features, its users and its metrics. Only the item table is read.
//
// Items keep their ids, and new ones get those that follow, in the order of the table. The row that a new id has in the embedding tables
// is a copy of that of its out-of-vocabulary bucket, which is what the models have known of the item so far; its vector is what the item
// tower makes of that row and of the item's features. A value that no vocabulary has, such as a new brand, is out of vocabulary.
//
// A pipeline whose retrieval has no item tower is refused. [Export] exports the run; Train and Eval refuse it.
func Refresh(ctx context.Context, from, data, run string, o Options) (*Refreshed, error) {
	r, err := newRefresher(from, data, run, o)
	if err == nil {
		err = r.readItems(ctx)
	}
	if err == nil {
		err = r.write(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("refresh %s: %w", from, err)
	}
	return &Refreshed{Items: r.grown.Len(), Added: r.grown.Len() - r.known.Len(), Gone: r.gone}, nil
}

// refresher makes a run of another one.
type refresher struct {
	*Pipeline

	from    string
	serving *Serving
	former  *feature.FittedWorkflow
	origin  Origin
	known   *feature.Vocabulary // of items before
	grown   *feature.Vocabulary // and now
	buckets []int64             // the ids that new items had before
	items   string              // hash of the item table
	gone    int
}

func newRefresher(from, data, run string, o Options) (*refresher, error) {
	if same, err := sameFolder(from, run); same || err != nil {
		return nil, errors.Join(err, fmt.Errorf("%s is the run itself; name another folder", run))
	}
	if err := checkWritable("run folder", run); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(from, configFile))
	if err != nil {
		return nil, notRun(err, "run")
	}
	r := &refresher{from: from}
	if err := readJSON(filepath.Join(from, originFile), "fit", &r.origin); err != nil {
		return nil, err
	}
	if r.serving, _, err = OpenServing(from); err != nil {
		return nil, err
	}
	if r.Pipeline, err = New(text, data, run, r.origin.Seed, o); err != nil {
		return nil, err
	}
	if r.serving.Manifest.Metrics == nil {
		if r.serving.Manifest.Metrics, err = manifestMetrics(from); err != nil {
			return nil, err
		}
	}
	if r.config.Data.Items == nil {
		return nil, errors.New("the pipeline has no data.items: there is no table to read items from")
	}
	if r.former, err = feature.Load(r.options.Registry.Operators, filepath.Join(from, workflowFile)); err != nil {
		return nil, notRun(err, "fit")
	}
	r.config.Candidates = r.serving.Manifest.Limits.Candidates // K stays, however many items there are now.
	return r, r.tunedIndex()
}

// sameFolder tells whether two paths are of one folder; the second may be missing.
func sameFolder(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(x, y), err
}

// tunedIndex takes the choice of TuneIndex, if there was one, in the place of that of recsys.yaml.
func (r *refresher) tunedIndex() error {
	var tuned IndexReport
	err := readJSON(filepath.Join(r.from, indexFile), "index tune", &tuned)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if r.config.Index.IVF = nil; tuned.Chosen.Lists > 0 {
		r.config.Index.IVF = &IVF{Lists: tuned.Chosen.Lists, NProbe: tuned.Chosen.NProbe}
	}
	return err
}

// write builds the stages from the grown graphs and writes the run, serving.json last.
func (r *refresher) write(ctx context.Context) error {
	sources, ranking, err := r.models(ctx)
	if err != nil {
		return err
	}
	stages, err := r.stages(ctx, sources, ranking)
	if err != nil {
		return err
	}
	if err := r.writeBasis(sources, ranking); err != nil {
		return err
	}
	return r.writeStages(stages, ranking, r.manifest(sources[0].Retrieval), func(dir string) error {
		if err := copyFile(filepath.Join(dir, userRowsFile), UserRows(r.from)); err != nil {
			return notRun(err, "train")
		}
		return r.writeItemRows(ctx, dir, r.serving.Manifest.ItemKey)
	})
}

// models reads the served retrieval models and the ranker, with rows for the new ids.
func (r *refresher) models(ctx context.Context) ([]source, *Ranking, error) {
	g := newGrowth(r.former, r.config.Data.Interactions.Item, r.buckets)
	m := r.serving.Manifest
	served := m.Sources
	if len(served) == 0 {
		served = []ensemble.ManifestSource{{Name: r.config.Retrieval[0].Name, Quota: m.Limits.Candidates}}
	}
	sources := make([]source, len(served))
	for i, s := range served {
		grown, err := r.source(ctx, s.Name, g)
		if err != nil {
			return nil, nil, err
		}
		sources[i] = source{grown, s.Quota}
	}
	if r.config.Ranking == nil {
		return sources, nil, nil
	}
	ranking, err := readRanking(r.config, r.options.Registry, r.from)
	if err != nil {
		return nil, nil, err
	}
	ranking.Graph, err = g.tables(ranking.Graph)
	return sources, ranking, err
}

// source reads a retrieval model and computes its item vectors anew.
func (r *refresher) source(ctx context.Context, name string, g growth) (*model.Retrieval, error) {
	s, err := readSource(filepath.Join(r.from, sourcesDir, name), name, r.serving.Manifest.Items.First)
	if err != nil {
		return nil, err
	}
	if s.Tower == nil {
		return nil, fmt.Errorf("%s knows items by their interactions alone and has no item tower; train anew, which "+
			"recsys fit --append-to does with the ids kept", name)
	}
	if s.Query, err = g.tables(s.Query); err != nil {
		return nil, err
	}
	if s.Tower, err = g.tables(s.Tower); err != nil {
		return nil, err
	}
	if s.Items, err = model.ItemMatrix(ctx, s.Tower, r.examples.Items, s.First, r.options.Kernels); err != nil {
		return nil, fmt.Errorf("%s: item vectors: %w", name, err)
	}
	return s, nil
}

// manifest is that of the former run with other items.
func (r *refresher) manifest(source *model.Retrieval) ensemble.Manifest {
	m := r.serving.Manifest
	m.Items.Count = source.Count() - source.First
	m.Blocked.Bytes = stage.BlockedBytes(source.Count())
	m.Origin = maps.Clone(m.Origin)
	m.Origin["items"] = r.items
	return m
}

// writeBasis writes what is not of serving.
func (r *refresher) writeBasis(sources []source, ranking *Ranking) error {
	if err := os.Remove(r.path(servingFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeFile(r.path(configFile), r.text); err != nil {
		return err
	}
	if err := r.workflow.Save(r.path(workflowFile)); err != nil {
		return err
	}
	if err := r.writeDataFolder(); err != nil {
		return err
	}
	origin := r.origin
	origin.Items = r.items
	if err := writeJSON(r.path(originFile), origin); err != nil {
		return err
	}
	err := replaceDir(r.path(sourcesDir), func(dir string) error {
		for _, s := range sources {
			if err := writeSource(filepath.Join(dir, s.Name), s.Retrieval); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || ranking == nil {
		return err
	}
	return replaceDir(r.path(rankingDir), func(dir string) error {
		return onnx.Write(filepath.Join(dir, ranking.Name+".onnx"), ranking.Graph, onnx.Meta{})
	})
}
