package gateway

import (
	"context"
	"fmt"
	"net/http"
	"time"

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
	g.chargeMore(w, r, len(all)-1)
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

// batch is a batch of requests that is being read.
type batch struct {
	all     []*asked
	timeout time.Duration
}

// readBatch reads {"requests": [...]}. A request's faults are its own; those of the list make the whole batch invalid.
func (v *view) readBatch(body []byte) ([]*asked, error) {
	b := batch{}
	r := newStrictReader(body)
	readFields(r, "", &b, v.batchFields())
	for _, e := range b.all {
		e.q.timeout = b.timeout
	}
	return b.all, r.end()
}

func (v *view) batchFields() []field[batch] {
	return []field[batch]{{
		name: "requests", required: true,
		schema: func() schemaNode {
			return schemaNode{
				"type": "array", "minItems": 1, "maxItems": maxElements, "items": objectNode(v.recommendationFields()),
				"description": "Requests as for /v1/recommendations, without timeout_ms.",
			}
		},
		read: func(r *strictReader, at string, b *batch) {
			faults := r.faults
			list := r.list(at, maxElements, func(at string) {
				r.faults = nil
				q := &recommendation{results: v.defaultResults()}
				readFields(r, at, q, v.recommendationFields())
				b.all = append(b.all, &asked{q: q, err: invalidRequest(r.faults)})
				r.faults = faults
			})
			if len(b.all) == 0 && (list || len(r.faults) == len(faults)) {
				r.fault(at, "want a list of at least one request")
			}
		},
	}, {
		name: "timeout_ms", schema: timeoutField().schema,
		read: func(r *strictReader, at string, b *batch) { b.timeout = readTimeoutMS(r, at) },
	}}
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
