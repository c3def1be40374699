package featurestore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// MaxHistory is the number of newest history items that a store keeps of a user.
const MaxHistory = 512

// DefaultMaxSeen is the number of seen items that a store keeps of a user unless told otherwise.
const DefaultMaxSeen = 16384

// DefaultEventTTL is how long a store remembers an event's ID, to apply it once only.
const DefaultEventTTL = 24 * time.Hour

// ErrEvent is wrapped by errors about events that lack a user or an item.
var ErrEvent = errors.New("incomplete event")

// User is what a store knows about one user. The zero value means that it knows nothing. It belongs to the
// caller, who may keep and change it.
type User struct {
	// Rows are the packed rows, one of each schema that was loaded, in no particular order; see [Codec.Pick].
	Rows [][]byte
	// History holds item keys, oldest first; Seen holds item keys in no particular order, each once.
	History, Seen []string
	// Availability is the state of the set of unavailable items; see [Unavailable.State].
	Availability string
}

// Event says that a user did something with an item.
type Event struct {
	// ID makes the event idempotent: for a user, a store applies an ID once within its event TTL. An event
	// with an empty ID is applied every time.
	ID string
	// UserID and ItemID are raw keys as text. Both are required.
	UserID, ItemID string
	// Type is the kind of event, such as "view". Stores do not look at it.
	Type string
	// Time orders the events of one call; ties keep their order.
	Time time.Time
}

// Record is one entity of a load or of a row file.
type Record struct {
	// UserID is the raw key as text; in item files it is the item's key.
	UserID string
	// Row is the packed row, nil for none.
	Row []byte
	// History holds item keys, oldest first; Seen holds item keys, oldest first where an order is known.
	History, Seen []string
	// AsOf is the time up to which History and Seen are complete, in Unix milliseconds; 0 where the data has
	// no time.
	AsOf int64
}

// LoadStats counts what a load did: of users, or of items, which have rows only. A load that finds everything in place has Rows and Histories 0.
type LoadStats struct {
	// Users is the number of records, Rows of rows written, Histories of users whose history and seen items
	// were written, and Unchanged of records that changed nothing.
	Users, Rows, Histories, Unchanged int64
}

// Count adds one record of which the row, and the history and seen items, were written or not.
func (s *LoadStats) Count(row, history bool) {
	s.Users++
	if row {
		s.Rows++
	}
	if history {
		s.Histories++
	}
	if !row && !history {
		s.Unchanged++
	}
}

// Store keeps users, and rows of items. Implementations are safe for concurrent use, and pass the suite in storetest.
type Store interface {
	// User returns what is known about a user, in one round trip: the newest historyLimit items of the
	// history, none for a limit below 1. An unknown user is a zero User and no error.
	User(ctx context.Context, id string, historyLimit int) (User, error)
	Availability
	// AddEvents appends items to histories and seen items. What it has acknowledged with a nil error is in the
	// next answer of User, and no later Load of older data removes it. Events of one user are applied
	// atomically. After an error some users' events may have been applied: repeat the call, IDs prevent
	// doubles. Events without a user or an item give an error that wraps ErrEvent, and nothing is applied.
	AddEvents(ctx context.Context, events []Event) error
	// Load writes rows that differ, and history and seen items of users that have none or older ones (by
	// Record.AsOf). It removes nobody; repeating it changes nothing. An error of records ends it.
	Load(ctx context.Context, records iter.Seq2[Record, error]) (LoadStats, error)
	// Items returns the packed rows of items by their raw keys as text, in the order of ids and in one round trip; nil for an item that
	// has none. The rows belong to the caller.
	Items(ctx context.Context, ids []string) ([][]byte, error)
	// LoadItems writes rows of items, by their key as Record.UserID, as [Replaces] says. A row that it has acknowledged is in the next
	// answer of Items. It removes nothing; repeating it changes nothing. An error of records ends it.
	LoadItems(ctx context.Context, records iter.Seq2[Record, error]) (LoadStats, error)
	// Durable reports whether acknowledged events survive the end of the process that keeps them.
	Durable() bool
	// Ping checks that the store answers.
	Ping(ctx context.Context) error
	// Close releases the store, which must not be used afterwards.
	Close() error
}

// GroupEvents checks events and groups them by user: users in order of first appearance, each user's events in
// order of time, ties as given. Implementations of Store build AddEvents on it.
func GroupEvents(events []Event) ([][]Event, error) {
	index := make(map[string]int, len(events))
	var groups [][]Event
	for i, e := range events {
		if e.UserID == "" || e.ItemID == "" {
			return nil, &eventError{i, e}
		}
		at, ok := index[e.UserID]
		if !ok {
			at = len(groups)
			index[e.UserID] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], e)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b Event) int { return a.Time.Compare(b.Time) })
	}
	return groups, nil
}

// newest returns the last n of s.
func newest[T any](s []T, n int) []T { return s[max(0, len(s)-n):] }

// Validate checks that the record has a key and that its items are not empty.
func (r Record) Validate() error {
	if r.UserID == "" {
		return errors.New("a record without a key")
	}
	if slices.Contains(r.History, "") || slices.Contains(r.Seen, "") {
		return fmt.Errorf("record of %q with an empty item", r.UserID)
	}
	return nil
}

// Trim bounds the record as every store does on loading: the newest MaxHistory items of the history and the
// last maxSeen seen items, each once, in order. It copies nothing that fits.
func (r Record) Trim(maxSeen int) Record {
	r.History = newest(r.History, MaxHistory)
	r.Seen = newest(unique(r.Seen), maxSeen)
	return r
}

// unique returns s without repeated elements, keeping the last of each; s itself where nothing repeats.
func unique(s []string) []string {
	last := make(map[string]int, len(s))
	for i, v := range s {
		last[v] = i
	}
	if len(last) == len(s) {
		return s
	}
	at := make([]int, 0, len(last))
	for _, i := range last {
		at = append(at, i)
	}
	slices.SortFunc(at, cmp.Compare[int])
	out := make([]string, len(at))
	for i, j := range at {
		out[i] = s[j]
	}
	return out
}
