package data_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/tensor"
)

func sample(t *testing.T) *data.Table {
	t.Helper()
	nan, ok := tensor.Data[float32](tensor.Zeros(tensor.Float32, 1))
	if ok != nil {
		t.Fatal(ok)
	}
	zero := nan[0]
	list, err := data.Ragged("list", []string{"p", "q", "r"}, []int{0, 2, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	numbers, err := data.Ragged("numbers", []int64{1, 2, 3}, []int{0, 0, 3, 3})
	if err != nil {
		t.Fatal(err)
	}
	return table(t, data.Scalar("id", []int64{1, tensor.NullInt64, -3}), data.Scalar("x", []float32{0.5, zero / zero, 1e-9}),
		data.Scalar("s", []string{"a,b", "", "say \"x\"\nthen"}), list, numbers)
}

func TestTakeAndSlice(t *testing.T) {
	got := plain(sample(t).Take([]int{2, 0, 2}))
	want := map[string][]any{
		"id": {int64(-3), int64(1), int64(-3)}, "x": {float32(1e-9), float32(0.5), float32(1e-9)},
		"s":    {"say \"x\"\nthen", "a,b", "say \"x\"\nthen"},
		"list": {[]any{"r"}, []any{"p", "q"}, []any{"r"}}, "numbers": {[]any{}, []any{}, []any{}},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("taken rows differ (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(plain(sample(t).Slice(1, 3)), plain(sample(t).Take([]int{1, 2}))); diff != "" {
		t.Errorf("slice and take differ:\n%s", diff)
	}
	if sample(t).Slice(1, 3).Hash() != sample(t).Take([]int{1, 2}).Hash() {
		t.Error("slice and take have different hashes")
	}
}

func TestPadded(t *testing.T) {
	c, err := sample(t).Column("list")
	if err != nil {
		t.Fatal(err)
	}
	for length, want := range map[int][]string{1: {"p", "", "r"}, 3: {"p", "q", "", "", "", "", "r", "", ""}} {
		if got := c.Padded(length); !got.Equal(tensor.Of(want, 3, length)) {
			t.Errorf("padded to %d: %v, want %q", length, got.Any(), want)
		}
	}
	if c, err = sample(t).Column("numbers"); err != nil {
		t.Fatal(err)
	}
	null := int64(tensor.NullInt64)
	if got, want := c.Padded(2), tensor.Of([]int64{null, null, 1, 2, null, null}, 3, 2); !got.Equal(want) {
		t.Errorf("padded to 2: %v, want %v", got.Any(), want.Any())
	}
}

func TestHashFollowsContent(t *testing.T) {
	base := sample(t)
	if base.Hash() != sample(t).Hash() {
		t.Error("equal tables have different hashes")
	}
	a, b := data.Scalar("a", []string{"x", "yz"}), data.Scalar("a", []string{"xy", "z"})
	hashes := map[string]string{"": base.Hash()}
	for name, other := range map[string]*data.Table{
		"one row less": base.Slice(0, 2), "other order": base.Take([]int{1, 0, 2}), "a": table(t, a), "b": table(t, b),
		"renamed": table(t, data.Scalar("b", []string{"xy", "z"})), "floats": table(t, data.Scalar("a", []float32{1, 2})),
		"ints": table(t, data.Scalar("a", []int64{1, 2})),
	} {
		hash := other.Hash()
		for before, h := range hashes {
			if h == hash {
				t.Errorf("%q and %q have the same hash", name, before)
			}
		}
		hashes[name] = hash
	}
	// Pinned: run manifests compare it over versions of the program.
	if got, want := table(t, a).Hash(), "sha256:51b45547b73fc4e0bcd0e7b5076788a83a9897e9d738a88f8733c3d69a5f55cd"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestWriteCSVRoundTrip(t *testing.T) {
	lists := map[string]string{"list": "|", "numbers": " "}
	for _, name := range []string{"a.csv", "a.csv.gz", "a.csv.zst"} {
		path := filepath.Join(t.TempDir(), name)
		if err := data.WriteCSV(path, sample(t), lists); err != nil {
			t.Fatal(err)
		}
		got, err := data.Read(t.Context(), data.Spec{Path: path, Lists: lists})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain(got), plain(sample(t))); diff != "" || got.Hash() != sample(t).Hash() {
			t.Errorf("%s: table differs (-got +want):\n%s", name, diff)
		}
		first, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := data.WriteCSV(path, sample(t), lists); err != nil {
			t.Fatal(err)
		}
		if second, err := os.ReadFile(path); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s: written again, the bytes differ (%v)", name, err)
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
			t.Errorf("%s: %d files are left, want 1 (%v)", name, len(entries), err)
		}
	}
}

// TestWriteCSVNullAlone has a row that would be an empty line, which readers skip.
func TestWriteCSVNullAlone(t *testing.T) {
	path, want := filepath.Join(t.TempDir(), "a.csv"), table(t, data.Scalar("a", []int64{1, tensor.NullInt64, 3}))
	if err := data.WriteCSV(path, want, nil); err != nil {
		t.Fatal(err)
	}
	got, err := data.Read(t.Context(), data.Spec{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain(got), plain(want)); diff != "" {
		t.Errorf("table differs (-got +want):\n%s", diff)
	}
}

func TestWriteCSVErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	if err := data.WriteCSV(path, sample(t), nil); err == nil || !strings.Contains(err.Error(), `"list" has no separator`) {
		t.Errorf("no separators: error %v", err)
	}
	if err := data.WriteCSV(path, sample(t), map[string]string{"list": "q", "numbers": "|"}); err == nil || !strings.Contains(err.Error(), "holds the separator") {
		t.Errorf("separator in an element: error %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%d files are left after errors, want none (%v)", len(entries), err)
	}
}

func TestNewTableErrors(t *testing.T) {
	if _, err := data.NewTable(); err == nil {
		t.Error("no error without columns")
	}
	if _, err := data.NewTable(data.Scalar("a", []int64{1}), data.Scalar("a", []int64{1})); err == nil {
		t.Error("no error for two columns of one name")
	}
	if _, err := data.NewTable(data.Scalar("a", []int64{1}), data.Scalar("b", []int64{1, 2})); err == nil {
		t.Error("no error for columns of different length")
	}
	for _, offsets := range [][]int{nil, {0}, {1, 2}, {0, 2, 1, 2}} {
		if _, err := data.Ragged("a", []int64{1, 2}, offsets); err == nil {
			t.Errorf("no error for offsets %v", offsets)
		}
	}
	if _, err := data.Values[string](sample(t), "id"); err == nil || !strings.Contains(err.Error(), "holds int64, not string") {
		t.Errorf("wrong type: error %v", err)
	}
	if _, err := data.Values[string](sample(t), "list"); err == nil || !strings.Contains(err.Error(), "lists of string") {
		t.Errorf("list: error %v", err)
	}
}
