package data_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/tensor"
)

func TestGroupLensFiles(t *testing.T) {
	f := func(v ...any) []any { return v }
	genres := map[string]string{"genres": "|"}
	tests := []struct {
		name, file, text string
		lists            map[string]string
		want             map[string][]any
	}{
		{"users 1M", "users.dat", "1::F::1::10::48067\n2::M::56::16::70072-12\n", nil, map[string][]any{
			"user_id": i64(1, 2), "gender": f("F", "M"), "age": i64(1, 56), "occupation": i64(10, 16), "zip": f("48067", "70072-12"),
		}},
		{
			"movies 1M in Latin-1", "movies.dat", "1::Toy Story (1995)::Animation|Comedy\n73::Mis\xe9rables, Les (1995)::Drama\n9::No year::\n", genres,
			map[string][]any{
				"movie_id": i64(1, 73, 9), "title": f("Toy Story (1995)", "Misérables, Les (1995)", "No year"),
				"year": f(int64(1995), int64(1995), nil), "genres": f(f("Animation", "Comedy"), f("Drama"), []any{}),
			},
		},
		{"movies 10M in UTF-8", "movies.dat", "73::Misérables, Les (1995)::Drama\n", genres, map[string][]any{
			"movie_id": i64(73), "title": f("Misérables, Les (1995)"), "year": i64(1995), "genres": f(f("Drama")),
		}},
		{"movies 100k", "u.item", "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n", genres, map[string][]any{
			"movie_id": i64(1), "title": f("Toy Story (1995)"), "year": i64(1995), "genres": f(f("Animation", "Children's", "Comedy")),
		}},
		{"users 100k", "u.user", "1|24|M|technician|85711\n", nil, map[string][]any{
			"user_id": i64(1), "age": i64(24), "gender": f("M"), "occupation": f("technician"), "zip": i64(85711),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := data.Read(t.Context(), data.Spec{Path: write(t, tt.file, tt.text), Lists: tt.lists})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain(got), tt.want); diff != "" {
				t.Errorf("table differs (-got +want):\n%s", diff)
			}
		})
	}
}

// TestRatingsAreCompleted has movie 9 with 4 ratings, below the 5 that a position needs, and others with more.
func TestRatingsAreCompleted(t *testing.T) {
	var text strings.Builder
	for user := 1; user <= 6; user++ {
		for i, movie := range []int{7, 8, 9, 6} {
			if movie == 9 && user > 4 {
				continue
			}
			// Falling times: the last rating in the file is the user's first.
			text.WriteString(strings.Join([]string{strconv.Itoa(user), strconv.Itoa(movie), "4", strconv.Itoa(1000 - i)}, "::") + "\n")
		}
	}
	got, err := data.Read(t.Context(), data.Spec{
		Path: write(t, "ratings.dat", text.String()), Columns: map[string]tensor.DType{"rating": tensor.Float32},
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := plain(got)
	if diff := cmp.Diff(rows["position"][:4], i64(2, 1, -1, 0)); diff != "" {
		t.Errorf("positions of user 1 differ (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(rows["loo_split"][:4], []any{"test", "valid", "", "train"}); diff != "" {
		t.Errorf("loo_split of user 1 differs (-got +want):\n%s", diff)
	}
	for i, part := range rows["ctr_split"] {
		if part != "train" && part != "valid" && part != "test" {
			t.Errorf("ctr_split of row %d is %q", i, part)
		}
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ratings.dat", "users.csv", "other.csv.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"ratings.csv.gz": "ratings.dat", "ratings.dat": "ratings.dat", "users.csv.gz": "users.csv", "other.csv": "other.csv.gz",
		filepath.Join(dir, "users.csv"): "users.csv",
	} {
		got, err := data.Resolve(dir, path)
		if err != nil || got != filepath.Join(dir, want) {
			t.Errorf("Resolve(%q) = %q, %v, want %q", path, got, err, want)
		}
	}
	for path, parts := range map[string][]string{
		"movies.csv.gz":         {"movies.csv.gz or movies.csv or movies.dat or u.item", dir, "https://grouplens.org", "get-movielens.md"},
		"events.csv":            {"no file events.csv or events.csv.gz"},
		"absent/ratings.csv.gz": {"no folder", "absent", "grouplens.org"},
	} {
		_, err := data.Resolve(dir, path)
		if err == nil {
			t.Errorf("Resolve(%q): no error", path)
			continue
		}
		for _, part := range parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("Resolve(%q): error %q lacks %q", path, err, part)
			}
		}
	}
}
