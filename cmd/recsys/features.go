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
	Load featuresLoadCmd `cmd:"" help:"Load user rows, histories and seen items into Redis."`
}

type featuresLoadCmd struct {
	Run_       string        `name:"run" xor:"from" required:"" type:"existingdir" placeholder:"RUN" help:"Run folder."`
	Repository string        `xor:"from" required:"" type:"existingdir" placeholder:"REPO" help:"Model repository."`
	Model      string        `placeholder:"NAME" help:"Ensemble, if the repository holds several."`
	Redis      string        `required:"" env:"RECSYS_REDIS" placeholder:"URL" help:"redis://:PASSWORD@HOST:PORT/DB, rediss:// with TLS."`
	Wait       time.Duration `default:"0s" help:"How long to wait for Redis to come up."`
}

// Help says what a load does.
func (featuresLoadCmd) Help() string {
	return "Histories and seen items are written only where the store has none or older ones, so that a load never undoes " +
		"an event; loading again changes nothing.\n\nExample:\n  recsys features load --repository model_repository --redis redis://:secret@127.0.0.1:6379/0"
}

// Run loads the users.
func (c featuresLoadCmd) Run(ctx context.Context, o output) (err error) {
	var name, path string
	if c.Run_ != "" {
		serving, _, err := pipeline.OpenServing(c.Run_)
		if err != nil {
			return err
		}
		name, path = serving.Manifest.Name, pipeline.UserRows(c.Run_)
	} else {
		s, err := openServed(c.Repository, c.Model)
		if err != nil {
			return err
		}
		name, path = s.manifest.Name, pipeline.UserRows(s.dir)
	}
	store, err := redis.Open(c.Redis, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := awaitStore(ctx, store, c.Wait); err != nil {
		return err
	}
	_, records, err := featurestore.ReadRows(path)
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
	return nil
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
