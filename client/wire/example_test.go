package wire_test

import (
	"fmt"

	"recsys/client/wire"
	"recsys/tensor"
)

func Example() {
	raw, err := wire.Encode(tensor.Of([]string{"a", "bc"}, 1, 2))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("% x\n", raw)
	back, err := wire.Decode(tensor.String, []int{1, 2}, raw)
	fmt.Println(back, back.Any(), err)
	// Output:
	// 01 00 00 00 61 02 00 00 00 62 63
	// string[1,2] [a bc] <nil>
}
