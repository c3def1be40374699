package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/featurestore/redis"
	"recsys/pipeline"
)

// loadGeneration loads the features of a generation that is to be served into Redis, where the rows of others stay as they are. Without Redis it says
// what gateways that have one will lack.
func loadGeneration(ctx context.Context, o output, dir, name string, generation int64, url string) (err error) {
	home := filepath.Join(dir, name)
	version := filepath.Join(home, strconv.FormatInt(generation, 10))
	if url == "" {
		next, err := ensemble.ReadManifest(filepath.Join(version, ensemble.ManifestFile))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // Not ours, or not there, which Publish says.
		}
		if err != nil {
			return err
		}
		now, err := openServed(dir, name)
		if err != nil {
			return err
		}
		if next.RowHash != now.manifest.RowHash {
			fmt.Fprintf(o.err, "generation %d reads other columns of users than generation %d, which is served: where gateways read from Redis, "+
				"give --redis, or they answer without them until recsys features load has run\n", generation, now.manifest.Generation)
		}
		return nil
	}
	store, err := redis.Open(url, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	_, records, err := featurestore.ReadRows(pipeline.UserRows(version))
	if err != nil {
		return exportAgain(err)
	}
	fmt.Fprintf(o.err, "load the features of generation %d\n", generation)
	_, err = store.Load(ctx, records)
	return err
}

// dropRows removes the rows of users that no generation left in the repositories reads.
func dropRows(ctx context.Context, o output, dirs []string, name, url string) (err error) {
	var keep []string
	for _, dir := range dirs {
		paths, err := filepath.Glob(filepath.Join(dir, "*", "*", ensemble.ManifestFile))
		if err != nil {
			return err
		}
		for _, path := range paths {
			m, err := ensemble.ReadManifest(path)
			if err != nil {
				return err
			}
			keep = append(keep, m.RowHash)
		}
	}
	store, err := redis.Open(url, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	n, err := store.DropRows(ctx, keep)
	if err == nil {
		fmt.Fprintf(o.err, "removed %d rows of users that no generation reads\n", n)
	}
	return err
}
