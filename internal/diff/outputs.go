package diff

import (
	"math"

	"recsys/internal/verify"
)

// Outputs compares the answers that users get from both sides.
type Outputs struct {
	Users int `json:"users"`
	// K is the number of items of an answer.
	K int `json:"k"`
	// Same is how many users get the same items in the same order.
	Same int `json:"same"`
	// Overlap is the share of the items that both sides give, and Top the share of users whose first item is the same, both in
	// [0,1].
	Overlap float64 `json:"overlap"`
	Top     float64 `json:"top"`
	// RankChange is by how many places an item that both sides give has moved, on average.
	RankChange float64 `json:"rank_change"`
	// ScoreChange and MaxScoreChange are by how much the score of such an item differs, on average and at most.
	ScoreChange    float64 `json:"score_change"`
	MaxScoreChange float64 `json:"max_score_change"`

	shared, items, tops int
	ranks, scores       float64
}

// Add compares one user's answers.
func (o *Outputs) Add(a, b verify.List) {
	o.Users++
	place := make(map[string]int, len(a.IDs))
	for i, id := range a.IDs {
		place[id] = i
	}
	same := len(a.IDs) == len(b.IDs)
	o.items += max(len(a.IDs), len(b.IDs))
	for i, id := range b.IDs {
		j, ok := place[id]
		if !ok || i != j {
			same = false
		}
		if !ok {
			continue
		}
		o.shared++
		o.ranks += math.Abs(float64(i - j))
		d := math.Abs(b.Scores[i] - a.Scores[j])
		o.scores += d
		o.MaxScoreChange = math.Max(o.MaxScoreChange, d)
	}
	if same {
		o.Same++
	}
	if len(a.IDs) == 0 && len(b.IDs) == 0 || len(a.IDs) > 0 && len(b.IDs) > 0 && a.IDs[0] == b.IDs[0] {
		o.tops++
	}
	o.Overlap, o.Top = 1, float64(o.tops)/float64(o.Users)
	if o.items > 0 {
		o.Overlap = float64(o.shared) / float64(o.items)
	}
	if o.shared > 0 {
		o.RankChange, o.ScoreChange = o.ranks/float64(o.shared), o.scores/float64(o.shared)
	}
}
