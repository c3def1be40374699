package op_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
)

// TestEntities says whom a column of several belongs to.
func TestEntities(t *testing.T) {
	for _, c := range []struct {
		of, minus string
		want      schema.Tag
	}{
		{"age", "user_id", schema.User},
		{"time", "offset", schema.Context},
		{"time", "age", schema.Context},
		{"age", "time", schema.Context},
		{"year", "votes", schema.Item},
		{"year", "time", schema.Interaction},
		{"age", "year", schema.Interaction},
	} {
		raw := pick("user_id", "age", "year", "votes", "time", "offset")
		s, err := feature.Workflow{Operators: []feature.Operator{&op.Difference{Column: "x", Of: c.of, Minus: c.minus}}}.Plan(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := feature.EntityOf(s[0]); got != c.want {
			t.Errorf("%s - %s belongs to the %s, want the %s", c.of, c.minus, got, c.want)
		}
	}
}

// TestHistoryOfItemsThatCameLater asks with items that the workflow was given after the fit: they have ids, and nothing is known
// of them.
func TestHistoryOfItemsThatCameLater(t *testing.T) {
	f := fit(t, pick("item_id", "year"), table("item_id", "year"),
		&op.Categorify{Columns: []string{"item_id"}}, &op.Sequence{Column: "history", Of: "item_id", Length: 2},
		&op.Categorify{Columns: []string{"year"}}, &op.Lag{Column: "last", Of: "year", History: "history"},
		&op.HistoryCount{Column: "n", Of: "year", History: "history"})
	before, _ := f.Vocabulary("item_id")
	f, err := f.Append("item_id", tensor.Of([]string{"new"}, 1))
	if err != nil {
		t.Fatal(err)
	}
	got := transform(t, f, tensor.Map{
		"item_id": tensor.Of([]string{"new"}, 1), "year": tensor.Of([]int64{0}, 1), "history": tensor.Of([]string{"a", "new"}, 1, 2),
	})
	if id := got["item_id"].([]int64)[0]; id != int64(before.Cardinality()) {
		t.Fatalf("the new item has the id %d behind %d", id, before.Cardinality())
	}
	// The older item, a, is of the year that is asked for.
	if last, n := got["last"].([]int64)[0], got["n"].([]float32)[0]; last != feature.NullID || n != 1 {
		t.Errorf("the newest item's year is %d and %v items are of the year; want %d and 1", last, n, feature.NullID)
	}
}

// TestValuesOfKeysAndTimes is TestValues for operators that hash keys, take times or join columns.
func TestValuesOfKeysAndTimes(t *testing.T) {
	texts := tensor.Of([]string{"b", "a", "", "b", "c", "a"}, 6)
	checkValues(t, []valueCase{
		{
			// Hashes by mmh3 5.3.1 for Python, of the string's UTF-8 and of the number's eight little-endian bytes.
			"hash_bucket", pick("user_id", "city", "votes"), nil,
			[]feature.Operator{&op.HashBucket{Columns: []string{"user_id", "city", "votes"}, Buckets: 1000}},
			tensor.Map{
				"user_id": tensor.Of([]int64{0, 7, -1, math.MaxInt64, null}, 5),
				"city":    tensor.Of([]string{"hello", "日本語", "a", "", "a"}, 5),
				"votes":   tensor.Of([]int64{7, null, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, null, null, null}, 5, 3),
			},
			map[string]any{
				"user_id": []int64{2 + 0x63852afc%1000, 2 + 0xf7cc5443%1000, 2 + 0x627564e8%1000, 2 + 0x827144bf%1000, 1},
				"city":    []int64{2 + 0x248bfa47%1000, 2 + 0xa5a47297%1000, 2 + 0x3c2569b2%1000, 1, 2 + 0x3c2569b2%1000},
				"votes":   []int64{269, 0, 678, 678, 269, 678, 678, 678, 678, 678, 678, 678, 0, 0, 0},
			},
		},
		{
			// By mmh3 5.3.1 for Python: mmh3.hash(struct.pack('<II', hash of key k, hash of the keys before), 0, False).
			"hashed_cross", pick("city", "user_id"), nil,
			[]feature.Operator{
				&op.HashedCross{Columns: []string{"city", "user_id"}, Buckets: 1 << 31},
				&op.HashedCross{Columns: []string{"user_id", "city"}, Buckets: 1000, Column: "turned"},
			},
			tensor.Map{"city": tensor.Of([]string{"hello", "", "hello"}, 3), "user_id": tensor.Of([]int64{7, 7, null}, 3)},
			map[string]any{
				"city_x_user_id": []int64{2 + 0x79d4668d, 1, 1}, "turned": []int64{2 + 0xa3c0c8f8%1000, 1, 1},
			},
		},
		{
			"hashed_cross of three with a list", pick("item_id", "year", "genres"), nil,
			[]feature.Operator{&op.HashedCross{Columns: []string{"item_id", "year", "genres"}, Buckets: 1000}},
			tensor.Map{
				"item_id": tensor.Of([]string{"a", "", "a"}, 3), "year": tensor.Of([]int64{7, 7, null}, 3),
				"genres": tensor.Of([]string{"日本語", "", "日本語", "", "日本語", "", "", "", "日本語", "", "", ""}, 3, 4),
			},
			map[string]any{
				"item_id_x_year_x_genres": []int64{2 + 0xde3a2ed4%1000, 0, 2 + 0xde3a2ed4%1000, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			},
		},
		{
			// b and 7 are seen three times, a and 7 twice, a and 9 and b and 9 once each; what has a null is not counted.
			"cross", pick("city", "year"),
			tensor.Map{
				"city": tensor.Of([]string{"b", "a", "b", "", "a", "b", "a", "b", "c"}, 9),
				"year": tensor.Of([]int64{7, 7, 7, 7, 9, 7, 7, 9, null}, 9),
			},
			[]feature.Operator{
				&op.Cross{Columns: []string{"city", "year"}}, &op.Cross{Columns: []string{"year", "city"}, Column: "few", MaxSize: 3},
				&op.Cross{Columns: []string{"city", "year"}, Column: "frequent", MinFrequency: 2},
			},
			tensor.Map{
				"city": tensor.Of([]string{"b", "a", "a", "b", "c", "a", ""}, 7),
				"year": tensor.Of([]int64{7, 7, 9, 9, 7, null, 7}, 7),
			},
			map[string]any{
				"city_x_year": []int64{3, 4, 5, 6, 2, 1, 1}, "few": []int64{3, 4, 5, 2, 2, 1, 1},
				"frequent": []int64{3, 4, 2, 2, 2, 1, 1},
			},
		},
		{
			// Ids: a 3, b 4, c 5. c has no year; d was not in the training data. A null in the middle counts as a place.
			"lag and history_count", pick("item_id", "year"),
			tensor.Map{"item_id": tensor.Of([]string{"a", "a", "a", "b", "b", "c"}, 6), "year": tensor.Of([]int64{7, 7, 7, 9, 9, null}, 6)},
			[]feature.Operator{
				&op.Categorify{Columns: []string{"item_id"}}, &op.Sequence{Column: "history", Of: "item_id", Length: 3},
				&op.Lag{Column: "last", Of: "year", History: "history"}, &op.Lag{Column: "third", Of: "year", History: "history", Steps: 3},
				&op.Categorify{Columns: []string{"year"}}, &op.Lag{Column: "id", Of: "year", History: "history", Steps: 2},
				&op.HistoryCount{Column: "n", Of: "year", History: "history"},
				&op.HistoryCount{Column: "share", Of: "year", History: "history", Share: true},
			},
			tensor.Map{
				"item_id": tensor.Of([]string{"a", "b", "c", "a", "b"}, 5), "year": tensor.Of([]int64{7, 9, null, 7, 1990}, 5),
				"history": tensor.Of([]string{"a", "b", "a", "a", "", "", "c", "d", "", "", "", "", "b", "", "d"}, 5, 3),
			},
			map[string]any{
				"item_id": []int64{3, 4, 5, 3, 4}, "year": []int64{3, 4, 1, 3, 2},
				"history": []int64{3, 4, 3, 3, 0, 0, 5, 2, 0, 0, 0, 0, 4, 0, 2},
				"last":    []float32{7, 7, 0, 0, 0}, "third": []float32{7, 0, 0, 0, 9}, "id": []int64{4, 1, 1, 1, 1},
				"n": []float32{2, 0, 0, 0, 0}, "share": []float32{float32(2) / 3, 0, 0, 0, 0},
			},
		},
		{
			// 7 alone is in the vocabulary: items of 9, which are out of it, are not alike.
			"history_count out of vocabulary", pick("item_id", "year"),
			tensor.Map{"item_id": tensor.Of([]string{"a", "a", "b"}, 3), "year": tensor.Of([]int64{7, 7, 9}, 3)},
			[]feature.Operator{
				&op.Categorify{Columns: []string{"item_id"}}, &op.Sequence{Column: "history", Of: "item_id", Length: 2},
				&op.Categorify{Columns: []string{"year"}, MaxSize: 1}, &op.HistoryCount{Column: "n", Of: "year", History: "history"},
				&op.Drop{Columns: []string{"item_id", "history", "year"}},
			},
			tensor.Map{"year": tensor.Of([]int64{7, 9, 8}, 3), "history": tensor.Of([]string{"a", "b", "b", "b", "b", "a"}, 3, 2)},
			map[string]any{"n": []float32{1, 0, 0}},
		},
		{
			"sequence", pick("item_id"),
			tensor.Map{"item_id": texts},
			[]feature.Operator{
				&op.Categorify{Columns: []string{"item_id"}}, &op.Sequence{Column: "history", Of: "item_id", Length: 3},
			},
			tensor.Map{
				"item_id": tensor.Of([]string{"a", "a", "a"}, 3),
				"history": tensor.Of([]string{"b", "new", "", "", "", "", "c", "b", "a"}, 3, 3),
			},
			map[string]any{"item_id": []int64{3, 3, 3}, "history": []int64{4, 2, 0, 0, 0, 0, 5, 4, 3}},
		},
		{
			// 1970-01-01 was a Thursday (3). 1969-12-31T23:59:59Z is -1, a Wednesday. 2024-02-29T12:34:56Z, a Thursday, is
			// 1709210096. TestDatePartsAgainstTime tries many.
			"date_parts", pick("time"), nil,
			[]feature.Operator{&op.DateParts{Column: "time"}},
			tensor.Map{"time": tensor.Of([]int64{0, -1, 1709210096, null, 3600, -86400 * 3}, 6)},
			map[string]any{
				"time_hour": []int64{2, 25, 14, 1, 3, 2}, "time_weekday": []int64{5, 4, 5, 1, 5, 2},
			},
		},
		{
			// Midnight, 6, 12 and 18 o'clock in UTC; the sines and cosines of a quarter turn are exact but for 2^-53.
			"date_parts cyclic", pick("time"), nil,
			[]feature.Operator{&op.DateParts{Column: "time", Parts: []string{"hour"}, Cyclic: true}},
			tensor.Map{"time": tensor.Of([]int64{0, 6 * 3600, 12*3600 + 59, -6 * 3600, 3 * 3600, null}, 6)},
			map[string]any{
				"time_hour_sin": []float32{0, 1, 0, -1, math.Sqrt2 / 2, 0}, "time_hour_cos": []float32{1, 0, -1, 0, math.Sqrt2 / 2, 0},
			},
		},
		{
			// The seconds have no float32: it would round them to multiples of 128.
			"difference", pick("time", "offset", "age", "user_id", "year", "votes"),
			nil,
			[]feature.Operator{
				&op.Difference{Column: "exact", Of: "time", Minus: "offset"},
				&op.Difference{Column: "mixed", Of: "age", Minus: "user_id"},
				&op.Difference{Column: "lists", Of: "year", Minus: "votes"},
			},
			tensor.Map{
				"time":   tensor.Of([]int64{1_700_000_001, math.MaxInt64, null}, 3),
				"offset": tensor.Of([]int64{1_700_000_000, math.MinInt64 + 1, 0}, 3),
				"age":    tensor.Of([]float32{1.5, nan(), 2}, 3), "user_id": tensor.Of([]int64{3, 3, null}, 3),
				"year": tensor.Of([]int64{5, null, 0}, 3), "votes": tensor.Of([]int64{1, null, 7, 1, 1, 1, 0, 0, 0}, 3, 3),
			},
			map[string]any{
				"exact": []float32{1, 1 << 63, 0}, "mixed": []float32{-1.5, 0, 0},
				"lists": []float32{4, 0, -2, 0, 0, 0, 0, 0, 0},
			},
		},
		{
			"time_since", pick("time", "offset"), nil,
			[]feature.Operator{
				&op.TimeSince{Column: "days", At: "time", Since: "offset"},
				&op.TimeSince{Column: "hours", At: "time", Since: "offset", Unit: "hour"},
				&op.TimeSince{Column: "minutes", At: "time", Since: "offset", Unit: "minute"},
				&op.TimeSince{Column: "seconds", At: "time", Since: "offset", Unit: "second"},
				&op.FillMissing{Columns: []string{"days"}, Value: -1},
			},
			tensor.Map{
				"time":   tensor.Of([]int64{1_700_043_200, 0, null, 5}, 4),
				"offset": tensor.Of([]int64{1_700_000_000, 9, 0, null}, 4),
			},
			map[string]any{
				"days": []float32{0.5, 0, -1, -1}, "hours": []float32{12, 0, 0, 0}, "minutes": []float32{720, 0, 0, 0},
				"seconds": []float32{43200, 0, 0, 0},
			},
		},
		{
			// Truncated towards zero; what is no int64 is null, which fill_missing then finds.
			"cast", pick("age", "year", "user_id", "votes"),
			tensor.Map{"user_id": tensor.Of([]int64{-5, 12, 12, null}, 4), "votes": tensor.Of([]int64{3, null, null}, 1, 3)},
			[]feature.Operator{
				&op.Cast{Columns: []string{"age"}, To: schema.DType{DType: tensor.Int64}},
				&op.Cast{Columns: []string{"year"}, To: schema.DType{DType: tensor.Float32}},
				&op.Cast{Columns: []string{"user_id", "votes"}, To: schema.DType{DType: tensor.String}},
				&op.FillMissing{Columns: []string{"age", "year"}, Value: -7},
				&op.Categorify{Columns: []string{"user_id"}, Vocabulary: []any{"12", "-5"}}, &op.Categorify{Columns: []string{"votes"}},
			},
			tensor.Map{
				"age":     tensor.Of([]float32{-1.75, 1 << 62, 1 << 63, nan(), float32(inf())}, 5),
				"year":    tensor.Of([]int64{7, null, 1 << 24, 1<<24 + 1, -1}, 5),
				"user_id": tensor.Of([]int64{-5, 12, null, 5, 0}, 5),
				"votes":   tensor.Of([]int64{3, null, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 5, 3),
			},
			map[string]any{
				"age": []float32{-1, 1 << 62, -7, -7, -7}, "year": []float32{7, -7, 1 << 24, 1 << 24, -1},
				"user_id": []int64{4, 3, 1, 2, 2}, "votes": []int64{3, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2},
			},
		},
		{
			"rename and drop", pick("item_id", "age", "user_id"),
			tensor.Map{"item_id": texts},
			[]feature.Operator{
				&op.Rename{Columns: map[string]string{"item_id": "key", "age": "years"}},
				&op.Categorify{Columns: []string{"key"}},
				&op.Expression{Column: "half", Formula: "years / 2"},
				&op.Difference{Column: "years2", Of: "years", Minus: "half"},
				&op.Drop{Columns: []string{"years", "half"}},
				// A name that is free again.
				&op.Rename{Columns: map[string]string{"years2": "years"}},
			},
			tensor.Map{"item_id": tensor.Of([]string{"b", "a"}, 2), "age": tensor.Of([]float32{10, nan()}, 2)},
			map[string]any{"key": []int64{4, 3}, "years": []float32{5, 0}},
		},
	})
}

// TestDatePartsAgainstTime compares with package time over the years 1 to 9999.
func TestDatePartsAgainstTime(t *testing.T) {
	rng := portable.New(3, "date_parts")
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	seconds := []int64{first, last}
	for range 2000 {
		seconds = append(seconds, first+int64(rng.IntN(int(last-first))))
	}
	var hours, weekdays, offsets []int64
	for _, s := range seconds {
		// Time zones reach from -12 to +14 hours.
		offset := (rng.IntN(26*60+1) - 12*60) * 60
		offsets = append(offsets, int64(offset))
		at := time.Unix(s, 0).In(time.FixedZone("", offset))
		hours = append(hours, 2+int64(at.Hour()))
		weekdays = append(weekdays, 2+(int64(at.Weekday())+6)%7)
	}
	in := tensor.Map{"time": tensor.Of(seconds, len(seconds)), "offset": tensor.Of(offsets, len(offsets))}
	got := transform(t, fit(t, pick("time", "offset"), nil, &op.DateParts{Column: "time", UTCOffset: "offset"}), in)
	want := map[string]any{"time_hour": hours, "time_weekday": weekdays}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	shifted := make([]int64, len(seconds))
	for i, s := range seconds {
		shifted[i] = s + offsets[i]
	}
	got = transform(t, fit(t, pick("time"), nil, &op.DateParts{Column: "time"}), tensor.Map{"time": tensor.Of(shifted, len(shifted))})
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("UTC of shifted times (-got +want):\n%s", diff)
	}
	unknown := make([]int64, len(seconds))
	for i := range unknown {
		unknown[i] = null
	}
	in["offset"] = tensor.Of(unknown, len(unknown))
	got = transform(t, fit(t, pick("time", "offset"), nil, &op.DateParts{Column: "time", UTCOffset: "offset"}), in)
	for name, ids := range got {
		if slices.ContainsFunc(ids.([]int64), func(id int64) bool { return id != feature.NullID }) {
			t.Errorf("%s has ids other than null without an offset", name)
		}
	}
}
