package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"recsys/tensor"
)

// Answer is the body of an answer with recommendations.
type Answer struct {
	// RequestID is the request's; RecommendationID names this answer.
	RequestID        string `json:"request_id"`
	RecommendationID string `json:"recommendation_id"`
	Model            Model  `json:"model"`
	// Items are in order, best first; fewer than asked for when the ensemble has no more.
	Items []Item `json:"items"`
	// Degraded is true when there is a reason; see the constants.
	Degraded        bool     `json:"degraded"`
	DegradedReasons []string `json:"degraded_reasons"`
	// MissingItemIDs lists the item ids of the request that the ensemble does not know, in the request's order.
	MissingItemIDs []string `json:"missing_item_ids"`
	// Seed is that of what was drawn; absent where nothing was.
	Seed *int `json:"seed,omitempty"`
}

// Model says what made an answer.
type Model struct {
	Name string `json:"name"`
	// Generation is the ensemble version that answered; for a fallback, the one whose list was used.
	Generation int    `json:"generation"`
	Variant    string `json:"variant"`
}

// Item is one recommendation.
type Item struct {
	ItemID string `json:"item_id"`
	// Score is the ensemble's; 0 for a popular item in a fallback.
	Score float32 `json:"score"`
	// Rank counts from 1.
	Rank int `json:"rank"`
	// Propensity is the probability with which the item was drawn for its rank, given the ranks before; absent where nothing was drawn.
	Propensity float64 `json:"propensity,omitempty"`
	// Because says what has kept the rank for the item: "slot" or "share"; absent where nothing has.
	Because string `json:"because,omitempty"`
	// Fields are the attributes that the request has asked for: null, a number, a string, or a list of them.
	Fields map[string]any `json:"fields,omitempty"`
}

// The reasons for which an answer is degraded.
const (
	// FeaturesUnavailable means that the store did not answer: defaults stand for the user's features, the
	// history is empty, and seen items are not left out.
	FeaturesUnavailable = "features_unavailable"
	// FeaturesInvalid means that the user's row is of another export: defaults stand for it.
	FeaturesInvalid = "features_invalid"
	// AvailabilityUnknown means that the set of unavailable items has changed and could not be read in time: the one before counts.
	AvailabilityUnknown = "availability_unknown"
	// GenerationChanged means that another generation answered than the one whose manifest the request was made by: replicas that
	// switch at the moment, or a generation that the gateway cannot read.
	GenerationChanged = "generation_changed"
	// FallbackPopular means that the ensemble did not answer: the items are popular ones.
	FallbackPopular = "fallback_popular"
)

func (a *Answer) degrade(reason string) {
	a.Degraded = true
	a.DegradedReasons = append(a.DegradedReasons, reason)
}

// checkOutputs checks the names, types and shapes of the ensemble's outputs for B users, [B,N] each.
func (v *view) checkOutputs(out tensor.Map, users int) error {
	names := v.manifest.Outputs
	ids, scores := out[names.ItemIDs], out[names.Scores]
	if ids == nil || scores == nil {
		return fmt.Errorf("%w: outputs %v, want %s and %s", errScore, out.Names(), names.ItemIDs, names.Scores)
	}
	if scores.DType() != tensor.Float32 || scores.Rank() != 2 || scores.Dim(0) != users || ids.Rank() != 2 || ids.Dim(0) != users ||
		ids.Len() != scores.Len() || ids.DType() != v.manifest.ItemKey.DType.DType {
		return fmt.Errorf("%w: %s is %s and %s is %s for %d users", errScore, names.ItemIDs, ids, names.Scores, scores, users)
	}
	return nil
}

// items reads one user's row of the ensemble's outputs: at most n items that the selection does not drop. Slots at -inf are empty.
func (v *view) items(out tensor.Map, row, n int, s selection) ([]Item, error) {
	ids, scores := out[v.manifest.Outputs.ItemIDs], out[v.manifest.Outputs.Scores]
	slots := scores.Dim(1)
	values := tensor.MustData[float32](scores)[row*slots : (row+1)*slots]
	items := make([]Item, 0, min(n, slots))
	for i, score := range values {
		switch {
		case math.IsNaN(float64(score)), math.IsInf(float64(score), 1):
			return nil, fmt.Errorf("%w: score %d is %v", errScore, i, score)
		case math.IsInf(float64(score), -1):
			continue
		case len(items) == n:
			continue // The rest is only checked.
		}
		id, err := idAt(ids, row*slots+i)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errScore, err)
		}
		if s.drops(id) {
			continue // An ensemble without a bitmap, or another generation's item index.
		}
		items = append(items, Item{ItemID: id, Score: score, Rank: len(items) + 1})
	}
	return items, nil
}

// popular returns at most n items of the fallback list that the selection does not drop, and then such candidates as are not in it,
// in their order.
func (v *view) popular(n int, s selection, candidates []string) []Item {
	items := make([]Item, 0, min(n, len(v.manifest.Fallback)+len(candidates)))
	listed := map[string]bool{}
	for _, ids := range [][]string{v.manifest.Fallback, candidates} {
		for _, id := range ids {
			if len(items) < n && !s.drops(id) && !listed[id] && v.catalog.known(id) {
				listed[id] = true
				items = append(items, Item{ItemID: id, Rank: len(items) + 1})
			}
		}
	}
	return items
}

// write answers with a JSON document.
func (g *Gateway) write(w http.ResponseWriter, r *http.Request, status int, document any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(document); err != nil {
		g.fail(w, r, fmt.Errorf("write answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if _, err := w.Write(body.Bytes()); err != nil {
		g.log.DebugContext(r.Context(), "answer not sent", slog.Any("error", err))
	}
}
