package pipeline

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"recsys/internal/nearest"
)

// Variant returns the text of a recsys.yaml with the named model in the place of its own: a retrieval model as the only
// one, a ranker with the tasks of the ranker that it replaces. The model has the settings that text gives it, the
// defaults where text does not name it. registry nil is Standard().
func Variant(text []byte, name string, registry *Registry) ([]byte, error) {
	if registry == nil {
		registry = Standard()
	}
	c, err := ParseConfig(text)
	if err != nil {
		return nil, err
	}
	var all yaml.MapSlice
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	if _, ok := registry.Retrieval[name]; ok {
		return variant(all, "retrieval", func(models any) (any, error) {
			if i := slices.IndexFunc(c.Retrieval, func(b Block) bool { return b.Name == name }); i >= 0 {
				return models.([]any)[i : i+1], nil
			}
			return []any{name}, nil
		})
	}
	if _, ok := registry.Ranking[name]; !ok {
		known := slices.AppendSeq(slices.Collect(maps.Keys(registry.Retrieval)), maps.Keys(registry.Ranking))
		slices.Sort(known)
		return nil, fmt.Errorf("unknown model %q; there are: %s%s", name, strings.Join(known, ", "), nearest.Hint(name, known))
	}
	if c.Ranking == nil {
		return nil, fmt.Errorf("%s is a ranker and the pipeline has no ranking: there are no tasks to predict", name)
	}
	return variant(all, "ranking", func(ranker any) (any, error) {
		if c.Ranking.Name == name {
			return ranker, nil
		}
		blocks, ok := ranker.(map[string]any)
		if !ok {
			return nil, errors.New("ranking has no settings")
		}
		settings, ok := blocks[c.Ranking.Name].(map[string]any)
		if !ok {
			return nil, errors.New("ranking has no settings")
		}
		return yaml.MapSlice{{Key: name, Value: yaml.MapSlice{{Key: "tasks", Value: settings["tasks"]}}}}, nil
	})
}

// variant replaces the value of key, which is added where it is absent.
func variant(all yaml.MapSlice, key string, replace func(any) (any, error)) ([]byte, error) {
	i := slices.IndexFunc(all, func(item yaml.MapItem) bool { return item.Key == key })
	if i < 0 {
		i = len(all)
		all = append(all, yaml.MapItem{Key: key})
	}
	value, err := replace(all[i].Value)
	if err != nil {
		return nil, err
	}
	all[i].Value = value
	return yaml.Marshal(all)
}
