// Package tensor holds dense, row-major arrays: the values that every other package passes on.
//
// A [Tensor] pairs a [DType] with a shape and a Go slice of the matching element type. [Of] makes one from
// a slice, [Zeros] allocates one, [Data] gives the slice back. A [Map] names tensors, as the inputs and
// outputs of a model do.
//
//	t := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3) // [2,3] float32
//	data, err := tensor.Data[float32](t)
//
// Tensors share their slices: nothing here copies unless it says so. A Tensor is safe for concurrent readers;
// whoever writes into its data has to be alone.
//
// Tensors have no null. Raw columns use sentinels instead: [NullInt64] (the least int64), the empty string and
// a float NaN.
package tensor
