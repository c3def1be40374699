package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	goredis "github.com/redis/go-redis/v9"

	"recsys/featurestore"
)

// setAvailable changes the set of unavailable items, and its state if it was another one.
//
//	KEYS unavailable, availability
//	ARGV item, 1 if it is available, the state of a changed set, most items
//
// It returns 1 when the set has changed, 0 when not, and -1 when it is full.
const setAvailable = `
local changed
if ARGV[2] == '1' then
  changed = redis.call('SREM', KEYS[1], ARGV[1])
elseif redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
  return 0
elseif redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[4]) then
  return -1
else
  changed = redis.call('SADD', KEYS[1], ARGV[1])
end
if changed == 1 then
  redis.call('SET', KEYS[2], ARGV[3])
end
return changed
`

// catalogue names a key that is not of one user. No user's key can be it: those have a colon between the braces.
func (s *Store) catalogue(kind string) string { return "rs:{" + s.name + "}:" + kind }

// SetAvailable runs a script, so that set and state change together.
func (s *Store) SetAvailable(ctx context.Context, item string, available bool) error {
	if item == "" {
		return fmt.Errorf("set availability: %w: no item", featurestore.ErrEvent)
	}
	flag := "0"
	if available {
		flag = "1"
	}
	changed, err := s.available.run(ctx, s.client, []call{{
		keys: []string{s.catalogue("unavailable"), s.catalogue("availability")},
		args: []any{item, flag, rand.Text(), featurestore.MaxUnavailable},
	}})
	if err != nil {
		return fmt.Errorf("set availability in redis: %w", err)
	}
	if changed[0] < 0 {
		return fmt.Errorf("make item unavailable: %w: there are %d", featurestore.ErrUnavailableFull, featurestore.MaxUnavailable)
	}
	if s.persistence.Load() == unknown {
		s.learnPersistence(ctx)
	}
	return nil
}

// Unavailable reads set and state in one transaction.
func (s *Store) Unavailable(ctx context.Context) (featurestore.Unavailable, error) {
	var state *goredis.StringCmd
	var items *goredis.StringSliceCmd
	_, err := s.loader.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		state = p.Get(ctx, s.catalogue("availability"))
		items = p.SMembers(ctx, s.catalogue("unavailable"))
		return nil
	})
	if err != nil && !errors.Is(err, goredis.Nil) {
		return featurestore.Unavailable{}, fmt.Errorf("read availability from redis: %w", err)
	}
	if items.Err() != nil {
		return featurestore.Unavailable{}, fmt.Errorf("read availability from redis: %w", items.Err())
	}
	return featurestore.Unavailable{State: state.Val(), Items: items.Val()}, nil
}
