package nearest_test

import (
	"fmt"
	"testing"

	"recsys/internal/nearest"
)

func TestOf(t *testing.T) {
	known := []string{"recall", "score", "prep", "dynamic_batching"}
	tests := []struct{ word, want string }{
		{"recal", "recall"},
		{"rcall", "recall"},
		{"scoer", ""},
		{"scored", "score"},
		{"dinamic_baching", "dynamic_batching"},
		{"", ""},
		{"x", ""},
		{"instances", ""},
		{"pre", "prep"},
	}
	for _, tt := range tests {
		if got := nearest.Of(tt.word, known); got != tt.want {
			t.Errorf("nearest to %q: got %q, want %q", tt.word, got, tt.want)
		}
	}
}

func ExampleHint() {
	fmt.Println(`unknown stage "recal"` + nearest.Hint("recal", []string{"prep", "recall"}))
	// Output: unknown stage "recal"; did you mean "recall"?
}
