package gateway

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strings"

	"recsys/ensemble"
	"recsys/internal/expression"
	"recsys/tensor"
)

// Explanation is the body of an answer to POST /v1/explanations: an answer, and what has become of items.
type Explanation struct {
	Answer
	// Explained are the items of the answer, and then those that the request has asked after.
	Explained []Explained `json:"explained"`
}

// Explained says what has become of an item.
type Explained struct {
	ItemID string `json:"item_id"`
	// Rank is that in the answer, Candidate the place among the candidates of the ensemble, both from 1; 0 where it has none.
	Rank      int `json:"rank"`
	Candidate int `json:"candidate"`
	// Source is the retrieval model that the candidate comes from, where there are several.
	Source string `json:"source,omitempty"`
	// Stages has what the stages made of the candidate, by tensor; one that a stage has taken out has no value there.
	Stages map[string]float32 `json:"stages,omitempty"`
	// Boosted is the score with the boosts of the policy, for an item of the answer.
	Boosted float64 `json:"boosted,omitempty"`
	// DroppedBy says what has kept the item out of the answer; see the constants. Condition is the one that it does not meet.
	DroppedBy string `json:"dropped_by,omitempty"`
	Condition string `json:"condition,omitempty"`
}

// The values of Explained.DroppedBy.
const (
	DroppedUnknown     = "unknown"     // the ensemble cannot recommend it
	DroppedExcluded    = "excluded"    // by the request
	DroppedNotGiven    = "not_given"   // it is not among the candidates that the request gives
	DroppedSeen        = "seen"        // the user has seen it
	DroppedUnavailable = "unavailable" // it is not available
	DroppedFilter      = "filter"      // it does not meet a condition
	DroppedRetrieval   = "retrieval"   // it is not among the candidates
	DroppedStage       = "stage"       // a further filter of the ensemble has taken it out
	DroppedOrdering    = "ordering"    // others were preferred
	DroppedEnsemble    = "ensemble"    // the ensemble did not answer, and popular items stand in
)

// maxExplained bounds the items that a request asks after.
const maxExplained = 100

// explainCandidates is the output with the item indices [B,K] of the candidates.
const explainCandidates = ensemble.ExplainPrefix + "candidates"

const noExplanation = "the ensemble has no intermediate tensors to explain answers with: export it with --fuse groups or none"

// postExplanations answers as recommendations are answered, and says why.
func (g *Gateway) postExplanations(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	ctx := r.Context()
	g.recommend(w, r, func(v *view) (*recommendation, error) { return v.readExplanation(body) }, func(e *asked) any {
		return Explanation{*e.answer, e.explain(ctx)}
	})
}

func (v *view) readExplanation(body []byte) (*recommendation, error) {
	if len(v.explain) == 0 {
		return nil, &problemError{kind: unsupported, detail: noExplanation}
	}
	q := &recommendation{results: v.defaultResults(), explained: true}
	r := newStrictReader(body)
	readFields(r, "", q, append(v.recommendationFields(), timeoutField(), field[recommendation]{
		name: "item_ids",
		read: func(r *strictReader, at string, q *recommendation) {
			q.after, _ = r.ids(at, maxExplained, v.manifest.ItemKey.DType.DType)
		},
	}))
	return q, r.end()
}

// explanations are the outputs that explain answers: of the ensemble, or of both. There are none where that of the candidates is missing.
func explanations(m *ensemble.Manifest) []string {
	all := m.Outputs.Explain
	if m.Ranking != nil {
		all = slices.Concat(m.Ranking.Explain, all)
	}
	if !slices.Contains(all, explainCandidates) {
		return nil
	}
	return all
}

// with adds the outputs that explain answers to an ensemble's others, if the requests ask for that.
func with(outputs, explain []string, users []*asked) []string {
	if users[0].q.explained { // It is alone.
		return slices.Concat(outputs, explain)
	}
	return outputs
}

// reasons is what an explanation needs to know beside the answer.
type reasons struct {
	view    *view
	out     tensor.Map // nil where the ensemble has not answered
	boosted []float64  // of the answer's items, by a policy
}

// explain tells what has become of the answer's items and of those that the request has asked after.
func (e *asked) explain(ctx context.Context) []Explained {
	rank := make(map[string]int, len(e.items))
	var ids []string
	for i, item := range e.items {
		rank[item.ItemID] = i + 1
		ids = append(ids, item.ItemID)
	}
	for _, id := range e.q.after {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	out := make([]Explained, len(ids))
	for i, id := range ids {
		x := Explained{ItemID: id, Rank: rank[id]}
		e.candidate(&x)
		if x.Rank == 0 {
			x.DroppedBy, x.Condition = e.dropped(ctx, x)
		} else if x.Rank <= len(e.why.boosted) {
			x.Boosted = e.why.boosted[x.Rank-1]
		}
		out[i] = x
	}
	return out
}

// candidate tells what the stages made of an item.
func (e *asked) candidate(x *Explained) {
	v := e.why.view
	index, ok := v.catalog.index[x.ItemID]
	candidates := e.why.out[explainCandidates]
	if !ok || candidates == nil {
		return
	}
	places, err := tensor.Data[int64](candidates)
	if err != nil {
		return
	}
	at := slices.Index(places, int64(index))
	if at < 0 {
		return
	}
	x.Candidate, x.Stages = at+1, map[string]float32{}
	for _, name := range v.explain {
		t := e.why.out[name]
		if t == nil || t.Len() != len(places) || strings.HasPrefix(name, ensemble.ExplainPrefix+"query") {
			continue // Of the user, and not of candidates.
		}
		switch values := t.Any().(type) {
		case []float32:
			if s := float64(values[at]); !math.IsInf(s, 0) && !math.IsNaN(s) {
				x.Stages[strings.TrimPrefix(name, ensemble.ExplainPrefix)] = values[at]
			}
		case []int64:
			if source := values[at]; name == ensemble.ExplainPrefix+"candidate_sources" && int(source) < len(v.manifest.Sources) {
				x.Source = v.manifest.Sources[source].Name
			}
		}
	}
}

// dropped tells what has kept an item out of the answer: the first cause in the order of the constants.
func (e *asked) dropped(ctx context.Context, x Explained) (by, condition string) {
	v, id := e.why.view, x.ItemID
	index, ok := v.catalog.index[id]
	switch {
	case !ok:
		return DroppedUnknown, ""
	case slices.Contains(e.q.exclude, id):
		return DroppedExcluded, ""
	case e.q.givenCandidates && !slices.Contains(e.q.candidates, id):
		return DroppedNotGiven, ""
	case e.selection.blocked[id]:
		return DroppedSeen, ""
	case e.selection.stock.items[id]:
		return DroppedUnavailable, ""
	}
	for _, c := range v.filters.all(e.q.filter) {
		keep, err := v.filters.rows(ctx, c, e.known)
		if err == nil && keep[index/8]>>(index%8)&1 == 0 {
			return DroppedFilter, c.String()
		}
	}
	switch _, left := x.Stages["masked_scores"]; {
	case e.why.out == nil:
		return DroppedEnsemble, ""
	case x.Candidate == 0:
		return DroppedRetrieval, ""
	case !left:
		return DroppedStage, ""
	}
	return DroppedOrdering, ""
}

// all are the conditions of the manifest and the request's own.
func (f *filters) all(own *expression.Condition) []*expression.Condition {
	if own == nil {
		return f.where
	}
	return append(slices.Clip(f.where), own)
}
