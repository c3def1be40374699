package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
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

// fake stands for a server, whose model "m" answers with its inputs, and "count" with three numbers.
func fake() (*tritontest.Server, *client.Client) {
	server := tritontest.New(tritontest.Model{Name: "m"}, tritontest.Model{
		Name: "count", Stream: func(context.Context, tritontest.Call) iter.Seq2[tensor.Map, error] {
			return func(yield func(tensor.Map, error) bool) {
				for i := range int64(3) {
					if !yield(tensor.Map{"n": tensor.Scalar(i)}, nil) {
						return
					}
				}
			}
		},
	})
	c, err := client.New(context.Background(), server.Target(), client.WithDialOptions(server.DialOption()))
	if err != nil {
		panic(err) // the target is right
	}
	return server, c
}

func ExampleClient_Stream() {
	server, c := fake()
	defer server.Stop()
	defer func() { _ = c.Close() }()
	for result, err := range c.Stream(context.Background(), client.Request{Model: "count", Outputs: []string{"n"}}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(result.Outputs["n"].Any())
	}
	// Output:
	// [0]
	// [1]
	// [2]
}

func ExampleClient_NewBatcher() {
	server, c := fake()
	defer server.Stop()
	defer func() { _ = c.Close() }()
	b, err := c.NewBatcher("m", []string{"x"}, 2, time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	answers := make([]any, 2)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			got, err := b.Infer(context.Background(), tensor.Map{"x": tensor.Of([]int64{int64(i)}, 1, 1)})
			if err == nil {
				answers[i] = got["x"].Any()
			}
		})
	}
	wg.Wait()
	fmt.Println(answers, b.Close())
	fmt.Println(len(server.Requests()), "request of", server.Requests()[0].GetInputs()[0].GetShape()[0], "rows")
	// Output:
	// [[0] [1]] <nil>
	// 1 request of 2 rows
}

func ExampleWithHedge() {
	_, err := client.New(context.Background(), "a:8001,b:8001",
		client.WithHedge(client.Hedge{After: 20 * time.Millisecond, Share: 1.5}))
	fmt.Println(err)
	// Output: new client: hedge: the delay must not be negative, the share must be in [0,1]
}

func ExampleParseMetrics() {
	metrics, err := client.ParseMetrics(strings.NewReader(`# TYPE nv_inference_count counter
nv_inference_count{model="shop",version="7"} 40
nv_inference_count{model="shop",version="8"} 2
`))
	sum, series := metrics.Sum("nv_inference_count", "model", "shop")
	fmt.Println(sum, "inferences of", series, "versions", err)
	// Output: 42 inferences of 2 versions <nil>
}
