package otel_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"recsys/client"
	"recsys/client/otel"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func ExampleOptions() {
	server := tritontest.New(tritontest.Model{Name: "shop"})
	defer server.Stop()
	spans := tracetest.NewInMemoryExporter()
	options, err := otel.Options(otel.Settings{Tracers: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
	if err != nil {
		fmt.Println(err)
		return
	}
	options = append(options, client.WithDialOptions(server.DialOption()))
	c, err := client.New(context.Background(), server.Target(), options...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close() //nolint:errcheck // The example ends here.
	user := tensor.Map{"user": tensor.Of([]int64{42}, 1, 1)}
	if _, _, err := c.Infer(context.Background(), "shop", user, []string{"user"}); err != nil {
		fmt.Println(err)
		return
	}
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name)
	}
	// Output:
	// try infer shop
	// infer shop
}
