package gateway

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"recsys/featurestore"
	"recsys/internal/expression"
	"recsys/ordering"
	"recsys/schema"
	"recsys/tensor"
)

// Limits of requests.
const (
	maxBody    = 1 << 20
	maxExclude = 10_000
	maxContext = 64
)

// recommendation is a request for recommendations or for a ranking, checked.
type recommendation struct {
	userID  string
	results int
	// history replaces the stored one where given.
	history      []string
	givenHistory bool
	exclude      []string
	// candidates are the only items to choose from where given; a ranking takes those that the user has seen, too.
	candidates      []string
	givenCandidates bool
	ranking         bool
	// filter is a condition of the request's own, nil for none.
	filter *expression.Condition
	// choice is what the request chooses of the ordering; seed is nil where it gives none.
	choice ordering.Choice
	seed   *int
	// fields are the attributes of items that the answer shall have.
	fields []string
	// explained asks why, of the answer and of the items after.
	explained bool
	after     []string
	context   tensor.Map
	// timeout is what the caller waits, 0 for the gateway's own budget.
	timeout time.Duration
}

// readBody reads a JSON body within the limit; it trusts no Content-Length and reads no more than it must.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if contentType := r.Header.Get("Content-Type"); contentType != "" {
		// curl -d says urlencoded where nobody said otherwise.
		t, _, err := mime.ParseMediaType(contentType)
		if err != nil || t != "application/json" && t != "application/x-www-form-urlencoded" && !strings.HasSuffix(t, "+json") {
			return nil, &problemError{kind: mediaType, detail: "send Content-Type: application/json"}
		}
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, err
	case err != nil:
		return nil, &problemError{kind: malformed, detail: "the body ended too early"}
	}
	return body, nil
}

// readRecommendation reads the body of POST /v1/recommendations.
func (v *view) readRecommendation(body []byte) (*recommendation, error) {
	q := &recommendation{results: v.defaultResults()}
	r := newStrictReader(body)
	readFields(r, "", q, append(v.recommendationFields(), timeoutField()))
	return q, r.end()
}

// recommendationFields are those of a request for recommendations, by itself and in a batch.
func (v *view) recommendationFields() []field[recommendation] {
	most := v.manifest.Limits.Candidates
	item := v.manifest.ItemKey.DType.DType
	return append(v.userFields(), field[recommendation]{
		name: "num_results", schema: func() schemaNode {
			return integerNode(1, v.manifest.Limits.MaxResults, "How many items to answer with.").with("default", v.defaultResults())
		},
		read: func(r *strictReader, at string, q *recommendation) {
			if n, ok := r.integer(at); ok {
				q.results = v.checkResults(r, at, n)
			}
		},
	}, field[recommendation]{
		name: "exclude_item_ids",
		schema: func() schemaNode {
			return idsNode(item, 0, maxExclude, "Not recommended, beside what the user has seen.")
		},
		read: func(r *strictReader, at string, q *recommendation) { q.exclude, _ = r.ids(at, maxExclude, item) },
	}, field[recommendation]{
		name: "candidate_item_ids", schema: func() schemaNode { return idsNode(item, 0, most, "The only items to choose from.") },
		read: func(r *strictReader, at string, q *recommendation) {
			q.candidates, q.givenCandidates = r.ids(at, most, item)
			if q.givenCandidates && v.catalog.input == "" {
				r.fault(at, "%s", noBitmap)
			}
		},
	}, v.filterField(), seedField(), v.orderingField(), v.fieldsField())
}

// userFields say for whom a request is and what is known of them.
func (v *view) userFields() []field[recommendation] {
	m := v.manifest
	return []field[recommendation]{{
		name: "user_id", required: true,
		schema: func() schemaNode {
			return idNode(m.UserKey.DType.DType, "The user; one that is not known gets an answer from defaults.")
		},
		read: func(r *strictReader, at string, q *recommendation) {
			q.userID = r.id(at, m.UserKey.DType.DType)
		},
	}, {
		name: "history",
		schema: func() schemaNode {
			return idsNode(m.ItemKey.DType.DType, 0, featurestore.MaxHistory, "Oldest first. Replaces the stored history for this request; excludes nothing.")
		},
		read: func(r *strictReader, at string, q *recommendation) {
			q.history, q.givenHistory = r.ids(at, featurestore.MaxHistory, m.ItemKey.DType.DType)
		},
	}, {
		name: "context", schema: v.contextNode,
		read: func(r *strictReader, at string, q *recommendation) { q.context = v.readContext(r, at) },
	}}
}

// maxTimeout bounds timeout_ms; what is beyond the gateway's own budget has no effect.
const maxTimeout = 60_000

func timeoutField() field[recommendation] {
	return field[recommendation]{
		name: "timeout_ms",
		schema: func() schemaNode {
			return integerNode(1, maxTimeout, "How long the caller waits; at most the gateway's own budget.")
		},
		read: func(r *strictReader, at string, q *recommendation) { q.timeout = readTimeoutMS(r, at) },
	}
}

// readTimeoutMS returns 0 for null and after a fault.
func readTimeoutMS(r *strictReader, at string) time.Duration {
	n, ok := r.integer(at)
	if ok && (n < 1 || n > maxTimeout) {
		r.fault(at, "%d is not from 1 to %d", n, maxTimeout)
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

func (v *view) defaultResults() int {
	return min(DefaultResults, v.manifest.Limits.MaxResults)
}

func (v *view) checkResults(r *strictReader, at string, n int64) int {
	most := v.manifest.Limits.MaxResults
	if n < 1 || n > int64(most) {
		r.fault(at, "%d is not from 1 to %d", n, most)
		return 0
	}
	return int(n)
}

// readContext reads raw values of input columns.
func (v *view) readContext(r *strictReader, pointer string) tensor.Map {
	out := tensor.Map{}
	n := 0
	r.object(pointer, true, func(name, at string) {
		if n++; n > maxContext {
			r.fault(pointer, "more than %d values", maxContext)
			r.skip(r.token())
			return
		}
		column, ok := v.merger.contextColumn(name)
		if !ok {
			r.fault(at, "no such column; there are %s", strings.Join(v.contextColumns(), ", "))
			r.skip(r.token())
			return
		}
		out[name] = readColumn(r, at, column)
	})
	return out
}

func readColumn(r *strictReader, at string, column schema.Column) *tensor.Tensor {
	value := r.value(at, max(1, column.Length))
	if r.syntax != nil {
		return nil
	}
	t, err := columnTensor(column, value)
	if err != nil {
		r.fault(at, "%v", err)
	}
	return t
}

func (v *view) contextColumns() []string {
	var names []string
	for _, c := range v.manifest.RequestColumns() {
		if _, ok := v.merger.contextColumn(c.Name); ok {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

// readShort reads GET /v1/users/{id}/recommendations.
func (v *view) readShort(req *http.Request) (*recommendation, error) {
	q := &recommendation{results: v.defaultResults()}
	r := newStrictReader(nil)
	id, err := pathID(req, v.manifest.UserKey.DType.DType)
	if err != nil {
		r.fault("/user_id", "%v", err)
	}
	q.userID = id
	v.readQuery(r, req, q)
	return q, invalidRequest(r.faults)
}

// pathID reads the id in a path.
func pathID(req *http.Request, dtype tensor.DType) (string, error) {
	text := chi.URLParam(req, "id")
	if req.URL.RawPath != "" { // chi has matched the escaped path.
		var err error
		if text, err = url.PathUnescape(text); err != nil {
			return "", fmt.Errorf("path: %w", err) // net/http has parsed it already.
		}
	}
	return canonicalID(text, dtype)
}

// readQuery reads num_results.
func (v *view) readQuery(r *strictReader, req *http.Request, q *recommendation) {
	parameters, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		r.fault("?", "malformed query")
	}
	names := make([]string, 0, len(parameters))
	for name := range parameters {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := parameters[name]
		n, err := strconv.ParseInt(values[0], 10, 64)
		switch {
		case name != "num_results":
			r.fault("?"+name, "unknown parameter")
		case len(values) > 1:
			r.fault("?num_results", "it appears twice")
		case err != nil:
			r.fault("?num_results", "want an integer")
		default:
			q.results = v.checkResults(r, "?num_results", n)
		}
	}
}
