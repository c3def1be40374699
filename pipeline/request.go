package pipeline

import (
	"context"
	"fmt"
	"strconv"

	"recsys/data"
	"recsys/schema"
	"recsys/tensor"
)

// requester makes raw requests of interactions: what the gateway would have sent when the interaction happened.
type requester struct {
	*rawRows

	inputs schema.Schema // raw columns that the ensemble takes
	users  tensor.Map    // raw user columns, [U] and [U,L]
	events *data.Table   // raw context columns, of the interactions that requests are made of
	at     map[int32]int // their rows in events
}

// newRequester makes a requester that knows the interactions rows.
func newRequester(ctx context.Context, c *Config, t *Tables, inputs schema.Schema, rows []int32) (*requester, error) {
	raw, err := newHistories(c, t)
	if err != nil {
		return nil, err
	}
	r := &requester{rawRows: raw, inputs: inputs, users: columnsOf(t.Users, t.Raw), at: make(map[int32]int, len(rows))}
	if r.events, err = t.contextOf(ctx, inputs, rows); err != nil {
		return nil, fmt.Errorf("context: %w", err)
	}
	for i, row := range rows {
		r.at[row] = i
	}
	return r, nil
}

// requests returns the raw inputs for some of the interactions that the requester knows, [B] and [B,L].
func (r *requester) requests(rows []int32) (tensor.Map, error) {
	at := places{events: r.events}
	for _, row := range rows {
		at.users, at.own = append(at.users, int(r.tables.User[row])), append(at.own, r.at[row])
		at.ends = append(at.ends, r.position[row])
	}
	return r.columns(r.inputs, at)
}

func taken(c *data.Column, rows []int, length int) *tensor.Tensor {
	c = c.TakeOrNull(rows)
	if length > 0 {
		return c.Padded(length)
	}
	return c.Values()
}

// keyText writes row of a key column as text, as the HTTP API and the stores do.
func keyText(c *data.Column, row int) string {
	switch keys := c.Values().Any().(type) {
	case []int64:
		return strconv.FormatInt(keys[row], 10)
	case []string:
		return keys[row]
	}
	return ""
}
