package data

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"recsys/tensor"
)

// ctrSeed is the seed of the derived column ctr_split.
const ctrSeed = 1

// groupLens knows the files of MovieLens 1M and 10M (.dat) and of 100k (u.data, u.user, u.item), which have no header.
// Their columns get the names that the csv.gz form uses.
func groupLens(base string) (form, bool) {
	ratings := []string{"user_id", "movie_id", "rating", "timestamp"}
	movies := []string{"movie_id", "title", "year", "genres"}
	switch base {
	case "ratings.dat":
		return form{sep: "::", header: ratings, derive: protocol}, true
	case "users.dat":
		return form{sep: "::", header: []string{"user_id", "gender", "age", "occupation", "zip"}}, true
	case "movies.dat":
		return form{sep: "::", header: movies, convert: movieDat()}, true
	case "u.data":
		return form{sep: "\t", header: ratings, derive: protocol}, true
	case "u.user":
		return form{sep: "|", header: []string{"user_id", "age", "gender", "occupation", "zip"}}, true
	case "u.item":
		return form{sep: "|", header: movies, convert: movieItem()}, true
	}
	return form{}, false
}

// movieDat turns movie, title and genres into movie, title, year and genres. The title keeps its year, as in the
// csv.gz form.
func movieDat() func([][]byte) ([][]byte, error) {
	var out [4][]byte
	return func(fields [][]byte) ([][]byte, error) {
		if len(fields) != 3 {
			return nil, fmt.Errorf("%d fields, but movies.dat has 3: MovieID::Title::Genres", len(fields))
		}
		title := decode(fields[1])
		out = [4][]byte{fields[0], title, titleYear(title), fields[2]}
		return out[:], nil
	}
}

// movieItem turns the 24 fields of u.item, 19 of them flags of genres, into the same four.
func movieItem() func([][]byte) ([][]byte, error) {
	genres := [19]string{
		"unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
		"Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
	}
	var out [4][]byte
	var list []byte
	return func(fields [][]byte) ([][]byte, error) {
		if len(fields) != 24 {
			return nil, fmt.Errorf("%d fields, but u.item has 24: movie, title, two dates, address and 19 genres", len(fields))
		}
		list = list[:0]
		for i, flag := range fields[5:] {
			if string(flag) != "1" {
				continue
			}
			if len(list) > 0 {
				list = append(list, '|')
			}
			list = append(list, genres[i]...)
		}
		title := decode(fields[1])
		out = [4][]byte{fields[0], title, titleYear(title), list}
		return out[:], nil
	}
}

// titleYear returns the digits of a trailing "(1995)", or nothing.
func titleYear(title []byte) []byte {
	title = bytes.TrimRight(title, " ")
	n := len(title)
	if n < 6 || title[n-1] != ')' || title[n-6] != '(' {
		return nil
	}
	year := title[n-5 : n-1]
	if v, ok := parseInt(year); !ok || v < 1000 {
		return nil
	}
	return year
}

// decode turns Latin-1, the encoding of MovieLens 100k and 1M, into UTF-8, which 10M already is.
func decode(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	out := make([]byte, 0, len(text)+4)
	for _, c := range text {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// protocol adds the columns that MovieLens's ratings lack: position (movies with fewer than 5 ratings get -1),
// loo_split (the last rating of a user is test, the last but one valid, position -1 none) and ctr_split (random
// 80/10/10).
func protocol(t *Table) (*Table, error) {
	positions, err := Positions(t, "user_id", "movie_id", "timestamp", 5)
	if err != nil {
		return nil, err
	}
	t, err = t.With(Scalar("position", positions))
	if err != nil {
		return nil, err
	}
	for _, s := range []struct {
		name  string
		split Split
	}{
		{"loo_split", Split{By: ByLast, User: "user_id", Order: "position"}},
		{"ctr_split", Split{By: ByRandom, Seed: ctrSeed}},
	} {
		parts, err := s.split.Assign(t)
		if err != nil {
			return nil, err
		}
		labels := make([]string, len(parts))
		for i, p := range parts {
			if p != None {
				labels[i] = p.String()
			}
		}
		if t, err = t.With(Scalar(s.name, labels)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Positions numbers the rows of each user by order, 0 first; equal ones in the table's order. Rows of items with fewer
// than minItem rows, and rows whose order is null, get -1 and are not counted. User and item columns are int64 or
// string, order is int64.
func Positions(t *Table, user, item, order string, minItem int) ([]int64, error) {
	items, count, err := dense(t, item)
	if err != nil {
		return nil, err
	}
	times, err := Values[int64](t, order)
	if err != nil {
		return nil, err
	}
	rows := make([]int, count)
	for _, i := range items {
		rows[i]++
	}
	sorted, users, err := byUser(t, user, times, func(row int) bool {
		return rows[items[row]] >= minItem && times[row] != tensor.NullInt64
	})
	if err != nil {
		return nil, err
	}
	positions := make([]int64, t.Len())
	for i := range positions {
		positions[i] = -1
	}
	next := int64(0)
	for i, row := range sorted {
		if i > 0 && users[row] != users[sorted[i-1]] {
			next = 0
		}
		positions[row] = next
		next++
	}
	return positions, nil
}
