package op_test

import (
	"testing"

	"recsys/feature"
	"recsys/feature/featuretest"
	"recsys/feature/op"
	"recsys/schema"
	"recsys/tensor"
)

func column(name string, d tensor.DType, length int, tags ...schema.Tag) schema.Column {
	return schema.Column{Name: name, DType: schema.DType{DType: d}, Length: length, Tags: tags}
}

func rawColumns() schema.Schema {
	return schema.Schema{
		column("user_id", tensor.Int64, 0, schema.User, schema.ID),
		column("item_id", tensor.String, 0, schema.Item, schema.ID),
		column("genres", tensor.String, 4, schema.Item),
		column("votes", tensor.Int64, 3, schema.Item),
		column("age", tensor.Float32, 0, schema.User),
		column("year", tensor.Int64, 0, schema.Item),
		column("city", tensor.String, 0, schema.User),
		column("scores", tensor.Float32, 3, schema.Item),
		column("time", tensor.Int64, 0, schema.Context, schema.Time),
		column("offset", tensor.Int64, 0, schema.Context),
	}
}

func pick(names ...string) schema.Schema {
	var out schema.Schema
	for _, c := range rawColumns() {
		for _, name := range names {
			if c.Name == name {
				out = append(out, c)
			}
		}
	}
	return out
}

func label(d tensor.DType) schema.Column { return column("label", d, 0, schema.Target) }

// withLabels makes rows of few keys, some of them null, with a label each.
func withLabels(columns ...string) tensor.Map {
	const rows = 90
	ints, texts, labels := make([]int64, rows), make([]string, rows), make([]int64, rows)
	for i := range rows {
		ints[i], texts[i], labels[i] = int64(i*i%7), []string{"a", "b", "", "日本語"}[i*i%5%4], int64(i*i%3%2)
	}
	ints[5], labels[9] = null, null
	m := tensor.Map{"label": tensor.Of(labels, rows)}
	for _, c := range pick(columns...) {
		if m[c.Name] = tensor.Of(ints, rows); c.DType.DType == tensor.String {
			m[c.Name] = tensor.Of(texts, rows)
		}
	}
	return m
}

// table makes rows of items, with a column of what each item has.
func table(key, of string) tensor.Map {
	const rows = 30
	keys, ints, floats, texts := make([]string, rows), make([]int64, rows), make([]float32, rows), make([]string, rows)
	for i := range rows {
		item := i * i % 7
		keys[i], ints[i], floats[i], texts[i] = string(rune('a'+item)), int64(item), float32(item)/2, []string{"x", "y", ""}[item%3]
		if item == 4 {
			ints[i], floats[i] = null, nan()
		}
	}
	columns := map[string]*tensor.Tensor{
		"year": tensor.Of(ints, rows), "price": tensor.Of(floats, rows), "brand": tensor.Of(texts, rows),
	}
	return tensor.Map{key: tensor.Of(keys, rows), of: columns[of]}
}

// unitTolerance: of a root and a quotient, within an ulp each, 2^-23.
const unitTolerance = 2.4e-7

// logTolerance: our Log is within 1 ulp of the exact value and ONNX Runtime's within 2, 2^-23 each.
const logTolerance = 1e-6

func TestConformance(t *testing.T) {
	items, history := &op.Categorify{Columns: []string{"item_id"}}, &op.Sequence{Column: "history", Of: "item_id", Length: 3}
	categorify := &op.Categorify{Columns: []string{"user_id", "item_id"}}
	cases := []struct {
		name string
		featuretest.Case
	}{
		{"categorify", featuretest.Case{
			Operator: &op.Categorify{Columns: []string{"user_id", "item_id", "genres", "votes"}},
			Raw:      pick("user_id", "item_id", "genres", "votes"),
		}},
		{"categorify limits", featuretest.Case{
			Operator: &op.Categorify{Columns: []string{"user_id", "genres"}, MinFrequency: 5, MaxSize: 3, OOVBuckets: 4},
			Raw:      pick("user_id", "genres"),
		}},
		{"categorify share own", featuretest.Case{
			Operator: &op.Categorify{Columns: []string{"item_id", "genres"}, Share: "genres"},
			Raw:      pick("item_id", "genres"),
		}},
		{"categorify share before", featuretest.Case{
			Before:   []feature.Operator{&op.Categorify{Columns: []string{"item_id"}, OOVBuckets: 2}},
			Operator: &op.Categorify{Columns: []string{"city", "genres"}, Share: "item_id"},
			Raw:      pick("item_id", "city", "genres"),
		}},
		{"categorify given", featuretest.Case{
			Operator: &op.Categorify{Columns: []string{"city", "genres"}, Vocabulary: []any{"b", "日本語", "never seen"}, OOVBuckets: 3},
			Raw:      pick("city", "genres"),
		}},
		{"categorify given numbers", featuretest.Case{
			Operator: &op.Categorify{Columns: []string{"user_id", "votes"}, Vocabulary: []any{17, 1990.0, -3}}, Raw: pick("user_id", "votes"),
		}},
		{"categorify filled", featuretest.Case{
			Before:   []feature.Operator{&op.FillMissing{Columns: []string{"city"}, Value: "nowhere"}},
			Operator: &op.Categorify{Columns: []string{"city"}},
			Raw:      pick("city"),
		}},
		{"hash_bucket", featuretest.Case{
			Operator: &op.HashBucket{Columns: []string{"user_id", "item_id", "genres", "votes"}, Buckets: 10},
			Raw:      pick("user_id", "item_id", "genres", "votes"),
		}},
		{"hash_bucket wide", featuretest.Case{
			Operator: &op.HashBucket{Columns: []string{"user_id", "city"}, Buckets: 1 << 31}, Raw: pick("user_id", "city"),
		}},
		{"hashed_cross", featuretest.Case{
			Operator: &op.HashedCross{Columns: []string{"city", "user_id"}, Buckets: 100}, Raw: pick("city", "user_id"),
		}},
		{"hashed_cross of an item and a request", featuretest.Case{
			Operator: &op.HashedCross{Columns: []string{"city", "genres", "time"}, Buckets: 100}, Raw: pick("city", "genres", "time"),
		}},
		{"hashed_cross lists", featuretest.Case{
			Operator: &op.HashedCross{Columns: []string{"item_id", "genres", "year"}, Column: "x", Buckets: 1 << 31},
			Raw:      pick("item_id", "genres", "year"),
		}},
		{"cross", featuretest.Case{Operator: &op.Cross{Columns: []string{"city", "year"}}, Raw: pick("city", "year")}},
		{"cross of three entities", featuretest.Case{
			Operator: &op.Cross{Columns: []string{"user_id", "item_id", "offset"}, Column: "x", MinFrequency: 2, MaxSize: 5},
			Raw:      pick("user_id", "item_id", "offset"),
		}},
		{"normalize", featuretest.Case{
			Operator: &op.Normalize{Columns: []string{"age", "year", "scores", "votes"}},
			Raw:      pick("age", "year", "scores", "votes"),
		}},
		{"normalize logs", featuretest.Case{
			Before:   []feature.Operator{&op.Log{Columns: []string{"age", "scores"}}},
			Operator: &op.Normalize{Columns: []string{"age", "scores"}},
			Raw:      pick("age", "scores"), Tolerance: logTolerance,
		}},
		{"min_max", featuretest.Case{
			Operator: &op.MinMax{Columns: []string{"age", "year", "scores", "votes"}}, Raw: pick("age", "year", "scores", "votes"),
		}},
		{"min_max filled", featuretest.Case{
			Before:   []feature.Operator{&op.FillMissing{Columns: []string{"age"}, Median: true}},
			Operator: &op.MinMax{Columns: []string{"age"}}, Raw: pick("age"),
		}},
		{"clip", featuretest.Case{
			Operator: &op.Clip{Columns: []string{"age", "year", "scores", "votes"}, Min: new(-2.25), Max: new(0.1)},
			Raw:      pick("age", "year", "scores", "votes"),
		}},
		{"clip below", featuretest.Case{
			Operator: &op.Clip{Columns: []string{"age", "year"}, Max: new(17.0)}, Raw: pick("age", "year"),
		}},
		{"clip filled", featuretest.Case{
			Before:   []feature.Operator{&op.FillMissing{Columns: []string{"age"}}},
			Operator: &op.Clip{Columns: []string{"age"}, Min: new(1.0)}, Raw: pick("age"),
		}},
		{"fill_missing", featuretest.Case{
			Operator: &op.FillMissing{Columns: []string{"age", "year"}, Value: -7, Indicator: true},
			Raw:      pick("age", "year"),
		}},
		{"fill_missing median", featuretest.Case{
			Operator: &op.FillMissing{Columns: []string{"age", "year"}, Median: true},
			Raw:      pick("age", "year"),
		}},
		{"bucketize", featuretest.Case{
			Operator: &op.Bucketize{Columns: []string{"age", "year", "scores", "votes"}, Boundaries: []float64{-1, 0.1, 17, 1990.5}},
			Raw:      pick("age", "year", "scores", "votes"),
		}},
		{"bucketize quantiles", featuretest.Case{
			Operator: &op.Bucketize{Columns: []string{"age", "year", "scores", "votes"}, Quantiles: 9},
			Raw:      pick("age", "year", "scores", "votes"),
		}},
		{"list_slice first", featuretest.Case{
			Operator: &op.ListSlice{Columns: []string{"votes", "scores"}, First: 2}, Raw: pick("votes", "scores"),
		}},
		{"list_slice last", featuretest.Case{
			Before:   []feature.Operator{&op.ListSlice{Columns: []string{"genres", "votes", "scores"}, Last: 2}},
			Operator: &op.Categorify{Columns: []string{"genres", "votes"}}, Raw: pick("genres", "votes", "scores"),
		}},
		{"list_statistics", featuretest.Case{
			Operator: &op.ListStatistics{Columns: []string{"votes", "scores"}, Statistics: []string{"length", "mean", "min", "max", "sum"}},
			Raw:      pick("votes", "scores"),
		}},
		{"list_statistics of strings", featuretest.Case{
			Before:   []feature.Operator{&op.ListStatistics{Columns: []string{"genres"}}},
			Operator: &op.Drop{Columns: []string{"genres"}}, Raw: pick("genres"),
		}},
		{"vector", featuretest.Case{Operator: &op.Vector{Columns: []string{"scores"}}, Raw: pick("scores")}},
		{"vector of length 1", featuretest.Case{
			Operator: &op.Vector{Columns: []string{"scores"}, Unit: true}, Raw: pick("scores"), Tolerance: unitTolerance,
		}},
		{"filter", featuretest.Case{
			Before:   []feature.Operator{&op.Normalize{Columns: []string{"age"}}},
			Operator: &op.Filter{Where: "age > 3", NotNull: []string{"city"}}, Raw: pick("age", "city"),
		}},
		{"log", featuretest.Case{
			Operator: &op.Log{Columns: []string{"age", "year", "scores", "votes"}},
			Raw:      pick("age", "year", "scores", "votes"), Tolerance: logTolerance,
		}},
		{"log filled", featuretest.Case{
			Before:   []feature.Operator{&op.FillMissing{Columns: []string{"age"}, Median: true}},
			Operator: &op.Log{Columns: []string{"age"}},
			Raw:      pick("age"), Tolerance: logTolerance,
		}},
		{"expression", featuretest.Case{
			Operator: &op.Expression{Column: "x", Formula: "if(year >= 1990 and not votes == 0, votes / year, -scores * 2 + 1) - abs(votes)"},
			Raw:      pick("year", "votes", "scores"),
		}},
		{"expression of truths", featuretest.Case{
			Operator: &op.Expression{Column: "x", Formula: "is_null(age) or age < 3.25 or age != age"}, Raw: pick("age"),
		}},
		{"expression functions", featuretest.Case{
			Operator: &op.Expression{Column: "x", Formula: "clip(log1p(age), 0.5, max(age, 1, 2)) + min(age, if(is_null(age), 7, 3))"},
			Raw:      pick("age"), Tolerance: logTolerance,
		}},
		{"expression of clean numbers", featuretest.Case{
			Before:   []feature.Operator{&op.FillMissing{Columns: []string{"age"}}},
			Operator: &op.Expression{Column: "x", Formula: "age * age"}, Raw: pick("age"),
		}},
		{"difference", featuretest.Case{
			Operator: &op.Difference{Column: "x", Of: "time", Minus: "offset"}, Raw: pick("time", "offset"),
		}},
		{"difference of an item and a user", featuretest.Case{
			Operator: &op.Difference{Column: "x", Of: "scores", Minus: "age"}, Raw: pick("scores", "age"),
		}},
		{"expression of an item and a request", featuretest.Case{
			Operator: &op.Expression{Column: "x", Formula: "if(is_null(age), year, votes * age - offset)"},
			Raw:      pick("year", "votes", "age", "offset"),
		}},
		{"normalize of an item and a request", featuretest.Case{
			Before:   []feature.Operator{&op.Difference{Column: "x", Of: "year", Minus: "age"}},
			Operator: &op.Normalize{Columns: []string{"x"}}, Raw: pick("year", "age"),
		}},
		{"difference lists", featuretest.Case{
			Operator: &op.Difference{Column: "x", Of: "votes", Minus: "scores"}, Raw: pick("votes", "scores"),
		}},
		{"difference scalar and list", featuretest.Case{
			Operator: &op.Difference{Column: "x", Of: "year", Minus: "votes"}, Raw: pick("year", "votes"),
		}},
		{"time_since", featuretest.Case{
			Operator: &op.TimeSince{Column: "x", At: "time", Since: "offset"}, Raw: pick("time", "offset"),
		}},
		{"time_since of an item at a request", featuretest.Case{
			Operator: &op.TimeSince{Column: "x", At: "time", Since: "year"}, Raw: pick("time", "year"),
		}},
		{"group_statistics", featuretest.Case{
			Operator: &op.GroupStatistics{By: "city", Columns: []string{"age", "year"}, Statistics: []string{"count", "mean", "std", "min", "max", "sum"}},
			Raw:      pick("city", "age", "year"),
		}},
		{"group_statistics by numbers", featuretest.Case{
			Operator: &op.GroupStatistics{By: "year", Columns: []string{"user_id"}}, Raw: pick("user_id", "year"),
		}},
		{"cast to float32", featuretest.Case{
			Operator: &op.Cast{Columns: []string{"year", "votes"}, To: schema.DType{DType: tensor.Float32}}, Raw: pick("year", "votes"),
		}},
		{"cast to int64", featuretest.Case{
			Operator: &op.Cast{Columns: []string{"age", "scores"}, To: schema.DType{DType: tensor.Int64}}, Raw: pick("age", "scores"),
		}},
		{"cast to string", featuretest.Case{
			Before:   []feature.Operator{&op.Cast{Columns: []string{"year", "votes"}, To: schema.DType{DType: tensor.String}}},
			Operator: &op.Categorify{Columns: []string{"year", "votes"}}, Raw: pick("year", "votes"),
		}},
		{"rename", featuretest.Case{
			Operator: &op.Rename{Columns: map[string]string{"year": "y", "scores": "s"}}, Raw: pick("year", "scores"),
		}},
		{"drop", featuretest.Case{
			Before:   []feature.Operator{&op.Normalize{Columns: []string{"age", "year"}}},
			Operator: &op.Drop{Columns: []string{"age"}}, Raw: pick("age", "year"),
		}},
		{"sequence", featuretest.Case{
			Before:   []feature.Operator{categorify},
			Operator: &op.Sequence{Column: "history", Of: "item_id", Length: 5},
			Raw:      pick("user_id", "item_id"),
		}},
		{"sequence of numbers", featuretest.Case{
			Before:   []feature.Operator{&op.Categorify{Columns: []string{"user_id"}, OOVBuckets: 3}},
			Operator: &op.Sequence{Column: "history", Of: "user_id", Length: 1},
			Raw:      pick("user_id"),
		}},
		{"lag of numbers", featuretest.Case{
			Before:   []feature.Operator{items, history, &op.Lag{Column: "former", Of: "year", History: "history", Steps: 2}},
			Operator: &op.Difference{Column: "x", Of: "year", Minus: "former"}, Raw: pick("item_id", "year"),
			Train: table("item_id", "year"),
		}},
		{"lag", featuretest.Case{
			Before: []feature.Operator{items, history}, Operator: &op.Lag{Column: "x", Of: "price", History: "history"},
			Raw: append(pick("item_id"), column("price", tensor.Float32, 0, schema.Item)), Train: table("item_id", "price"),
		}},
		{"lag of strings", featuretest.Case{
			Before:   []feature.Operator{items, history, &op.Lag{Column: "last", Of: "brand", History: "history"}},
			Operator: &op.Categorify{Columns: []string{"brand", "last"}, Share: "brand"},
			Raw:      append(pick("item_id"), column("brand", tensor.String, 0, schema.Item)), Train: table("item_id", "brand"),
		}},
		{"lag of ids", featuretest.Case{
			Before:   []feature.Operator{items, history, &op.Bucketize{Columns: []string{"year"}, Boundaries: []float64{3}}},
			Operator: &op.Lag{Column: "x", Of: "year", History: "history"}, Raw: pick("item_id", "year"), Train: table("item_id", "year"),
		}},
		{"history_count", featuretest.Case{
			Before:   []feature.Operator{items, history, &op.Categorify{Columns: []string{"year"}}},
			Operator: &op.HistoryCount{Column: "x", Of: "year", History: "history"}, Raw: pick("item_id", "year"), Train: table("item_id", "year"),
		}},
		{"history_count as a share", featuretest.Case{
			Before:   []feature.Operator{items, history, &op.Bucketize{Columns: []string{"year"}, Boundaries: []float64{3}}},
			Operator: &op.HistoryCount{Column: "x", Of: "year", History: "history", Share: true}, Raw: pick("item_id", "year"),
			Train: table("item_id", "year"),
		}},
		{"target_encoding", featuretest.Case{
			Operator: &op.TargetEncoding{Columns: []string{"city"}, Target: "label"}, Raw: append(pick("city"), label(tensor.Int64)),
			Train: withLabels("city"),
		}},
		{"target_encoding of columns together", featuretest.Case{
			Operator: &op.TargetEncoding{
				Columns: []string{"city", "year", "user_id"}, Target: "label", Column: "x", Smoothing: new(0.5), Folds: 3, Seed: 7,
			},
			Raw: append(pick("city", "year", "user_id"), label(tensor.Int64)), Train: withLabels("city", "year", "user_id"),
		}},
		{"target_encoding normalized", featuretest.Case{
			Before:   []feature.Operator{&op.TargetEncoding{Columns: []string{"item_id"}, Target: "label", Column: "x"}},
			Operator: &op.Normalize{Columns: []string{"x"}}, Raw: append(pick("item_id"), label(tensor.Int64)), Train: withLabels("item_id"),
		}},
		{"date_parts", featuretest.Case{Operator: &op.DateParts{Column: "time"}, Raw: pick("time")}},
		{"date_parts local", featuretest.Case{
			Operator: &op.DateParts{Column: "time", UTCOffset: "offset"}, Raw: pick("time", "offset"),
		}},
		{"date_parts of a user's local time", featuretest.Case{
			Operator: &op.DateParts{Column: "time", UTCOffset: "user_id"}, Raw: pick("time", "user_id"),
		}},
		{"date_parts cyclic", featuretest.Case{
			Operator: &op.DateParts{Column: "time", UTCOffset: "offset", Cyclic: true}, Raw: pick("time", "offset"),
		}},
		{"date_parts weekday", featuretest.Case{
			Operator: &op.DateParts{Column: "time", Parts: []string{"weekday"}}, Raw: pick("time"),
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.Registry = op.Registry()
			featuretest.Run(t, c.Case)
		})
	}
}
