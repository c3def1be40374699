package ensemble

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
)

// ranking compares a manifest with the second ensemble's configuration in the generation's folder, whose outputs it names, and returns
// the outputs that the first one has to have.
func (c *checker) ranking(r *Repository, man *Manifest, outputs []string, version int64) []string {
	path := filepath.Join(c.model.VersionDir(version), RankingConfigFile)
	second, err := ReadConfig(path)
	if err != nil {
		c.add(RuleManifest, "ranking", "export the ensemble again", "%s", relative(r.Dir, err))
		return man.Ranking.Explain
	}
	served := r.Models[RankingName(c.model.Name)]
	if served == nil || !slices.Contains(served.Served(), version) || !reflect.DeepEqual(served.Config.Steps, second.Steps) {
		c.addIn(filepath.Join(RankingName(c.model.Name), ConfigFile), RuleManifest, "", "publish the generation again",
			"does not serve the ranking of %s generation %d as %s has it: its candidates would not be ranked", c.model.Name, version, r.rel(path))
	}
	c.compareRanking(man, second)
	for _, name := range outputs {
		if !slices.ContainsFunc(second.Outputs, func(t TensorConfig) bool { return t.Name == name }) {
			c.add(RuleManifest, fmt.Sprintf("outputs %q", name), "export the ensemble again", "is no output of %s", second.Name)
		}
	}
	return man.Ranking.Explain
}

// compareRanking looks for each of the second ensemble's inputs among what the manifest says is handed over, and for what that lacks.
func (c *checker) compareRanking(man *Manifest, second *Config) {
	want := slices.Clone(man.columnConfigs())
	first := c.model.Config
	for _, name := range man.Ranking.Tensors {
		i := slices.IndexFunc(first.Outputs, func(t TensorConfig) bool { return t.Name == RankingPrefix+name })
		if i < 0 {
			c.add(RuleManifest, fmt.Sprintf("ranking.tensors %q", name), "export the ensemble again", "is no output of the ensemble with %s before it", RankingPrefix)
			continue
		}
		t := first.Outputs[i]
		t.Name = name
		want = append(want, t)
	}
	for _, t := range man.rawInputs() {
		if slices.Contains(man.Ranking.Shared, t.Name) || slices.Contains(man.Ranking.Own, t.Name) {
			want = append(want, t)
		}
	}
	for _, in := range second.Inputs {
		if !slices.ContainsFunc(want, func(t TensorConfig) bool { return sameTensors([]TensorConfig{t}, []TensorConfig{in}) }) {
			c.add(RuleManifest, fmt.Sprintf("ranking %q", in.Name), "export the ensemble again",
				"the ranking's input %s%v is nothing of this type and length that is handed over", in.DType.Config(), in.Dims)
		}
	}
	for _, t := range want {
		if !slices.ContainsFunc(second.Inputs, func(in TensorConfig) bool { return in.Name == t.Name }) {
			c.add(RuleManifest, fmt.Sprintf("ranking %q", t.Name), "export the ensemble again", "is no input of %s", second.Name)
		}
	}
	keys := TensorConfig{Name: man.Ranking.Keys, DType: man.ItemKey.DType.DType, Dims: []int64{int64(man.Limits.Candidates)}}
	for _, t := range first.Outputs {
		if t.Name == keys.Name && sameTensors([]TensorConfig{t}, []TensorConfig{keys}) {
			return
		}
	}
	c.add(RuleManifest, "ranking.keys", "export the ensemble again", "%q is no output %s%v of the ensemble", keys.Name, keys.DType.Config(), keys.Dims)
}
