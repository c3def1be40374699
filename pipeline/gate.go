package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"recsys/data"
	"recsys/ensemble"
	"recsys/internal/nearest"
)

// Gate is export.gate: how much worse than the served generation a run may be.
type Gate struct {
	// Metric is one of the pipeline's answers in metrics.json. Default ndcg@10.
	Metric string `yaml:"metric"`
	// Margin is the part of the served generation's value that may be lost, in [0,1). Default 0.1.
	Margin *float64 `yaml:"margin"`
}

// defaultMargin is wider than the noise of some thousand users: with 0.3 between users, the 95 % interval of a mean of 0.15 over
// 6000 users reaches 1.96*0.3/sqrt(6000) = 0.0076 to either side, 5 % of the mean.
const defaultMargin = 0.1

func (g Gate) withDefaults() (metric string, margin float64) {
	metric, margin = scoreMetric, defaultMargin
	if g.Metric != "" {
		metric = g.Metric
	}
	if g.Margin != nil {
		margin = *g.Margin
	}
	return metric, margin
}

func (g Gate) validate() error {
	if _, margin := g.withDefaults(); !(margin >= 0 && margin < 1) {
		return fmt.Errorf("export.gate.margin: %v has to be at least 0 and below 1, a part of the served value", margin)
	}
	return nil
}

// manifestMetrics returns the metrics of a run's answers; nil for a run that was not evaluated since it was fitted, or not as a
// whole.
func manifestMetrics(run string) (*ensemble.ManifestMetrics, error) {
	var m Metrics
	err := readJSON(filepath.Join(run, metricsFile), "eval", &m)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // A run without metrics can be exported.
	}
	if err != nil {
		return nil, err
	}
	var fitted Origin
	if err := readJSON(filepath.Join(run, originFile), "fit", &fitted); err != nil {
		return nil, err
	}
	if fitted != m.Manifest {
		return nil, nil //nolint:nilnil // They are of an earlier fit.
	}
	for _, part := range []string{data.Test.String(), data.Valid.String()} {
		if answer, ok := m.Pipeline[part]; ok {
			return &ensemble.ManifestMetrics{Part: part, Data: fitted.Data, Split: fitted.Split, Values: answer.Answer}, nil
		}
	}
	return nil, nil //nolint:nilnil // Nothing was held out.
}

// check refuses metrics that are worse, beyond the margin, than those of the generation that the repository at dir serves.
// A repository that serves nothing, or a generation without metrics, allows everything.
func (g Gate) check(dir, name string, metrics *ensemble.ManifestMetrics) error {
	served, err := servedManifest(filepath.Join(dir, name))
	if err != nil || served == nil || served.Metrics == nil {
		return err
	}
	metric, margin := g.withDefaults()
	const anyway = "or export it anyway with --accept-worse"
	if metrics == nil {
		return fmt.Errorf("the run has no metrics of its answers to compare with generation %d, which is served; run recsys eval, %s",
			served.Generation, anyway)
	}
	is, ok := metrics.Values[metric]
	if !ok {
		known := slices.Sorted(maps.Keys(metrics.Values))
		return fmt.Errorf("export.gate.metric: no metric %q; there are: %s%s", metric, strings.Join(known, ", "), nearest.Hint(metric, known))
	}
	was, ok := served.Metrics.Values[metric]
	if !ok {
		return nil
	}
	worse := is < was*(1-margin)
	if lowerIsBetter(metric) {
		worse = is > was*(1+margin)
	}
	if !worse {
		return nil
	}
	other := ""
	if metrics.Data != served.Metrics.Data || metrics.Split != served.Metrics.Split || metrics.Part != served.Metrics.Part {
		other = ", on other data"
	}
	return fmt.Errorf("%s is %.4f on the %s part and that of generation %d, which is served, %.4f%s: worse by more than %g %%; widen "+
		"export.gate.margin, %s", metric, is, metrics.Part, served.Generation, was, other, 100*margin, anyway)
}

// servedManifest reads the manifest of the newest generation that an ensemble's folder serves; nil where it serves none.
func servedManifest(dir string) (*ensemble.Manifest, error) {
	config, err := ensemble.ReadConfig(filepath.Join(dir, ensemble.ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // The first export.
	}
	if err != nil {
		return nil, err
	}
	versions, err := ensemble.Versions(dir)
	if err != nil {
		return nil, err
	}
	model := &ensemble.Model{Name: filepath.Base(dir), Dir: dir, Config: config, Versions: versions}
	served := model.Served()
	if len(served) == 0 {
		return nil, nil //nolint:nilnil // Its generations were removed.
	}
	m, err := ensemble.ReadManifest(filepath.Join(model.VersionDir(served[len(served)-1]), ensemble.ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // An ensemble of other origin.
	}
	return m, err
}
