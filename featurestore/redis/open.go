package redis

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"recsys/featurestore"
)

// DefaultTimeout bounds every dial, read and write unless told otherwise; a deadline of the context that is
// nearer wins.
const DefaultTimeout = 50 * time.Millisecond

// loadTimeout is the timeout of bulk loads, whose pipelines carry up to a megabyte.
const loadTimeout = 10 * time.Second

type settings struct {
	timeout  time.Duration
	maxSeen  int
	eventTTL time.Duration
	now      func() time.Time
}

// Option changes a Store while it is made.
type Option func(*settings)

// WithTimeout sets the timeout of dials, reads and writes of a store made by Open; DefaultTimeout without it.
// Parameters of the URL such as read_timeout win.
func WithTimeout(d time.Duration) Option { return func(s *settings) { s.timeout = d } }

// WithMaxSeen bounds the seen items of a user, featurestore.DefaultMaxSeen without it.
func WithMaxSeen(n int) Option { return func(s *settings) { s.maxSeen = max(1, n) } }

// WithEventTTL sets how long event IDs are remembered, featurestore.DefaultEventTTL without it.
func WithEventTTL(d time.Duration) Option {
	return func(s *settings) { s.eventTTL = max(time.Millisecond, d) }
}

// WithClock replaces time.Now.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

func newSettings(options []Option) settings {
	s := settings{
		timeout: DefaultTimeout, maxSeen: featurestore.DefaultMaxSeen, eventTTL: featurestore.DefaultEventTTL, now: time.Now,
	}
	for _, o := range options {
		o(&s)
	}
	return s
}

// Open makes a store for the ensemble name at a URL: redis://[USER]:PASSWORD@HOST:PORT/DB, rediss:// for TLS;
// with a parameter addr=HOST:PORT for each further node it is a cluster. It does not connect yet, so a server
// may come up later; Ping tells whether it is there. No error holds the URL's password.
func Open(rawURL, name string, options ...Option) (*Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("malformed Redis URL (not shown, as it may hold a password): want redis://:PASSWORD@HOST:PORT/DB")
	}
	set := newSettings(options)
	client, err := dial(rawURL, u, set.timeout)
	if err != nil {
		return nil, fmt.Errorf("redis URL %s", hide(err, u))
	}
	loader, err := dial(rawURL, u, loadTimeout)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("redis URL %s", hide(err, u)), client.Close())
	}
	store, err := newStore(client, loader, name, set)
	if err != nil {
		return nil, errors.Join(err, client.Close(), loader.Close())
	}
	return store, nil
}

// hide returns the URL and the error's text without the URL's password.
func hide(err error, u *url.URL) string {
	text := u.Redacted() + ": " + err.Error()
	if password, ok := u.User.Password(); ok && password != "" {
		text = strings.ReplaceAll(text, password, "xxxxx")
	}
	return text
}

func dial(rawURL string, u *url.URL, timeout time.Duration) (goredis.UniversalClient, error) {
	if u.Query().Has("addr") {
		o, err := goredis.ParseClusterURL(rawURL)
		if err != nil {
			return nil, err
		}
		o.ContextTimeoutEnabled = true
		o.MaxRedirects, o.MaxRetries = 3, 1
		bound(timeout, &o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout)
		return goredis.NewClusterClient(o), nil
	}
	o, err := goredis.ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	o.MaxRetries, o.DialerRetries = 1, 1
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	bound(timeout, &o.DialTimeout, &o.ReadTimeout, &o.WriteTimeout, &o.PoolTimeout)
	return goredis.NewClient(o), nil
}

// bound sets the durations that the URL has not set.
func bound(d time.Duration, fields ...*time.Duration) {
	for _, f := range fields {
		if *f == 0 {
			*f = d
		}
	}
}
