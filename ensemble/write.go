package ensemble

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"recsys/internal/atomicfile"
	"recsys/internal/lock"
	"recsys/onnx"
)

// DefaultMaxBatch is the number of users of one call that an export allows.
const DefaultMaxBatch = 64

// Options are the settings of an export. The zero value is the default.
type Options struct {
	// Generation is the version to write; 0 is one above the highest that the ensemble or its stages have had.
	Generation int
	// MaxBatch bounds the users of one call; 0 is that of the ensemble in the repository, or else the greatest power of two up to
	// DefaultMaxBatch, that fits into Memory.
	MaxBatch int
	// Memory bounds what the intermediate values of all models take together at full batches, in bytes, where MaxBatch is 0; 0 is
	// DefaultMemory. See [Memory] for the estimate.
	Memory int64
	// Fuse says how stages become models; empty is FuseGroups.
	Fuse Fuse
	// Profile says for which machines; empty is ProfileAuto.
	Profile Profile
	// Configure, if not nil, changes what the profile gives a model. Names say which model it is: the names of the groups and stages
	// that it is a part of, and last its own; [EnsembleName] alone is the ensemble, which has a response cache and metric tags.
	Configure func(names []string, s *Settings) error
	// Files, if not nil, writes further files into the ensemble's version folder before it gets its name: the feature rows.
	// Triton passes them over.
	Files func(dir string) error
	// Meta goes into every model file. What changes from run to run does not belong there: stages that are the same byte by byte
	// are shared by generations.
	Meta onnx.Meta
}

// EnsembleName stands for the ensemble itself where stages are named.
const EnsembleName = "ensemble"

// Export says what an export wrote.
type Export struct {
	Generation int
	// Fuse and MaxBatch are those of the options, or what they came to be.
	Fuse     Fuse
	MaxBatch int
	// Memory has an estimate for each model; no instances and zeros for one of another backend, which alone knows.
	Memory []Memory
	// Steps are the stages with their pinned versions, those of a ranking last; a stage that an earlier generation has byte by byte keeps
	// that version.
	Steps []Step
	// Ranking says that there are two ensembles.
	Ranking bool
	// Served is true when NAME/config.pbtxt was written because there was none. Otherwise the generation lies beside the one that is
	// served, until NAME/N/config.pbtxt takes the place of NAME/config.pbtxt.
	Served bool
}

// Write exports one generation into the repository at dir, which it makes if need be. The manifest's Format, Name, Generation,
// Fuse, Limits.MaxBatch and Outputs.Explain are set by Write; inputs that no stage reads are taken out of it.
//
// Folders of versions appear by rename, complete and synced: stages first, the ensemble's configuration last. An existing version
// folder is never changed: asking for a Generation that is there is an error that wraps fs.ErrExist. When Write fails, it
// removes what it wrote and puts configurations back.
//
// One export or publish at a time works in a repository; others fail at once. What a killed export left unfinished is removed.
func Write(ctx context.Context, dir string, e Ensemble, m Manifest, o Options) (_ *Export, err error) {
	if o.MaxBatch < 0 || o.Memory < 0 {
		return nil, fmt.Errorf("export ensemble %q: max batch %d and memory %d: want 0 or more", e.Name, o.MaxBatch, o.Memory)
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	if o.Fuse == "" {
		o.Fuse = FuseGroups
	}
	release, err := lockRepository(dir)
	if err != nil {
		return nil, fmt.Errorf("export ensemble %q: %w", e.Name, err)
	}
	defer func() { err = errors.Join(err, release()) }()
	staging := filepath.Join(dir, UnfinishedPrefix+"export")
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	x, err := plan(ctx, dir, staging, e, m, o)
	if err != nil {
		return nil, fmt.Errorf("export ensemble %q: %w", e.Name, err)
	}
	if err := x.write(ctx); err != nil {
		return nil, fmt.Errorf("export ensemble %q generation %d: %w", e.Name, x.generation, errors.Join(err, x.tx.undo()))
	}
	return &Export{
		Generation: x.generation, Fuse: o.Fuse, MaxBatch: x.config.MaxBatchSize, Memory: x.memory, Steps: x.steps(), Ranking: x.ranking != nil,
		Served: x.served,
	}, nil
}

// lockRepository makes the folder if need be, locks it and removes what somebody who was killed left unfinished.
func lockRepository(dir string) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	l, err := lock.Acquire(filepath.Join(dir, LockFile), fmt.Sprintf("an export, process %d", os.Getpid()))
	if err != nil {
		return nil, err
	}
	if err := RemoveUnfinished(dir); err != nil {
		return nil, errors.Join(err, l.Release())
	}
	return l.Release, nil
}

// exporter is an export that was planned: its models lie in a folder of their own yet.
type exporter struct {
	dir        string
	staging    string
	generation int
	stages     []stageExport
	config     *Config // the ensemble's
	ranking    *Config // the second ensemble's, nil for none
	manifest   Manifest
	files      func(string) error
	memory     []Memory
	served     bool
	tx         transaction
}

// stageExport is one model of the export.
type stageExport struct {
	config  *Config
	dir     string  // the version's files until they are written
	folder  *Folder // nil for a graph
	ranking bool    // it is a step of the second ensemble
	version int64
	exists  bool // the version is there already
}

func plan(ctx context.Context, dir, staging string, e Ensemble, m Manifest, o Options) (*exporter, error) {
	models, err := e.models(o)
	if err != nil {
		return nil, err
	}
	x := &exporter{dir: dir, staging: staging, files: o.Files}
	repo, err := Open(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range repo.broken {
		return nil, fmt.Errorf("the repository is broken: %s", f)
	}
	if err := repo.ownRanking(e.Name); err != nil {
		return nil, err
	}
	if x.generation, err = nextGeneration(repo, e.Name, o.Generation); err != nil {
		return nil, err
	}
	if o.MaxBatch == 0 {
		live := 0
		if m := repo.Models[e.Name]; m != nil {
			live = m.Config.MaxBatchSize
		}
		if o.MaxBatch, err = fittingBatch(models, o.Memory, live); err != nil {
			return nil, err
		}
	}
	for _, m := range models {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := x.planStage(ctx, repo, e.Name, m, o); err != nil {
			return nil, fmt.Errorf("stage %q: %w", m.stage.Name, err)
		}
	}
	x.served = repo.Models[e.Name] == nil
	return x, x.planEnsemble(e, m, o)
}

// nextGeneration checks the wanted generation, or finds the next one: above every version of the ensemble and of the models that
// begin with its name, also of those that were removed.
func nextGeneration(r *Repository, name string, wanted int) (int, error) {
	highest, err := highest(r.Dir, name)
	if err != nil {
		return 0, err
	}
	for _, m := range r.Models {
		if m.Name != name && !hasPrefix(m.Name, name) {
			continue
		}
		if len(m.Versions) > 0 {
			highest = max(highest, m.Versions[len(m.Versions)-1])
		}
		if wanted != 0 && slices.Contains(m.Versions, int64(wanted)) {
			return 0, fmt.Errorf("generation %d: %w: %s; leave the generation out to get the next free one",
				wanted, os.ErrExist, m.VersionDir(int64(wanted)))
		}
	}
	switch {
	case wanted < 0:
		return 0, fmt.Errorf("generation %d: generations count from 1", wanted)
	case wanted > 0:
		return wanted, nil
	}
	return int(highest) + 1, nil
}

func hasPrefix(model, ensemble string) bool {
	return len(model) > len(ensemble)+1 && model[:len(ensemble)+1] == ensemble+"_"
}

// planStage writes a model beside its place and settles its name, version and configuration.
func (x *exporter) planStage(ctx context.Context, r *Repository, name string, m model, o Options) error {
	se := stageExport{ranking: m.stage.ranking, version: int64(x.generation), dir: filepath.Join(x.staging, m.stage.Name)}
	if m.stage.Folder != nil {
		return x.planFolder(r, name+"_"+m.stage.Name, se, m.stage, o)
	}
	var err error
	if se.config, err = m.config(name+"_"+m.stage.Name, o.MaxBatch); err != nil {
		return err
	}
	if err := prove(ctx, m.stage.Graph, se.config); err != nil {
		return err
	}
	if err := os.MkdirAll(se.dir, 0o755); err != nil {
		return err
	}
	if err := onnx.Write(filepath.Join(se.dir, DefaultModelFile), m.stage.Graph, o.Meta); err != nil {
		return err
	}
	live := r.settle(se.config)
	versions := []int64{se.version}
	if live != nil {
		if se.version, se.exists, err = live.same(se.dir, se.version); err != nil {
			return err
		}
		versions = r.pins(live.Name, se.version)
	}
	se.config.Serve(versions)
	if m.settings.Checksums {
		if err := se.checksums(live); err != nil {
			return err
		}
	}
	memory, err := m.memory(se.config.Name, o.MaxBatch)
	x.stages, x.memory = append(x.stages, se), append(x.memory, memory)
	return err
}

// same returns the newest version that has the files of dir and no others, and whether there is one; otherwise the other version.
func (m *Model) same(dir string, other int64) (version int64, found bool, err error) {
	for _, v := range slices.Backward(m.Versions) {
		same, err := sameFolder(m.VersionDir(v), dir)
		if err != nil || same {
			return v, same, err
		}
	}
	return other, false, nil
}

// settle gives a stage a name whose model in the repository, if there is one, has the same interface: all versions of a model share
// one configuration, so that a changed interface needs a new name, NAME_i2, NAME_i3 and so on. It returns that model or nil.
func (r *Repository) settle(c *Config) *Model {
	name := c.Name
	for i := 2; ; i++ {
		m := r.Models[c.Name]
		if m == nil || sameInterface(m.Config, c) {
			return m
		}
		c.Name = name + "_i" + strconv.Itoa(i)
	}
}

// pins returns the versions of a stage that ensembles of the repository pin, with one more, ascending.
func (r *Repository) pins(stage string, more int64) []int64 {
	list := []int64{more}
	for _, m := range r.Models {
		for _, s := range m.Config.Steps {
			if s.Model == stage && s.Version > 0 {
				list = append(list, s.Version)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (x *exporter) write(ctx context.Context) error {
	for _, s := range x.stages {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.exists {
			continue
		}
		err := x.tx.version(filepath.Join(x.dir, s.config.Name), s.version, func(dir string) error { return moveFiles(dir, s.dir) })
		if err != nil {
			return fmt.Errorf("stage %q: %w", s.config.Name, err)
		}
	}
	for _, s := range x.stages {
		text, err := s.text()
		if err == nil {
			err = x.tx.file(filepath.Join(x.dir, s.config.Name, ConfigFile), text)
		}
		if err == nil {
			err = x.writeBeside(s)
		}
		if err != nil {
			return fmt.Errorf("stage %q: %w", s.config.Name, err)
		}
	}
	home := filepath.Join(x.dir, x.config.Name)
	err := x.tx.version(home, int64(x.generation), func(dir string) error {
		if x.files != nil {
			if err := x.files(dir); err != nil {
				return err
			}
		}
		if err := x.manifest.Write(filepath.Join(dir, ManifestFile)); err != nil {
			return err
		}
		if x.ranking != nil {
			if err := atomicfile.WriteBytes(filepath.Join(dir, RankingConfigFile), x.ranking.Marshal()); err != nil {
				return err
			}
		}
		return atomicfile.WriteBytes(filepath.Join(dir, ConfigFile), x.config.Marshal())
	})
	if err != nil || !x.served {
		return err
	}
	if err := x.serveRanking(); err != nil {
		return err
	}
	return x.tx.file(filepath.Join(home, ConfigFile), x.config.Marshal())
}

// text is config.pbtxt.
func (s stageExport) text() ([]byte, error) {
	if s.folder != nil {
		return s.folder.text(s.config.Name, s.config.VersionPolicy.Specific)
	}
	return s.config.Marshal(), nil
}
