package featurestore

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

// defaultMaxGuests bounds the users that only events have made known.
const defaultMaxGuests = 1 << 17

// maxEventIDs bounds the event IDs remembered of one user, beside their time to live.
const maxEventIDs = 4096

// Memory is a Store in the process: fast, and gone with it. It bounds every user, and the number of users
// that were never loaded: the oldest of those make place for new ones.
type Memory struct {
	maxSeen   int
	maxGuests int
	eventTTL  time.Duration
	now       func() time.Time

	mu     sync.RWMutex
	users  map[string]*entry
	items  map[string][]byte // rows
	guests []string          // Users made by events, oldest first; some may have been loaded since.
	alone  int               // Users among guests that have not been loaded.

	unavailable  map[string]bool
	availability string // Its state.
}

var _ Store = (*Memory)(nil)

type entry struct {
	rows    map[string][]byte // By schema.
	history []string
	seen    []string // Oldest first.
	has     map[string]bool
	known   bool // History and seen items have been loaded or changed by an event.
	loaded  bool
	asOf    int64
	events  map[string]time.Time
	order   []string // The keys of events, oldest first.
}

// MemoryOption changes a Memory while it is made.
type MemoryOption func(*Memory)

// WithMaxSeen bounds the seen items of a user, DefaultMaxSeen without it.
func WithMaxSeen(n int) MemoryOption { return func(m *Memory) { m.maxSeen = max(1, n) } }

// WithMaxGuests bounds the users that events alone have made known, 131,072 without it.
func WithMaxGuests(n int) MemoryOption { return func(m *Memory) { m.maxGuests = max(1, n) } }

// WithEventTTL sets how long event IDs are remembered, DefaultEventTTL without it. Of one user the newest
// 4,096 are, at most.
func WithEventTTL(d time.Duration) MemoryOption { return func(m *Memory) { m.eventTTL = d } }

// WithClock replaces time.Now.
func WithClock(now func() time.Time) MemoryOption { return func(m *Memory) { m.now = now } }

// NewMemory makes an empty store.
func NewMemory(options ...MemoryOption) *Memory {
	m := &Memory{
		maxSeen: DefaultMaxSeen, maxGuests: defaultMaxGuests, eventTTL: DefaultEventTTL, now: time.Now,
		users: map[string]*entry{}, items: map[string][]byte{}, unavailable: map[string]bool{},
	}
	for _, o := range options {
		o(m)
	}
	return m
}

// User returns copies of what is known about a user.
func (m *Memory) User(ctx context.Context, id string, historyLimit int) (User, error) {
	if err := ctx.Err(); err != nil {
		return User{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.users[id]
	if e == nil {
		return User{Availability: m.availability}, nil
	}
	var rows [][]byte
	for _, row := range e.rows {
		rows = append(rows, slices.Clone(row))
	}
	return User{
		Availability: m.availability,

		Rows:    rows,
		History: slices.Clone(newest(e.history, max(0, historyLimit))),
		Seen:    slices.Clone(e.seen),
	}, nil
}

// AddEvents applies the events; all users at once.
func (m *Memory) AddEvents(ctx context.Context, events []Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	groups, err := GroupEvents(events)
	if err != nil {
		return err
	}
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, group := range groups {
		e := m.users[group[0].UserID]
		if e == nil {
			e = m.admit(group[0].UserID)
		}
		for _, event := range group {
			if e.first(event.ID, now, m.eventTTL) {
				e.add(event.ItemID, m.maxSeen)
			}
		}
		e.known = true
		e.asOf = max(e.asOf, now.UnixMilli())
	}
	return nil
}

// admit makes a user that was not loaded; one that has been so the longest makes place.
func (m *Memory) admit(id string) *entry {
	for m.alone >= m.maxGuests {
		oldest := m.users[m.guests[0]]
		if oldest != nil && !oldest.loaded {
			delete(m.users, m.guests[0])
			m.alone--
		}
		m.guests = m.guests[1:]
	}
	e := &entry{}
	m.users[id] = e
	m.guests = append(m.guests, id)
	m.alone++
	return e
}

// first reports whether the event ID is new, and remembers it.
func (e *entry) first(id string, now time.Time, ttl time.Duration) bool {
	for len(e.order) > 0 && (len(e.order) >= maxEventIDs || now.Sub(e.events[e.order[0]]) >= ttl) {
		delete(e.events, e.order[0])
		e.order = e.order[1:]
	}
	if id == "" {
		return true
	}
	if _, ok := e.events[id]; ok {
		return false
	}
	if e.events == nil {
		e.events = map[string]time.Time{}
	}
	e.events[id] = now
	e.order = append(e.order, id)
	return true
}

func (e *entry) add(item string, maxSeen int) {
	e.history = newest(append(e.history, item), MaxHistory)
	if e.has[item] {
		return
	}
	if e.has == nil {
		e.has = map[string]bool{}
	}
	for len(e.seen) >= maxSeen {
		delete(e.has, e.seen[0])
		e.seen = e.seen[1:]
	}
	e.seen = append(e.seen, item)
	e.has[item] = true
}

// Load takes one record at a time, so that readers are never kept waiting for long. It copies the records.
func (m *Memory) Load(ctx context.Context, records iter.Seq2[Record, error]) (LoadStats, error) {
	return m.load(ctx, records, Record.Validate, m.loadOne)
}

func (m *Memory) load(
	ctx context.Context, records iter.Seq2[Record, error], check func(Record) error, one func(Record) (row, history bool),
) (LoadStats, error) {
	var stats LoadStats
	if err := ctx.Err(); err != nil {
		return stats, err
	}
	for r, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = check(r)
		}
		if err != nil {
			return stats, err
		}
		row, history := one(r)
		stats.Count(row, history)
	}
	return stats, nil
}

func (m *Memory) loadOne(r Record) (row, history bool) {
	r = r.Trim(m.maxSeen)
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.users[r.UserID]
	if e == nil {
		e = &entry{loaded: true}
		m.users[r.UserID] = e
	}
	if !e.loaded {
		e.loaded = true
		m.alone--
	}
	if of := SchemaOf(r.Row); r.Row != nil && (e.rows[of] == nil || !slices.Equal(e.rows[of], r.Row)) {
		if row = true; e.rows == nil {
			e.rows = make(map[string][]byte, 1)
		}
		e.rows[of] = slices.Clone(r.Row)
	}
	if history = !e.known || e.asOf < r.AsOf; history {
		e.known, e.asOf = true, r.AsOf
		e.history, e.seen = slices.Clone(r.History), slices.Clone(r.Seen)
		e.has = make(map[string]bool, len(e.seen))
		for _, item := range e.seen {
			e.has[item] = true
		}
	}
	return row, history
}

// Items returns copies of items' rows.
func (m *Memory) Items(ctx context.Context, ids []string) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows := make([][]byte, len(ids))
	m.mu.RLock()
	defer m.mu.RUnlock()
	for i, id := range ids {
		rows[i] = slices.Clone(m.items[id])
	}
	return rows, nil
}

// LoadItems takes one record at a time, as Load does.
func (m *Memory) LoadItems(ctx context.Context, records iter.Seq2[Record, error]) (LoadStats, error) {
	return m.load(ctx, records, CheckItem, func(r Record) (row, history bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if !Replaces(m.items[r.UserID], r.Row) {
			return false, false
		}
		m.items[r.UserID] = slices.Clone(r.Row)
		return true, false
	})
}

// Durable is false: everything ends with the process.
func (m *Memory) Durable() bool { return false }

// Ping always succeeds while ctx lasts.
func (m *Memory) Ping(ctx context.Context) error { return ctx.Err() }

// Close does nothing: there is nothing to release.
func (m *Memory) Close() error { return nil }
