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

// coming is a generation that is to be served in the place of another one.
type coming struct {
	output

	name, dir  string // of the ensemble; the generation's folder
	url        string // of Redis; "" for none
	generation int64
	next, now  *ensemble.Manifest // nil for a generation that is not ours, or not there, which Publish says
}

// openComing reads what describes both.
func openComing(o output, dir, name string, generation int64, url string) (*coming, error) {
	c := &coming{output: o, name: name, dir: filepath.Join(dir, name, strconv.FormatInt(generation, 10)), url: url, generation: generation}
	var err error
	c.next, err = ensemble.ReadManifest(filepath.Join(c.dir, ensemble.ManifestFile))
	if errors.Is(err, fs.ErrNotExist) && url == "" {
		return c, nil
	}
	if err != nil {
		return nil, exportAgain(err)
	}
	served, err := openServed(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	c.now = served.manifest
	return c, nil
}

// replaces reports whether the generation ranks with rows of items that take the place of those which the served one ranks with and reads no more.
func (c *coming) replaces() bool {
	return c.next != nil && c.next.Ranking != nil && c.now != nil && c.now.Ranking != nil && c.next.Ranking.RowHash != c.now.Ranking.RowHash
}

// before loads the generation's features into Redis. Rows of users stay beside those of others. Rows of items of the same columns count at once, unless
// later ones are there; those of other columns have to wait, see after. Without Redis it says what gateways that have one will lack.
func (c *coming) before(ctx context.Context) error {
	if c.url == "" {
		c.warn()
		return nil
	}
	fmt.Fprintf(c.err, "load the features of generation %d\n", c.generation)
	return c.load(func(store *redis.Store) error {
		_, records, err := featurestore.ReadRows(pipeline.UserRows(c.dir))
		if err != nil {
			return exportAgain(err)
		}
		if _, err := store.Load(ctx, records); err != nil || c.next.Ranking == nil || c.replaces() {
			return err
		}
		return loadItemRows(ctx, store, c.dir)
	})
}

// after loads the rows of items that the generation which was served till now could not have read. Until then answers say that they are without.
func (c *coming) after(ctx context.Context) error {
	if c.url == "" || !c.replaces() {
		return nil
	}
	fmt.Fprintf(c.err, "load the rows of items of generation %d, whose columns are other ones than those of generation %d\n", c.generation, c.now.Generation)
	err := c.load(func(store *redis.Store) error { return loadItemRows(ctx, store, c.dir) })
	if err != nil {
		return fmt.Errorf("generation %d is served without rows of items: %w; run recsys features load", c.generation, err)
	}
	return nil
}

func (c *coming) load(rows func(*redis.Store) error) (err error) {
	store, err := redis.Open(c.url, c.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return rows(store)
}

// warn says which rows gateways will miss.
func (c *coming) warn() {
	if c.next == nil || c.now == nil {
		return
	}
	const remedy = "where gateways read from Redis, give --redis, or they answer without them until recsys features load has run"
	if c.next.RowHash != c.now.RowHash {
		fmt.Fprintf(c.err, "generation %d reads other columns of users than generation %d, which is served: %s\n", c.generation, c.now.Generation, remedy)
	}
	if c.next.Ranking != nil && (c.now.Ranking == nil || c.replaces()) {
		fmt.Fprintf(c.err, "generation %d ranks with rows of items that generation %d, which is served, has not read: %s\n",
			c.generation, c.now.Generation, remedy)
	}
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
