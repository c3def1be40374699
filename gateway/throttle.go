package gateway

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// throttle logs a warning at most once a second for each of a few keys: an outage must not write a line for
// every request. It is safe for concurrent use.
type throttle struct {
	log  *slog.Logger
	mu   sync.Mutex
	keys map[string]*quiet
}

type quiet struct {
	until      time.Time
	suppressed int
}

func newThrottle(log *slog.Logger) *throttle { return &throttle{log: log, keys: map[string]*quiet{}} }

// warn logs key as the warning's cause, which has to be one of a closed set.
func (t *throttle) warn(ctx context.Context, key string, attributes ...slog.Attr) {
	t.mu.Lock()
	q := t.keys[key]
	if q == nil {
		q = &quiet{}
		t.keys[key] = q
	}
	now := time.Now()
	if now.Before(q.until) {
		q.suppressed++
		t.mu.Unlock()
		return
	}
	suppressed := q.suppressed
	q.until, q.suppressed = now.Add(time.Second), 0
	t.mu.Unlock()
	attributes = append(attributes, slog.String("cause", key), slog.Int("suppressed", suppressed))
	t.log.LogAttrs(ctx, slog.LevelWarn, "trouble", attributes...)
}
