package gateway

import (
	"errors"
	"strconv"
	"testing"
)

// The test is inside the package: that little is kept shows nowhere else.
func TestCacheIsBounded(t *testing.T) {
	c := newCache[int](3)
	made := 0
	get := func(key int) {
		t.Helper()
		got, err := c.get(strconv.Itoa(key), func() (int, error) { made++; return key, nil })
		if err != nil || got != key {
			t.Errorf("key %d: got %d, %v", key, got, err)
		}
	}
	for _, key := range []int{1, 2, 3, 1, 4, 1, 2} { // 4 takes the place of 2, which was asked for the longest ago.
		get(key)
	}
	if made != 5 || len(c.entries) != 3 || c.order.Len() != 3 {
		t.Errorf("made %d values and kept %d and %d, want 5, 3 and 3", made, len(c.entries), c.order.Len())
	}
	wrong := errors.New("wrong")
	if _, err := c.get("x", func() (int, error) { return 0, wrong }); !errors.Is(err, wrong) || len(c.entries) != 3 {
		t.Errorf("got error %v and %d entries, want the error and 3", err, len(c.entries))
	}
}
