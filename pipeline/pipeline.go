package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"

	"recsys/data"
	"recsys/feature"
	"recsys/graph/kernel"
	"recsys/train"
)

// Reporter is told what a long run does. Calls come from one goroutine.
type Reporter interface {
	// Phase begins a piece of work, such as "train two_tower".
	Phase(name string)
	// Training tells how far the phase is.
	Training(p train.Progress)
	// Note says something about the phase that people want to read.
	Note(text string)
}

// Options are the collaborators of a Pipeline. The zero value is usable.
type Options struct {
	// Registry says what names mean; nil is Standard().
	Registry *Registry
	// Reporter may be nil.
	Reporter Reporter
	// Kernels is the set to compute with; nil is the fastest. Only kernel.Portable() gives the same bytes everywhere.
	Kernels *kernel.Set
	// Version names the program in manifests.
	Version string
	// CheckpointEvery is the most time between two checkpoints of a model's training, which there are with every epoch
	// too; 0 means 5 minutes.
	CheckpointEvery time.Duration
	// Restart begins training anew; otherwise Train goes on from the checkpoints that an interrupted one has left.
	Restart bool
	// AppendTo is a run whose ids Fit keeps: its vocabularies grow, nothing in them moves. "" fits anew.
	AppendTo string
}

// Pipeline is a recsys.yaml with its data folder and run folder. Fit, Train and Eval each leave files in the run folder
// and find what they need there; within one Pipeline data that was read stays in memory. It is not safe for concurrent
// use. Close it at the end.
type Pipeline struct {
	config   *Config
	text     []byte // recsys.yaml
	data     string
	run      string
	options  Options
	tasks    []TaskSettings // of the ranker
	custom   []customStage
	tables   *Tables
	workflow *feature.FittedWorkflow
	examples *train.Examples
	cache    *data.Blocks // of interactions that are on disk
}

// New makes a pipeline of the text of a recsys.yaml. data is the folder of the tables, run the run folder, which is made
// when something is written. A seed that is not 0 replaces that of the text.
func New(text []byte, data, run string, seed uint64, o Options) (*Pipeline, error) {
	c, err := ParseConfig(text)
	if err != nil {
		return nil, err
	}
	if seed != 0 {
		c.Seed = seed
	}
	if o.Registry == nil {
		o.Registry = Standard()
	}
	if o.Kernels == nil {
		o.Kernels = kernel.Best()
	}
	def(&o.CheckpointEvery, 5*time.Minute)
	p := &Pipeline{config: c, text: text, data: data, run: run, options: o}
	return p, p.check()
}

// check makes every operator and model once, so that faults show before any data is read.
func (p *Pipeline) check() error {
	if _, err := p.options.Registry.Workflow(p.config); err != nil {
		return err
	}
	trainers, err := p.options.Registry.retrieval(p.config)
	if err != nil {
		return err
	}
	ranker, err := p.options.Registry.ranking(p.config)
	if err != nil {
		return err
	}
	var tasks []string
	if ranker != nil {
		p.tasks = ranker.Tasks()
	}
	for _, t := range p.tasks {
		tasks = append(tasks, t.Name)
	}
	if p.custom, err = openCustom(p.config, p.data); err != nil {
		return err
	}
	blend, err := parseBlend(p.config.Ordering.Blend, append(tasks, customTasks(p.custom)...))
	if err != nil {
		return err
	}
	return p.checkSources(trainers, blend)
}

// Config returns the pipeline's settings, which the caller must not change.
func (p *Pipeline) Config() *Config { return p.config }

func (p *Pipeline) phase(format string, args ...any) {
	if p.options.Reporter != nil {
		p.options.Reporter.Phase(fmt.Sprintf(format, args...))
	}
}

func (p *Pipeline) note(format string, args ...any) {
	if p.options.Reporter != nil {
		p.options.Reporter.Note(fmt.Sprintf(format, args...))
	}
}

func (p *Pipeline) path(names ...string) string {
	return filepath.Join(append([]string{p.run}, names...)...)
}

// Run fits, trains and evaluates, and returns the metrics.
func (p *Pipeline) Run(ctx context.Context) (*Metrics, error) {
	if err := p.Fit(ctx); err != nil {
		return nil, err
	}
	if err := p.Train(ctx); err != nil {
		return nil, err
	}
	return p.Eval(ctx)
}

// Fit fits the workflow and writes it.
func (p *Pipeline) Fit(ctx context.Context) error {
	if err := checkWritable("run folder", p.run); err != nil {
		return err
	}
	former, err := p.former()
	if err != nil {
		return err
	}
	if err := p.readTables(ctx); err != nil {
		return err
	}
	p.phase("fit features")
	w, err := fitWorkflow(ctx, p.config, p.options.Registry, p.tables, p.data, former)
	if err != nil {
		return err
	}
	if err := writeFile(p.path(configFile), p.text); err != nil {
		return err
	}
	if err := w.Save(p.path(workflowFile)); err != nil {
		return err
	}
	p.workflow = w
	if err := p.writeDataFolder(); err != nil {
		return err
	}
	return writeJSON(p.path(originFile), p.origin())
}

// former is the workflow of the run to append to, nil without one.
func (p *Pipeline) former() (*feature.FittedWorkflow, error) {
	if p.options.AppendTo == "" {
		return nil, nil //nolint:nilnil // Fitting anew is not an error.
	}
	w, err := feature.Load(p.options.Registry.Operators, filepath.Join(p.options.AppendTo, workflowFile))
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", p.options.AppendTo, notRun(err, "fit"))
	}
	return w, nil
}

func (p *Pipeline) origin() Origin {
	sum := sha256.Sum256(p.text)
	return Origin{
		Format: runFormat, Name: p.config.Name, Seed: p.config.Seed, Data: p.tables.Hash,
		Config: "sha256:" + hex.EncodeToString(sum[:]), Split: hashParts(p.tables.Parts),
		Version: p.options.Version, Kernels: p.options.Kernels.Name,
	}
}

func hashParts(parts []data.Part) string {
	text := make([]byte, len(parts))
	for i, part := range parts {
		text[i] = byte(part)
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func (p *Pipeline) readTables(ctx context.Context) error {
	if p.tables != nil {
		return nil
	}
	p.phase("read data")
	t, err := ReadTables(ctx, p.config, p.data)
	if err != nil {
		return err
	}
	for _, task := range p.tasks { // No rows: what is wrong with a task shows before any work.
		if _, err := task.labels(t.columns()); err != nil {
			return fmt.Errorf("%s: %w", p.config.Data.Interactions.Path, err)
		}
		if _, ok := t.Raw.Column(task.Name); ok {
			return fmt.Errorf("task %q: a column has this name; call the task otherwise", task.Name)
		}
	}
	if _, err := p.config.compileFilter(t.Raw); err != nil {
		return err
	}
	if _, err := p.config.compileOrdering(t.Raw); err != nil {
		return err
	}
	if len(t.Left) > 0 {
		p.note("filter: %s interactions, round by round", chain(t.Left))
	}
	where := ""
	if t.Events != nil {
		where = ", which stay on disk"
	}
	p.note("%d interactions%s, %d users, %d items", t.Interactions.Len(), where, t.Users.Len(), t.Items.Len())
	w, err := p.options.Registry.Workflow(p.config)
	if err != nil {
		return err
	}
	before, after, err := t.filterRows(ctx, p.config, w)
	if err != nil {
		return fmt.Errorf("features: %w", err)
	}
	if after < before {
		p.note("filters keep %d of %d interactions of the training part", after, before)
	}
	p.tables = t
	return nil
}

// prepare reads what Fit left and encodes the data.
func (p *Pipeline) prepare(ctx context.Context) error {
	if p.examples != nil {
		return nil
	}
	if p.workflow == nil {
		if err := p.load(ctx); err != nil {
			return err
		}
	}
	if err := p.readTables(ctx); err != nil {
		return err
	}
	p.phase("encode")
	e := encoder{p.config, p.tables, p.workflow}
	examples, err := e.examples(ctx)
	if err != nil {
		return err
	}
	if columns := e.cacheColumns(p.tasks); p.tables.Events == nil {
		err = e.columns(ctx, examples, p.tasks)
	} else if len(columns) > 0 {
		err = p.openCache(ctx, e, columns)
		examples.Blocks = p.cache
	}
	if err != nil {
		return err
	}
	p.examples = examples
	return examples.Validate()
}

// Close closes what the pipeline keeps on disk; nothing of it can be used any more.
func (p *Pipeline) Close() error {
	if p.cache == nil {
		return nil
	}
	return p.cache.Close()
}

// load reads what an earlier process has fitted. What is missing shows before data is read.
func (p *Pipeline) load(ctx context.Context) error {
	if err := checkWritable("run folder", p.run); err != nil {
		return err
	}
	w, err := p.loadWorkflow()
	if err != nil {
		return err
	}
	var o Origin
	if err := readJSON(p.path(originFile), "fit", &o); err != nil {
		return err
	}
	if o.Format != runFormat {
		return fmt.Errorf("%s: format %d, this version reads %d: run recsys fit again", p.path(originFile), o.Format, runFormat)
	}
	if o.Items != "" {
		return fmt.Errorf("%s has refreshed items and the models of the run that it was made from: name that one, or fit anew", p.run)
	}
	if err := p.readTables(ctx); err != nil {
		return err
	}
	if o.Data != p.tables.Hash {
		return fmt.Errorf("%s was fitted on other data than %s holds; run recsys fit again", p.run, p.data)
	}
	p.workflow = w
	return nil
}

// rows returns the interactions of the given parts.
func (p *Pipeline) rows(which ...data.Part) []int32 {
	rows := data.Rows(p.tables.Parts, which...)
	out := make([]int32, len(rows))
	for i, r := range rows {
		out[i] = int32(r)
	}
	return out
}
