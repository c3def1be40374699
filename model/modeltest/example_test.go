package modeltest_test

import (
	"context"
	"fmt"

	"recsys/model"
	"recsys/model/modeltest"
	"recsys/schema"
)

func Example() {
	checks := modeltest.RankerChecks(func(s schema.Schema) (model.Ranker, error) {
		return model.NewDLRM(s, model.DLRM{Dim: 4, Bottom: []int{4}, Top: []int{8}})
	})
	for _, c := range checks {
		fmt.Println(c.Name, c.Run(context.Background()) == nil)
	}
	// Output:
	// names and shapes true
	// queries stand alone true
	// candidates stand alone true
	// padding is ignored true
	// more padding changes nothing true
	// every parameter has a gradient true
	// learns true
	// workers and runs agree true
	// survives ONNX true
}
