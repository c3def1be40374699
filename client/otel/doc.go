// Package otel tells OpenTelemetry what a [client.Client] does: a span for each call, one below it for each try, whose trace context
// travels to the server over gRPC and HTTP alike, and histograms of their durations.
//
//	options, err := otel.Options(otel.Settings{Tracers: tracers, Meters: meters})
//	if err != nil {
//		return err
//	}
//	c, err := client.New(ctx, "localhost:8001", options...)
//
// Triton continues the trace where it runs with --trace-config mode=opentelemetry. The package uses no global provider or propagator:
// what is not given is not told.
package otel
