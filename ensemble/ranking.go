package ensemble

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"recsys/internal/atomicfile"
	"recsys/schema"
)

// An ensemble with groups of which Ranking is true is served as two: NAME finds candidates, NAME_ranking orders them, and between both the
// caller brings raw columns of the candidates from a store.
const (
	// RankingPrefix begins the names of those outputs of NAME that NAME_ranking takes under the name behind it. They are copies for
	// the reason of ExplainPrefix.
	RankingPrefix = "ranking_"
	// ItemPrefix begins the names of raw item columns of the candidates, [B,K] and [B,K,L].
	ItemPrefix = "raw_item_"
	// RankingConfigFile is the configuration of NAME_ranking in a generation's folder: NAME/N/ranking.pbtxt.
	RankingConfigFile = "ranking.pbtxt"

	rankingName   = "ranking"
	rankingSuffix = "_" + rankingName
	// rankingKey is the parameter of NAME_ranking that names NAME; Triton passes it over.
	rankingKey = "ranking_of"
)

// RankingName is the name of the ensemble that orders the candidates of the one called name.
func RankingName(name string) string { return name + rankingSuffix }

// PreflightName is the name under which a generation is loaded before the ensemble called name serves it.
func PreflightName(name string) string { return name + "_next" }

// RankingOf returns the name of the ensemble whose candidates c orders, empty for any other configuration.
func RankingOf(c *Config) string { return c.Parameters[rankingKey] }

// AsRanking returns the configuration with the name and the parameter of the ensemble that orders the candidates of name.
func AsRanking(c *Config, name string) *Config {
	own := *c
	own.Name, own.Parameters = RankingName(name), map[string]string{rankingKey: name}
	return &own
}

// ManifestRanking describes the second of two ensembles, [RankingName]: which tensors a caller hands over, and which raw columns
// of the candidates it reads from a store. K is Limits.Candidates.
type ManifestRanking struct {
	// Keys is the output of the first ensemble with the candidates' raw item keys, [B,K]; empty slots have the key's null.
	Keys string `json:"keys"`
	// Tensors are taken under these names; the first ensemble puts them out with RankingPrefix before them.
	Tensors []string `json:"tensors"`
	// Shared names inputs of the first ensemble that the second takes too, Own those of Inputs that only the second takes.
	Shared []string `json:"shared,omitempty"`
	Own    []string `json:"own,omitempty"`
	// Columns are the raw item columns that are taken, with ItemPrefix before their names: scalars [B,K], lists [B,K,L].
	Columns schema.Schema `json:"columns"`
	// Row holds the columns of a packed item row, in order; RowHash is the row codec's hash of it.
	Row     schema.Schema `json:"row"`
	RowHash string        `json:"row_hash"`
	// Defaults gives the raw value of a column for items of which there is no row, as the manifest's Defaults do for inputs.
	Defaults map[string]any `json:"defaults,omitempty"`
	// Explain are outputs of the first ensemble that explain an answer.
	Explain []string `json:"explain,omitempty"`
}

func (m *Manifest) validateRanking() error {
	r := m.Ranking
	if r == nil {
		return nil
	}
	errs := []error{r.Columns.Validate(), r.Row.Validate(), validateDefaults(r.Columns, r.Defaults)}
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Keys == "" || len(r.Columns) == 0 {
		fail("keys %q and %d columns: want the name of an output and one column or more", r.Keys, len(r.Columns))
	}
	if !rowHash.MatchString(r.RowHash) {
		fail("row_hash %q: want the row codec's hash as 8 hexadecimal digits", r.RowHash)
	}
	for _, c := range r.Columns {
		if in, ok := r.Row.Column(c.Name); !ok || in.DType != c.DType || in.Length != c.Length {
			fail("column %q is not in row with this type and length", c.Name)
		}
	}
	taken := slices.Concat(r.Tensors, r.Shared, r.Own)
	for _, c := range r.Columns {
		taken = append(taken, ItemPrefix+c.Name)
	}
	slices.Sort(taken)
	if len(slices.Compact(slices.Clone(taken))) != len(taken) || slices.Contains(taken, "") {
		fail("takes a tensor twice, or one without a name")
	}
	for _, name := range slices.Concat(r.Shared, r.Own) {
		if _, ok := m.Inputs.Column(name); !ok && name != m.Blocked.Input {
			fail("%q is no input", name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("ranking: %w", err)
	}
	return nil
}

// columnConfigs are the inputs of the second ensemble that item columns make.
func (m *Manifest) columnConfigs() []TensorConfig {
	list := make([]TensorConfig, len(m.Ranking.Columns))
	for i, c := range m.Ranking.Columns {
		list[i] = TensorConfig{Name: ItemPrefix + c.Name, DType: c.DType.DType, Dims: []int64{int64(m.Limits.Candidates)}}
		if c.Length > 0 {
			list[i].Dims = append(list[i].Dims, int64(c.Length))
		}
	}
	return list
}

// handed returns the tensors that ranking stages read and others make, in the order in which they are made, and Keys; none for an
// ensemble that is served as one.
func (e Ensemble) handed() []string {
	read := map[string]bool{e.Keys: true}
	var first []Stage
	split := false
	for _, g := range e.Groups {
		if !g.Ranking {
			first = append(first, g.Stages...)
			continue
		}
		split = true
		for _, s := range g.Stages {
			for _, in := range s.Inputs() {
				read[in.Name] = true
			}
		}
	}
	var names []string
	for _, s := range first {
		for _, o := range s.Outputs() {
			if split && read[o.Name] {
				names = append(names, o.Name)
			}
		}
	}
	return names
}

// validateRanking checks that what is served as two ensembles can be cut.
func (e Ensemble) validateRanking() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	maker := map[string]bool{} // whether the ranking makes a tensor
	ranking := false
	for i, g := range e.Groups {
		if ranking && !g.Ranking || g.Ranking && i == 0 {
			fail("group %q: the groups of the ranking are the last ones, behind at least one other", g.Name)
		}
		ranking = ranking || g.Ranking
		for _, s := range g.Stages {
			for _, o := range s.Outputs() {
				maker[o.Name] = g.Ranking
			}
			if g.Ranking && (s.Name == rankingName || g.Name == rankingName) {
				fail("stage %q of group %q: the name is that of the second ensemble: call it otherwise", s.Name, g.Name)
			}
		}
	}
	if !ranking {
		return errors.Join(errs...)
	}
	for _, name := range e.Outputs {
		if made, ok := maker[name]; ok && !made {
			fail("output %q is made before the ranking", name)
		}
	}
	if made, ok := maker[e.Keys]; made || !ok {
		fail("keys %q: want a tensor that a stage before the ranking makes", e.Keys)
	}
	return errors.Join(errs...)
}

// planRanking completes the description of the second ensemble and orders its inputs.
func (m *Manifest) planRanking(e Ensemble, first, second *joined) error {
	if m.Ranking == nil {
		return errors.New("manifest: it does not describe the ranking, of which the ensemble has groups")
	}
	r := *m.Ranking
	r.Keys, r.Explain, m.Outputs.Explain = RankingPrefix+e.Keys, first.explain, second.explain
	r.Tensors, r.Shared, r.Own = nil, nil, nil
	var known []TensorConfig
	for _, name := range e.handed() {
		if _, ok := second.raw[name]; !ok {
			continue // the keys, which no stage need read
		}
		i := slices.IndexFunc(first.config.Outputs, func(t TensorConfig) bool { return t.Name == RankingPrefix+name })
		t := first.config.Outputs[i]
		t.Name = name
		known, r.Tensors = append(known, t), append(r.Tensors, name)
	}
	for _, t := range m.rawInputs() {
		if _, ok := second.raw[t.Name]; !ok {
			continue
		}
		known = append(known, t)
		if _, ok := first.raw[t.Name]; ok {
			r.Shared = append(r.Shared, t.Name)
		} else {
			r.Own = append(r.Own, t.Name)
		}
	}
	r.Defaults = maps.Clone(r.Defaults)
	r.Columns = slices.DeleteFunc(slices.Clone(r.Columns), func(c schema.Column) bool {
		_, ok := second.raw[ItemPrefix+c.Name]
		if !ok {
			delete(r.Defaults, c.Name)
		}
		return !ok
	})
	m.Ranking = &r
	return second.take(append(known, m.columnConfigs()...))
}

// steps are those of both ensembles.
func (x *exporter) steps() []Step {
	if x.ranking == nil {
		return x.config.Steps
	}
	return slices.Concat(x.config.Steps, x.ranking.Steps)
}

// serveRanking writes the second ensemble, if there is one.
func (x *exporter) serveRanking() error {
	if x.ranking == nil {
		return nil
	}
	home := filepath.Join(x.dir, x.ranking.Name)
	err := x.tx.version(home, int64(x.generation), func(dir string) error {
		// Triton wants a folder of the version, and many ways to copy a repository pass over empty ones.
		return atomicfile.WriteBytes(filepath.Join(dir, ConfigFile), x.ranking.Marshal())
	})
	if err != nil {
		return err
	}
	return x.tx.file(filepath.Join(home, ConfigFile), x.ranking.Marshal())
}

// ownRanking refuses a model in the place of the second ensemble that is not that of name.
func (r *Repository) ownRanking(name string) error {
	m := r.Models[RankingName(name)]
	if m != nil && RankingOf(m.Config) != name {
		return fmt.Errorf("%s is taken: the ranking of %q has this name; give the ensemble another one", m.Name, name)
	}
	return nil
}
