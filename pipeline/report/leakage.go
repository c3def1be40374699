package report

import (
	"math"
	"slices"

	"recsys/data"
	"recsys/data/profile"
	"recsys/pipeline"
	"recsys/tensor"
)

// Leakage says what training knows of the rows that are held out, those that validate and those that test, and what it lacks. Held
// are the held-out rows; the others are numbers of rows unless they say otherwise.
type Leakage struct {
	Held int `json:"held"`
	// SameRow are like a training row in all columns, SamePair have a user and an item that meet in training too.
	SameRow  int `json:"same_row"`
	SamePair int `json:"same_pair"`
	// FutureUsers are users who have a training row later than one of theirs that is held out, by time.
	FutureUsers int `json:"future_users"`
	// FutureRows are training rows that are later than the first one that tests, by time.
	FutureRows int `json:"future_rows"`
	// NewUser and NewItem are of users and items that training does not have.
	NewUser int `json:"new_user"`
	NewItem int `json:"new_item"`
}

func newLeakage(t *pipeline.Tables, times []int64, hashes []uint64) Leakage {
	type pair struct{ user, item int32 }
	users, items := make([]bool, t.Users.Len()), make([]bool, t.Items.Len())
	pairs, rows := map[pair]bool{}, map[uint64]bool{}
	for i, part := range t.Parts { // What training is compared with is what is kept: held-out rows are few.
		if part == data.Valid || part == data.Test {
			pairs[pair{t.User[i], t.Item[i]}], rows[hashes[i]] = false, false
		}
	}
	lastOf := slices.Repeat([]int64{math.MinInt64}, t.Users.Len()) // of training
	firstTest := int64(math.MaxInt64)
	for i, part := range t.Parts {
		switch part {
		case data.Train:
			users[t.User[i]], items[t.Item[i]] = true, true
			if _, held := pairs[pair{t.User[i], t.Item[i]}]; held {
				pairs[pair{t.User[i], t.Item[i]}] = true
			}
			if _, held := rows[hashes[i]]; held {
				rows[hashes[i]] = true
			}
			if times != nil {
				lastOf[t.User[i]] = max(lastOf[t.User[i]], times[i])
			}
		case data.Test:
			if times != nil && times[i] != tensor.NullInt64 {
				firstTest = min(firstTest, times[i])
			}
		default:
		}
	}
	var l Leakage
	future := make([]bool, t.Users.Len())
	for i, part := range t.Parts {
		if part == data.Train && times != nil && times[i] > firstTest {
			l.FutureRows++
		}
		if part != data.Valid && part != data.Test {
			continue
		}
		l.Held++
		l.SameRow += count(rows[hashes[i]])
		l.SamePair += count(pairs[pair{t.User[i], t.Item[i]}])
		l.NewUser += count(!users[t.User[i]])
		l.NewItem += count(!items[t.Item[i]])
		if times != nil && times[i] != tensor.NullInt64 && lastOf[t.User[i]] > times[i] {
			l.FutureUsers += first(future, t.User[i])
		}
	}
	return l
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// Distribution is how interactions spread over users, or over items.
type Distribution struct {
	// Count is the number of users, or items, with interactions.
	Count  int     `json:"count"`
	Min    int     `json:"min"`
	Median int     `json:"median"`
	Mean   float64 `json:"mean"`
	P90    int     `json:"p90"`
	P99    int     `json:"p99"`
	Max    int     `json:"max"`
	// Top is the share of the interactions that the most active hundredth of users, or the most popular of items, has, at least
	// one of them.
	Top float64 `json:"top"`
	// Gini is the Gini coefficient, 0 where all have as many.
	Gini float64 `json:"gini"`
	// Histogram counts users or items by their interactions: edges are powers of 2.
	Histogram profile.Histogram `json:"histogram"`
}

// newDistribution counts how often each number comes.
func newDistribution(of []int32) Distribution {
	counts := make([]int, int(slices.Max(of))+1)
	for _, i := range of {
		counts[i]++
	}
	counts = slices.DeleteFunc(counts, func(n int) bool { return n == 0 })
	slices.Sort(counts)
	n := len(counts)
	at := func(q float64) int { return counts[int(q*float64(n-1))] }
	const hundredth = 100
	top, weighted := 0, 0.0
	for i, c := range counts {
		if i >= n-max(1, n/hundredth) {
			top += c
		}
		weighted += float64(float64(i+1) * float64(c))
	}
	total := float64(len(of))
	d := Distribution{
		Count: n, Min: counts[0], Median: at(0.5), Mean: total / float64(n), P90: at(0.9), P99: at(0.99), Max: counts[n-1],
		Top: float64(top) / total, Gini: float64(2*weighted/(float64(n)*total)) - float64(n+1)/float64(n),
	}
	d.Histogram.Edges = []float64{1}
	for edge, i := 1, 0; i < n; {
		edge *= 2
		from := i
		for i < n && counts[i] < edge {
			i++
		}
		d.Histogram.Edges = append(d.Histogram.Edges, float64(edge))
		d.Histogram.Counts = append(d.Histogram.Counts, i-from)
	}
	return d
}
