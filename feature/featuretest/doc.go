// Package featuretest is the conformance suite of feature operators: what a workflow, a training cache and a serving
// stage rely on.
//
// A [Case] is an operator with the columns it is tried on. [Run] checks it as subtests, [Verify] returns the faults.
//
//	func TestMine(t *testing.T) {
//		featuretest.Run(t, featuretest.Case{
//			Operator: &mine.Operator{Columns: []string{"price"}},
//			Raw:      schema.Schema{{Name: "price", DType: schema.DType{DType: tensor.Float32}, Tags: []schema.Tag{schema.Item}}},
//			Registry: registry, // that knows the operator's kind
//		})
//	}
//
// The suite makes its own training data, with nulls, where the case brings none. It fits, and then asks for every
// hard value (nulls, NaN, infinities, the least and greatest numbers, unseen keys, empty, long and Unicode strings,
// empty and full lists) and checks that
//
//   - faulty columns are refused by an error that names the column, and settings are not changed by fitting;
//   - fitting twice, and with other batch sizes, saves the same bytes, and a failing source fails the fit;
//   - what was saved reads back, saves the same bytes and transforms the same;
//   - a table, its pieces and its single rows transform the same, and no rows give no rows;
//   - the encoded columns have the types, shapes and ranges of the schema;
//   - each column alone comes out as it does together with the others;
//   - rows that were not learned from are computed in training as they are in serving;
//   - columns of items and requests together come out for several items of a request as they do for single pairs;
//   - all kernel sets agree, and so does ONNX Runtime where RECSYS_PYTHON names a Python that has it.
package featuretest
