package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/featurestore"
	"recsys/schema"
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
	// Folders are the stages that are models of another backend, by name.
	Folders map[string]ServingFolder `json:"folders,omitempty"`
	// Manifest is complete but for what the export decides: generation, fusing and batch.
	Manifest ensemble.Manifest `json:"manifest"`
}

// ServingFolder says how a model of another backend is joined: the ensemble's names of tensors by the model's.
type ServingFolder struct {
	Inputs  map[string]string `json:"inputs,omitempty"`
	Outputs map[string]string `json:"outputs,omitempty"`
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

func servingOutputs() []string { return []string{stage.ItemIDs, stage.Scores, stage.ItemIndices} }

// writeServing builds the stages of the retrieval models that serve and of the ranker, which may be nil, and writes them with
// the rows of users and items.
func (p *Pipeline) writeServing(ctx context.Context, sources []source, ranking *Ranking) error {
	stages, err := p.stages(ctx, sources, ranking)
	if err != nil {
		return err
	}
	m, err := p.manifest(stages, sources)
	if err != nil {
		return err
	}
	return p.writeStages(stages, ranking, m, p.writeRows(ctx, m))
}

// writeStages writes the stages by group, what describes them, and the rows.
func (p *Pipeline) writeStages(stages map[string][]ensemble.Stage, ranking *Ranking, m ensemble.Manifest, rows func(dir string) error) error {
	s := Serving{
		Format: runFormat, Outputs: servingOutputs(), Manifest: m,
		Explain: []string{stage.Candidates, stage.CandidateScores, stage.MaskedScores},
	}
	if made(stages[groupPrep], stage.Query) {
		s.Explain = append([]string{stage.Query}, s.Explain...)
	}
	if made(stages[groupRecall], stage.CandidateSources) {
		s.Explain = append(s.Explain, stage.CandidateSources)
	}
	if ranking != nil {
		s.Explain = append(s.Explain, ranking.Tasks...)
	}
	s.Explain = append(s.Explain, customTasks(p.custom)...)
	for _, name := range []string{groupPrep, groupRecall, groupScore} {
		g := ServingGroup{Name: name}
		for _, st := range stages[name] {
			g.Stages = append(g.Stages, st.Name)
			if st.Folder != nil {
				if s.Folders == nil {
					s.Folders = map[string]ServingFolder{}
				}
				s.Folders[st.Name] = ServingFolder{Inputs: st.Folder.Inputs, Outputs: st.Folder.Outputs}
			}
		}
		if len(g.Stages) > 0 {
			s.Groups = append(s.Groups, g)
		}
	}
	// Whoever is stopped from here on leaves no description of stages that are half old, half new.
	if err := os.Remove(p.path(servingFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := replaceDir(p.path(stagesDir), func(dir string) error {
		for _, group := range stages {
			for _, st := range group {
				if err := p.writeStage(dir, st); err != nil {
					return fmt.Errorf("stage %q: %w", st.Name, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := replaceDir(p.path(featuresDir), rows); err != nil {
		return err
	}
	return writeJSON(p.path(servingFile), s)
}

// manifest describes requests and answers.
func (p *Pipeline) manifest(stages map[string][]ensemble.Stage, sources []source) (ensemble.Manifest, error) {
	in, source := p.config.Data.Interactions, sources[0]
	v, k := source.Count(), p.candidates(source.Retrieval)
	m := ensemble.Manifest{
		Format: ensemble.ManifestFormat, Name: p.config.Name, Generation: 1, Time: "",
		Blocked: ensemble.ManifestBlocked{Input: stage.Blocked, Bytes: stage.BlockedBytes(v)},
		Outputs: ensemble.ManifestOutputs{ItemIDs: stage.ItemIDs, Scores: stage.Scores},
		Limits: ensemble.ManifestLimits{
			MaxBatch: ensemble.DefaultMaxBatch, Candidates: k, MaxResults: p.returned(k),
		},
		Items: ensemble.ManifestItems{First: source.First, Count: v - source.First}, Fuse: string(ensemble.FuseGroups),
		Origin: map[string]string{},
	}
	if len(sources) > 1 {
		for _, s := range sources {
			m.Sources = append(m.Sources, ensemble.ManifestSource{Name: s.Name, Quota: s.quota})
		}
	}
	m.UserKey, _ = p.tables.Raw.Column(in.User)
	m.ItemKey, _ = p.tables.Raw.Column(in.Item)
	for _, c := range p.rawInputs() {
		if !reads(slices.Concat(stages[groupPrep], stages[groupRecall], stages[groupScore]), c.Name) {
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
	if err := p.describeFilter(&m); err != nil {
		return m, err
	}
	codec, err := featurestore.NewCodec(m.UserRow)
	if err != nil {
		return m, err
	}
	m.RowHash = codec.Hash()
	m.Fallback = p.popular(source.First)
	if m.Weights, err = p.weights(sources); err != nil {
		return m, err
	}
	origin := p.origin()
	m.Origin = map[string]string{
		"data": origin.Data, "config": origin.Config, "seed": strconv.FormatUint(origin.Seed, 10), "version": origin.Version,
	}
	maps.DeleteFunc(m.Origin, func(_, value string) bool { return value == "" })
	return m, nil
}
