package pipeline

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/internal/nearest"
)

// ExportSettings are the export block of recsys.yaml: how an export writes a run. Flags of the command stand in for single ones.
type ExportSettings struct {
	// Profile is auto, cpu, gpu or gpu-tensorrt. Default auto.
	Profile string `yaml:"profile"`
	// Fuse is none, groups or all. Default groups.
	Fuse string `yaml:"fuse"`
	// Layout is baked or split. Default baked.
	Layout string `yaml:"layout"`
	// MaxBatch is the most users of one call. Default: what Memory allows, at most 64.
	MaxBatch int `yaml:"max_batch"`
	// Memory bounds the intermediate values of all models together at full batches, where MaxBatch is not given. Default 1GiB.
	Memory Size `yaml:"memory"`
	// ItemMatrix stores the item matrix as fp16 or int8, Ranker the embedding tables of the ranker as fp16. Default float32.
	ItemMatrix string `yaml:"item_matrix"`
	Ranker     string `yaml:"ranker"`
	// AcceptLoss exports narrow models that lose more than [LeastOverlap] and [MostNDCGLoss] allow.
	AcceptLoss bool `yaml:"accept_loss"`
	// Gate refuses runs that are worse than the served generation.
	Gate Gate `yaml:"gate"`
	// Stages are settings of single models by name: a group or a stage, "default" for all of them, or "ensemble". The settings
	// are those of [ensemble.Settings].
	Stages Blocks `yaml:"stages"`
	// Profiles are further settings that hold with one profile only, by its name and that of the model.
	Profiles map[string]Blocks `yaml:"profiles"`
}

// DefaultName names the settings that hold for every model.
const DefaultName = "default"

// allName names the model of fuse all.
const allName = "all"

// Blocks are settings by name, in the order of the text.
type Blocks []Block

// UnmarshalYAML reads a map from names to settings.
func (b *Blocks) UnmarshalYAML(node ast.Node) error {
	m, ok := node.(ast.MapNode)
	if !ok {
		return fmt.Errorf("line %d: names with their settings are wanted", node.GetToken().Position.Line)
	}
	for i := m.MapRange(); i.Next(); {
		key := i.Key()
		var name string
		if err := yaml.NodeToValue(key, &name); err != nil {
			return err
		}
		var value map[string]any
		if err := yaml.NodeToValue(i.Value(), &value); err != nil {
			return fmt.Errorf("line %d: %s: settings in braces are wanted", key.GetToken().Position.Line, name)
		}
		writeTexts(value, false)
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", key.GetToken().Position.Line, name, err)
		}
		*b = append(*b, Block{Name: name, Line: key.GetToken().Position.Line, settings: text})
	}
	return nil
}

// writeTexts makes text of the numbers below keys whose values Triton takes as text: YAML has 2 where config.pbtxt has "2".
func writeTexts(v any, texts bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			switch value.(type) {
			case map[string]any, []any:
				writeTexts(value, key == "parameters" || key == "metric_tags")
			case nil, string:
			default:
				if texts {
					v[key] = fmt.Sprint(value)
				}
			}
		}
	case []any:
		for _, value := range v {
			writeTexts(value, false)
		}
	}
}

// ReadExportSettings reads the export block of a YAML file, whatever else the file has.
func ReadExportSettings(path string) (*ExportSettings, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read export settings: %w", err)
	}
	var top map[string]any
	if err := yaml.Unmarshal(text, &top); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, ok := top["export"]; !ok {
		return nil, fmt.Errorf("%s: there is no export block", path)
	}
	at, err := yaml.PathString("$.export")
	if err != nil {
		return nil, err
	}
	node, err := at.ReadNode(strings.NewReader(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &ExportSettings{}
	if err := yaml.NodeToValue(node, s, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Validate checks everything but the names of models, which a run has, and reports every fault.
func (s *ExportSettings) Validate() error {
	var errs []error
	profiles := make([]string, 0, len(ensemble.Profiles()))
	for _, p := range ensemble.Profiles() {
		profiles = append(profiles, string(p))
	}
	errs = append(errs, oneOf("export.profile", s.Profile, profiles...),
		oneOf("export.fuse", s.Fuse, string(ensemble.FuseNone), string(ensemble.FuseGroups), string(ensemble.FuseAll)))
	errs = append(errs, oneOf("export.item_matrix", s.ItemMatrix, string(stage.Float16), string(stage.Int8)),
		oneOf("export.ranker", s.Ranker, string(stage.Float16)), oneOf("export.layout", s.Layout, string(LayoutBaked), string(LayoutSplit)))
	if s.MaxBatch < 0 {
		errs = append(errs, fmt.Errorf("export.max_batch: %d has to be 0 or more", s.MaxBatch))
	}
	errs = append(errs, s.Gate.validate(), s.Stages.validate("export.stages"))
	for _, name := range slices.Sorted(maps.Keys(s.Profiles)) {
		errs = append(errs, oneOf("export.profiles", name, profiles...), s.Profiles[name].validate("export.profiles."+name))
	}
	return joinSorted(errs)
}

// layout is Layout or its default.
func (s *ExportSettings) layout() Layout { return cmp.Or(Layout(s.Layout), LayoutBaked) }

func (b Blocks) validate(key string) error {
	var errs []error
	for _, block := range b {
		if err := block.Decode(&ensemble.Settings{}); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	return errors.Join(errs...)
}

// configurer applies the settings to models and keeps in mind which ones it has used.
type configurer struct {
	half   bool     // TensorRT computes in half precision
	blocks []Blocks // what comes later counts
	used   map[string]bool
	asked  []string
	idle   []string // names of other fusings
}

func (s *ExportSettings) configurer(profile ensemble.Profile) *configurer {
	return &configurer{half: s.Ranker != "", blocks: []Blocks{s.Stages, s.Profiles[string(profile)]}, used: map[string]bool{}}
}

// configure is ensemble.Options.Configure: the settings of all models first, then those of the larger parts.
func (c *configurer) configure(names []string, s *ensemble.Settings) error {
	c.asked = append(c.asked, names...)
	if names[0] != ensemble.EnsembleName {
		names = append([]string{DefaultName}, names...)
	}
	for i, a := range s.GPUAccelerators {
		if a.Name == "tensorrt" && c.half {
			s.GPUAccelerators[i].Parameters = map[string]string{"precision_mode": "FP16"}
		}
	}
	for _, blocks := range c.blocks {
		for _, name := range names {
			for _, b := range blocks {
				if b.Name != name {
					continue
				}
				c.used[name] = true
				if err := b.Decode(s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// finish returns an error for names that no model can have, and notes those that no model has had.
func (c *configurer) finish(e ensemble.Ensemble) error {
	known := append([]string{DefaultName, ensemble.EnsembleName, allName}, c.asked...)
	for _, g := range e.Groups {
		known = append(known, g.Name)
		for _, s := range g.Stages {
			known = append(known, s.Name)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, blocks := range c.blocks {
		for _, b := range blocks {
			switch {
			case !slices.Contains(known, b.Name):
				return fmt.Errorf("export: line %d: unknown stage %q; there are: %s%s", b.Line, b.Name, strings.Join(known, ", "),
					nearest.Hint(b.Name, known))
			case !c.used[b.Name] && !slices.Contains(c.idle, b.Name):
				c.idle = append(c.idle, b.Name)
			}
		}
	}
	return nil
}
