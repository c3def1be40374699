package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	goredis "github.com/redis/go-redis/v9"
)

// scanned is the number of keys that one step of a scan looks at.
const scanned = 1000

// DropRows removes the rows of all schemas but those to keep, hashes as featurestore.Codec has them, and returns the number of rows that it
// removed. It passes over all keys of the server, a thousand at a time, and may run beside everything else.
func (s *Store) DropRows(ctx context.Context, keep []string) (int64, error) {
	var dropped int64
	var err error
	if cluster, ok := s.loader.(*goredis.ClusterClient); ok {
		var mu sync.Mutex // guards dropped: masters are visited at once
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *goredis.Client) error {
			n, err := s.dropOn(ctx, node, keep)
			mu.Lock()
			defer mu.Unlock()
			dropped += n
			return err
		})
	} else {
		dropped, err = s.dropOn(ctx, s.loader, keep)
	}
	if err != nil {
		return dropped, fmt.Errorf("drop rows from redis: %w", err)
	}
	return dropped, nil
}

// dropOn is DropRows of one server's keys.
func (s *Store) dropOn(ctx context.Context, node goredis.UniversalClient, keep []string) (dropped int64, err error) {
	pattern := globbed(s.prefix) + "*}:rows"
	for cursor := uint64(0); ; {
		keys, next, err := node.Scan(ctx, cursor, pattern, scanned).Result()
		if err != nil {
			return dropped, err
		}
		for _, key := range keys {
			fields, err := node.HKeys(ctx, key).Result()
			if err != nil {
				return dropped, err
			}
			fields = slices.DeleteFunc(fields, func(f string) bool { return slices.Contains(keep, f) })
			if len(fields) == 0 {
				continue
			}
			n, err := node.HDel(ctx, key, fields...).Result()
			if dropped += n; err != nil {
				return dropped, err
			}
		}
		if cursor = next; cursor == 0 {
			return dropped, nil
		}
	}
}

// globbed escapes what a pattern of keys would take for more than itself.
func globbed(text string) string {
	return strings.NewReplacer("*", "\\*", "?", "\\?", "[", "\\[", "]", "\\]", "\\", "\\\\").Replace(text)
}
