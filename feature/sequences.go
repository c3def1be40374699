package feature

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// Sequences holds the encoded items of every user's events, oldest first: those of user u are
// Items[Offsets[u]:Offsets[u+1]]. Training cuts histories from it instead of looking raw keys up again; the result
// equals the graph of a sequence operator on the raw window.
type Sequences struct {
	// Offsets has one element more than there are users. It begins with 0 and never falls.
	Offsets []int
	// Items are ids of the vocabulary that the sequence uses.
	Items []int64
}

// Validate checks that the offsets cover the items.
func (s Sequences) Validate() error {
	if len(s.Offsets) == 0 || s.Offsets[0] != 0 || s.Offsets[len(s.Offsets)-1] != len(s.Items) || !slices.IsSorted(s.Offsets) {
		return fmt.Errorf("sequences of %d items: offsets have to rise from 0 to the number of items", len(s.Items))
	}
	return nil
}

// Users returns the number of users.
func (s Sequences) Users() int { return len(s.Offsets) - 1 }

// Of returns the items of one user, oldest first, shared with s.
func (s Sequences) Of(user int) []int64 { return s.Items[s.Offsets[user]:s.Offsets[user+1]] }

// Window fills dst, [L], with the newest L items of a user strictly before event number position of that user, oldest
// first, padded with 0 on the right. A null item (id 1) becomes padding, as it does in lists. It panics when user or
// position is out of range: position is in [0, number of events].
func (s Sequences) Window(dst []int64, user, position int) {
	items := s.Of(user)[:position]
	if len(items) > len(dst) {
		items = items[len(items)-len(dst):]
	}
	n := copy(dst, items)
	for i, id := range dst[:n] {
		if id == NullID {
			dst[i] = PaddingID
		}
	}
	clear(dst[n:])
}

// Windows returns the histories of several events, [B,length] int64: row i is the window of users[i] before
// positions[i].
func (s Sequences) Windows(users, positions []int, length int) (*tensor.Tensor, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if len(users) != len(positions) || length < 1 {
		return nil, fmt.Errorf("windows of length %d for %d users and %d positions", length, len(users), len(positions))
	}
	out := make([]int64, len(users)*length)
	for i, u := range users {
		if u < 0 || u >= s.Users() || positions[i] < 0 || positions[i] > len(s.Of(u)) {
			return nil, fmt.Errorf("window %d: no event %d of user %d", i, positions[i], u)
		}
		s.Window(out[i*length:(i+1)*length], u, positions[i])
	}
	return tensor.Of(out, len(users), length), nil
}
