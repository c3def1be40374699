package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"recsys/ensemble"
	"recsys/onnx"
	"recsys/pipeline"
)

type exportCmd struct {
	Run_     string        `name:"run" required:"" type:"existingdir" placeholder:"RUN" help:"Run folder."`
	To       string        `required:"" placeholder:"REPO" help:"Model repository; it is made if need be."`
	Profile  *string       `enum:"auto,cpu,gpu,gpu-tensorrt" placeholder:"PROFILE" help:"Machines to write for: auto takes GPUs where there are any, cpu never; gpu puts what only CPUs do on the CPU and the rest on GPUs; gpu-tensorrt runs dense parts with TensorRT. Default: export.profile, else auto."`
	Fuse     *string       `enum:"none,groups,all" placeholder:"FUSE" help:"Stages to join into one model: none, groups or all. Default: export.fuse, else groups."`
	Layout   *string       `enum:"baked,split" placeholder:"LAYOUT" help:"Where item features are: baked into the models, or split: in the feature store, whose rows a second ensemble ranks with. Default: export.layout, else baked."`
	Batch    int           `placeholder:"N" help:"Most users in one call. Default: export.max_batch, else what fits into the memory, at most 64."`
	Memory   pipeline.Size `placeholder:"SIZE" help:"Bound of the intermediate values of all models at full batches, such as 512MiB. Default: export.memory, else 1GiB."`
	Settings string        `type:"existingfile" placeholder:"FILE" help:"YAML file whose export block replaces that of the run's recsys.yaml."`
	Items    string        `name:"item-matrix" placeholder:"PRECISION" help:"Store the item matrix as fp16 or int8. Default: export.item_matrix, else float32."`
	Ranker   string        `placeholder:"PRECISION" help:"Store the ranker's embedding tables as fp16. Default: export.ranker, else float32."`
	Data     string        `env:"RECSYS_DATA" placeholder:"DIR" help:"Folder of the tables, on whose held-out users is measured what fp16 and int8 lose."`
	Refresh  string        `enum:",items" default:"" placeholder:"items" help:"Refuse a run that differs from the served generation in more than its items: items."`
	Worse    bool          `name:"accept-worse" help:"Export the run even if it is worse than the served generation by more than export.gate allows."`
	Accept   bool          `name:"accept-loss" help:"Export models in fp16 and int8 even if they lose much."`
	JSON     bool          `help:"Print what was written as one JSON object."`
}

// Help has examples.
func (exportCmd) Help() string {
	return "Examples:\n  recsys export --run runs/movielens --to model_repository\n  recsys export --run runs/movielens --to repo --profile cpu --fuse all\n" +
		"  recsys export --run runs/movielens --to repo --profile gpu --memory 8GiB --settings gpu.yaml\n" +
		"  recsys export --run runs/movielens --to repo --profile cpu --item-matrix int8 --data ml-1m"
}

// Run exports a generation.
func (c exportCmd) Run(ctx context.Context, o output) error {
	options := pipeline.ExportOptions{
		Options: ensemble.Options{
			MaxBatch: c.Batch, Memory: int64(c.Memory), Meta: onnx.Meta{ProducerVersion: version},
		},
		ItemMatrix: c.Items, Ranker: c.Ranker, AcceptLoss: c.Accept, AcceptWorse: c.Worse, Refresh: c.Refresh, Data: c.Data, Reporter: newReporter(o.err),
	}
	if c.Profile != nil {
		options.Profile = ensemble.Profile(*c.Profile)
	}
	if c.Fuse != nil {
		options.Fuse = ensemble.Fuse(*c.Fuse)
	}
	if c.Layout != nil {
		options.Layout = pipeline.Layout(*c.Layout)
	}
	if c.Settings != "" {
		var err error
		if options.Settings, err = pipeline.ReadExportSettings(c.Settings); err != nil {
			return err
		}
	}
	x, err := pipeline.Export(ctx, c.Run_, c.To, options)
	if err != nil {
		return err
	}
	written := newExported(x)
	if c.JSON {
		return printJSON(o.out, written)
	}
	return written.print(o, c.To)
}

// exported is what an export wrote; sizes are estimates in bytes.
type exported struct {
	Generation int             `json:"generation"`
	Served     bool            `json:"served"`
	Fuse       ensemble.Fuse   `json:"fuse"`
	Layout     pipeline.Layout `json:"layout"`
	MaxBatch   int             `json:"max_batch"`
	Models     []exportedModel `json:"models"`
	Total      pipeline.Size   `json:"total"`
	// Precision says what narrow models lose.
	Precision *ensemble.ManifestPrecision `json:"precision,omitempty"`
}

type exportedModel struct {
	Name      string        `json:"name"`
	Version   int64         `json:"version"`
	Kept      bool          `json:"kept,omitempty"` // an earlier generation wrote it
	Instances int           `json:"instances"`
	Weights   pipeline.Size `json:"weights"`
	One       pipeline.Size `json:"values_of_one_user"`
	Full      pipeline.Size `json:"values_of_full_batch"`
	Total     pipeline.Size `json:"total"`
}

func newExported(x *pipeline.Exported) exported {
	out := exported{Generation: x.Generation, Served: x.Served, Fuse: x.Fuse, Layout: pipeline.LayoutBaked, MaxBatch: x.MaxBatch, Precision: x.Precision}
	if x.Ranking {
		out.Layout = pipeline.LayoutSplit
	}
	for _, s := range x.Steps {
		var m ensemble.Memory // zero for a folder that another backend runs
		for _, of := range x.Memory {
			if of.Model == s.Model {
				m = of
			}
		}
		model := exportedModel{
			s.Model, s.Version, s.Version < int64(x.Generation), m.Instances, pipeline.Size(m.Weights), pipeline.Size(m.One), pipeline.Size(m.Full), pipeline.Size(m.Total()),
		}
		out.Models, out.Total = append(out.Models, model), out.Total+model.Total
	}
	return out
}

// print lists the models with their versions and memory.
func (x exported) print(o output, to string) error {
	fmt.Fprintf(o.out, "generation %d in %s, up to %d users in one call\n", x.Generation, to, x.MaxBatch)
	w := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "  model\tversion\tinstances\tweights\tvalues, 1 user\tfull batch\ttotal\n")
	for _, m := range x.Models {
		if m.Instances == 0 { // of another backend
			fmt.Fprintf(w, "  %s\t%d\t-\t-\t-\t-\t-\n", m.Name, m.Version)
			continue
		}
		fmt.Fprintf(w, "  %s\t%d\t%d\t%s\t%s\t%s\t%s\n", m.Name, m.Version, m.Instances, m.Weights, m.One, m.Full, m.Total)
	}
	fmt.Fprintf(w, "  all\t\t\t\t\t\t%s\n", x.Total)
	if err := w.Flush(); err != nil {
		return err
	}
	if p := x.Precision; p != nil {
		fmt.Fprintf(o.out, "item matrix %s, ranker %s: of %d held-out users %.4f of the candidates stay, ndcg@10 %.4f -> %.4f\n",
			cmp.Or(p.ItemMatrix, "fp32"), cmp.Or(p.Ranker, "fp32"), p.Users, p.Overlap, p.NDCG, p.NDCGNarrow)
	}
	if !x.Served {
		var kept, wrote []string
		for _, m := range x.Models {
			if name := fmt.Sprintf("%s %d", m.Name, m.Version); m.Kept {
				kept = append(kept, name)
			} else {
				wrote = append(wrote, name)
			}
		}
		fmt.Fprintf(o.out, "written: %s\n", cmp.Or(strings.Join(wrote, ", "), "nothing"))
		fmt.Fprintf(o.out, "kept as they are in earlier generations: %s\n", cmp.Or(strings.Join(kept, ", "), "nothing"))
		fmt.Fprintln(o.out, "The generation lies beside the one that is served, whose configuration was left alone.")
	}
	return nil
}
