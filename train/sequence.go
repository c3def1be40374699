package train

import "slices"

// sortByUser returns the interactions whose order is not negative, by user, then order, then row, and where each user's
// begin.
func sortByUser(users int, user []int32, order []int64) (rows []int32, offsets []int64) {
	offsets = make([]int64, users+1)
	for r, u := range user {
		if order[r] >= 0 && u >= 0 && int(u) < users {
			offsets[u+1]++
		}
	}
	for u := range users {
		offsets[u+1] += offsets[u]
	}
	rows = make([]int32, offsets[users])
	next := slices.Clone(offsets)
	for r, u := range user {
		if order[r] >= 0 && u >= 0 && int(u) < users {
			rows[next[u]] = int32(r)
			next[u]++
		}
	}
	for u := range users {
		slices.SortStableFunc(rows[offsets[u]:offsets[u+1]], func(a, b int32) int {
			switch {
			case order[a] < order[b]:
				return -1
			case order[a] > order[b]:
				return 1
			}
			return 0
		})
	}
	return rows, offsets
}
