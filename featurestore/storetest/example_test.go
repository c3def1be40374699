package storetest_test

import (
	"context"
	"fmt"

	"recsys/featurestore"
	"recsys/featurestore/storetest"
)

func ExampleChecks() {
	for _, check := range storetest.Checks()[:3] {
		fmt.Println(check.Name, check.Run(context.Background(), featurestore.NewMemory()))
	}
	// Output:
	// an unknown user is empty and no error <nil>
	// a loaded user reads as loaded <nil>
	// the history limit keeps the newest <nil>
}
