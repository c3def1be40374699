package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/featurestore"
	"recsys/model"
	"recsys/onnx"
	"recsys/schema"
	"recsys/tensor"
)

// Serving is serving.json: what an export needs beside the stages.
type Serving struct {
	Format int `json:"format"`
	// Groups lists the stages of each group, in order; a group's stages become one model by default.
	Groups []ServingGroup `json:"groups"`
	// Outputs are the ensemble's final tensors.
	Outputs []string `json:"outputs"`
	// Explain are the intermediate tensors of which requests may ask copies.
	Explain []string `json:"explain"`
	// Manifest is complete but for what the export decides: generation, fusing and batch.
	Manifest ensemble.Manifest `json:"manifest"`
}

// ServingGroup is one group of stages.
type ServingGroup struct {
	Name   string   `json:"name"`
	Stages []string `json:"stages"`
}

// The files of packed rows, in a run's and in an ensemble version's features folder.
const (
	userRowsFile = "users.rows"
	itemRowsFile = "items.rows"
)

// The names of the three groups.
const (
	groupPrep   = "prep"
	groupRecall = "recall"
	groupScore  = "score"
)

// writeServing builds the stages of the first retrieval model and the ranker, which may be nil, and writes them with the
// rows of users and items.
func (p *Pipeline) writeServing(ctx context.Context, source *model.Retrieval, ranking *Ranking) error {
	stages, err := p.stages(source, ranking)
	if err != nil {
		return err
	}
	s := Serving{
		Format: runFormat, Outputs: []string{stage.ItemIDs, stage.Scores, stage.ItemIndices},
		Explain: []string{stage.Candidates, stage.CandidateScores, stage.MaskedScores},
	}
	if source.Items != nil {
		s.Explain = append([]string{stage.Query}, s.Explain...)
	}
	if ranking != nil {
		s.Explain = append(s.Explain, ranking.Tasks...)
	}
	for _, name := range []string{groupPrep, groupRecall, groupScore} {
		g := ServingGroup{Name: name}
		for _, st := range stages[name] {
			g.Stages = append(g.Stages, st.Name)
		}
		s.Groups = append(s.Groups, g)
	}
	// Whoever is stopped from here on leaves no description of stages that are half old, half new.
	if err := os.Remove(p.path(servingFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = replaceDir(p.path(stagesDir), func(dir string) error {
		for _, group := range stages {
			for _, st := range group {
				if err := onnx.Write(filepath.Join(dir, st.Name+".onnx"), st.Graph, onnx.Meta{}); err != nil {
					return fmt.Errorf("stage %q: %w", st.Name, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if s.Manifest, err = p.manifest(stages, source); err != nil {
		return err
	}
	if err := replaceDir(p.path(featuresDir), p.writeRows(ctx, s.Manifest)); err != nil {
		return err
	}
	return writeJSON(p.path(servingFile), s)
}

// stages builds every stage by group.
func (p *Pipeline) stages(source *model.Retrieval, ranking *Ranking) (map[string][]ensemble.Stage, error) {
	v := source.Count()
	k := min(p.config.Candidates, v-source.First)
	query, err := stage.Rename(stage.QueryName, source.Query, stage.Names{})
	if err != nil {
		return nil, err
	}
	retrieve, err := stage.Retrieve(stage.Retrieval{Items: source.Items, Count: v, First: source.First, Candidates: k})
	if err != nil {
		return nil, err
	}
	filter, err := stage.Filter(v, k)
	if err != nil {
		return nil, err
	}
	score, err := p.scoreStages(ranking, v, k)
	if err != nil {
		return nil, err
	}
	features, err := p.featureStage(query, score)
	if err != nil {
		return nil, err
	}
	if source.Items == nil { // The query is as wide as the catalogue: it stays within a model.
		return map[string][]ensemble.Stage{
			groupPrep: {features}, groupRecall: {query, retrieve, filter}, groupScore: score,
		}, nil
	}
	return map[string][]ensemble.Stage{
		groupPrep: {features, query}, groupRecall: {retrieve, filter}, groupScore: score,
	}, nil
}

// scoreStages builds lookup, rank and order; order alone without a ranker.
func (p *Pipeline) scoreStages(ranking *Ranking, v, k int) ([]ensemble.Stage, error) {
	vocabulary, _ := p.workflow.Vocabulary(p.config.Data.Interactions.Item)
	o := stage.Ordering{Keys: vocabulary.KeysByID(), Candidates: k, Return: p.config.Ordering.Return}
	var tasks []string
	if ranking != nil {
		tasks = ranking.Tasks
	}
	var err error
	if o.Blend, err = parseBlend(p.config.Ordering.Blend, tasks); err != nil {
		return nil, err
	}
	if ranking == nil {
		order, err := stage.Order(o)
		return []ensemble.Stage{order}, err
	}
	rank, err := stage.Rename(stage.RankName, ranking.Graph, stage.Names{})
	if err != nil {
		return nil, err
	}
	tables := tensor.Map{}
	for column, t := range p.examples.Items {
		if t.Dim(0) == v && rank.Graph.Input(stage.Item(column)) != nil {
			tables[column] = t
		}
	}
	lookup, err := stage.Lookup(tables, k)
	if err != nil {
		return nil, err
	}
	order, err := stage.Order(o)
	return []ensemble.Stage{lookup, rank, order}, err
}

// featureStage encodes the columns that the query and the ranker read, and no others.
func (p *Pipeline) featureStage(query ensemble.Stage, score []ensemble.Stage) (ensemble.Stage, error) {
	var needed []string
	for _, c := range p.workflow.Schema() {
		for _, s := range append([]ensemble.Stage{query}, score...) {
			if s.Graph.Input(stage.Encoded(c.Name)) != nil && !slices.Contains(needed, c.Name) {
				needed = append(needed, c.Name)
			}
		}
	}
	part, err := p.workflow.Only(needed...)
	if err != nil {
		return ensemble.Stage{}, err
	}
	g, err := part.Graph(stage.FeaturesName)
	if err != nil {
		return ensemble.Stage{}, err
	}
	return stage.Features(g)
}

// manifest describes requests and answers.
func (p *Pipeline) manifest(stages map[string][]ensemble.Stage, source *model.Retrieval) (ensemble.Manifest, error) {
	in := p.config.Data.Interactions
	v := source.Count()
	k := min(p.config.Candidates, v-source.First)
	m := ensemble.Manifest{
		Format: ensemble.ManifestFormat, Name: p.config.Name, Generation: 1, Time: "",
		Blocked: ensemble.ManifestBlocked{Input: stage.Blocked, Bytes: stage.BlockedBytes(v)},
		Outputs: ensemble.ManifestOutputs{ItemIDs: stage.ItemIDs, Scores: stage.Scores},
		Limits: ensemble.ManifestLimits{
			MaxBatch: ensemble.DefaultMaxBatch, Candidates: k, MaxResults: min(p.config.Ordering.Return, k),
		},
		KeepSeen: !slices.Contains(p.config.Filter, "seen"),
		Items:    ensemble.ManifestItems{First: source.First, Count: v - source.First}, Fuse: string(ensemble.FuseGroups),
		Origin: map[string]string{},
	}
	m.UserKey, _ = p.tables.Raw.Column(in.User)
	m.ItemKey, _ = p.tables.Raw.Column(in.Item)
	for _, c := range p.workflow.Raw() {
		if stages[groupPrep][0].Graph.Input(c.Name) == nil {
			continue
		}
		m.Inputs = append(m.Inputs, c)
		switch {
		case c.Has(schema.Sequence):
			m.History = &ensemble.ManifestHistory{Input: c.Name, Length: c.Length}
		case c.Has(schema.Time):
			m.Time = c.Name
		case c.Has(schema.User) && !c.Has(schema.ID):
			m.UserRow = append(m.UserRow, c)
		}
	}
	codec, err := featurestore.NewCodec(m.UserRow)
	if err != nil {
		return m, err
	}
	m.RowHash = codec.Hash()
	m.Fallback = p.popular(source.First)
	origin := p.origin()
	m.Origin = map[string]string{
		"data": origin.Data, "config": origin.Config, "seed": strconv.FormatUint(origin.Seed, 10), "version": origin.Version,
	}
	maps.DeleteFunc(m.Origin, func(_, value string) bool { return value == "" })
	return m, nil
}
