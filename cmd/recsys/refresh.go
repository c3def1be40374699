package main

import (
	"context"
	"fmt"

	"recsys/pipeline"
)

type refreshCmd struct {
	Run_ string `name:"run" required:"" type:"existingdir" placeholder:"RUN" help:"Trained run, or one of refreshed items."`
	Data string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder of the item table; nothing else is read from it."`
	Out  string `required:"" placeholder:"RUN" help:"Run folder to write."`
	JSON bool   `help:"Print the number of items as one JSON object."`
}

// Help says what becomes of what and has an example.
func (refreshCmd) Help() string {
	return "The new run has the weights, users and metrics of the other one, and the items that the table holds now: old items keep " +
		"their ids, new ones get those that follow. It takes seconds, as nothing is trained.\n\nExample:\n" +
		"  recsys refresh --run runs/shop --data today --out runs/shop-today\n" +
		"  recsys export --run runs/shop-today --to model_repository --refresh items"
}

// Run refreshes.
func (c refreshCmd) Run(ctx context.Context, o output) error {
	r, err := pipeline.Refresh(ctx, c.Run_, c.Data, c.Out, pipeline.Options{Reporter: newReporter(o.err), Version: version})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(o.out, r)
	}
	_, err = fmt.Fprintf(o.out, "%d items, %d of them new, %d no longer in the table\n", r.Items, r.Added, r.Gone)
	return err
}
