package main

import (
	"math"
	"strconv"
	"strings"

	"recsys/featurestore"
	"recsys/internal/verify"
	"recsys/pipeline"
	"recsys/tensor"
)

// question is a request: a user, and fields beside the user's id, which why is about.
type question struct {
	user string
	why  string // "" for a plain request
	more map[string]any
}

// String names the question.
func (q question) String() string {
	if q.why == "" {
		return q.user
	}
	return q.user + " " + q.why
}

// edgeUsers is the number of known users of whom something unusual is asked.
const edgeUsers = 3

// Bounds of the requests, as docs/reference/http-api.md has them.
const (
	mostExcluded = 10_000
	longestID    = 256 // bytes
)

// edges are requests that the rows of users do not show: of unknown users, with extreme ids; of known ones without a history, with one of an
// unknown item, without the items of their own lists, and without all items but three.
func edges(s *served, users []string, lists []verify.List) ([]question, error) {
	ids, unknown := []string{"?", strings.Repeat("x", longestID), "Zo\u00eb \U0001f98a", "0"}, "?"
	if s.manifest.UserKey.DType.DType == tensor.Int64 {
		// The least int64 is null.
		ids = []string{"0", "-1", strconv.FormatInt(math.MaxInt64, 10), strconv.FormatInt(math.MinInt64+1, 10), strconv.FormatInt(math.MaxInt32+1, 10)}
	}
	if s.manifest.ItemKey.DType.DType == tensor.Int64 {
		unknown = strconv.FormatInt(math.MaxInt64, 10)
	}
	items, err := itemKeys(pipeline.ItemRows(s.dir))
	if err != nil {
		return nil, exportAgain(err)
	}
	const left = 3
	items = items[:min(max(len(items)-left, 0), mostExcluded)]
	var list []question
	for _, id := range ids {
		list = append(list, question{user: id, why: "at the edge of ids", more: map[string]any{}})
		if s.manifest.History != nil {
			list = append(list, question{id, "at the edge of ids with a history", map[string]any{"history": items[:min(1, len(items))]}})
		}
	}
	for i, user := range users {
		if s.manifest.History != nil {
			list = append(list, question{user, "without a history", map[string]any{"history": []string{}}},
				question{user, "with an unknown item in the history", map[string]any{"history": []string{unknown}}})
		}
		if s.manifest.Blocked.Input != "" {
			list = append(list, question{user, "without the items of the own list", map[string]any{"exclude_item_ids": lists[i].IDs}},
				question{user, "without almost all items", map[string]any{"exclude_item_ids": items}})
		}
	}
	return list, nil
}

// itemKeys reads the keys of a row file.
func itemKeys(path string) ([]string, error) {
	_, records, err := featurestore.ReadRows(path)
	if err != nil {
		return nil, err
	}
	var keys []string
	for record, err := range records {
		if err != nil {
			return nil, err
		}
		keys = append(keys, record.UserID)
	}
	return keys, nil
}
