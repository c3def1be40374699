package redis

import (
	"context"
	"crypto/sha1" //nolint:gosec // Redis names scripts by their SHA-1.
	"encoding/hex"

	goredis "github.com/redis/go-redis/v9"
)

// addEvents applies the events of one user.
//
//	KEYS history, seen, asof, then a marker per event (the history key again for an event without ID)
//	ARGV now in ms, most history, most seen, time to live of markers in ms, then an item per event
//
// It returns the number of events that were new.
//
//nolint:dupword // In Lua, blocks end with end.
const addEvents = `
local applied = 0
for i = 5, #ARGV do
  local marker = KEYS[i - 1]
  if marker == KEYS[1] or redis.call('SET', marker, '1', 'PX', ARGV[4], 'NX') then
    redis.call('LPUSH', KEYS[1], ARGV[i])
    if redis.call('SISMEMBER', KEYS[2], ARGV[i]) == 0 then
      while redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[3]) do
        redis.call('SPOP', KEYS[2])
      end
      redis.call('SADD', KEYS[2], ARGV[i])
    end
    applied = applied + 1
  end
end
redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[2]) - 1)
local asof = redis.call('GET', KEYS[3])
if (not asof) or tonumber(asof) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[3], ARGV[1])
end
return applied
`

// loadUser writes one record.
//
//	KEYS rows, history, seen, asof
//	ARGV row ('' = none), its schema, asof in ms, length of the history, then the history oldest first, then the seen items
//
// It returns 1 when the row was written, plus 2 when history and seen were. Items are pushed 1,000 at a time,
// because Lua's unpack is limited to about 8,000.
const loadUser = `
local done = 0
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], ARGV[2]) ~= ARGV[1] then
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[1])
  done = 1
end
local asof = redis.call('GET', KEYS[4])
if (not asof) and redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then
  asof = '0'
end
if asof and tonumber(asof) >= tonumber(ARGV[3]) then
  return done
end
redis.call('DEL', KEYS[2], KEYS[3])
local last = 4 + tonumber(ARGV[4])
for i = 5, last, 1000 do
  redis.call('LPUSH', KEYS[2], unpack(ARGV, i, math.min(i + 999, last)))
end
for i = last + 1, #ARGV, 1000 do
  redis.call('SADD', KEYS[3], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
redis.call('SET', KEYS[4], ARGV[3])
return done + 2
`

// loadItem writes an item's row as featurestore.Replaces says.
//
//	KEYS row
//	ARGV row
//
// It returns 1 when the row was written. Rows begin with 8 bytes of their schema and 8 of the event time, the lowest first, so that
// reversed they compare as the numbers do.
const loadItem = `
local old = redis.call('GET', KEYS[1])
if old == ARGV[1] then
  return 0
end
if old and #old >= 16 and #ARGV[1] >= 16 and string.sub(old, 1, 8) == string.sub(ARGV[1], 1, 8)
  and string.reverse(string.sub(old, 9, 16)) > string.reverse(string.sub(ARGV[1], 9, 16)) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
`

type script struct{ source, sha string }

func newScript(source string) script {
	sum := sha1.Sum([]byte(source)) //nolint:gosec // Redis names scripts by their SHA-1.
	return script{source, hex.EncodeToString(sum[:])}
}

// call is one run of a script, for one user: all keys are in one slot.
type call struct {
	keys []string
	args []any
}

// run runs the script once per call in one pipeline, and returns the results in order. A server that does not
// know the script has run nothing of that call, so that one is sent again with the source.
func (s script) run(ctx context.Context, client goredis.UniversalClient, calls []call) ([]int64, error) {
	cmds := make([]*goredis.Cmd, len(calls))
	_, err := client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for i, c := range calls {
			cmds[i] = p.EvalSha(ctx, s.sha, c.keys, c.args...)
		}
		return nil
	})
	if goredis.HasErrorPrefix(err, "NOSCRIPT") {
		_, err = client.Pipelined(ctx, func(p goredis.Pipeliner) error {
			for i, c := range calls {
				if goredis.HasErrorPrefix(cmds[i].Err(), "NOSCRIPT") {
					cmds[i] = p.Eval(ctx, s.source, c.keys, c.args...)
				}
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(calls))
	for i, cmd := range cmds {
		if out[i], err = cmd.Int64(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
