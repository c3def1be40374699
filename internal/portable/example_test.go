package portable_test

import (
	"fmt"

	"recsys/internal/portable"
)

func Example() {
	r := portable.New(42, "users/17/taste")
	fmt.Println(r.IntN(100), r.Float64() < 1)
	fmt.Printf("%.6f %.6f\n", portable.Exp(1), portable.Pow(2, 0.5))
	// Output:
	// 14 true
	// 2.718282 1.414214
}
