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

	"github.com/go-chi/chi/v5"

	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

// Limits of requests.
const (
	maxBody    = 1 << 20
	maxExclude = 10_000
	maxContext = 64
)

// recommendation is a request for recommendations, checked.
type recommendation struct {
	userID  string
	results int
	// history replaces the stored one where given.
	history      []string
	givenHistory bool
	exclude      []string
	context      tensor.Map
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
	r := newStrictReader(body)
	q := v.recommendation(r, "")
	return q, r.end()
}

// recommendation reads a request for recommendations that stands at the pointer.
func (v *view) recommendation(r *strictReader, pointer string) *recommendation {
	m := v.manifest
	item := m.ItemKey.DType.DType
	q := &recommendation{results: v.defaultResults()}
	user := false
	object := r.object(pointer, false, func(name, at string) {
		switch name {
		case "user_id":
			q.userID, user = r.id(at, m.UserKey.DType.DType), true
		case "num_results":
			if n, ok := r.integer(at); ok {
				q.results = v.checkResults(r, at, n)
			}
		case "history":
			q.history, q.givenHistory = r.ids(at, featurestore.MaxHistory, item)
		case "exclude_item_ids":
			q.exclude, _ = r.ids(at, maxExclude, item)
		case "context":
			q.context = v.readContext(r, at)
		default:
			r.unknown(at)
		}
	})
	if object && !user {
		r.fault(pointer+"/user_id", "it is required")
	}
	return q
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
	for _, c := range v.manifest.Inputs {
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
	text := chi.URLParam(req, "id")
	if req.URL.RawPath != "" { // chi has matched the escaped path.
		unescaped, err := url.PathUnescape(text)
		if err != nil {
			return nil, fmt.Errorf("path: %w", err) // net/http has parsed it already.
		}
		text = unescaped
	}
	id, err := canonicalID(text, v.manifest.UserKey.DType.DType)
	if err != nil {
		r.fault("/user_id", "%v", err)
	}
	q.userID = id
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
	return q, invalidRequest(r.faults)
}
