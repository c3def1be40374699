package storetest

import (
	"context"
	"fmt"
	"slices"

	"recsys/featurestore"
)

func availabilityChecks() []Check {
	return []Check{
		{"every item is available at first", checkAvailableAtFirst},
		{"availability changes the next answer", checkSwitch},
		{"availability set again changes nothing", checkSwitchTwice},
		{"a load leaves availability as it is", checkLoadKeepsAvailability},
		{"availability wants an item and a context", checkSwitchFaults},
	}
}

// unavailable reads the set, compares it, and checks that users tell its state.
func unavailable(ctx context.Context, s featurestore.Store, want ...string) (string, error) {
	u, err := s.Unavailable(ctx)
	if err != nil {
		return "", fmt.Errorf("unavailable: %w", err)
	}
	if got := slices.Sorted(slices.Values(u.Items)); !slices.Equal(got, want) {
		return "", fmt.Errorf("unavailable are %s, want %s", brief(got), brief(want))
	}
	for _, id := range []string{"u", "nobody"} {
		user, err := s.User(ctx, id, 1)
		if err != nil {
			return "", err
		}
		if user.Availability != u.State {
			return "", fmt.Errorf("user %q has the availability %q, the set %q", id, user.Availability, u.State)
		}
	}
	return u.State, nil
}

func checkAvailableAtFirst(ctx context.Context, s featurestore.Store) error {
	state, err := unavailable(ctx, s)
	if err == nil && state != "" {
		err = fmt.Errorf("the state is %q, want none", state)
	}
	return err
}

func checkSwitch(ctx context.Context, s featurestore.Store) error {
	states := map[string]bool{"": true}
	steps := []struct {
		item      string
		available bool
		want      []string
	}{
		{"b", false, []string{"b"}},
		{"a", false, []string{"a", "b"}},
		{"b", true, []string{"a"}},
		{"}:row\x00\r\n", false, []string{"a", "}:row\x00\r\n"}},
		{"a", true, []string{"}:row\x00\r\n"}},
		{"}:row\x00\r\n", true, nil},
		{"b", false, []string{"b"}},
	}
	for i, step := range steps {
		if err := s.SetAvailable(ctx, step.item, step.available); err != nil {
			return err
		}
		state, err := unavailable(ctx, s, step.want...)
		if err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if states[state] {
			return fmt.Errorf("step %d: the state %q is an older one's too", i+1, state)
		}
		states[state] = true
	}
	return nil
}

func checkSwitchTwice(ctx context.Context, s featurestore.Store) error {
	for _, available := range []bool{false, true} {
		if err := s.SetAvailable(ctx, "a", available); err != nil {
			return err
		}
		before, err := s.Unavailable(ctx)
		if err != nil {
			return err
		}
		if err := s.SetAvailable(ctx, "a", available); err != nil {
			return err
		}
		after, err := s.Unavailable(ctx)
		if err != nil {
			return err
		}
		if after.State != before.State || !slices.Equal(after.Items, before.Items) {
			return fmt.Errorf("available %v: %+v became %+v", available, before, after)
		}
	}
	return nil
}

func checkLoadKeepsAvailability(ctx context.Context, s featurestore.Store) error {
	if err := s.SetAvailable(ctx, "a", false); err != nil {
		return err
	}
	before, err := unavailable(ctx, s, "a")
	if err != nil {
		return err
	}
	if _, err := s.Load(ctx, records(featurestore.Record{UserID: "u", Row: []byte("r"), History: []string{"a"}, Seen: []string{"a"}, AsOf: future})); err != nil {
		return err
	}
	if err := s.AddEvents(ctx, []featurestore.Event{event("1", "u", "a", 1)}); err != nil {
		return err
	}
	after, err := unavailable(ctx, s, "a")
	if err == nil && after != before {
		err = fmt.Errorf("the state %q became %q", before, after)
	}
	return err
}

func checkSwitchFaults(ctx context.Context, s featurestore.Store) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := s.Unavailable(ended)
	return first(
		func() error {
			return wantError(s.SetAvailable(ctx, "", false), featurestore.ErrEvent, "SetAvailable of no item")
		},
		func() error { return wantError(s.SetAvailable(ended, "a", false), context.Canceled, "SetAvailable") },
		func() error { return wantError(err, context.Canceled, "Unavailable") },
		func() error { _, err := unavailable(ctx, s); return err },
	)
}
