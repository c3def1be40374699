package pipeline

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/feature"
	"recsys/featurestore"
)

// Layout says where a served ensemble has item features.
type Layout string

// The layouts. The empty Layout means baked.
const (
	LayoutBaked Layout = "baked" // in its models
	LayoutSplit Layout = "split" // in a store: a second ensemble ranks with the rows that the caller brings
)

// layoutOf returns the layout that a manifest describes.
func layoutOf(m *ensemble.Manifest) Layout {
	if m.Ranking != nil {
		return LayoutSplit
	}
	return LayoutBaked
}

// RunLayout returns the layout that the recsys.yaml of a run asks for.
func RunLayout(run string) (Layout, error) {
	c, err := ReadConfig(filepath.Join(run, configFile))
	if err != nil {
		return "", notRun(err, "run")
	}
	return c.Export.layout(), nil
}

// split makes two ensembles of a run's: the ranking encodes raw item columns by the run's own workflow instead of looking them up.
func split(run string, r *Registry, e ensemble.Ensemble, m *ensemble.Manifest) (ensemble.Ensemble, error) {
	fail := func(err error) (ensemble.Ensemble, error) { return e, fmt.Errorf("layout split: %w", err) }
	at := slices.IndexFunc(e.Groups, func(g ensemble.Group) bool { return g.Name == groupScore })
	lookup := -1
	if at > 0 {
		lookup = slices.IndexFunc(e.Groups[at].Stages, func(s ensemble.Stage) bool { return s.Name == stage.LookupName })
	}
	if lookup < 0 {
		return fail(errors.New("no stage reads item features: there is nothing to bring from a store; export it baked"))
	}
	if r == nil {
		r = Standard()
	}
	workflow, err := feature.Load(r.Operators, filepath.Join(run, workflowFile))
	if err != nil {
		return fail(notRun(err, "fit"))
	}
	vocabulary, ok := workflow.Vocabulary(m.ItemKey.Name)
	if !ok {
		return fail(fmt.Errorf("the item key %q is not categorified", m.ItemKey.Name))
	}
	header, _, err := featurestore.ReadRows(ItemRows(run))
	if err != nil {
		return fail(notRun(err, "train"))
	}
	codec, err := featurestore.NewCodec(header.Schema)
	if err != nil {
		return fail(err)
	}
	features, err := itemFeatures(workflow, m, e.Groups[at].Stages[lookup])
	if err != nil {
		return fail(err)
	}
	keys, err := stage.ItemKeys(vocabulary.KeysByID(), m.ItemKey.Name, m.Limits.Candidates)
	if err != nil {
		return fail(err)
	}
	e.Groups = slices.Clone(e.Groups)
	before := &e.Groups[at-1]
	before.Stages = append(slices.Clone(before.Stages), keys)
	ranking := &e.Groups[at]
	ranking.Ranking = true
	ranking.Stages = slices.Concat(ranking.Stages[:lookup], features, ranking.Stages[lookup+1:])
	e.Keys = stage.RawItem(m.ItemKey.Name)
	m.Ranking = &ensemble.ManifestRanking{Columns: header.Schema, Row: header.Schema, RowHash: codec.Hash()}
	if !slices.ContainsFunc(header.Schema.Names(), func(c string) bool { return reads(ranking.Stages, stage.RawItem(c)) }) {
		return fail(errors.New("no stage reads a column of the table of items: there is nothing to bring from a store; export it baked"))
	}
	return e, nil
}

// itemFeatures makes the stage that encodes what a lookup has encoded already; none where it has raw columns only.
func itemFeatures(workflow *feature.FittedWorkflow, m *ensemble.Manifest, lookup ensemble.Stage) ([]ensemble.Stage, error) {
	index := ""
	var names []string
	for _, o := range lookup.Outputs() {
		if strings.HasPrefix(o.Name, stage.RawItem("")) {
			continue // comes as it is
		}
		// Item indices are what the workflow makes of keys.
		if name := strings.TrimPrefix(o.Name, stage.Item("")); name == m.ItemKey.Name {
			index = name
		} else {
			names = append(names, name)
		}
	}
	if index == "" && len(names) == 0 {
		return nil, nil
	}
	if len(names) == 0 {
		s, err := stage.ItemFeatures(nil, index, m.Limits.Candidates)
		return []ensemble.Stage{s}, err
	}
	part, err := workflow.Only(names...)
	if err != nil {
		return nil, err
	}
	g, err := part.Graph(stage.ItemFeaturesName)
	if err != nil {
		return nil, err
	}
	s, err := stage.ItemFeatures(g, index, m.Limits.Candidates)
	return []ensemble.Stage{s}, err
}
