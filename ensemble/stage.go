package ensemble

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"recsys/graph"
)

// Stage is a named graph. Each of its inputs is an output of an earlier stage of the same name or a raw input of the
// ensemble; each of its outputs may feed later stages. The leading dimension of all of them is the symbol B, the other ones are
// fixed once earlier stages' shapes are known.
type Stage struct {
	// Name says what the stage does: "features", "query", "retrieve", …; it becomes part of the model's name.
	Name string
	// Graph is what the stage computes. Where Folder is set, it is what the embedded engine runs in the folder's place, under
	// the ensemble's names; nil if nothing does.
	Graph *graph.Graph
	// Folder, if not nil, is a model of another backend, which is served as it is.
	Folder *Folder
	dense  bool // what TensorRT is for, and nothing else
	// within are the groups and stages that it is a part of by another name, the largest first.
	within  []string
	ranking bool // it belongs to the second of two ensembles
}

// Group is a run of stages that Groups fuses.
type Group struct {
	Name   string
	Stages []Stage
	// Ranking makes the group part of a second ensemble, which [RankingName] names. Such groups are the last ones.
	Ranking bool
	within  []string // as a stage's
}

// Ensemble is the way from raw columns to recommendations.
type Ensemble struct {
	// Name is the ensemble's name in the repository; stages are called NAME_STAGE.
	Name   string
	Groups []Group
	// Outputs name the final tensors, such as item_ids and scores.
	Outputs []string
	// Explain names intermediate tensors of which requests may ask a copy, called ExplainPrefix and the tensor's name, unless
	// all stages are fused into one.
	Explain []string
	// Keys names the tensor with the candidates' raw item keys, [B,K], by which callers find item rows; for ensembles with groups of
	// a ranking only.
	Keys string
}

// ExplainPrefix begins the names of the ensemble's outputs that are copies of intermediate tensors.
//
// They have to be copies: when a request names its outputs, Triton passes over a step whose outputs are all outputs of the
// ensemble that were not asked for, even if other steps read them, and the request ends with "unexpected deadlock".
const ExplainPrefix = "explain_"

// Fuse says how stages become models.
type Fuse string

// The ways to fuse. The empty Fuse means Groups.
const (
	FuseNone   Fuse = "none"   // each stage is a model
	FuseGroups Fuse = "groups" // each group is a model
	FuseAll    Fuse = "all"    // all stages are one model, which puts out Ensemble.Outputs only
)

// allName is the name of the one stage that FuseAll makes.
const allName = "all"

var (
	modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	stageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*(_[A-Za-z0-9.-]+)*$`)
)

// Validate checks names, that each tensor is made once and before it is used, and that the wanted outputs exist. It reports
// every fault.
func (e Ensemble) Validate() error {
	var errs []error
	if !modelName.MatchString(e.Name) {
		errs = append(errs, fmt.Errorf("ensemble name %q: want letters, digits, \".\", \"_\" and \"-\"", e.Name))
	}
	if len(e.Outputs) == 0 {
		errs = append(errs, fmt.Errorf("ensemble %q names no outputs", e.Name))
	}
	errs = append(errs, e.validateNames(), e.validateTensors(), e.validateRanking())
	return errors.Join(errs...)
}

func (e Ensemble) validateNames() error {
	var errs []error
	groups, stages := map[string]bool{}, map[string]bool{}
	check := func(kind, name string, seen map[string]bool) {
		if !stageName.MatchString(name) {
			errs = append(errs, fmt.Errorf("%s name %q: want letters, digits, \".\", \"_\" and \"-\"", kind, name))
		}
		if seen[name] {
			errs = append(errs, fmt.Errorf("there are two %ss of the name %q", kind, name))
		}
		seen[name] = true
	}
	for _, g := range e.Groups {
		check("group", g.Name, groups)
		if len(g.Stages) == 0 {
			errs = append(errs, fmt.Errorf("group %q has no stages", g.Name))
		}
		for _, s := range g.Stages {
			check("stage", s.Name, stages)
			if s.Graph == nil && s.Folder == nil {
				errs = append(errs, fmt.Errorf("stage %q has no graph", s.Name))
			}
		}
	}
	for _, s := range e.stages() {
		if s.Folder != nil && (groups[s.Name] || s.Name == allName) {
			errs = append(errs, fmt.Errorf("stage %q is called like a group, whose name its own model has: call it otherwise", s.Name))
		}
	}
	return errors.Join(errs...)
}

func (e Ensemble) validateTensors() error {
	var errs []error
	stages := e.stages()
	maker := map[string]string{} // the stage that makes a tensor
	tensors := map[string]Port{}
	for _, s := range stages {
		for _, o := range s.Outputs() {
			if other, ok := maker[o.Name]; ok {
				errs = append(errs, fmt.Errorf("tensor %q is made by stage %q and stage %q: rename one of the outputs", o.Name, other, s.Name))
				continue
			}
			maker[o.Name], tensors[o.Name] = s.Name, o
		}
	}
	made := map[string]bool{}
	for _, s := range stages {
		for _, in := range s.Inputs() {
			if slices.Contains(e.Outputs, in.Name) {
				errs = append(errs, fmt.Errorf("stage %q reads tensor %q, which is an output of the ensemble: a tensor cannot be both; "+
					"name it in Explain", s.Name, in.Name))
			}
			by, ok := maker[in.Name]
			switch {
			case ok && !made[in.Name]:
				errs = append(errs, fmt.Errorf("stage %q reads tensor %q, which stage %q makes only later: put it in front", s.Name, in.Name, by))
			case ok:
				if remedy := misfit(tensors[in.Name], in); remedy != "" {
					errs = append(errs, fmt.Errorf("tensor %q: stage %q makes %s, stage %q reads %s: %s", in.Name, by, tensors[in.Name], s.Name, in, remedy))
				}
			}
		}
		for _, o := range s.Outputs() {
			made[o.Name] = true
		}
	}
	for _, name := range slices.Concat(e.Outputs, e.Explain) {
		if !made[name] {
			errs = append(errs, fmt.Errorf("ensemble %q wants the output %q, which no stage makes", e.Name, name))
		}
	}
	return errors.Join(errs...)
}

func (e Ensemble) stages() []Stage {
	var all []Stage
	for _, g := range e.Groups {
		all = append(all, g.Stages...)
	}
	return all
}
