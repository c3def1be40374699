package otel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"recsys/client"
)

// Scope names the package in spans and figures.
const Scope = "recsys/client/otel"

// The names of the histograms, in seconds.
const (
	CallDuration = "recsys.client.call.duration"
	TryDuration  = "recsys.client.try.duration"
)

// Attributes of spans and figures.
const (
	callKey    = attribute.Key("triton.call")          // such as "infer"
	modelKey   = attribute.Key("triton.model.name")    // absent for calls about the server
	versionKey = attribute.Key("triton.model.version") // of the answer; absent if it is not known
	numberKey  = attribute.Key("triton.try")           // 1 for the first
	hedgeKey   = attribute.Key("triton.hedge")         // true of a second try at once; absent otherwise
	addressKey = attribute.Key("server.address")
	portKey    = attribute.Key("server.port")
	codeKey    = attribute.Key("rpc.response.status_code") // of gRPC, also for HTTP: "OK", "Unavailable"
	errorKey   = attribute.Key("error.type")               // a sentinel of the client's, such as "unavailable"; absent without an error
)

// Settings are the collaborators.
type Settings struct {
	// Tracers makes the tracer of spans; nil for none.
	Tracers trace.TracerProvider
	// Meters makes the meter of the histograms; nil for none.
	Meters metric.MeterProvider
	// Propagator writes the trace context into headers; nil is W3C's, traceparent and tracestate.
	Propagator propagation.TextMapPropagator
}

// Options returns the options for [client.New], which are [client.WithCallTracer] and [client.WithTracer]. An error is the meter's.
func Options(s Settings) ([]client.Option, error) {
	t := &telemetry{propagator: s.Propagator}
	if t.propagator == nil {
		t.propagator = propagation.TraceContext{}
	}
	if s.Tracers != nil {
		t.tracer = s.Tracers.Tracer(Scope)
	}
	if s.Meters != nil {
		meter := s.Meters.Meter(Scope)
		var errs [2]error
		t.calls, errs[0] = meter.Float64Histogram(CallDuration, metric.WithUnit("s"), metric.WithDescription("Time of calls with all their tries."))
		t.tries, errs[1] = meter.Float64Histogram(TryDuration, metric.WithUnit("s"), metric.WithDescription("Time of single tries on a replica."))
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("make the meter of a Triton client: %w", err)
		}
	}
	return []client.Option{client.WithCallTracer(t.call), client.WithTracer(t.try)}, nil
}

// telemetry is safe for concurrent use; without a tracer or histograms it leaves those out.
type telemetry struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	calls      metric.Float64Histogram
	tries      metric.Float64Histogram
}

func (t *telemetry) call(ctx context.Context, c client.Call) (context.Context, func(client.Call)) {
	about := described(c.Name, c.Model)
	begun := time.Now()
	ctx, span := t.begin(ctx, c.Name, c.Model, about)
	return ctx, func(c client.Call) {
		end(span, c.Version, c.Err)
		if t.calls != nil {
			t.calls.Record(ctx, time.Since(begun).Seconds(), metric.WithAttributes(append(about, outcome(c.Err)...)...))
		}
	}
}

func (t *telemetry) try(ctx context.Context, a client.Attempt) (context.Context, func(client.Attempt)) {
	about := append(described(a.Call, a.Model), server(a.Address)...)
	once := slices.Concat(about, []attribute.KeyValue{numberKey.Int(a.Number)})
	if a.Hedge {
		once = append(once, hedgeKey.Bool(true))
	}
	ctx, span := t.begin(ctx, "try "+a.Call, a.Model, once)
	headers := propagation.MapCarrier{}
	t.propagator.Inject(ctx, headers)
	pairs := make([]string, 0, 2*len(headers))
	for name, value := range headers {
		pairs = append(pairs, name, value)
	}
	ctx = metadata.AppendToOutgoingContext(ctx, pairs...)
	return ctx, func(a client.Attempt) {
		end(span, a.Version, a.Err)
		if t.tries != nil {
			t.tries.Record(ctx, a.Duration.Seconds(), metric.WithAttributes(append(about, outcome(a.Err)...)...))
		}
	}
}

// begin begins a span; nil without a tracer.
func (t *telemetry) begin(ctx context.Context, name, model string, about []attribute.KeyValue) (context.Context, trace.Span) {
	if t.tracer == nil {
		return ctx, nil
	}
	if model != "" {
		name += " " + model
	}
	return t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(about...))
}

func end(span trace.Span, version string, err error) {
	if span == nil {
		return
	}
	if version != "" {
		span.SetAttributes(versionKey.String(version))
	}
	span.SetAttributes(outcome(err)...)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

func described(call, model string) []attribute.KeyValue {
	list := []attribute.KeyValue{callKey.String(call)}
	if model != "" {
		list = append(list, modelKey.String(model))
	}
	return list
}

// server describes a replica: HOST:PORT, or a socket.
func server(address string) []attribute.KeyValue {
	host, port, err := net.SplitHostPort(address)
	number, notNumber := strconv.Atoi(port)
	if err != nil || notNumber != nil {
		return []attribute.KeyValue{addressKey.String(address)}
	}
	return []attribute.KeyValue{addressKey.String(host), portKey.Int(number)}
}

// outcome says how a call has ended.
func outcome(err error) []attribute.KeyValue {
	code := codeKey.String(status.Code(err).String())
	if err == nil {
		return []attribute.KeyValue{code}
	}
	return []attribute.KeyValue{code, errorKey.String(client.Kind(err))}
}
