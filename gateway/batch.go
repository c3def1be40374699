package gateway

import (
	"context"
	"fmt"
	"net/http"

	"recsys/tensor"
)

// maxElements bounds the requests of a batch.
const maxElements = 100

// Batch is the body of an answer to a batch of requests.
type Batch struct {
	RequestID string `json:"request_id"`
	// Responses are in the order of the requests.
	Responses []BatchResponse `json:"responses"`
}

// BatchResponse answers one request of a batch: with an Answer if Status is 200, and with a Problem otherwise.
type BatchResponse struct {
	Status  int      `json:"status"`
	Answer  *Answer  `json:"answer,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// postBatch answers many requests with as few calls of the ensemble as its batches allow, within the time of one request.
func (g *Gateway) postBatch(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.config.Timeout)
	defer cancel()
	all, err := g.follow(ctx, func(v *view) ([]*asked, error) { return v.readBatch(body) })
	if r.Context().Err() != nil {
		return // The client has gone; see instrument.
	}
	if err != nil {
		g.fail(w, r, err)
		return
	}
	b := Batch{RequestID: requestID(ctx), Responses: make([]BatchResponse, len(all))}
	for i, e := range all {
		if e.err != nil {
			p := g.problem(ctx, e.err)
			b.Responses[i] = BatchResponse{Status: p.Status, Problem: p}
			continue
		}
		g.countAnswer(e.answer)
		b.Responses[i] = BatchResponse{Status: http.StatusOK, Answer: e.answer}
	}
	g.write(w, r, http.StatusOK, b)
}

// readBatch reads {"requests": [...]}. A request's faults are its own; those of the list make the whole batch invalid.
func (v *view) readBatch(body []byte) ([]*asked, error) {
	r := newStrictReader(body)
	var all []*asked
	given := false
	object := r.object("", false, func(name, at string) {
		if name != "requests" {
			r.unknown(at)
			return
		}
		given = r.list(at, maxElements, func(at string) {
			before := r.faults
			r.faults = nil
			q := v.recommendation(r, at)
			all = append(all, &asked{q: q, err: invalidRequest(r.faults)})
			r.faults = before
		})
	})
	if object && (!given || len(all) == 0) && len(r.faults) == 0 {
		r.fault("/requests", "want a list of at least one request")
	}
	return all, r.end()
}

// stack joins the inputs of users, [1,…] each, to those of one call, [B,…].
func stack(users []*asked) (tensor.Map, error) {
	if len(users) == 1 {
		return users[0].in, nil
	}
	out := make(tensor.Map, len(users[0].in))
	rows := make([]*tensor.Tensor, len(users))
	for name := range users[0].in {
		for i, e := range users {
			rows[i] = e.in[name]
		}
		var err error
		if out[name], err = tensor.Concat(rows...); err != nil {
			return nil, fmt.Errorf("input %q: %w", name, err)
		}
	}
	return out, nil
}
