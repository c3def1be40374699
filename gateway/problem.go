package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"recsys/featurestore"
)

// kind is a class of problems; its text ends the problem's type URI.
type kind string

// The kinds. Each has one status.
const (
	malformed    kind = "malformed-json"
	unauthorized kind = "unauthorized"
	limited      kind = "rate-limited"
	notFound     kind = "not-found"
	method       kind = "method-not-allowed"
	tooLarge     kind = "too-large"
	mediaType    kind = "unsupported-media-type"
	invalid      kind = "invalid-request"
	internal     kind = "internal"
	overloaded   kind = "overloaded"
	unavailable  kind = "unavailable"
	timeout      kind = "timeout"
	unsupported  kind = "not-supported"
)

// status is the mapping of kinds to HTTP statuses, with the problem's title.
func (k kind) status() (int, string) {
	switch k {
	case malformed:
		return http.StatusBadRequest, "The body is not one JSON document"
	case unauthorized:
		return http.StatusUnauthorized, "The request needs a key"
	case notFound:
		return http.StatusNotFound, "There is nothing here"
	case method:
		return http.StatusMethodNotAllowed, "The method is not allowed here"
	case tooLarge:
		return http.StatusRequestEntityTooLarge, "The body is too large"
	case mediaType:
		return http.StatusUnsupportedMediaType, "The body is not JSON"
	case invalid:
		return http.StatusUnprocessableEntity, "The request is not valid"
	case limited:
		return http.StatusTooManyRequests, "The caller does too many requests"
	case overloaded:
		return http.StatusServiceUnavailable, "Too many requests are being served"
	case unavailable:
		return http.StatusServiceUnavailable, "A service behind the gateway is not available"
	case timeout:
		return http.StatusGatewayTimeout, "The answer was not ready in time"
	case unsupported:
		return http.StatusNotImplemented, "The ensemble cannot do this"
	case internal:
	}
	return http.StatusInternalServerError, "The gateway has failed"
}

// Causes of degraded answers and of 503 and 504, for errors.Is.
var (
	errStore = errors.New("the feature store does not answer")
	errModel = errors.New("the ensemble does not answer")
	errScore = errors.New("the ensemble's answer is not usable")
)

// problemError is an error that knows its kind and what the client may read.
type problemError struct {
	kind   kind
	detail string
	faults []Fault
}

func (e *problemError) Error() string { return fmt.Sprintf("%s: %s", e.kind, e.detail) }

// invalidRequest returns nil for no faults.
func invalidRequest(faults []Fault) error {
	if len(faults) == 0 {
		return nil
	}
	return &problemError{kind: invalid, detail: "see errors", faults: faults}
}

// asProblem maps every error to a problem. What it does not know is internal, and its text stays in the log.
func asProblem(err error) *problemError {
	var p *problemError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &large):
		return &problemError{kind: tooLarge, detail: fmt.Sprintf("at most %d bytes are read", large.Limit)}
	case errors.Is(err, featurestore.ErrUnavailableFull):
		return &problemError{kind: invalid, detail: fmt.Sprintf("%d items are unavailable, and no more can be", featurestore.MaxUnavailable)}
	case errors.Is(err, featurestore.ErrEvent):
		return &problemError{kind: invalid, detail: "an event lacks a user or an item"}
	case errors.Is(err, errStore):
		return &problemError{kind: unavailable, detail: "the feature store does not answer; repeat the request, events with the same ids"}
	case errors.Is(err, errModel) && errors.Is(err, context.DeadlineExceeded):
		return &problemError{kind: timeout, detail: "the ensemble did not answer in time"}
	case errors.Is(err, errModel), errors.Is(err, errScore):
		return &problemError{kind: unavailable, detail: "the ensemble does not answer"}
	}
	return &problemError{kind: internal, detail: "the cause is in the gateway's log under this request's id"}
}

// Problem is the body of an answer to a request that has failed, as RFC 9457 writes it.
type Problem struct {
	// Type is a URI that names the kind of problem, Title says it in words that never change.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Instance is a URI with the request's id.
	Instance string `json:"instance"`
	// Errors are the fields at fault.
	Errors []Fault `json:"errors,omitempty"`
}

// retryAfter is what 503 asks clients to wait, in seconds.
const retryAfter = 1

// problem describes err to a client; causes go to the log.
func (g *Gateway) problem(ctx context.Context, err error) *Problem {
	p := asProblem(err)
	status, title := p.kind.status()
	id := requestID(ctx)
	if status >= http.StatusInternalServerError && p.kind != unsupported {
		g.warnings.warn(ctx, string(p.kind), slog.String("request_id", id), slog.Any("error", err))
	}
	return &Problem{
		Type: "urn:recsys:problem:" + string(p.kind), Title: title, Status: status, Detail: p.detail,
		Instance: "urn:recsys:request:" + id, Errors: p.faults,
	}
}

// fail answers with the problem that err is.
func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := g.problem(r.Context(), err)
	body, jsonErr := json.Marshal(p)
	if jsonErr != nil {
		g.log.ErrorContext(r.Context(), "problem not written", slog.Any("error", jsonErr))
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // The client may have gone.
}
