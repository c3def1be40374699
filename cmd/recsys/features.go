package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"recsys/featurestore"
	"recsys/featurestore/redis"
	"recsys/pipeline"
)

type featuresCmd struct {
	Load featuresLoadCmd `cmd:"" help:"Load user rows, histories and seen items, and item rows where the layout is split, into Redis."`
}

type featuresLoadCmd struct {
	Run_       string        `name:"run" xor:"from" required:"" type:"existingdir" placeholder:"RUN" help:"Run folder."`
	Repository string        `xor:"from" required:"" type:"existingdir" placeholder:"REPO" help:"Model repository."`
	Model      string        `placeholder:"NAME" help:"Ensemble, if the repository holds several."`
	Redis      string        `required:"" env:"RECSYS_REDIS" placeholder:"URL" help:"redis://:PASSWORD@HOST:PORT/DB, rediss:// with TLS."`
	Items      *bool         `negatable:"" help:"Load item rows, or not. Default: if the repository's layout is split, or the run's export.layout."`
	Wait       time.Duration `default:"0s" help:"How long to wait for Redis to come up."`
}

// Help says what a load does.
func (featuresLoadCmd) Help() string {
	return "Histories and seen items are written only where the store has none or older ones, so that a load never undoes " +
		"an event; loading again changes nothing. An item's row of the same columns and a later event time stays.\n\nExample:\n  recsys features load --repository model_repository --redis redis://:secret@127.0.0.1:6379/0"
}

// Run loads the users.
func (c featuresLoadCmd) Run(ctx context.Context, o output) (err error) {
	name, dir, items, err := c.source()
	if err != nil {
		return err
	}
	store, err := redis.Open(c.Redis, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := awaitStore(ctx, store, c.Wait); err != nil {
		return err
	}
	_, records, err := featurestore.ReadRows(pipeline.UserRows(dir))
	if err != nil {
		return err
	}
	started := time.Now()
	stats, err := store.Load(ctx, records)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%d users: %d rows and %d histories written, %d users unchanged, in %s\n",
		stats.Users, stats.Rows, stats.Histories, stats.Unchanged, time.Since(started).Round(time.Millisecond))
	if !items {
		return nil
	}
	if _, records, err = featurestore.ReadRows(pipeline.ItemRows(dir)); err != nil {
		return err
	}
	started = time.Now()
	if stats, err = store.LoadItems(ctx, records); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%d items: %d rows written, %d items unchanged, in %s\n",
		stats.Users, stats.Rows, stats.Unchanged, time.Since(started).Round(time.Millisecond))
	return nil
}

// source returns the ensemble's name, the folder with the rows, and whether those of items are loaded.
func (c featuresLoadCmd) source() (name, dir string, items bool, err error) {
	if c.Run_ != "" {
		serving, _, err := pipeline.OpenServing(c.Run_)
		if err != nil {
			return "", "", false, err
		}
		name, dir = serving.Manifest.Name, c.Run_
		layout, err := pipeline.RunLayout(c.Run_)
		if err != nil {
			return "", "", false, err
		}
		items = layout == pipeline.LayoutSplit
	} else {
		s, err := openServed(c.Repository, c.Model)
		if err != nil {
			return "", "", false, err
		}
		name, dir, items = s.manifest.Name, s.dir, s.manifest.Ranking != nil
	}
	if c.Items != nil {
		items = *c.Items
	}
	return name, dir, items, nil
}

// awaitStore pings the store until it answers or the time is over.
func awaitStore(ctx context.Context, store featurestore.Store, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, max(limit, 5*time.Second))
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); ; {
		err := store.Ping(ctx)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w; start Redis, correct --redis, or give it time with --wait", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
