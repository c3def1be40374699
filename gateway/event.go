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
	var events []featurestore.Event
	single := g.newEvent("")
	list, lone := false, false
	object := r.object("", false, func(name, at string) {
		if name != "events" {
			lone = true
			g.readEventField(r, &single, name, at)
			return
		}
		list = true
		r.list(at, maxEvents, func(at string) {
			e := g.newEvent(at)
			if r.object(at, false, func(name, at string) { g.readEventField(r, &e, name, at) }) {
				events = append(events, e.finish(r))
			}
		})
	})
	switch {
	case !object || r.syntax != nil:
	case list && lone:
		r.fault("/events", "give events or the fields of one event, not both")
	case !list:
		events = append(events, single.finish(r))
	case len(events) == 0 && len(r.faults) == 0:
		r.fault("/events", "it is empty")
	}
	return events, r.end()
}

// eventReader is an event that is being read.
type eventReader struct {
	featurestore.Event
	pointer    string
	user, item bool // The fields were there, right or wrong.
}

func (g *Gateway) newEvent(pointer string) eventReader {
	return eventReader{Event: featurestore.Event{Time: g.now(), ID: g.newID()}, pointer: pointer}
}

func (g *Gateway) readEventField(r *strictReader, e *eventReader, name, at string) {
	switch name {
	case "event_id":
		if id := r.text(at, maxIDBytes); id != "" {
			e.ID = id
		}
	case "user_id":
		e.UserID, e.user = r.id(at, g.views.now.Load().manifest.UserKey.DType.DType), true
	case "item_id":
		e.ItemID, e.item = r.id(at, g.views.now.Load().manifest.ItemKey.DType.DType), true
	case "type":
		e.Type = r.text(at, maxEventType)
	case "timestamp":
		if t, ok := readTime(r, at); ok {
			e.Time = t
		}
	default:
		r.unknown(at)
	}
}

func (e *eventReader) finish(r *strictReader) featurestore.Event {
	if !e.user {
		r.fault(e.pointer+"/user_id", "it is required")
	}
	if !e.item {
		r.fault(e.pointer+"/item_id", "it is required")
	}
	return e.Event
}

// readTime reads Unix seconds or RFC 3339; ok is false for null and after a fault.
func readTime(r *strictReader, at string) (time.Time, bool) {
	const latest = 253_402_300_799 // The end of the year 9999.
	tok := r.token()
	switch v := tok.(type) {
	case nil:
		return time.Time{}, false
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t, true
		}
	case json.Number:
		if n, err := v.Int64(); err == nil && n >= 0 && n <= latest {
			return time.Unix(n, 0), true
		}
	}
	r.wrong(at, tok, "Unix seconds or a time in RFC 3339's form, such as 2026-01-31T12:00:00Z")
	return time.Time{}, false
}
