package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/model"
	"recsys/onnx"
	"recsys/schema"
	"recsys/tensor"
)

// stages builds every stage by group.
func (p *Pipeline) stages(ctx context.Context, sources []source, ranking *Ranking) (map[string][]ensemble.Stage, error) {
	v, k := sources[0].Count(), p.candidates(sources[0].Retrieval)
	prep, recall, err := p.recallStages(ctx, sources, k)
	if err != nil {
		return nil, err
	}
	filter, err := stage.Filter(v, k)
	if err != nil {
		return nil, err
	}
	if len(p.customOf(asFilter)) > 0 {
		filter, err = stage.Rename(stage.FilterName, filter.Graph, stage.Names{
			Outputs: map[string]string{stage.MaskedScores: stage.FilteredScores},
		})
		if err != nil {
			return nil, err
		}
	}
	recall = append(recall, filter)
	score, err := p.scoreStages(ctx, ranking, v, k)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(recall, score)
	prep = slices.DeleteFunc(prep, func(s ensemble.Stage) bool { return !reads(all, s.Outputs()[0].Name) })
	features, err := p.featureStage(slices.Concat(prep, recall, score))
	if err != nil {
		return nil, err
	}
	groups := map[string][]ensemble.Stage{groupPrep: append(features, prep...), groupRecall: recall, groupScore: score}
	return groups, p.checkJoined(groups)
}

// candidates is K.
func (p *Pipeline) candidates(source *model.Retrieval) int {
	if c, ok := p.onlyCustom(asSource); ok {
		k, _ := c.candidates() // checked when it was opened
		return k
	}
	return min(p.config.Candidates, source.Count()-source.First)
}

// returned is N.
func (p *Pipeline) returned(k int) int {
	if c, ok := p.onlyCustom(asOrdering); ok {
		n, _ := c.output(stage.Positions, "N", tensor.Int64) // checked when it was opened
		return min(n, k)
	}
	return min(p.config.Ordering.Return, k)
}

// recallStages find candidates: the queries of the models and what retrieves by them, or a custom source with what joins it. Queries that
// are as wide as the catalogue stay within a model with what reads them.
func (p *Pipeline) recallStages(ctx context.Context, sources []source, k int) (queries, recall []ensemble.Stage, err error) {
	first := sources[0]
	if c, ok := p.onlyCustom(asSource); ok {
		join, err := stage.Guard(first.First, first.Count(), k)
		if c.byKey() {
			join, err = stage.Keys(p.itemKeys(), first.First, k)
		}
		return nil, []ensemble.Stage{c.Stage, join}, err
	}
	if len(sources) > 1 {
		queries, recall, retrieve, err := mergeStages(sources)
		return queries, append(recall, retrieve), err
	}
	query, err := stage.Rename(stage.QueryName, first.Query, stage.Names{})
	if err != nil {
		return nil, nil, err
	}
	retrieve, err := p.retrieveStage(ctx, first.Retrieval, k)
	if first.Items == nil {
		return nil, []ensemble.Stage{query, retrieve}, err
	}
	return []ensemble.Stage{query}, []ensemble.Stage{retrieve}, err
}

// itemKeys are the raw item keys by item index.
func (p *Pipeline) itemKeys() *tensor.Tensor {
	vocabulary, _ := p.workflow.Vocabulary(p.config.Data.Interactions.Item)
	return vocabulary.KeysByID()
}

// scoreStages builds what comes behind the filter: lookup, further filters, rankers and ordering.
func (p *Pipeline) scoreStages(ctx context.Context, ranking *Ranking, v, k int) ([]ensemble.Stage, error) {
	var list []ensemble.Stage
	filters := p.customOf(asFilter)
	keep := make([]string, 0, len(filters))
	for _, c := range filters {
		list = append(list, c.Stage)
		keep = append(keep, c.Stage.Outputs()[0].Name)
	}
	if len(keep) > 0 {
		mask, err := stage.Mask(keep, k)
		if err != nil {
			return nil, err
		}
		list = append(list, mask)
	}
	var tasks []string
	if ranking != nil {
		rank, err := stage.Rename(stage.RankName, ranking.Graph, stage.Names{})
		if err != nil {
			return nil, err
		}
		list, tasks = append(list, rank), ranking.Tasks
	}
	for _, c := range p.customOf(asRanker) {
		list = append(list, c.Stage)
	}
	order, err := p.orderStages(slices.Concat(tasks, customTasks(p.custom)), k)
	if err != nil {
		return nil, err
	}
	list = append(list, order...)
	interactions, err := p.interactionStage(list, k)
	if err != nil {
		return nil, err
	}
	list = append(interactions, list...)
	lookup, err := p.lookupStage(ctx, list, v, k)
	return append(lookup, list...), err
}

// orderStages end the ensemble: the blend, or a custom ordering with what joins it.
func (p *Pipeline) orderStages(tasks []string, k int) ([]ensemble.Stage, error) {
	if c, ok := p.onlyCustom(asOrdering); ok {
		pick, err := stage.Pick(p.itemKeys(), k, p.returned(k))
		return []ensemble.Stage{c.Stage, pick}, err
	}
	blend, err := parseBlend(p.config.Ordering.Blend, tasks)
	if err != nil {
		return nil, err
	}
	n := p.returned(k)
	if p.config.Ordering.Active() { // Its policy chooses among all of them.
		n = k
	}
	order, err := stage.Order(stage.Ordering{Keys: p.itemKeys(), Candidates: k, Return: n, Blend: blend})
	return []ensemble.Stage{order}, err
}

// lookupStage gathers the item columns that stages read; none if they read none.
func (p *Pipeline) lookupStage(ctx context.Context, readers []ensemble.Stage, v, k int) ([]ensemble.Stage, error) {
	encoded, raw := tensor.Map{}, tensor.Map{}
	for column, t := range p.examples.Items {
		if t.Dim(0) == v && reads(readers, stage.Item(column)) {
			encoded[column] = t
		}
	}
	for _, c := range p.tables.Raw.Select(schema.Item) {
		if !reads(readers, stage.RawItem(c.Name)) {
			continue
		}
		rows, _, _, err := encoder{p.config, p.tables, p.workflow}.itemRows(ctx)
		if err != nil {
			return nil, err
		}
		raw[c.Name] = columnsOf(rows, p.tables.Raw)[c.Name]
	}
	if len(encoded)+len(raw) == 0 {
		return nil, nil
	}
	lookup, err := stage.Lookup(encoded, raw, k)
	return []ensemble.Stage{lookup}, err
}

// interactionStage encodes the columns of a request and each candidate together that stages read; none if they read none.
func (p *Pipeline) interactionStage(readers []ensemble.Stage, k int) ([]ensemble.Stage, error) {
	var needed []string
	for _, c := range p.workflow.Schema().Select(schema.Interaction) {
		if reads(readers, stage.Interaction(c.Name)) {
			needed = append(needed, c.Name)
		}
	}
	if len(needed) == 0 {
		return nil, nil
	}
	part, err := p.workflow.Only(needed...)
	if err != nil {
		return nil, err
	}
	g, err := part.Candidates(stage.InteractionsName, k)
	if err != nil {
		return nil, err
	}
	interactions, err := stage.Interactions(g, part.Raw().Select(schema.Item).Names())
	return []ensemble.Stage{interactions}, err
}

// featureStage encodes the columns that stages read, and no others; none if they read none.
func (p *Pipeline) featureStage(readers []ensemble.Stage) ([]ensemble.Stage, error) {
	var needed []string
	for _, c := range p.workflow.Schema() {
		if reads(readers, stage.Encoded(c.Name)) {
			needed = append(needed, c.Name)
		}
	}
	if len(needed) == 0 {
		return nil, nil
	}
	part, err := p.workflow.Only(needed...)
	if err != nil {
		return nil, err
	}
	g, err := part.Graph(stage.FeaturesName)
	if err != nil {
		return nil, err
	}
	features, err := stage.Features(g)
	return []ensemble.Stage{features}, err
}

// reads reports whether one of the stages has the input.
func reads(stages []ensemble.Stage, name string) bool {
	return slices.ContainsFunc(stages, func(s ensemble.Stage) bool {
		return slices.ContainsFunc(s.Inputs(), func(p ensemble.Port) bool { return p.Name == name })
	})
}

// made reports whether one of the stages has the output.
func made(stages []ensemble.Stage, name string) bool {
	return slices.ContainsFunc(stages, func(s ensemble.Stage) bool {
		return slices.ContainsFunc(s.Outputs(), func(p ensemble.Port) bool { return p.Name == name })
	})
}

// rawInputs are the raw columns that a request can bring: those that features need, and others of users and context, which custom
// stages may read.
func (p *Pipeline) rawInputs() schema.Schema {
	list := slices.Clone(p.workflow.Raw())
	for _, c := range p.tables.Raw {
		if _, ok := list.Column(c.Name); !ok && !c.Has(schema.Item) {
			list = append(list, c)
		}
	}
	return list
}

// writeStage writes a stage into the run: a graph as NAME.onnx, a folder as NAME with its stand-in beside it.
func (p *Pipeline) writeStage(dir string, s ensemble.Stage) error {
	path := filepath.Join(dir, s.Name)
	if s.Folder == nil {
		return onnx.Write(path+".onnx", s.Graph, onnx.Meta{})
	}
	if err := os.CopyFS(path, os.DirFS(s.Folder.Dir)); err != nil {
		return err
	}
	for _, c := range p.custom {
		if c.CustomStage.Name == s.Name && c.StandIn != "" {
			return copyFile(path+".onnx", within(p.data, c.StandIn))
		}
	}
	return nil
}

// readStage reads what writeStage wrote.
func (s *Serving) readStage(dir, name string) (ensemble.Stage, error) {
	path := filepath.Join(dir, name)
	f, ok := s.Folders[name]
	if !ok {
		g, err := readGraph(path + ".onnx")
		return ensemble.Stage{Name: name, Graph: g}, err
	}
	standIn := path + ".onnx"
	if _, err := os.Stat(standIn); err != nil {
		standIn = ""
	}
	st, err := stage.Dir(name, path, stage.Names{Inputs: f.Inputs, Outputs: f.Outputs}, standIn)
	if err != nil {
		return st, fmt.Errorf("%w; run recsys train again", err)
	}
	return st, nil
}
