package data_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"

	"recsys/data"
)

// movieLens reads a file of MovieLens 1M, or skips the test.
func movieLens(t *testing.T, spec data.Spec) *data.Table {
	t.Helper()
	dir := os.Getenv("RECSYS_DATA")
	if dir == "" {
		t.Skip("RECSYS_DATA does not name a folder with MovieLens 1M; see docs/how-to/get-movielens.md")
	}
	var err error
	if spec.Path, err = data.Resolve(dir, spec.Path); err != nil {
		t.Fatal(err)
	}
	table, err := data.Read(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func column[T data.Value](t *testing.T, table *data.Table, name string) []T {
	t.Helper()
	values, err := data.Values[T](table, name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// TestMovieLensRatings checks the derived columns against those of the csv.gz form, made by other code: a ratings.dat
// whose times are the positions has to give the same positions and the same split.
func TestMovieLensRatings(t *testing.T) {
	ratings := movieLens(t, data.Spec{Path: "ratings.csv.gz"})
	if ratings.Len() != 1_000_209 {
		t.Errorf("%d ratings, want 1000209", ratings.Len())
	}
	positions := column[int64](t, ratings, "position")
	users, movies := column[int64](t, ratings, "user_id"), column[int64](t, ratings, "movie_id")
	var dat bytes.Buffer
	for i, v := range column[int64](t, ratings, "rating") {
		fmt.Fprintf(&dat, "%d::%d::%d::%d\n", users[i], movies[i], v, 978_300_000+positions[i])
	}
	got, err := data.Read(t.Context(), data.Spec{Path: write(t, "ratings.dat", dat.String())})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(column[int64](t, got, "position"), positions) { // cmp takes seconds for a million rows
		t.Error("positions differ")
	}
	if !slices.Equal(column[string](t, got, "loo_split"), column[string](t, ratings, "loo_split")) {
		t.Error("loo_split differs")
	}
}

// TestMovieLensMovies writes movies.dat in Latin-1 from the csv.gz form: read, it has to be the same table.
func TestMovieLensMovies(t *testing.T) {
	lists := map[string]string{"genres": "|"}
	movies := movieLens(t, data.Spec{Path: "movies.csv.gz", Key: "movie_id", Lists: lists})
	genres, err := movies.Column("genres")
	if err != nil {
		t.Fatal(err)
	}
	names, titles := genres.Values().Any().([]string), column[string](t, movies, "title")
	var dat bytes.Buffer
	for i, id := range column[int64](t, movies, "movie_id") {
		fmt.Fprintf(&dat, "%d::", id)
		for _, r := range titles[i] {
			if r > 0xff {
				t.Fatalf("title %q is not Latin-1", titles[i])
			}
			dat.WriteByte(byte(r))
		}
		dat.WriteString("::")
		for j := genres.Offsets()[i]; j < genres.Offsets()[i+1]; j++ {
			if j > genres.Offsets()[i] {
				dat.WriteByte('|')
			}
			dat.WriteString(names[j])
		}
		dat.WriteByte('\n')
	}
	got, err := data.Read(t.Context(), data.Spec{Path: write(t, "movies.dat", dat.String()), Lists: lists})
	if err != nil {
		t.Fatal(err)
	}
	if got.Hash() != movies.Hash() {
		t.Error("movies.dat and movies.csv.gz give different tables")
	}
}
