package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"recsys/ensemble/stage"
)

// retrievalScore is the name of the retrieval score in a blend.
const retrievalScore = "retrieval"

var blendTerm = regexp.MustCompile(`^\s*([+-])?\s*(?:([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*\*\s*)?([A-Za-z][A-Za-z0-9_]*)`)

// parseBlend reads Ordering.Blend: terms NAME or WEIGHT*NAME, joined by + and -. tasks are those of the ranker, none
// without one. The empty blend is the first task, or the retrieval score.
func parseBlend(text string, tasks []string) ([]stage.Term, error) {
	if strings.TrimSpace(text) == "" {
		if len(tasks) == 0 {
			return nil, nil
		}
		return []stage.Term{{Tensor: tasks[0], Weight: 1}}, nil
	}
	var terms []stage.Term
	for rest := text; strings.TrimSpace(rest) != ""; {
		m := blendTerm.FindStringSubmatch(rest)
		if m == nil || len(terms) > 0 && m[1] == "" {
			return nil, fmt.Errorf("ordering.blend: %q: cannot read %q; write names or WEIGHT*NAME, joined by + and -, "+
				"such as \"retrieval + 2*like\"", text, strings.TrimSpace(rest))
		}
		rest = rest[len(m[0]):]
		weight := 1.0
		if m[2] != "" {
			var err error
			if weight, err = strconv.ParseFloat(m[2], 32); err != nil {
				return nil, fmt.Errorf("ordering.blend: %q: weight %s: %w", text, m[2], err)
			}
		}
		if m[1] == "-" {
			weight = -weight
		}
		name := m[3]
		switch {
		case name == retrievalScore:
			name = stage.MaskedScores
		case !slices.Contains(tasks, name):
			return nil, fmt.Errorf("ordering.blend: %q: unknown %q; there are: %s", text, name,
				strings.Join(append([]string{retrievalScore}, tasks...), ", "))
		}
		terms = append(terms, stage.Term{Tensor: name, Weight: float32(weight)})
	}
	return terms, nil
}
