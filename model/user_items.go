package model

import "slices"

// UserItems are the items of every user, by user row. They are immutable and safe for concurrent use.
type UserItems struct {
	offsets []int64
	items   []int32
}

// NewUserItems collects the items of the interactions rows by user: user and item are those of every interaction, and
// there are at least users users.
func NewUserItems(users int, user, item, rows []int32) *UserItems {
	for _, r := range rows {
		users = max(users, int(user[r])+1)
	}
	s := &UserItems{offsets: make([]int64, users+1)}
	for _, r := range rows {
		s.offsets[user[r]+1]++
	}
	for u := range users {
		s.offsets[u+1] += s.offsets[u]
	}
	s.items = make([]int32, len(rows))
	next := slices.Clone(s.offsets)
	for _, r := range rows {
		s.items[next[user[r]]] = item[r]
		next[user[r]]++
	}
	for u := range users {
		slices.Sort(s.items[s.offsets[u]:s.offsets[u+1]])
	}
	return s
}

// Users is the number of user rows.
func (s *UserItems) Users() int { return len(s.offsets) - 1 }

// Of returns the user's items in ascending order; an item that several interactions have stands there as often. The
// caller must not change them.
func (s *UserItems) Of(user int32) []int32 {
	if int(user)+1 >= len(s.offsets) {
		return nil
	}
	return s.items[s.offsets[user]:s.offsets[user+1]]
}

// Has reports whether the user has the item.
func (s *UserItems) Has(user, item int32) bool {
	_, found := slices.BinarySearch(s.Of(user), item)
	return found
}

// sets returns the same with every item once for each user, and without items outside [first,items): what closed-form
// models learn from.
func (s *UserItems) sets(first, items int) *UserItems {
	out := &UserItems{offsets: make([]int64, len(s.offsets)), items: make([]int32, 0, len(s.items))}
	for u := range s.Users() {
		last := int32(-1)
		for _, item := range s.Of(int32(u)) {
			if item != last && int(item) >= first && int(item) < items {
				out.items = append(out.items, item)
			}
			last = item
		}
		out.offsets[u+1] = int64(len(out.items))
	}
	return out
}

// inverted returns the users of every item, ascending, of items items.
func (s *UserItems) inverted(items int) *UserItems {
	users := make([]int32, len(s.items))
	rows := make([]int32, len(s.items))
	for u := range s.Users() {
		for at := s.offsets[u]; at < s.offsets[u+1]; at++ {
			users[at], rows[at] = int32(u), int32(at)
		}
	}
	return NewUserItems(items, s.items, users, rows)
}
