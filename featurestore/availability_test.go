package featurestore_test

import (
	"errors"
	"strconv"
	"testing"

	"recsys/featurestore"
)

func TestUnavailableIsBounded(t *testing.T) {
	m := featurestore.NewMemory()
	for i := range featurestore.MaxUnavailable {
		if err := m.SetAvailable(t.Context(), strconv.Itoa(i), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.SetAvailable(t.Context(), "one more", false); !errors.Is(err, featurestore.ErrUnavailableFull) {
		t.Errorf("got error %v, want %v", err, featurestore.ErrUnavailableFull)
	}
	for _, item := range []string{"7", "one more"} { // Another one makes place.
		if err := m.SetAvailable(t.Context(), item, item == "7"); err != nil {
			t.Errorf("%s: %v", item, err)
		}
	}
}
