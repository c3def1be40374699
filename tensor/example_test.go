package tensor_test

import (
	"fmt"

	"recsys/tensor"
)

func Example() {
	t := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	data, err := tensor.Data[float32](t.Rows(1, 2))
	fmt.Println(t, data, err)
	// Output: float32[2,3] [4 5 6] <nil>
}
