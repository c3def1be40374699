package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"recsys/client"
	"recsys/ensemble/generation"
)

// modelsCmd is what changes which generation running servers serve.
type modelsCmd struct {
	List     modelsListCmd     `cmd:"" help:"List generations and what serves them."`
	Publish  modelsPublishCmd  `cmd:"" help:"Have the servers serve a generation."`
	Rollback modelsRollbackCmd `cmd:"" help:"Have the servers serve the generation before again."`
	Canary   modelsCanaryCmd   `cmd:"" help:"Have the servers serve a generation under a second name."`
	Prune    modelsPruneCmd    `cmd:"" help:"Remove generations that nothing serves."`
}

// modelsFlags are those of the verbs that change something.
type modelsFlags struct {
	Repository []string `required:"" sep:"none" type:"existingdir" placeholder:"REPO" help:"Model repository; give each, if servers have their own."`
	Triton     []string `required:"" sep:"none" placeholder:"HOST:PORT" help:"gRPC address of a Triton that serves a repository; give each replica."`
	Model      string   `placeholder:"NAME" help:"Ensemble, if the repository holds several."`
	JSON       bool     `help:"Print the result as JSON."`
}

// tritonServer is a Triton as a publisher sees it.
type tritonServer struct {
	address string
	*client.Client
}

// String returns the address.
func (s tritonServer) String() string { return s.address }

// Load loads what the repository holds.
func (s tritonServer) Load(ctx context.Context, model string) error {
	return s.Client.Load(ctx, model, client.LoadOptions{})
}

// Unload unloads an ensemble's stages too.
func (s tritonServer) Unload(ctx context.Context, model string) error {
	return s.Client.Unload(ctx, model, client.UnloadOptions{Dependents: true})
}

// Ready asks for a version.
func (s tritonServer) Ready(ctx context.Context, model, version string) (bool, error) {
	return s.ModelReady(ctx, model, version)
}

// connect makes a client for each address; close them all.
func connect(ctx context.Context, addresses []string) (servers []generation.Server, closeAll func() error, err error) {
	var clients []*client.Client
	closeAll = func() error {
		errs := make([]error, len(clients))
		for i, c := range clients {
			errs[i] = c.Close()
		}
		return errors.Join(errs...)
	}
	for _, address := range addresses {
		c, err := client.New(ctx, address)
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		clients = append(clients, c)
		servers = append(servers, tritonServer{address, c})
	}
	return servers, closeAll, nil
}

// with runs a verb on the ensemble and prints what it did.
func (f modelsFlags) with(
	ctx context.Context, o output, do func(p *generation.Publisher, name string) (generation.Result, error),
) (err error) {
	name, err := ensembleName(f.Repository[0], f.Model)
	if err != nil {
		return err
	}
	servers, closeAll, err := connect(ctx, f.Triton)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	r, err := do(&generation.Publisher{
		Folders: f.Repository, Servers: servers, Probes: gatewayProbes,
		Step: func(text string) { fmt.Fprintln(o.err, text) },
	}, name)
	if err != nil {
		return err
	}
	if f.JSON {
		return printJSON(o.out, r)
	}
	if r.Recovered != "" {
		fmt.Fprintf(o.out, "cleared up after a publisher of %s that was killed\n", r.Recovered)
	}
	if r.Removed != nil {
		fmt.Fprintf(o.out, "removed generations %v\n", r.Removed)
	}
	if r.Generation == 0 {
		_, err = fmt.Fprintf(o.out, "%s is no longer served\n", r.Ensemble)
	} else {
		_, err = fmt.Fprintf(o.out, "%s serves generation %d\n", r.Ensemble, r.Generation)
	}
	return err
}

// latest returns the wanted generation, or the highest that an export wrote.
func latest(dir, name string, wanted int64) (int64, error) {
	if wanted != 0 {
		return wanted, nil
	}
	list, err := generation.List(dir)
	if err != nil {
		return 0, err
	}
	for _, s := range list {
		if s.Ensemble == name {
			wanted = max(wanted, s.Generation)
		}
	}
	return wanted, nil
}

type modelsListCmd struct {
	Repository string   `required:"" type:"existingdir" placeholder:"REPO" help:"Model repository."`
	Triton     []string `sep:"none" placeholder:"HOST:PORT" help:"gRPC address of a Triton that serves it, to be asked what is ready; give each replica."`
	JSON       bool     `help:"Print generations as JSON lines."`
}

// Help has an example.
func (modelsListCmd) Help() string {
	return "Example:\n  recsys models list --repository model_repository --triton 127.0.0.1:8001"
}

// listed is a line of the list.
type listed struct {
	generation.Status
	// Ready says of each server whether the generation can answer there.
	Ready map[string]bool `json:"ready,omitempty"`
}

// Run prints a line for each generation.
func (c modelsListCmd) Run(ctx context.Context, o output) (err error) {
	list, err := generation.List(c.Repository)
	if err != nil {
		return err
	}
	servers, closeAll, err := connect(ctx, c.Triton)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	table := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	for _, s := range list {
		line := listed{Status: s, Ready: map[string]bool{}}
		columns := []string{s.Ensemble, strconv.FormatInt(s.Generation, 10), string(s.State)}
		if s.State == generation.StateCanary {
			columns[2] += " " + s.By
		}
		for _, server := range servers {
			if s.By == "" {
				continue
			}
			ready, err := server.Ready(ctx, s.By, strconv.FormatInt(s.Generation, 10))
			if err != nil {
				return fmt.Errorf("%s: %w", server, err)
			}
			line.Ready[server.String()] = ready
			word := "ready on "
			if !ready {
				word = "NOT READY on "
			}
			columns = append(columns, word+server.String())
		}
		if c.JSON {
			err = printJSON(o.out, line)
		} else {
			_, err = fmt.Fprintln(table, strings.Join(columns, "\t"))
		}
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

type modelsPublishCmd struct {
	modelsFlags `embed:""`

	Generation int64  `placeholder:"N" help:"Generation; by default the highest."`
	Redis      string `env:"RECSYS_REDIS" placeholder:"URL" help:"Load the generation's features, rows of users beside those of others: redis://:PASSWORD@HOST:PORT/DB."`
}

// Help says what happens and has examples.
func (modelsPublishCmd) Help() string {
	return "The servers load the generation under the name NAME_next and have to answer requests as the embedded engine does; " +
		"only then NAME changes. A generation that does not pass is refused, and what was served is served still. " +
		"Repeat the command if it was killed.\n\nExamples:\n" +
		"  recsys models publish --repository model_repository --triton 127.0.0.1:8001\n" +
		"  recsys models publish --repository repo --triton a:8001 --triton b:8001 --generation 7"
}

// Run publishes.
func (c modelsPublishCmd) Run(ctx context.Context, o output) error {
	return c.with(ctx, o, func(p *generation.Publisher, name string) (generation.Result, error) {
		g, err := latest(c.Repository[0], name, c.Generation)
		if err != nil {
			return generation.Result{}, err
		}
		next, err := openComing(o, c.Repository[0], name, g, c.Redis)
		if err == nil {
			err = next.before(ctx)
		}
		if err != nil {
			return generation.Result{}, err
		}
		r, err := p.Publish(ctx, name, g)
		if err != nil {
			return r, err
		}
		return r, next.after(ctx)
	})
}

type modelsRollbackCmd struct {
	modelsFlags `embed:""`
}

// Help has an example.
func (modelsRollbackCmd) Help() string {
	return "Goes back by one publish, with the same care; again, by another one.\n\nExample:\n" +
		"  recsys models rollback --repository model_repository --triton 127.0.0.1:8001"
}

// Run rolls back.
func (c modelsRollbackCmd) Run(ctx context.Context, o output) error {
	return c.with(ctx, o, func(p *generation.Publisher, name string) (generation.Result, error) { return p.Rollback(ctx, name) })
}

type modelsCanaryCmd struct {
	modelsFlags `embed:""`

	Generation int64  `placeholder:"N" help:"Generation; by default the highest."`
	As         string `placeholder:"NAME" help:"The canary's name; by default the ensemble's with _canary."`
	End        bool   `help:"Stop serving the canary and remove it."`
}

// Help has examples.
func (modelsCanaryCmd) Help() string {
	return "Traffic goes to the canary by a gateway of its own: recsys serve --model NAME_canary.\n\nExamples:\n" +
		"  recsys models canary --repository model_repository --triton 127.0.0.1:8001 --generation 7\n" +
		"  recsys models canary --repository model_repository --triton 127.0.0.1:8001 --end"
}

// Run starts, changes or ends a canary.
func (c modelsCanaryCmd) Run(ctx context.Context, o output) error {
	return c.with(ctx, o, func(p *generation.Publisher, name string) (generation.Result, error) {
		if c.As == "" {
			c.As = name + "_canary"
		}
		if c.End {
			return p.EndCanary(ctx, c.As)
		}
		g, err := latest(c.Repository[0], name, c.Generation)
		if err != nil {
			return generation.Result{}, err
		}
		return p.Canary(ctx, name, c.As, g)
	})
}

type modelsPruneCmd struct {
	modelsFlags `embed:""`

	Generation []int64 `placeholder:"N" help:"Generation to remove, such as a refused one; give each. By default all below the served one."`
	Keep       int     `default:"1" help:"How many of those that were served last stay, to go back to."`
	Redis      string  `env:"RECSYS_REDIS" placeholder:"URL" help:"Remove rows of users that no generation of the repository reads any more."`
}

// Help has an example.
func (modelsPruneCmd) Help() string {
	return "What an ensemble serves or pins stays.\n\nExamples:\n" +
		"  recsys models prune --repository model_repository --triton 127.0.0.1:8001\n" +
		"  recsys models prune --repository model_repository --triton 127.0.0.1:8001 --generation 4"
}

// Run prunes.
func (c modelsPruneCmd) Run(ctx context.Context, o output) error {
	if c.Keep < 0 || slices.ContainsFunc(c.Generation, func(g int64) bool { return g < 1 }) {
		return errors.New("--keep counts from 0, --generation from 1")
	}
	return c.with(ctx, o, func(p *generation.Publisher, name string) (generation.Result, error) {
		r, err := p.Prune(ctx, name, c.Generation, c.Keep)
		if err != nil || c.Redis == "" {
			return r, err
		}
		return r, dropRows(ctx, o, c.Repository, name, c.Redis)
	})
}
