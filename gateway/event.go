package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"recsys/featurestore"
)

// Limits of events.
const (
	maxEvents    = 1000
	maxEventType = 64
	// latestTime is the end of the year 9999, Unix seconds.
	latestTime = 253_402_300_799
)

// accepted is the answer to events.
type accepted struct {
	Accepted int  `json:"accepted"`
	Durable  bool `json:"durable"`
}

// postEvents writes events to the store before it answers: 202 means that the next answer knows them.
func (g *Gateway) postEvents(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	events, err := g.readEvents(body)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.config.Timeout)
	defer cancel()
	if err := g.config.Store.AddEvents(ctx, events); err != nil {
		if r.Context().Err() != nil {
			return // The client has gone; see instrument.
		}
		g.metrics.events.WithLabelValues("refused").Add(float64(len(events)))
		g.fail(w, r, fmt.Errorf("%w: %w", errStore, err))
		return
	}
	g.metrics.events.WithLabelValues("accepted").Add(float64(len(events)))
	g.write(w, r, http.StatusAccepted, accepted{len(events), g.config.Store.Durable()})
}

// readEvents reads {"events": [...]} or a single event.
func (g *Gateway) readEvents(body []byte) ([]featurestore.Event, error) {
	r := newStrictReader(body)
	fields := g.views.now.Load().eventFields()
	var events []featurestore.Event
	single := g.newEvent()
	given := make([]bool, len(fields))
	list, lone := false, false
	object := r.object("", false, func(name, at string) {
		if name != "events" {
			lone = true
			readField(r, name, at, &single, fields, given)
			return
		}
		list = true
		r.list(at, maxEvents, func(at string) {
			e := g.newEvent()
			if readFields(r, at, &e, fields) {
				events = append(events, e)
			}
		})
	})
	switch {
	case !object || r.syntax != nil:
	case list && lone:
		r.fault("/events", "give events or the fields of one event, not both")
	case !list:
		requireFields(r, "", fields, given)
		events = append(events, single)
	case len(events) == 0 && len(r.faults) == 0:
		r.fault("/events", "it is empty")
	}
	return events, r.end()
}

func (g *Gateway) newEvent() featurestore.Event {
	return featurestore.Event{Time: g.now(), ID: g.newID()}
}

func (v *view) eventFields() []field[featurestore.Event] {
	user, item := v.manifest.UserKey.DType.DType, v.manifest.ItemKey.DType.DType
	return []field[featurestore.Event]{{
		name: "user_id", required: true, schema: func() schemaNode { return idNode(user, "Who did it.") },
		read: func(r *strictReader, at string, e *featurestore.Event) { e.UserID = r.id(at, user) },
	}, {
		name: "item_id", required: true, schema: func() schemaNode { return idNode(item, "With which item.") },
		read: func(r *strictReader, at string, e *featurestore.Event) { e.ItemID = r.id(at, item) },
	}, {
		name:   "event_id",
		schema: func() schemaNode { return textNode(maxIDBytes, "An id is applied once per user within 24 hours.") },
		read: func(r *strictReader, at string, e *featurestore.Event) {
			if id := r.text(at, maxIDBytes); id != "" {
				e.ID = id
			}
		},
	}, {
		name:   "type",
		schema: func() schemaNode { return textNode(maxEventType, "Such as view; every type counts.") },
		read:   func(r *strictReader, at string, e *featurestore.Event) { e.Type = r.text(at, maxEventType) },
	}, {
		name: "timestamp",
		schema: func() schemaNode {
			return schemaNode{
				"type": []string{"integer", "string", "null"}, "minimum": 0, "maximum": latestTime, "format": "date-time",
				"description": "Unix seconds or a time in RFC 3339's form; that of the request if absent.",
			}
		},
		read: func(r *strictReader, at string, e *featurestore.Event) {
			if t, ok := readTime(r, at); ok {
				e.Time = t
			}
		},
	}}
}

// eventsNode describes a list of events or a single one.
func (v *view) eventsNode() schemaNode {
	event := objectNode(v.eventFields())
	list := schemaNode{"type": "array", "items": event, "minItems": 1, "maxItems": maxEvents}
	return schemaNode{"anyOf": []schemaNode{event, {
		"type": "object", "properties": schemaNode{"events": list}, "required": []string{"events"}, "additionalProperties": false,
	}}}
}

// readTime reads Unix seconds or RFC 3339; ok is false for null and after a fault.
func readTime(r *strictReader, at string) (time.Time, bool) {
	tok := r.token()
	switch v := tok.(type) {
	case nil:
		return time.Time{}, false
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t, true
		}
	case json.Number:
		if n, ok := integral(v); ok && n >= 0 && n <= latestTime {
			return time.Unix(n, 0), true
		}
	}
	r.wrong(at, tok, "Unix seconds or a time in RFC 3339's form, such as 2026-01-31T12:00:00Z")
	return time.Time{}, false
}
