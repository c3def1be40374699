package op_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/schema"
	"recsys/tensor"
)

// TestFaults fits workflows that cannot be fitted. Every error names the operator and, where there is one, the column.
func TestFaults(t *testing.T) {
	many := tensor.Map{
		"user_id": tensor.Of([]int64{1}, 1), "item_id": tensor.Of([]string{"a"}, 1), "age": tensor.Of([]float32{1}, 1),
		"city": tensor.Of([]string{"x"}, 1), "year": tensor.Of([]int64{1}, 1), "genres": tensor.Of([]string{"", "", "", ""}, 1, 4),
		"time": tensor.Of([]int64{1}, 1), "offset": tensor.Of([]int64{1}, 1),
	}
	with := func(name string, v *tensor.Tensor) tensor.Map { return tensor.Map{name: v} }
	users, items := &op.Categorify{Columns: []string{"user_id"}}, &op.Categorify{Columns: []string{"item_id"}}
	cases := []struct {
		name      string
		train     tensor.Map
		operators []feature.Operator
		want      string
	}{
		{"no columns", many, []feature.Operator{&op.Normalize{}}, "operator 1, normalize: no columns; name them in the setting columns"},
		{"named twice", many, []feature.Operator{&op.Log{Columns: []string{"age", "age"}}}, `column "age" is named twice`},
		{"no such column", many, []feature.Operator{&op.Log{Columns: []string{"agee"}}}, `log: column "agee": there is none; the columns here are user_id, item_id`},
		{"all faults", many, []feature.Operator{&op.Log{Columns: []string{"x", "city"}}}, "column \"x\": there is none; the columns here are user_id, item_id, genres, votes, age, year, city, scores, time, offset\ncolumn \"city\" is string here; this operator takes int64 or float32"},
		{"encoded twice", many, []feature.Operator{users, users}, `operator 2, categorify: column "user_id" holds ids here`},
		{"categorify of numbers", many, []feature.Operator{&op.Categorify{Columns: []string{"age"}}}, `column "age" is float32 here; this operator takes int64 or string`},
		{"vocabulary twice", many, []feature.Operator{&op.Categorify{Columns: []string{"user_id"}, Vocabulary: []any{1}, VocabularyFile: "a.csv"}}, "vocabulary and vocabulary_file are both set"},
		{"vocabulary of a file and a limit", many, []feature.Operator{&op.Categorify{Columns: []string{"user_id"}, VocabularyFile: "a.csv", MaxSize: 3}}, "the vocabulary is given, so min_frequency and max_size choose nothing"},
		{"vocabulary not read", many, []feature.Operator{&op.Categorify{Columns: []string{"user_id"}, VocabularyFile: "a.csv"}}, "vocabulary_file a.csv has not been read"},
		{"categorify negative", many, []feature.Operator{&op.Categorify{Columns: []string{"user_id"}, MaxSize: -1}}, "must not be negative"},
		{"shared vocabulary absent", many, []feature.Operator{&op.Categorify{Columns: []string{"city"}, Share: "item_id"}}, `column "city": it shares the vocabulary of "item_id", which no operator before encodes`},
		{"shared vocabulary of another type", many, []feature.Operator{users, &op.Categorify{Columns: []string{"city"}, Share: "user_id"}}, `column "city": it is string and shares the vocabulary of "user_id", which is int64`},
		{"shared vocabulary of bins", many, []feature.Operator{
			&op.Bucketize{Columns: []string{"year"}, Boundaries: []float64{1}}, &op.Categorify{Columns: []string{"user_id"}, Share: "year"},
		}, `column "year" has no vocabulary`},
		{"limits of a shared vocabulary", many, []feature.Operator{items, &op.Categorify{Columns: []string{"city"}, Share: "item_id", MaxSize: 3}}, "set min_frequency, max_size and oov_buckets there"},
		{"vocabulary and limits", many, []feature.Operator{&op.Categorify{Columns: []string{"city"}, Vocabulary: []any{"a"}, MaxSize: 3}}, "min_frequency and max_size choose nothing"},
		{"vocabulary and share", many, []feature.Operator{items, &op.Categorify{Columns: []string{"city"}, Vocabulary: []any{"a"}, Share: "item_id"}}, `vocabulary and share "item_id" are both set`},
		{"vocabulary of another type", many, []feature.Operator{&op.Categorify{Columns: []string{"city"}, Vocabulary: []any{"a", 1}}}, `column "city": value 1 of the vocabulary is no string`},
		{"vocabulary of no integer", many, []feature.Operator{&op.Categorify{Columns: []string{"user_id"}, Vocabulary: []any{1.5}}}, `column "user_id": value 1.5 of the vocabulary is no int64`},
		{"vocabulary of a string", many, []feature.Operator{&op.Categorify{Columns: []string{"user_id"}, Vocabulary: []any{"1"}}}, `column "user_id": value "1" of the vocabulary is no int64`},
		{"vocabulary with a double", many, []feature.Operator{&op.Categorify{Columns: []string{"city"}, Vocabulary: []any{"a", "a"}}}, `key "a" appears twice`},
		{"vocabulary with null", many, []feature.Operator{&op.Categorify{Columns: []string{"city"}, Vocabulary: []any{""}}}, "is among the keys"},
		{"not UTF-8", with("city", tensor.Of([]string{"caf\xe9"}, 1)), []feature.Operator{&op.Categorify{Columns: []string{"city"}}}, `vocabulary "city": key "caf\xe9" is not UTF-8; convert the data`},
		{"no rows to count", with("city", tensor.Of([]string{}, 0)), []feature.Operator{&op.Categorify{Columns: []string{"city"}}}, `column "city": the training data has no rows`},
		{"no rows to normalize", with("age", tensor.Of([]float32{}, 0)), []feature.Operator{&op.Normalize{Columns: []string{"age"}}}, `column "age": the training data has no rows`},
		{"no rows for a median", with("age", tensor.Of([]float32{}, 0)), []feature.Operator{&op.FillMissing{Columns: []string{"age"}, Median: true}}, `column "age": the training data has no rows`},
		{"infinite number", with("age", tensor.Of([]float32{1, float32(inf())}, 2)), []feature.Operator{&op.Normalize{Columns: []string{"age"}}}, `column "age": value +Inf`},
		{"infinite median", with("age", tensor.Of([]float32{float32(inf())}, 1)), []feature.Operator{&op.FillMissing{Columns: []string{"age"}, Median: true}}, `column "age": the median is +Inf`},
		{"median of nulls", with("age", tensor.Of([]float32{nan(), nan()}, 2)), []feature.Operator{&op.FillMissing{Columns: []string{"age"}, Median: true}}, `column "age": all 2 values are null`},
		{"median of strings", many, []feature.Operator{&op.FillMissing{Columns: []string{"city"}, Median: true}}, `column "city": strings have no median; set value`},
		{"value and median", many, []feature.Operator{&op.FillMissing{Columns: []string{"age"}, Median: true, Value: 1}}, "choose one"},
		{"value of another type", many, []feature.Operator{&op.FillMissing{Columns: []string{"age"}, Value: "x"}}, `column "age": value "x" does not fill a float32 column`},
		{"no value for strings", many, []feature.Operator{&op.FillMissing{Columns: []string{"city"}}}, `column "city": value <nil> does not fill a string column`},
		{"value null", many, []feature.Operator{&op.FillMissing{Columns: []string{"city"}, Value: ""}}, "is null itself"},
		{"value null int64", many, []feature.Operator{&op.FillMissing{Columns: []string{"year"}, Value: null}}, "is null itself"},
		{"value not an int64", many, []feature.Operator{&op.FillMissing{Columns: []string{"year"}, Value: 1.5}}, "value 1.5 is not an int64"},
		{"value too large", many, []feature.Operator{&op.FillMissing{Columns: []string{"age"}, Value: 1e300}}, "is beyond float32"},
		{"fill a list", many, []feature.Operator{&op.FillMissing{Columns: []string{"genres"}, Value: "x"}}, `column "genres": it is a list`},
		{"filled strings left", many, []feature.Operator{&op.FillMissing{Columns: []string{"city"}, Value: "x"}}, `column "city" is still string when the workflow ends`},
		{"target_encoding without settings", many, []feature.Operator{&op.TargetEncoding{}}, "no columns; name them in the setting columns\nno target; set it to a column of the interactions"},
		{"target_encoding of one fold", many, []feature.Operator{&op.TargetEncoding{Columns: []string{"city"}, Target: "x", Folds: 1}}, "1 folds; set folds to a number from 2 to 100"},
		{"target_encoding smoothed by NaN", many, []feature.Operator{&op.TargetEncoding{Columns: []string{"city"}, Target: "x", Smoothing: new(math.NaN())}}, "smoothing NaN has to be finite"},
		{"target_encoding of an input", many, []feature.Operator{&op.TargetEncoding{Columns: []string{"city"}, Target: "age"}}, `target "age": the interactions have no such column that is kept for learning alone`},
		{"target_encoding of a list", many, []feature.Operator{&op.TargetEncoding{Columns: []string{"genres"}, Target: "age"}}, `column "genres": it is a list; this operator takes one value a row`},
		{"target_encoding of ids", many, []feature.Operator{users, &op.TargetEncoding{Columns: []string{"user_id"}, Target: "age"}}, `column "user_id" holds ids here`},
		{"lag of a user", many, []feature.Operator{items, &op.Sequence{Column: "h", Of: "item_id", Length: 2}, &op.Lag{Column: "x", Of: "age", History: "h"}}, `column "age": it is no scalar column of items`},
		{"lag without a history", many, []feature.Operator{items, &op.Lag{Column: "x", Of: "year", History: "genres"}}, `column "genres": it is no history; put a sequence of that name before`},
		{"lag of a history of users", many, []feature.Operator{users, &op.Sequence{Column: "h", Of: "user_id", Length: 2}, &op.Lag{Column: "x", Of: "year", History: "h"}}, `column "h": it is no history of the item key`},
		{"lag too far back", many, []feature.Operator{items, &op.Sequence{Column: "h", Of: "item_id", Length: 2}, &op.Lag{Column: "x", Of: "year", History: "h", Steps: 3}}, `steps 3: the history "h" has 2 items`},
		{"lag of no steps", many, []feature.Operator{&op.Lag{Column: "x", Of: "year", History: "h", Steps: -1}}, "steps -1; set it to 1"},
		{"history_count of numbers", many, []feature.Operator{items, &op.Sequence{Column: "h", Of: "item_id", Length: 2}, &op.HistoryCount{Column: "x", Of: "year", History: "h"}}, `column "year": it is not encoded here`},
		{"list_slice of nothing", many, []feature.Operator{&op.ListSlice{Columns: []string{"genres"}}}, "first 0 and last 0: set one of them"},
		{"list_slice of both", many, []feature.Operator{&op.ListSlice{Columns: []string{"genres"}, First: 1, Last: 1}}, "first 1 and last 1: set one of them"},
		{"list_slice too long", many, []feature.Operator{&op.ListSlice{Columns: []string{"genres"}, Last: 5}}, `column "genres": its lists have 4 elements, of which 5 cannot be kept`},
		{"list_slice of a scalar", many, []feature.Operator{&op.ListSlice{Columns: []string{"city"}, Last: 5}}, `column "city": it is no list`},
		{"list_statistics of a scalar", many, []feature.Operator{&op.ListStatistics{Columns: []string{"city"}}}, `column "city": it is no list`},
		{"list_statistics of strings", many, []feature.Operator{&op.ListStatistics{Columns: []string{"genres"}, Statistics: []string{"mean"}}}, `column "genres": strings have no mean`},
		{"list_statistics unknown", many, []feature.Operator{&op.ListStatistics{Columns: []string{"genres"}, Statistics: []string{"median"}}}, `statistic "median" is not known; known are length, mean`},
		{"vector of a scalar", many, []feature.Operator{&op.Vector{Columns: []string{"age"}}}, `column "age": it is no list`},
		{"filter of nothing", many, []feature.Operator{&op.Filter{}}, "it keeps every row; set where or not_null"},
		{"filter by a number", many, []feature.Operator{&op.Filter{Where: "age + 1"}}, `where "age + 1" is a number; compare it`},
		{"filter by strings", many, []feature.Operator{&op.Filter{Where: "city > 1"}}, `column "city" is string; a condition takes int64 or float32`},
		{"filter by a list", many, []feature.Operator{&op.Filter{NotNull: []string{"genres"}}}, `column "genres": it is a list; filter looks at one value a row`},
		{"filter by nothing known", many, []feature.Operator{&op.Filter{NotNull: []string{"x"}}}, `column "x": the data has none`},
		{"no buckets", many, []feature.Operator{&op.HashBucket{Columns: []string{"city"}}}, "0 buckets; set buckets to a number from 1 to 2147483648"},
		{"too many buckets", many, []feature.Operator{&op.HashBucket{Columns: []string{"city"}, Buckets: 1<<31 + 1}}, "2147483649 buckets"},
		{"hash of numbers", many, []feature.Operator{&op.HashBucket{Columns: []string{"age"}, Buckets: 9}}, `column "age" is float32 here; this operator takes int64 or string`},
		{"cross of one", many, []feature.Operator{&op.HashedCross{Columns: []string{"city"}, Buckets: 9}}, `a cross of "city" alone; name two columns or use hash_bucket`},
		{"cross of lists", many, []feature.Operator{&op.HashedCross{Columns: []string{"genres", "votes"}, Buckets: 9}}, "2 of the columns genres, votes are lists; a cross takes one"},
		{"cross over a column", many, []feature.Operator{&op.HashedCross{Columns: []string{"city", "user_id"}, Column: "age", Buckets: 9}}, `there is a column "age" already`},
		{"cross of ids", many, []feature.Operator{users, &op.HashedCross{Columns: []string{"city", "user_id"}, Buckets: 9}}, `column "user_id" holds ids here`},
		{"no rows for min_max", with("age", tensor.Of([]float32{}, 0)), []feature.Operator{&op.MinMax{Columns: []string{"age"}}}, `column "age": the training data has no rows`},
		{"infinite extreme", with("age", tensor.Of([]float32{1, float32(inf())}, 2)), []feature.Operator{&op.MinMax{Columns: []string{"age"}}}, `column "age": value +Inf`},
		{"extremes too far apart", with("age", tensor.Of([]float32{3e38, -3e38}, 2)), []feature.Operator{&op.MinMax{Columns: []string{"age"}}}, "the width has to be within float32; put clip or log before"},
		{"clip without bounds", many, []feature.Operator{&op.Clip{Columns: []string{"age"}}}, "no bounds; set min, max or both"},
		{"clip bounds crossed", many, []feature.Operator{&op.Clip{Columns: []string{"age"}, Min: new(2.0), Max: new(1.0)}}, "min 2 is above max 1"},
		{"clip bound NaN", many, []feature.Operator{&op.Clip{Columns: []string{"age"}, Min: new(math.NaN())}}, "bound NaN is beyond"},
		{"clip without an integer", many, []feature.Operator{&op.Clip{Columns: []string{"year"}, Min: new(0.2), Max: new(0.8)}}, `column "year": there is no integer from 0.2 to 0.8`},
		{"clip of strings", many, []feature.Operator{&op.Clip{Columns: []string{"city"}, Min: new(0.0)}}, `column "city" is string here`},
		{"difference of nothing", many, []feature.Operator{&op.Difference{}}, "name is empty; set it to a column\nof is empty; set it to a column\nminus is empty"},
		{"difference with itself", many, []feature.Operator{&op.Difference{Column: "x", Of: "age", Minus: "age"}}, `of and minus are both "age"; name two columns`},
		{"difference over a column", many, []feature.Operator{&op.Difference{Column: "city", Of: "age", Minus: "user_id"}}, `there is a column "city" already`},
		{"time_since in weeks", many, []feature.Operator{&op.TimeSince{Column: "x", At: "time", Since: "offset", Unit: "week"}}, `unit "week" is not known; known are second, minute, hour, day`},
		{"time_since of float32", many, []feature.Operator{&op.TimeSince{Column: "x", At: "user_id", Since: "age"}}, `column "age" is float32 here; this operator takes int64`},
		{"group_statistics of nothing", many, []feature.Operator{&op.GroupStatistics{}}, "no columns; name them in the setting columns\nby is empty"},
		{"group_statistics of keys", many, []feature.Operator{&op.GroupStatistics{By: "year", Columns: []string{"year"}}}, `column "year": statistics of the keys themselves`},
		{"group_statistics unknown", many, []feature.Operator{&op.GroupStatistics{By: "city", Columns: []string{"age"}, Statistics: []string{"mode"}}}, `statistic "mode" is not known; known are count, mean, std, min, max, sum`},
		{"group_statistics twice", many, []feature.Operator{&op.GroupStatistics{By: "city", Columns: []string{"age"}, Statistics: []string{"sum", "sum"}}}, `statistic "sum" is named twice`},
		{"group_statistics by a list", many, []feature.Operator{&op.GroupStatistics{By: "genres", Columns: []string{"votes"}}}, "column \"genres\": it is a list; group_statistics takes one key a row\ncolumn \"votes\": it is a list"},
		{"group_statistics by numbers", many, []feature.Operator{&op.GroupStatistics{By: "age", Columns: []string{"city"}}}, "column \"age\" is float32 here; this operator takes int64 or string\ncolumn \"city\" is string here"},
		{"group_statistics without keys", tensor.Map{"city": tensor.Of([]string{""}, 1), "age": tensor.Of([]float32{1}, 1)}, []feature.Operator{&op.GroupStatistics{By: "city", Columns: []string{"age"}}}, `column "city": the training data has no rows with a key`},
		{"group_statistics beyond float32", tensor.Map{"city": tensor.Of([]string{"a", "a"}, 2), "age": tensor.Of([]float32{3e38, 3e38}, 2)}, []feature.Operator{&op.GroupStatistics{By: "city", Columns: []string{"age"}, Statistics: []string{"sum"}}}, "a statistic is beyond float32"},
		{"group_statistics of infinite", tensor.Map{"city": tensor.Of([]string{"a"}, 1), "age": tensor.Of([]float32{float32(inf())}, 1)}, []feature.Operator{&op.GroupStatistics{By: "city", Columns: []string{"age"}}}, `column "age": value +Inf`},
		{"cast to nothing", many, []feature.Operator{&op.Cast{Columns: []string{"age"}}}, "set it to float32, int64 or string"},
		{"cast to bool", many, []feature.Operator{&op.Cast{Columns: []string{"age"}, To: schema.DType{DType: tensor.Bool}}}, `to "bool"; set it to float32`},
		{"cast of strings", many, []feature.Operator{&op.Cast{Columns: []string{"city"}, To: schema.DType{DType: tensor.Int64}}}, `column "city" is string here; this operator takes float32`},
		{"cast of ids", many, []feature.Operator{users, &op.Cast{Columns: []string{"user_id"}, To: schema.DType{DType: tensor.Float32}}}, `column "user_id" holds ids here`},
		{"rename nothing", many, []feature.Operator{&op.Rename{}}, "no columns; set columns to old names with their new ones"},
		{"rename to nothing", many, []feature.Operator{&op.Rename{Columns: map[string]string{"age": ""}}}, `"age" becomes ""; both names have to be set`},
		{"rename to one", many, []feature.Operator{&op.Rename{Columns: map[string]string{"age": "x", "year": "x"}}}, `columns "age" and "year" both become "x"`},
		{"rename to a column", many, []feature.Operator{&op.Rename{Columns: map[string]string{"age": "year"}}}, `column "age": there is a column "year" already`},
		{"rename and read", many, []feature.Operator{&op.Rename{Columns: map[string]string{"age": "x"}}, &op.Log{Columns: []string{"age"}}}, `operator 2, log: column "age": there is none; the columns here are`},
		{"rename ids", many, []feature.Operator{users, &op.Rename{Columns: map[string]string{"user_id": "x"}}}, `column "user_id" holds ids here`},
		{"drop and read", many, []feature.Operator{&op.Drop{Columns: []string{"age"}}, &op.Log{Columns: []string{"age"}}}, `operator 2, log: column "age": there is none`},
		{"drop nothing", many, []feature.Operator{&op.Drop{Columns: []string{"x"}}}, `column "x": there is none`},
		{"drop all", many, []feature.Operator{users, &op.Drop{Columns: []string{"user_id"}}}, "workflow writes no columns"},
		{"no boundaries", many, []feature.Operator{&op.Bucketize{Columns: []string{"age"}}}, "no boundaries"},
		{"boundaries fall", many, []feature.Operator{&op.Bucketize{Columns: []string{"age"}, Boundaries: []float64{2, 2}}}, "boundary 2 follows 2"},
		{"boundary NaN", many, []feature.Operator{&op.Bucketize{Columns: []string{"age"}, Boundaries: []float64{float64(nan())}}}, "boundary NaN is beyond"},
		{"boundaries and quantiles", many, []feature.Operator{&op.Bucketize{Columns: []string{"age"}, Boundaries: []float64{2}, Quantiles: 2}}, "boundaries and quantiles are both set"},
		{"one quantile", many, []feature.Operator{&op.Bucketize{Columns: []string{"age"}, Quantiles: 1}}, "1 quantiles; set a number from 2 to 1000"},
		{"quantiles of nothing", with("age", tensor.Of([]float32{}, 0)), []feature.Operator{&op.Bucketize{Columns: []string{"age"}, Quantiles: 2}}, `column "age": the training data has no rows`},
		{"quantiles of nulls", with("age", tensor.Of([]float32{nan()}, 1)), []feature.Operator{&op.Bucketize{Columns: []string{"age"}, Quantiles: 2}}, `column "age": all 1 rows are null`},
		{"quantiles of one value", with("year", tensor.Of([]int64{7, 7, null}, 3)), []feature.Operator{&op.Bucketize{Columns: []string{"year"}, Quantiles: 2}}, `column "year": no quantile is above the least of its 2 values, 7`},
		{"infinite quantile", with("age", tensor.Of([]float32{1, float32(inf())}, 2)), []feature.Operator{&op.Bucketize{Columns: []string{"age"}, Quantiles: 2}}, `column "age": quantile: boundary +Inf is beyond 2^63; put clip or log before`},
		{"sequence of nothing encoded", many, []feature.Operator{&op.Sequence{Column: "history", Of: "item_id", Length: 3}}, `sequence: column "item_id" is not encoded; put categorify of "item_id" before the sequence`},
		{"sequence of bins", many, []feature.Operator{
			&op.Bucketize{Columns: []string{"year"}, Boundaries: []float64{1}}, &op.Sequence{Column: "history", Of: "year", Length: 3},
		}, `column "year" has no vocabulary`},
		{"sequence without a length", many, []feature.Operator{items, &op.Sequence{Column: "history", Of: "item_id"}}, "length 0 has to be positive"},
		{"sequence without names", many, []feature.Operator{items, &op.Sequence{Length: 1}}, "both have to be set"},
		{"sequence named as its column", many, []feature.Operator{items, &op.Sequence{Column: "item_id", Of: "item_id", Length: 3}}, "choose another"},
		{"sequence over another raw column", many, []feature.Operator{items, &op.Sequence{Column: "city", Of: "item_id", Length: 3}}, `column "city": the data has it as string of length 0, the operator as string of length 3`},
		{"date_parts unknown", many, []feature.Operator{&op.DateParts{Column: "time", Parts: []string{"minute"}}}, `part "minute" is not known; known are hour and weekday`},
		{"date_parts twice", many, []feature.Operator{&op.DateParts{Column: "time", Parts: []string{"hour", "hour"}}}, `part "hour" is named twice`},
		{"date_parts of strings", many, []feature.Operator{&op.DateParts{Column: "city"}}, `column "city" is string here; this operator takes int64`},
		{"date_parts of lists", many, []feature.Operator{&op.DateParts{Column: "votes"}}, `column "votes": it is a list`},
		{"date_parts offset itself", many, []feature.Operator{&op.DateParts{Column: "time", UTCOffset: "time"}}, `utc_offset "time" is the time itself`},
		{"date_parts offset of a list", many, []feature.Operator{&op.DateParts{Column: "year", UTCOffset: "votes"}}, `column "votes": it is a list`},
		{"date_parts offset absent", many, []feature.Operator{&op.DateParts{Column: "time", UTCOffset: "zone"}}, `column "zone": there is none`},
		{"date_parts of nothing", many, []feature.Operator{&op.DateParts{}}, "no column"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := feature.Workflow{Operators: c.operators}.Fit(t.Context(), rawColumns(), feature.Tables{Tables: []tensor.Map{c.train}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error\n%v\nwant one with\n%s", err, c.want)
			}
		})
	}
}

// TestDecode reads the settings of every operator as a pipeline file has them.
func TestDecode(t *testing.T) {
	cases := []struct{ name, settings, fault string }{
		{"categorify", `{"columns": ["a"], "min_frequency": 5, "max_size": 10, "oov_buckets": 2, "share": "a"}`, ""},
		{"categorify", `{"columns": ["a"], "vocabulary": ["x", "y"]}`, ""},
		{"hash_bucket", `{"columns": ["a"], "buckets": 100}`, ""},
		{"hashed_cross", `{"columns": ["a", "b"], "buckets": 100, "name": "c"}`, ""},
		{"min_max", `{"columns": ["a"]}`, ""},
		{"clip", `{"columns": ["a"], "min": 0, "max": 1.5}`, ""},
		{"normalize", `{"columns": ["a"]}`, ""},
		{"fill_missing", `{"columns": ["a"], "value": 1, "indicator": true}`, ""},
		{"fill_missing", `{"columns": ["a"], "median": true}`, ""},
		{"bucketize", `{"columns": ["a"], "boundaries": [1, 2.5]}`, ""},
		{"bucketize", `{"columns": ["a"], "quantiles": 4}`, ""},
		{"log", `{"columns": ["a"]}`, ""},
		{"sequence", `{"name": "history", "of": "a", "length": 50}`, ""},
		{"date_parts", `{"column": "a", "parts": ["hour"]}`, ""},
		{"date_parts", `{"column": "a", "utc_offset": "b", "cyclic": true}`, ""},
		{"expression", `{"name": "a", "formula": "b + 1"}`, ""},
		{"difference", `{"name": "a", "of": "b", "minus": "c"}`, ""},
		{"time_since", `{"name": "a", "at": "b", "since": "c", "unit": "hour"}`, ""},
		{"group_statistics", `{"by": "a", "columns": ["b"], "statistics": ["sum", "std"]}`, ""},
		{"cast", `{"columns": ["a"], "to": "string"}`, ""},
		{"rename", `{"columns": {"a": "b"}}`, ""},
		{"drop", `{"columns": ["a"]}`, ""},
		{"categorise", `{}`, `operator "categorise" is not known; known are bucketize, cast, categorify, clip, cross, date_parts, difference, drop, expression, fill_missing, filter, group_statistics, hash_bucket, hashed_cross, history_count, lag, list_slice, list_statistics, log, min_max, normalize, rename, sequence, target_encoding, time_since, vector`},
		{"log", `{"columns": []}`, "operator log: no columns"},
		{"log", `{"columns": 1}`, "operator log: json"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o, err := op.Registry().Decode(c.name, func(into any) error { return json.Unmarshal([]byte(c.settings), into) })
			switch {
			case c.fault != "":
				if err == nil || !strings.Contains(err.Error(), c.fault) {
					t.Errorf("got error %v, want one with %q", err, c.fault)
				}
			case err != nil:
				t.Error(err)
			default:
				var got, want any
				text, _ := json.Marshal(o)
				if json.Unmarshal(text, &got) != nil || json.Unmarshal([]byte(c.settings), &want) != nil {
					t.Fatal("settings are no JSON")
				}
				if diff := cmpDiff(got, want); o.Name() != c.name || diff != "" {
					t.Errorf("operator %s (-got +want):\n%s", o.Name(), diff)
				}
			}
		})
	}
}
