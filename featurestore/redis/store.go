package redis

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	goredis "github.com/redis/go-redis/v9"

	"recsys/featurestore"
)

// Store keeps users in Redis. It is safe for concurrent use; make it with Open or New.
type Store struct {
	client, loader goredis.UniversalClient
	owned          bool
	prefix         string
	set            settings
	name           string
	add, load      script
	loadItem       script
	available      script
	persistence    atomic.Int32
}

// What is known about the server's append-only file.
const (
	unknown int32 = iota
	appendOnly
	volatile
	silent // The server does not say.
)

var _ featurestore.Store = (*Store)(nil)

// New makes a store for the ensemble name on a client, which stays the caller's to close. The client should
// have ContextTimeoutEnabled.
func New(client goredis.UniversalClient, name string, options ...Option) (*Store, error) {
	return newStore(client, nil, name, newSettings(options))
}

func newStore(client, loader goredis.UniversalClient, name string, set settings) (*Store, error) {
	if name == "" || strings.ContainsAny(name, "{}:") {
		return nil, fmt.Errorf("feature store for ensemble %q: a name must not be empty nor hold braces or a colon", name)
	}
	s := &Store{client: client, loader: loader, owned: loader != nil, name: name, prefix: "rs:{" + name + ":", set: set}
	if loader == nil {
		s.loader = client
	}
	s.add, s.load, s.loadItem, s.available = newScript(addEvents), newScript(loadUser), newScript(loadItem), newScript(setAvailable)
	return s, nil
}

// key names a user's key. Kinds hold no brace, so no user's key can be another's.
func (s *Store) key(user, kind string) string { return s.prefix + user + "}:" + kind }

// User reads row, history and seen items in one pipeline.
func (s *Store) User(ctx context.Context, id string, historyLimit int) (featurestore.User, error) {
	var availability *goredis.StringCmd
	var rows, history, seen *goredis.StringSliceCmd
	_, err := s.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		rows = p.HVals(ctx, s.key(id, "rows"))
		if historyLimit > 0 {
			history = p.LRange(ctx, s.key(id, "history"), 0, int64(historyLimit)-1)
		}
		seen = p.SMembers(ctx, s.key(id, "seen"))
		availability = p.Get(ctx, s.catalogue("availability"))
		return nil
	})
	if err != nil && !errors.Is(err, goredis.Nil) {
		return featurestore.User{}, fmt.Errorf("read user from redis: %w", err)
	}
	var user featurestore.User
	if user.Availability, err = availability.Result(); err != nil && !errors.Is(err, goredis.Nil) {
		return featurestore.User{}, fmt.Errorf("read availability from redis: %w", err)
	}
	texts, err := rows.Result()
	if err != nil {
		return featurestore.User{}, fmt.Errorf("read user's rows from redis: %w", err)
	}
	for _, text := range texts {
		user.Rows = append(user.Rows, []byte(text))
	}
	if history != nil {
		if user.History, err = history.Result(); err != nil {
			return featurestore.User{}, fmt.Errorf("read user's history from redis: %w", err)
		}
		slices.Reverse(user.History)
	}
	if user.Seen, err = seen.Result(); err != nil {
		return featurestore.User{}, fmt.Errorf("read user's seen items from redis: %w", err)
	}
	return user, nil
}

// itemKey names an item's row. Users' keys end in other kinds.
func (s *Store) itemKey(item string) string { return s.key(item, "item") }

// Items reads rows with one MGET, or, of a cluster, one GET for each in a pipeline for each node.
func (s *Store) Items(ctx context.Context, ids []string) ([][]byte, error) {
	if err := ctx.Err(); err != nil || len(ids) == 0 {
		return make([][]byte, len(ids)), err
	}
	rows, err := s.itemRows(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read items from redis: %w", err)
	}
	return rows, nil
}

func (s *Store) itemRows(ctx context.Context, ids []string) ([][]byte, error) {
	rows := make([][]byte, len(ids))
	if _, cluster := s.client.(*goredis.ClusterClient); cluster {
		found := make([]*goredis.StringCmd, len(ids))
		_, err := s.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
			for i, id := range ids {
				found[i] = p.Get(ctx, s.itemKey(id))
			}
			return nil
		})
		if err != nil && !errors.Is(err, goredis.Nil) {
			return nil, err
		}
		for i, cmd := range found {
			row, err := cmd.Bytes()
			if err != nil && !errors.Is(err, goredis.Nil) {
				return nil, err
			}
			rows[i] = row
		}
		return rows, nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.itemKey(id)
	}
	values, err := s.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		if text, ok := v.(string); ok {
			rows[i] = []byte(text)
		}
	}
	return rows, nil
}

// AddEvents runs one script per user, all in one pipeline.
func (s *Store) AddEvents(ctx context.Context, events []featurestore.Event) error {
	groups, err := featurestore.GroupEvents(events)
	if err != nil {
		return err
	}
	if len(groups) == 0 {
		return ctx.Err()
	}
	now := s.set.now().UnixMilli()
	calls := make([]call, len(groups))
	for i, group := range groups {
		user := group[0].UserID
		c := call{
			keys: make([]string, 0, 3+len(group)),
			args: make([]any, 0, 4+len(group)),
		}
		c.keys = append(c.keys, s.key(user, "history"), s.key(user, "seen"), s.key(user, "asof"))
		c.args = append(c.args, now, featurestore.MaxHistory, s.set.maxSeen, s.set.eventTTL.Milliseconds())
		for _, e := range group {
			marker := c.keys[0]
			if e.ID != "" {
				marker = s.key(user, "event:"+digest(e.ID))
			}
			c.keys = append(c.keys, marker)
			c.args = append(c.args, e.ItemID)
		}
		calls[i] = c
	}
	if _, err := s.add.run(ctx, s.client, calls); err != nil {
		return fmt.Errorf("add events to redis: %w", err)
	}
	if s.persistence.Load() == unknown {
		s.learnPersistence(ctx)
	}
	return nil
}

// digest gives event IDs, which are chosen outside, a fixed length and harmless characters.
func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Durable reports whether the server keeps an append-only file, as it said when the store first wrote an event
// or was last pinged; true where the server does not say.
func (s *Store) Durable() bool { return s.persistence.Load() != volatile }

func (s *Store) learnPersistence(ctx context.Context) {
	info, err := s.client.Info(ctx, "persistence").Result()
	switch {
	case ctx.Err() != nil:
	case strings.Contains(info, "aof_enabled:0"):
		s.persistence.Store(volatile)
	case strings.Contains(info, "aof_enabled:1"):
		s.persistence.Store(appendOnly)
	case err == nil || isReply(err):
		s.persistence.Store(silent)
	}
}

// isReply reports whether err is an answer of the server, and not a fault of the connection.
func isReply(err error) bool {
	var reply goredis.Error
	return errors.As(err, &reply)
}

// Ping asks the server for a sign of life, and whether it keeps an append-only file.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping redis: %w", err)
	}
	s.learnPersistence(ctx)
	return nil
}

// Close closes the connections of a store made by Open.
func (s *Store) Close() error {
	if !s.owned {
		return nil
	}
	return errors.Join(s.client.Close(), s.loader.Close())
}
