package pipeline

import (
	"context"
	"iter"
	"maps"
	"path/filepath"
	"slices"

	"recsys/data"
	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

// popular returns the keys of the items that most interactions have, ties in favour of the lower index.
func (p *Pipeline) popular(first int) []string {
	counts := map[int32]int{}
	for _, item := range p.examples.Item {
		if int(item) >= first {
			counts[item]++
		}
	}
	items := slices.SortedFunc(maps.Keys(counts), func(a, b int32) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return int(a - b)
	})
	keys := p.itemColumn()
	out := make([]string, 0, min(len(items), p.config.Fallback))
	for _, item := range items[:cap(out)] {
		out = append(out, keyText(keys, int(item)))
	}
	return out
}

// writeRows writes the packed rows of users, with their histories and seen items, and of items.
func (p *Pipeline) writeRows(ctx context.Context, m ensemble.Manifest) func(dir string) error {
	return func(dir string) error {
		users := featurestore.RowsHeader{Entity: schema.User, Key: m.UserKey, Schema: m.UserRow}
		if _, err := featurestore.WriteRows(filepath.Join(dir, userRowsFile), users, p.userRecords(ctx, users)); err != nil {
			return err
		}
		return p.writeItemRows(ctx, dir, m.ItemKey)
	}
}

func (p *Pipeline) writeItemRows(ctx context.Context, dir string, key schema.Column) error {
	items := featurestore.RowsHeader{Entity: schema.Item, Key: key}
	for _, c := range p.tables.Raw.Select(schema.Item) {
		if !c.Has(schema.ID) {
			items.Schema = append(items.Schema, c)
		}
	}
	_, err := featurestore.WriteRows(filepath.Join(dir, itemRowsFile), items, p.itemRecords(ctx, items))
	return err
}

func (p *Pipeline) userRecords(ctx context.Context, h featurestore.RowsHeader) iter.Seq2[featurestore.Record, error] {
	return func(yield func(featurestore.Record, error) bool) {
		codec, err := featurestore.NewCodec(h.Schema)
		if err != nil {
			yield(featurestore.Record{}, err)
			return
		}
		r, err := newRequester(ctx, p.config, p.tables, nil, nil)
		if err != nil {
			yield(featurestore.Record{}, err)
			return
		}
		keys, err := p.tables.Users.Column(h.Key.Name)
		if err != nil {
			yield(featurestore.Record{}, err)
			return
		}
		asOf := p.latest()
		seen := p.seenRows()
		for u := range p.tables.Users.Len() {
			record := featurestore.Record{UserID: keyText(keys, u), AsOf: asOf[u]}
			for _, row := range newestRows(r.sequences.Of(int32(u)), featurestore.MaxHistory) {
				record.History = append(record.History, keyText(r.items, int(row)))
			}
			for _, row := range seen[u] {
				record.Seen = append(record.Seen, keyText(r.items, int(row)))
			}
			if len(h.Schema) > 0 {
				record.Row, err = codec.Append(nil, r.users, u, asOf[u])
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

func newestRows(rows []int32, n int) []int32 { return rows[max(0, len(rows)-n):] }

// latest returns the time of every user's newest interaction, Unix milliseconds; 0 where the data has no time.
func (p *Pipeline) latest() []int64 {
	out := make([]int64, p.tables.Users.Len())
	column := p.config.Data.Interactions.Time
	if column == "" {
		return out
	}
	times, err := data.Values[int64](p.tables.Interactions, column)
	if err != nil {
		return out
	}
	for i, t := range times {
		if u := p.tables.User[i]; t != tensor.NullInt64 {
			out[u] = max(out[u], t*1000)
		}
	}
	return out
}

// seenRows returns every user's items, rows of the tables' Items, in the order of interactions, each once.
func (p *Pipeline) seenRows() [][]int32 {
	out := make([][]int32, p.tables.Users.Len())
	type pair struct{ user, item int32 }
	seen := make(map[pair]bool, len(p.tables.User))
	for i, u := range p.tables.User {
		key := pair{u, p.tables.Item[i]}
		if !seen[key] {
			seen[key] = true
			out[u] = append(out[u], key.item)
		}
	}
	return out
}

func (p *Pipeline) itemRecords(ctx context.Context, h featurestore.RowsHeader) iter.Seq2[featurestore.Record, error] {
	return func(yield func(featurestore.Record, error) bool) {
		codec, err := featurestore.NewCodec(h.Schema)
		if err != nil {
			yield(featurestore.Record{}, err)
			return
		}
		rows, _, first, err := encoder{p.config, p.tables, p.workflow}.itemRows(ctx)
		if err != nil {
			yield(featurestore.Record{}, err)
			return
		}
		vocabulary, _ := p.workflow.Vocabulary(h.Key.Name)
		keys := data.FromTensor(h.Key.Name, vocabulary.KeysByID())
		columns := columnsOf(rows, p.tables.Raw)
		for i := first; i < rows.Len(); i++ {
			record := featurestore.Record{UserID: keyText(keys, i)}
			if len(h.Schema) > 0 {
				record.Row, err = codec.Append(nil, columns, i, 0)
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}
