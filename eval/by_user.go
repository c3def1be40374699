package eval

import (
	"errors"
	"maps"
	"math"
	"slices"

	"recsys/metric"
)

// ByUser is what each user contributes to means: metric Names[m] is the mean of Values[m] with Weights, over the users
// where it is defined.
type ByUser struct {
	Names []string
	// Users are rows of train.Examples.Users, each once.
	Users []int32
	// Weights and each of Values are as long as Users; NaN stands where a metric is undefined.
	Weights []float64
	Values  [][]float64
}

func newByUser(names ...string) *ByUser {
	return &ByUser{Names: names, Values: make([][]float64, len(names))}
}

func (b *ByUser) add(user int32, weight float64, values ...float64) {
	b.Users, b.Weights = append(b.Users, user), append(b.Weights, weight)
	for m, v := range values {
		b.Values[m] = append(b.Values[m], v)
	}
}

// Lists measures one list a user, all together and each by itself. Make one with [NewLists].
type Lists struct {
	rankings *metric.Rankings
	byUser   *ByUser
}

// NewLists measures with the given metrics.
func NewLists(metrics ...metric.Ranking) *Lists {
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.Name()
	}
	return &Lists{rankings: metric.NewRankings(metrics...), byUser: newByUser(names...)}
}

// Add takes the list of the next user, best first, and the items that are relevant. A list for which nothing is relevant is
// left out.
func (l *Lists) Add(user int32, ranked, relevant []int) {
	if values := l.rankings.Add(ranked, relevant); values != nil {
		l.byUser.add(user, 1, values...)
	}
}

// Metrics are the means over the lists.
func (l *Lists) Metrics() Metrics { return l.rankings.Values() }

// ByUser are the values of each list, shared with l.
func (l *Lists) ByUser() *ByUser { return l.byUser }

// pointwiseByUser measures the rows of each user by themselves.
func pointwiseByUser(users []int64, scores, labels []float32) (*ByUser, error) {
	rows := map[int64][]int{}
	for i, u := range users {
		rows[u] = append(rows[u], i)
	}
	auc, loss := (&metric.GAUC{}).Name(), (&metric.LogLoss{}).Name()
	out := newByUser(auc, loss)
	var p, y []float32
	for _, u := range slices.Sorted(maps.Keys(rows)) {
		p, y = p[:0], y[:0]
		for _, i := range rows[u] {
			p, y = append(p, scores[i]), append(y, labels[i])
		}
		values := make([]float64, 0, len(out.Names))
		for _, m := range []metric.Pointwise{&metric.AUC{}, &metric.LogLoss{}} {
			if err := m.Add(p, y); err != nil {
				return nil, err
			}
			v, err := m.Value()
			switch {
			case errors.Is(err, metric.ErrUndefined):
				v = math.NaN()
			case err != nil:
				return nil, err
			}
			values = append(values, v)
		}
		out.add(int32(u), float64(len(p)), values...)
	}
	return out, nil
}
