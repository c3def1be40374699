package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func Example() {
	// In place of a server at "localhost:8001": a fake one, whose model answers with its inputs.
	server := tritontest.New(tritontest.Model{Name: "shop", Versions: []string{"7"}})
	defer server.Stop()
	c, err := client.New(context.Background(), server.Target(), client.WithDialOptions(server.DialOption()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.WaitReady(ctx, "shop"); err != nil {
		fmt.Println(err)
		return
	}
	inputs := tensor.Map{"item_ids": tensor.Of([]int64{17, 4}, 1, 2)}
	outputs, version, err := c.Infer(ctx, "shop", inputs, []string{"item_ids"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ids, err := tensor.Data[int64](outputs["item_ids"])
	fmt.Println("generation", version, "says", ids, err)

	_, _, err = c.Infer(ctx, "toys", inputs, []string{"item_ids"})
	fmt.Println(errors.Is(err, client.ErrNotFound), err)
	// Output:
	// generation 7 says [17 4] <nil>
	// true infer "toys": not found: Request for unknown model: 'toys' is not found (compare the name and version with the repository index, or load the model)
}

func ExampleNew_error() {
	_, err := client.New(context.Background(), "")
	fmt.Println(err)
	// Output: new client: the target is empty: give HOST:PORT, such as localhost:8001
}
