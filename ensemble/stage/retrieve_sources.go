package stage

import (
	"errors"
	"fmt"
	"math"

	"recsys/ensemble"
	"recsys/graph"
)

// Source is one of several models that retrieval takes candidates from.
type Source struct {
	// Name makes the name of the source's query tensor, see [SourceQuery].
	Name string
	// Retrieval says how it finds them; its Candidates are the source's quota.
	Retrieval Retrieval
}

// RetrieveSources makes a stage that takes from each source its quota of items of the highest score, without those that a source
// before it has taken: K is the sum of the quotas. Candidates stand in the order of the sources and of falling score within one; only
// an item of score -inf may be there twice. Scores of different sources cannot be compared. The query of source 0 is [Query], that of
// another [SourceQuery] of its name, and [CandidateSources] tells each candidate's.
func RetrieveSources(sources []Source) (ensemble.Stage, error) {
	if err := validateSources(sources); err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", RetrieveName, err)
	}
	rows, first := sources[0].Retrieval.rows(), sources[0].Retrieval.First
	b := graph.NewBuilder(RetrieveName)
	scores := make([]*graph.Value, len(sources)) // [B,V-First] each
	for i, s := range sources {
		query, items := Query, "items"
		if i > 0 {
			query, items = SourceQuery(s.Name), "items_"+s.Name
		}
		scores[i] = s.Retrieval.scores(b, query, items)
	}
	mask := blockedItems(b, first, rows)
	never := b.Float32(float32(math.Inf(-1)))
	places, tops, origins := make([]*graph.Value, len(sources)), make([]*graph.Value, len(sources)), make([]*graph.Value, len(sources))
	for i, s := range sources {
		left := b.Where(mask, never, scores[i])
		if i > 0 {
			taken := joined(b, places[:i])
			left = b.ScatterElements(left, taken, b.Expand(never, b.ShapeOf(taken)), 1, "none")
		}
		tops[i], places[i] = b.TopK(left, int64(s.Retrieval.Candidates), 1)
		origins[i] = b.Expand(b.Int64(int64(i)), b.ShapeOf(places[i]))
	}
	indices := joined(b, places)
	if first > 0 {
		indices = b.Add(indices, b.Int64(int64(first)))
	}
	b.Output(Candidates, indices)
	b.Output(CandidateScores, joined(b, tops))
	b.Output(CandidateSources, joined(b, origins))
	return build(RetrieveName, b)
}

func validateSources(sources []Source) error {
	if len(sources) == 0 {
		return errors.New("there are no sources")
	}
	rows, first := sources[0].Retrieval.rows(), sources[0].Retrieval.First
	left := rows - first
	for _, s := range sources {
		r := s.Retrieval
		if err := r.validate(); err != nil {
			return fmt.Errorf("source %q: %w", s.Name, err)
		}
		if r.rows() != rows || r.First != first {
			return fmt.Errorf("source %q has the items %d to %d, source %q has %d to %d", s.Name, r.First, r.rows(), sources[0].Name, first, rows)
		}
		if left -= r.Candidates; left < 0 {
			return fmt.Errorf("source %q: the quotas add up to more than the %d items", s.Name, rows-first)
		}
	}
	return nil
}

// joined puts [B,·] behind one another.
func joined(b *graph.Builder, parts []*graph.Value) *graph.Value {
	if len(parts) == 1 {
		return parts[0]
	}
	return b.Concat(1, parts...)
}
