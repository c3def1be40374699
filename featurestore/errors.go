package featurestore

import "fmt"

// HashError says that a row was packed with another schema than the codec's. The row is of no use; load the
// rows of the export that is being served.
type HashError struct {
	// Got is the hash in the row, Want the codec's.
	Got, Want uint32
}

// Error names both hashes.
func (e *HashError) Error() string {
	return fmt.Sprintf("row has schema hash %08x, want %08x: load the features of the served export", e.Got, e.Want)
}

// eventError says which event lacks what; it wraps ErrEvent.
type eventError struct {
	index int
	event Event
}

func (e *eventError) Error() string {
	what := "an item"
	if e.event.UserID == "" {
		what = "a user"
	}
	return fmt.Sprintf("event %d (id %q) without %s", e.index, e.event.ID, what)
}

func (e *eventError) Unwrap() error { return ErrEvent }
