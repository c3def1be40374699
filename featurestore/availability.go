package featurestore

import (
	"context"
	"errors"
)

// MaxUnavailable is the number of items that a store keeps as unavailable.
const MaxUnavailable = 1 << 20

// ErrUnavailableFull is wrapped by the error for one unavailable item too many.
var ErrUnavailableFull = errors.New("too many unavailable items")

// Availability says which items must not be recommended for the time being, such as those that are out of stock. Every reader of users
// learns of a change with the next user.
type Availability interface {
	// SetAvailable makes an item unavailable or available again; repeating it changes nothing. What it has acknowledged with a nil error is in
	// the next answer of Unavailable, and [User.Availability] differs from what it was. An item beyond MaxUnavailable gives an
	// error that wraps ErrUnavailableFull, an empty key one that wraps ErrEvent.
	SetAvailable(ctx context.Context, item string, available bool) error
	// Unavailable returns the items that are unavailable.
	Unavailable(ctx context.Context) (Unavailable, error)
}

// Unavailable is the set of unavailable items at some moment. It belongs to the caller.
type Unavailable struct {
	// State names the set: another set has another state, in all processes. It is empty where no item was ever unavailable.
	State string
	// Items are item keys in no particular order, each once.
	Items []string
}
