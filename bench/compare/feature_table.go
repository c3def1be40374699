package main

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"recsys/data"
	"recsys/internal/portable"
	"recsys/tensor"
)

// featureTable says what the columns of a table are, for all sides.
type featureTable struct {
	Categorical []string `json:"categorical"`
	Lists       []string `json:"lists"`
	Continuous  []string `json:"continuous"`
}

const (
	tableFile = "table.parquet"
	tableInfo = "table.json"
)

// writeTable writes tables and what their columns are.
func writeTable(dir string, info featureTable, tables iter.Seq2[*data.Table, error]) error {
	if _, err := data.WriteParquet(context.Background(), filepath.Join(dir, tableFile), tables); err != nil {
		return err
	}
	text, err := json.Marshal(info)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, tableInfo), text, 0o600)
}

// The synthetic table: keys of ten columns with Zipf frequencies, five columns of numbers of which one in a hundred is
// null, and lists of up to five keys.
const (
	wideRows  = 10_000_000
	wideBatch = 1 << 16
	longest   = 5
	listKeys  = 10_000
)

// wideKeys are the numbers of keys that the columns draw from.
func wideKeys() []int {
	return []int{10, 100, 1000, 5000, 10_000, 50_000, 100_000, 200_000, 500_000, 1_000_000}
}

func wideInfo() featureTable {
	info := featureTable{Lists: []string{"list"}}
	for i := range wideKeys() {
		info.Categorical = append(info.Categorical, "c"+strconv.Itoa(i))
	}
	for i := range 5 {
		info.Continuous = append(info.Continuous, "x"+strconv.Itoa(i))
	}
	return info
}

func writeWide(dir string) error {
	return writeTable(dir, wideInfo(), func(yield func(*data.Table, error) bool) {
		g := newWide()
		for from := 0; from < wideRows; from += wideBatch {
			if t, err := g.table(min(wideBatch, wideRows-from)); !yield(t, err) || err != nil {
				return
			}
		}
	})
}

// wide draws the synthetic table.
type wide struct {
	rng  *portable.Rand
	keys []*rand.Zipf
	list *rand.Zipf
}

func newWide() *wide {
	g := &wide{rng: portable.New(1, "bench")}
	for i, n := range wideKeys() {
		g.keys = append(g.keys, rand.NewZipf(rand.New(rand.NewPCG(uint64(i), 2)), zipfExponent, 1, uint64(n-1)))
	}
	g.list = rand.NewZipf(rand.New(rand.NewPCG(100, 2)), zipfExponent, 1, listKeys-1)
	return g
}

// key spreads ids over the numbers below 2^53, which tools that go through float64 keep.
func key(id uint64) int64 { return int64(id * 0x9e3779b97f4a7c15 >> 11) }

func (g *wide) table(rows int) (*data.Table, error) {
	info := wideInfo()
	var columns []*data.Column
	for i, name := range info.Categorical {
		ids := make([]int64, rows)
		for r := range ids {
			ids[r] = key(g.keys[i].Uint64())
		}
		columns = append(columns, data.Scalar(name, ids))
	}
	for i, name := range info.Continuous {
		x := make([]float32, rows)
		for r := range x {
			if x[r] = float32(g.rng.Normal()*float64(1+i) + float64(i)); g.rng.IntN(100) == 0 {
				x[r] = float32(math.NaN())
			}
		}
		columns = append(columns, data.Scalar(name, x))
	}
	values := make([]int64, 0, rows*longest/2)
	offsets := make([]int, 1, rows+1)
	for range rows {
		for range g.rng.IntN(longest + 1) {
			values = append(values, key(g.list.Uint64()))
		}
		offsets = append(offsets, len(values))
	}
	list, err := data.Ragged(info.Lists[0], values, offsets)
	if err != nil {
		return nil, err
	}
	return data.NewTable(append(columns, list)...)
}

const ml1mRows = 1_000_209

// writeML1M joins the ratings with their users and movies. RECSYS_DATA names MovieLens 1M's folder.
func writeML1M(dir string) error {
	from := os.Getenv("RECSYS_DATA")
	if from == "" {
		return errors.New("RECSYS_DATA names no folder of MovieLens 1M")
	}
	ctx := context.Background()
	ratings, err := data.Read(ctx, data.Spec{Path: filepath.Join(from, "ratings.csv.gz")})
	if err != nil {
		return err
	}
	users, err := data.Read(ctx, data.Spec{Path: filepath.Join(from, "users.csv.gz"), Key: "user_id"})
	if err != nil {
		return err
	}
	movies, err := data.Read(ctx, data.Spec{
		Path: filepath.Join(from, "movies.csv.gz"), Key: "movie_id", Lists: map[string]string{"genres": "|"},
		Columns: map[string]tensor.DType{"year": tensor.Float32},
	})
	if err != nil {
		return err
	}
	whole := ratings
	for key, side := range map[string]*data.Table{"user_id": users, "movie_id": movies} {
		if whole, err = join(whole, side, key); err != nil {
			return err
		}
	}
	info := featureTable{
		Categorical: []string{"user_id", "movie_id", "age", "occupation", "gender"}, Lists: []string{"genres"}, Continuous: []string{"year"},
	}
	var columns []*data.Column
	for _, name := range append(append(info.Categorical, info.Lists...), info.Continuous...) {
		c, err := whole.Column(name)
		if err != nil {
			return err
		}
		if c.DType() == tensor.String {
			if c, err = numbered(c); err != nil {
				return err
			}
		}
		columns = append(columns, c)
	}
	if whole, err = data.NewTable(columns...); err != nil {
		return err
	}
	return writeTable(dir, info, whole.Batches(ctx, wideBatch))
}

// numbered gives strings numbers in the order in which they appear.
func numbered(c *data.Column) (*data.Column, error) {
	numbers := map[string]int64{}
	words := tensor.MustData[string](c.Values())
	values := make([]int64, len(words))
	for i, w := range words {
		if _, ok := numbers[w]; !ok {
			numbers[w] = int64(len(numbers))
		}
		values[i] = numbers[w]
	}
	if !c.IsList() {
		return data.Scalar(c.Name(), values), nil
	}
	return data.Ragged(c.Name(), values, c.Offsets())
}

// join adds the columns of side, of which every key of t is in the key column.
func join(t, side *data.Table, key string) (*data.Table, error) {
	keys, err := data.Values[int64](side, key)
	if err != nil {
		return nil, err
	}
	at := make(map[int64]int, len(keys))
	for i, k := range keys {
		at[k] = i
	}
	of, err := data.Values[int64](t, key)
	if err != nil {
		return nil, err
	}
	rows := make([]int, len(of))
	for i, k := range of {
		rows[i] = at[k]
	}
	var columns []*data.Column
	for _, c := range side.Take(rows).Columns() {
		if c.Name() != key {
			columns = append(columns, c)
		}
	}
	return t.With(columns...)
}
