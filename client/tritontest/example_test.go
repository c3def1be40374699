package tritontest_test

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/tensor"
)

// A test calls tritontest.Start(t, ...) and server.Client(t), which clean up after themselves.
func Example() {
	server := tritontest.New(tritontest.Model{
		Name: "double",
		Infer: func(_ context.Context, call tritontest.Call) (tensor.Map, error) {
			x, err := tensor.Data[float32](call.Inputs["x"])
			if err != nil {
				return nil, status.Error(codes.InvalidArgument, err.Error())
			}
			y := make([]float32, len(x))
			for i := range x {
				y[i] = 2 * x[i]
			}
			return tensor.Map{"y": tensor.Of(y, call.Inputs["x"].Shape()...)}, nil
		},
	})
	defer server.Stop()
	ctx := context.Background()
	c, err := client.New(ctx, server.Target(), client.WithDialOptions(server.DialOption()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()
	x := tensor.Map{"x": tensor.Of([]float32{1, 2, 3}, 1, 3)}

	out, _, err := c.Infer(ctx, "double", x, []string{"y"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out["y"].Any())

	server.Inject("double", tritontest.Fault{Times: 1, Err: status.Error(codes.Unavailable, "Exceeds maximum queue size")})
	_, _, err = c.Infer(ctx, "double", x, []string{"y"})
	fmt.Println(errors.Is(err, client.ErrOverloaded))
	// Output:
	// [2 4 6]
	// true
}
