// Package redis is a featurestore.Store in Redis, or in anything that speaks its protocol and runs Lua scripts.
//
//	store, err := redis.Open("redis://:password@127.0.0.1:6379/0", "shop")
//
// A user has four keys, which a hash tag keeps in one slot of a cluster; NAME is the ensemble's:
//
//	rs:{NAME:USER}:rows     hash    packed rows by the hash of their schema: those of several generations lie side by side
//	rs:{NAME:USER}:history  list    item keys, newest at the head, at most featurestore.MaxHistory
//	rs:{NAME:USER}:seen     set     item keys; when it is full, an arbitrary one makes place for a new one
//	rs:{NAME:USER}:asof     string  Unix milliseconds up to which history and seen are complete
//
// and rs:{NAME:USER}:event:DIGEST for each event ID of the last day, so that an event is applied once. Two keys are those of all:
//
//	rs:{NAME}:unavailable   set     keys of items that are not available
//	rs:{NAME}:availability  string  the state of that set, a random text that is another one after each change
//
// An item has one, rs:{NAME:ITEM}:item, its packed row.
//
// Reading a user is one pipeline, reading items one MGET. Events and loads are Lua scripts, one call per user, so that each is atomic;
// a load compares times inside the script and can never undo an event that came between. All of them may be
// repeated, and are, after a lost connection.
//
// How durable an acknowledged event is, the server decides: with "appendonly yes" and "appendfsync always" it
// survives kill -9; with "everysec" the last second may be lost. [Store.Durable] tells whether there is an
// append-only file at all. Run the server with "maxmemory-policy noeviction": every other policy throws
// acknowledged events away.
package redis
