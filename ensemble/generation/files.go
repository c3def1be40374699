package generation

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"recsys/ensemble"
	"recsys/internal/atomicfile"
)

// The parameters of an ensemble's configuration that are for us; Triton passes them over.
const (
	// historyKey holds the generations that were served before, oldest first, with commas between.
	historyKey = "previous_generations"
	// sourceKey names the ensemble whose generation a canary or a pre-flight serves.
	sourceKey = "generation_of"
)

// historyLength bounds the history.
const historyLength = 16

// Source returns the name of the ensemble whose generations the configuration's serves: another one's for a canary.
func Source(c *ensemble.Config) string {
	if s := c.Parameters[sourceKey]; s != "" {
		return s
	}
	return c.Name
}

// serves reports whether c is an ensemble that serves generations of source: source itself, a canary or a pre-flight, and none of their
// rankings.
func serves(c *ensemble.Config, source string) bool {
	return c.IsEnsemble() && ensemble.RankingOf(c) == "" && Source(c) == source
}

// isNext reports whether a configuration is that of a pre-flight or its ranking.
func isNext(c *ensemble.Config) bool {
	return c.Parameters[sourceKey] != "" && strings.HasSuffix(cmp.Or(ensemble.RankingOf(c), c.Name), ensemble.PreflightName(""))
}

// served returns the generation that an ensemble's configuration serves, 0 for one that does not say.
func served(c *ensemble.Config) int64 {
	if v := c.VersionPolicy.Specific; len(v) == 1 {
		return v[0]
	}
	return 0
}

// history returns the generations that were served before, oldest first. What is no number is passed over.
func history(c *ensemble.Config) []int64 {
	var list []int64
	for text := range strings.SplitSeq(c.Parameters[historyKey], ",") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// alias returns the configuration under which an ensemble of the given name serves a generation.
func alias(generation *ensemble.Config, name string, before []int64) *ensemble.Config {
	c := *generation
	c.Parameters = map[string]string{}
	maps.Copy(c.Parameters, generation.Parameters)
	if name != generation.Name {
		c.Parameters[sourceKey] = generation.Name
	}
	c.Name = name
	before = before[max(0, len(before)-historyLength):]
	texts := make([]string, len(before))
	for i, n := range before {
		texts[i] = strconv.FormatInt(n, 10)
	}
	if len(texts) > 0 {
		c.Parameters[historyKey] = strings.Join(texts, ",")
	}
	return &c
}

func configPath(dir, model string) string { return filepath.Join(dir, model, ensemble.ConfigFile) }

func versionDir(dir, model string, version int64) string {
	return filepath.Join(dir, model, strconv.FormatInt(version, 10))
}

// generationConfig reads the configuration that an export wrote for a generation.
func generationConfig(dir, name string, generation int64) (*ensemble.Config, error) {
	c, err := ensemble.ReadConfig(filepath.Join(versionDir(dir, name, generation), ensemble.ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no generation %d of %s: recsys models list shows what there is: %w", dir, generation, name, err)
	}
	if err != nil {
		return nil, err
	}
	if c.Name != name || served(c) != generation {
		return nil, fmt.Errorf("%s: the configuration of generation %d is that of %s generation %d: export it again",
			dir, generation, c.Name, served(c))
	}
	return c, nil
}

// writeConfig replaces a configuration and sees to it that its time of change is a later one, without which Triton loads nothing.
func writeConfig(path string, data []byte) error {
	var before time.Time
	if info, err := os.Stat(path); err == nil {
		before = info.ModTime()
	}
	if err := atomicfile.WriteBytes(path, data); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil || info.ModTime().After(before) {
		return err
	}
	later := before.Add(time.Millisecond)
	return os.Chtimes(path, later, later)
}

// setPolicies lets each of the stages serve the versions that the folder's ensembles pin, and those that keep adds; a stage without any stays as it is.
func setPolicies(dir string, stages []string, keep map[string][]int64) error {
	r, err := ensemble.Open(dir)
	if err != nil {
		return err
	}
	pinned := pins(r)
	for _, stage := range stages {
		m := r.Models[stage]
		versions := slices.Concat(pinned[stage], keep[stage])
		if m == nil || len(versions) == 0 {
			continue
		}
		slices.Sort(versions)
		versions = slices.Compact(versions)
		if slices.Equal(m.Config.VersionPolicy.Specific, versions) {
			continue
		}
		text, err := serving(m, versions)
		if err != nil {
			return err
		}
		if err := writeConfig(configPath(dir, stage), text); err != nil {
			return err
		}
	}
	return nil
}

// serving is the text of a model's configuration with a policy that serves versions. Of a model of another backend all else stays as it
// was written.
func serving(m *ensemble.Model, versions []int64) ([]byte, error) {
	if m.Config.IsONNX() {
		m.Config.Serve(versions)
		return m.Config.Marshal(), nil
	}
	text, err := os.ReadFile(filepath.Join(m.Dir, ensemble.ConfigFile))
	if err != nil {
		return nil, err
	}
	if text, err = ensemble.WithVersions(text, versions); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(m.Dir, ensemble.ConfigFile), err)
	}
	return text, nil
}

// pins returns the versions that the ensembles of a repository pin, by stage.
func pins(r *ensemble.Repository) map[string][]int64 {
	list := map[string][]int64{}
	for _, m := range r.Models {
		addPins(list, m.Config)
	}
	return list
}

func addPins(to map[string][]int64, configs ...*ensemble.Config) {
	for _, c := range configs {
		for _, s := range c.Steps {
			if s.Version > 0 {
				to[s.Model] = append(to[s.Model], s.Version)
			}
		}
	}
}

func stagesOf(configs ...*ensemble.Config) []string {
	var names []string
	for _, c := range configs {
		for _, s := range c.Steps {
			names = append(names, s.Model)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
