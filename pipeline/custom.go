package pipeline

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/tensor"
)

// CustomStage is a stage that others have made: an ONNX file, or a model of any Triton backend.
type CustomStage struct {
	// Name is the stage's name: letters, digits, '_' and '-', a letter first; none of another stage or group.
	Name string `yaml:"name"`
	// As is "source", which takes the place of the retrieval models, "filter", behind the filter, "ranker", beside the ranker, or
	// "ordering", in the place of the ordering.
	As string `yaml:"as"`
	// File is an ONNX file, Dir a model's folder with config.pbtxt and a version folder; one of them. Relative to the data folder.
	File string `yaml:"file"`
	Dir  string `yaml:"dir"`
	// StandIn is an ONNX file that computes what Dir does, for the embedded engine and offline evaluation. Default none.
	StandIn string `yaml:"stand_in"`
	// Inputs and Outputs give the ensemble's names of tensors by the model's. Default: they are the same.
	Inputs  map[string]string `yaml:"inputs"`
	Outputs map[string]string `yaml:"outputs"`
}

// The values of CustomStage.As.
const (
	asSource   = "source"
	asFilter   = "filter"
	asRanker   = "ranker"
	asOrdering = "ordering"
)

func (c CustomStage) validate() error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("stages: %s: "+format, append([]any{c.Name}, args...)...))
	}
	if !namePattern.MatchString(c.Name) {
		errs = append(errs, fmt.Errorf("stages: %q is no name; use letters, digits, '_' and '-', a letter first", c.Name))
	}
	if reservedStage(c.Name) {
		fail("the name is that of a built-in stage or group; choose another one")
	}
	if !slices.Contains([]string{asSource, asFilter, asRanker, asOrdering}, c.As) {
		fail("as: unknown %q; there are: source, filter, ranker, ordering", c.As)
	}
	if (c.File == "") == (c.Dir == "") {
		fail("give one of file, an ONNX model, and dir, a folder with a model of another backend")
	}
	if c.StandIn != "" && c.Dir == "" {
		fail("stand_in: is for dir; a file needs none")
	}
	return errors.Join(errs...)
}

func reservedStage(name string) bool {
	return slices.Contains([]string{
		stage.FeaturesName, stage.QueryName, stage.RetrieveName, stage.FilterName, stage.LookupName, stage.InteractionsName, stage.RankName, stage.OrderName,
		stage.ItemKeysName, stage.ItemFeaturesName, stage.KeysName, stage.GuardName, stage.MaskName, stage.PickName, groupPrep, groupRecall, groupScore, string(ensemble.FuseAll),
	}, name)
}

func validateCustom(list []CustomStage) []error {
	var errs []error
	seen := map[string]int{}
	for _, c := range list {
		errs = append(errs, c.validate())
		seen["stages: two stages have the name "+c.Name]++
		if c.As == asSource || c.As == asOrdering {
			seen["stages: there are two of as: "+c.As]++
		}
	}
	for text, n := range seen {
		if n > 1 {
			errs = append(errs, errors.New(text))
		}
	}
	return errs
}

// customStage is one that was opened.
type customStage struct {
	CustomStage
	ensemble.Stage
}

func (c customStage) fail(format string, args ...any) error {
	return fmt.Errorf("stages: %s: %w", c.CustomStage.Name, fmt.Errorf(format, args...))
}

// openCustom opens the stages of c whose paths are relative to dir, and checks what can be checked without the others.
func openCustom(c *Config, dir string) ([]customStage, error) {
	var list []customStage
	var errs []error
	for _, settings := range c.Stages {
		s, err := settings.open(dir)
		if err != nil {
			errs = append(errs, fmt.Errorf("stages: %w", err))
			continue
		}
		joined := customStage{settings, s}
		if err := joined.checkOutputs(); err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, joined)
	}
	return list, errors.Join(errs...)
}

func (c CustomStage) open(dir string) (ensemble.Stage, error) {
	names := stage.Names{Inputs: c.Inputs, Outputs: c.Outputs}
	if c.File != "" {
		return stage.File(c.Name, within(dir, c.File), names)
	}
	return stage.Dir(c.Name, within(dir, c.Dir), names, within(dir, c.StandIn))
}

// within returns path below dir, unless it is absolute or empty.
func within(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// output returns an output of a type and [B,K] or [B,N], whose width it returns too.
func (c customStage) output(name, axis string, types ...tensor.DType) (width int, err error) {
	var have []string
	for _, o := range c.Stage.Outputs() {
		have = append(have, fmt.Sprintf("%s %s", o.Name, o))
		if o.Name != name {
			continue
		}
		if len(o.Shape) != 2 || !o.Shape[1].IsFixed() || !slices.Contains(types, o.DType) {
			return 0, c.fail("as %s it has to make %q as %v[B,%s] with a number for %s, it makes %s", c.As, name, types[0], axis, axis, o)
		}
		return o.Shape[1].Size, nil
	}
	return 0, c.fail("as %s it has to make %q, %v[B,%s]; it makes %s: name that tensor so with outputs: {MODEL'S NAME: %s}",
		c.As, name, types[0], axis, strings.Join(have, ", "), name)
}

// checkOutputs checks that the stage makes what its place in the ensemble needs.
func (c customStage) checkOutputs() error {
	switch c.As {
	case asSource:
		k, err := c.candidates()
		if err != nil {
			return err
		}
		scores, err := c.output(stage.FoundScores, "K", tensor.Float32)
		if err == nil && scores != k {
			err = c.fail("it makes %d candidates and %d scores", k, scores)
		}
		return err
	case asFilter:
		if len(c.Stage.Outputs()) != 1 {
			return c.fail("a filter makes one tensor, bool[B,K] that is true for what stays; it makes %d", len(c.Stage.Outputs()))
		}
		o := c.Stage.Outputs()[0]
		if o.DType != tensor.Bool || len(o.Shape) != 2 {
			return c.fail("a filter makes bool[B,K] that is true for what stays; it makes %s %s", o.Name, o)
		}
	case asRanker:
		for _, o := range c.Stage.Outputs() {
			if o.DType != tensor.Float32 || len(o.Shape) != 2 {
				return c.fail("a ranker makes float32[B,K] for each task; it makes %s %s", o.Name, o)
			}
			if !taskPattern.MatchString(o.Name) || reservedTask(o.Name) {
				return c.fail("a ranker's output %q becomes a task: rename it to letters, digits and '_', a letter first, and no name of a tensor "+
					"of the ensemble", o.Name)
			}
		}
	case asOrdering:
		n, err := c.output(stage.Positions, "N", tensor.Int64)
		if err != nil {
			return err
		}
		scores, err := c.output(stage.OrderScores, "N", tensor.Float32)
		if err == nil && scores != n {
			err = c.fail("it makes %d positions and %d scores", n, scores)
		}
		return err
	}
	return nil
}

// candidates returns K of a source.
func (c customStage) candidates() (int, error) {
	if c.byKey() {
		return c.output(stage.CandidateKeys, "K", tensor.Int64, tensor.String)
	}
	return c.output(stage.FoundCandidates, "K", tensor.Int64)
}

// byKey reports whether a source names items by their raw keys.
func (c customStage) byKey() bool {
	return slices.ContainsFunc(c.Stage.Outputs(), func(p ensemble.Port) bool { return p.Name == stage.CandidateKeys })
}

// customOf returns the custom stages of a place, in order.
func (p *Pipeline) customOf(as string) []customStage {
	var list []customStage
	for _, c := range p.custom {
		if c.As == as {
			list = append(list, c)
		}
	}
	return list
}

// onlyCustom returns the custom stage of a place that has one at most.
func (p *Pipeline) onlyCustom(as string) (c customStage, ok bool) {
	if list := p.customOf(as); len(list) > 0 {
		return list[0], true
	}
	return c, false
}

// customTasks are the tensors of custom rankers.
func customTasks(list []customStage) []string {
	var tasks []string
	for _, c := range list {
		if c.As == asRanker {
			for _, o := range c.Stage.Outputs() {
				tasks = append(tasks, o.Name)
			}
		}
	}
	return tasks
}

// checkJoined checks that every tensor that a custom stage reads is there, made in front of it or raw, and that what is joined fits.
func (p *Pipeline) checkJoined(groups map[string][]ensemble.Stage) error {
	have := []string{stage.Blocked}
	for _, c := range p.rawInputs() {
		have = append(have, c.Name)
	}
	var errs []error
	for _, group := range []string{groupPrep, groupRecall, groupScore} {
		for _, s := range groups[group] {
			for _, in := range s.Inputs() {
				i := slices.IndexFunc(p.custom, func(c customStage) bool { return c.CustomStage.Name == s.Name })
				if i < 0 || slices.Contains(have, in.Name) {
					continue
				}
				errs = append(errs, p.custom[i].fail("it reads %q, %s, which there is not in its place; there are %s: name one with inputs: {MODEL'S NAME: TENSOR}",
					in.Name, in, strings.Join(p.offers(have), ", ")))
			}
			for _, o := range s.Outputs() {
				have = append(have, o.Name)
			}
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	e := ensemble.Ensemble{Name: p.config.Name, Outputs: servingOutputs()}
	for _, group := range []string{groupPrep, groupRecall, groupScore} {
		if len(groups[group]) > 0 {
			e.Groups = append(e.Groups, ensemble.Group{Name: group, Stages: groups[group]})
		}
	}
	return e.Validate()
}

// offers lists what a stage may read: tensors that are there, and those that are made for whoever reads them.
func (p *Pipeline) offers(have []string) []string {
	list := slices.Clone(have)
	for _, c := range p.workflow.Schema() {
		name := stage.Encoded(c.Name)
		if p.examples.Items[c.Name] != nil {
			name = stage.Item(c.Name)
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
