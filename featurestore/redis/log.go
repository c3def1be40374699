package redis

import (
	"context"
	"fmt"
	"log/slog"

	goredis "github.com/redis/go-redis/v9"
)

// LogTo sends what the Redis client library logs by itself, such as failed dials, to logger at level Debug. The
// library has one logger for the whole process and writes to the standard error without this: call it once, in
// main.
func LogTo(logger *slog.Logger) { goredis.SetLogger(printer{logger}) }

type printer struct{ logger *slog.Logger }

func (p printer) Printf(ctx context.Context, format string, args ...any) {
	p.logger.DebugContext(ctx, "redis client", slog.String("text", fmt.Sprintf(format, args...)))
}
