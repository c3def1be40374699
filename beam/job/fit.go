package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"recsys/data"
	"recsys/feature"
	"recsys/pipeline"
	"recsys/schema"
)

// Register makes the functions of pipelines known to Beam. It is called once, before beam.Init.
func Register() {
	register.DoFn3x1[context.Context, []byte, func([]byte), error](&learnFn{})
	register.Combiner1[[]byte](&mergeFn{})
	register.DoFn2x1[context.Context, []byte, error](&keepFn{})
	register.DoFn2x1[context.Context, []byte, error](&transformFn{})
	register.Emitter1[[]byte]()
	beam.RegisterType(reflect.TypeFor[learnFn]())
}

// Runner runs a pipeline, such as beamx.Run.
type Runner func(ctx context.Context, p *beam.Pipeline) error

// Fit fits the features of a pipeline, the text of a recsys.yaml, on all rows of its inputs. What workers and this
// program tell each other is written to the folder temp, which all of them see; its files stay there.
func Fit(ctx context.Context, text []byte, in Inputs, temp string, run Runner) (*feature.FittedWorkflow, error) {
	c, err := pipeline.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	shards, err := in.shards(ctx)
	if err != nil {
		return nil, err
	}
	raw, owners, err := rawSchema(ctx, c, shards)
	if err != nil {
		return nil, err
	}
	w, err := workflow(c)
	if err != nil {
		return nil, err
	}
	f, err := w.Start(raw)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	for n := 1; f.Operator() != nil; n++ {
		learned, err := f.Learn()
		if err == nil && learned != nil {
			s := step{Config: string(text), Raw: raw, Owners: owners}
			err = s.learn(ctx, f, learned, shards, join(temp, fmt.Sprintf("step-%d", n)), run)
		}
		if err == nil {
			err = f.Finish(ctx, learned)
		}
		if err != nil {
			return nil, fmt.Errorf("features: %w", err)
		}
	}
	return f.Workflow()
}

func workflow(c *pipeline.Config) (feature.Workflow, error) { return pipeline.Standard().Workflow(c) }

// step is what a worker has to know to learn for the next operator.
type step struct {
	Config string            `json:"config"`
	Raw    schema.Schema     `json:"raw"`
	Owners map[string]string `json:"owners"` // the tables of the raw columns
	Fitted json.RawMessage   `json:"fitted"` // the operators before
}

// learn runs a pipeline that learns from all shards, and puts the result into learned.
func (s step) learn(
	ctx context.Context, f *feature.Fitting, learned feature.Partial, shards []shard, path string, run Runner,
) error {
	var fitted bytes.Buffer
	if err := f.Write(&fitted); err != nil {
		return err
	}
	s.Fitted = fitted.Bytes()
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	asked, answered := path+".json", path+".learned"
	if err := writeFile(ctx, asked, text); err != nil {
		return err
	}
	elements, err := elementsOf(shards)
	if err != nil {
		return err
	}
	p, scope := beam.NewPipelineWithRoot()
	files := beam.Reshuffle(scope, beam.CreateList(scope, elements))
	parts := beam.ParDo(scope, &learnFn{Step: asked}, files)
	beam.ParDo0(scope, &keepFn{Path: answered}, beam.Combine(scope, &mergeFn{Step: asked}, parts))
	if err := run(ctx, p); err != nil {
		return err
	}
	all, err := readFile(ctx, answered)
	if err != nil {
		return err
	}
	return learned.UnmarshalBinary(all)
}

func elementsOf(shards []shard) ([][]byte, error) {
	elements := make([][]byte, len(shards))
	for i, s := range shards {
		var err error
		if elements[i], err = json.Marshal(s); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

// resume reads a step, and takes up the fitting and the pipeline.
func resume(ctx context.Context, path string) (*step, *feature.Fitting, *pipeline.Config, error) {
	text, err := readFile(ctx, path)
	if err != nil {
		return nil, nil, nil, err
	}
	s := &step{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, nil, nil, err
	}
	c, err := pipeline.ParseConfig([]byte(s.Config))
	if err != nil {
		return nil, nil, nil, err
	}
	w, err := workflow(c)
	if err != nil {
		return nil, nil, nil, err
	}
	f, err := w.Resume(pipeline.Standard().Operators, s.Raw, bytes.NewReader(s.Fitted))
	return s, f, c, err
}

// learnFn learns from a file.
type learnFn struct {
	Step string // the step's path
}

// ProcessElement takes a shard and emits what was learned of it.
func (l *learnFn) ProcessElement(ctx context.Context, element []byte, emit func([]byte)) error {
	var from shard
	if err := json.Unmarshal(element, &from); err != nil {
		return err
	}
	s, f, c, err := resume(ctx, l.Step)
	if err != nil {
		return err
	}
	learned, err := f.Learn()
	if err != nil {
		return err
	}
	err = open(ctx, c, from, func(file *data.File) error {
		return f.Add(ctx, learned, source{from.Table, file, s.Raw, s.Owners})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", from.Path, err)
	}
	text, err := learned.MarshalBinary()
	if err != nil {
		return err
	}
	emit(text)
	return nil
}

// mergeFn merges what was learned of parts.
type mergeFn struct {
	Step string

	fitting *feature.Fitting
}

// MergeAccumulators merges two. Beam gives it no context.
func (m *mergeFn) MergeAccumulators(a, b []byte) ([]byte, error) {
	if m.fitting == nil {
		var err error
		if _, m.fitting, _, err = resume(context.Background(), m.Step); err != nil {
			return nil, err
		}
	}
	parts := make([]feature.Partial, 2)
	for i, text := range [][]byte{a, b} {
		var err error
		if parts[i], err = m.fitting.Learn(); err != nil {
			return nil, err
		}
		if err := parts[i].UnmarshalBinary(text); err != nil {
			return nil, err
		}
	}
	if err := parts[0].Merge(parts[1]); err != nil {
		return nil, err
	}
	return parts[0].MarshalBinary()
}

// keepFn writes what was learned.
type keepFn struct {
	Path string
}

// ProcessElement writes the one element.
func (k *keepFn) ProcessElement(ctx context.Context, learned []byte) error {
	if len(learned) == 0 {
		return errors.New("nothing was learned")
	}
	return writeFile(ctx, k.Path, learned)
}
