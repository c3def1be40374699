package optim_test

import (
	"fmt"

	"recsys/optim"
	"recsys/tensor"
)

func Example() {
	params := tensor.Map{"w": tensor.Of([]float32{1, 2}, 2), "user": tensor.Of([]float32{1, 1, 2, 2, 3, 3}, 3, 2)}
	o, err := optim.New(params, optim.Config{Rule: optim.SGD{}, Rate: optim.Constant(0.5)})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = o.Step(optim.Gradients{
		Dense:  tensor.Map{"w": tensor.Of([]float32{1, 0}, 2)},
		Sparse: map[string]optim.Rows{"user": {IDs: []int64{1}, Rows: []float32{2, 4}}},
	})
	fmt.Println(params["w"].Any(), params["user"].Any(), err)
	// Output: [0.5 2] [1 1 1 0 3 3] <nil>
}
