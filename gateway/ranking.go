package gateway

import (
	"net/http"
	"slices"
)

// Ranking is the body of an answer to POST /v1/rankings.
type Ranking struct {
	Answer
	// UnrankedItemIDs lists the items of the request that the ensemble knows and has not returned, in the request's order: an
	// approximate index may miss them.
	UnrankedItemIDs []string `json:"unranked_item_ids"`
}

const noBitmap = "the ensemble takes no bitmap of blocked items, so it cannot be held to given ones: export it with one"

// postRankings orders the items of the request for a user. The ensemble does it: all other items are blocked.
func (g *Gateway) postRankings(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	g.recommend(w, r, func(v *view) (*recommendation, error) { return v.readRanking(body) }, func(e *asked) any {
		return Ranking{*e.answer, unranked(e)}
	})
}

func (v *view) readRanking(body []byte) (*recommendation, error) {
	if v.catalog.input == "" {
		return nil, &problemError{kind: unsupported, detail: noBitmap}
	}
	q := &recommendation{ranking: true, givenCandidates: true}
	r := newStrictReader(body)
	readFields(r, "", q, v.rankingFields())
	q.results = len(q.candidates)
	return q, r.end()
}

func (v *view) rankingFields() []field[recommendation] {
	most := v.manifest.Limits.MaxResults
	return append(v.userFields(), field[recommendation]{
		name: "item_ids", required: true, schema: func() schemaNode {
			return idsNode(v.manifest.ItemKey.DType.DType, 1, most, "The items to rank; one that appears twice is ranked once.").with("type", "array")
		},
		read: func(r *strictReader, at string, q *recommendation) {
			faults := len(r.faults)
			q.candidates, _ = r.ids(at, most, v.manifest.ItemKey.DType.DType)
			if len(q.candidates) == 0 && len(r.faults) == faults {
				r.fault(at, "want a list of at least one item")
			}
		},
	}, timeoutField())
}

func unranked(e *asked) []string {
	done := map[string]bool{}
	for _, item := range e.answer.Items {
		done[item.ItemID] = true
	}
	out := []string{}
	for _, id := range e.q.candidates {
		if !done[id] && !slices.Contains(e.answer.MissingItemIDs, id) {
			done[id] = true
			out = append(out, id)
		}
	}
	return out
}

// selection says which items an answer may hold.
type selection struct {
	blocked map[string]bool
	only    map[string]bool // Nil for all.
	catalog *catalog
	bits    []byte // What is blocked of the catalog, all in all.
	stock   *stock // What is not available, which may be of another generation.
}

// drops reports whether the item must not be in the answer.
func (s selection) drops(id string) bool {
	return s.blocked[id] || s.only != nil && !s.only[id] || s.stock.items[id] || s.catalog.blocks(s.bits, id)
}
