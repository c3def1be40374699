package otel_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/otel"
	"recsys/client/tritontest"
	"recsys/tensor"
)

// parents are the traceparent headers that a server was sent.
type parents struct {
	mu   sync.Mutex
	list []string
}

func (p *parents) add(headers ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, headers...)
}

// attributes of a span by name, as text.
func attributes(s tracetest.SpanStub) map[string]string {
	out := map[string]string{}
	for _, a := range s.Attributes {
		out[string(a.Key)] = a.Value.String()
	}
	delete(out, "server.address")
	delete(out, "server.port")
	return out
}

// TestSpans has a call whose first try fails, over either protocol: a span for the call, below it one for each try, whose
// identity the server is sent, and figures of both.
func TestSpans(t *testing.T) {
	for _, protocol := range []string{"grpc", "http"} {
		t.Run(protocol, func(t *testing.T) {
			var sent parents
			server := tritontest.StartWith(t, []grpc.ServerOption{
				grpc.UnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
					got, _ := metadata.FromIncomingContext(ctx)
					sent.add(got.Get("traceparent")...)
					return next(ctx, r)
				}),
			}, tritontest.Model{Name: "m", Versions: []string{"7"}})
			server.Inject("m", tritontest.Fault{Times: 1, Err: status.Error(codes.Unavailable, "soon")})
			exporter, reader := tracetest.NewInMemoryExporter(), metric.NewManualReader()
			options, err := otel.Options(otel.Settings{
				Tracers: sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)), Meters: metric.NewMeterProvider(metric.WithReader(reader)),
			})
			if err != nil {
				t.Fatal(err)
			}
			c := server.Client(t, options...)
			if protocol == "http" {
				c = overHTTP(t, server, &sent, options)
			}
			infer := func(model string) error {
				_, _, err := c.Infer(t.Context(), model, tensor.Map{"x": tensor.Of([]int64{1}, 1)}, []string{"x"})
				return err
			}
			if err := infer("m"); err != nil {
				t.Fatal(err)
			}
			if err := infer("absent"); !errors.Is(err, client.ErrNotFound) {
				t.Fatalf("got the error %v, want one of an unknown model", err)
			}
			checkSpans(t, exporter.GetSpans(), sent.list)
			checkFigures(t, reader)
		})
	}
}

// overHTTP is a client of the server's HTTP endpoint.
func overHTTP(t *testing.T, server *tritontest.Server, sent *parents, options []client.Option) *client.Client {
	t.Helper()
	handler := server.Handler()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.add(r.Header["Traceparent"]...)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	c, err := client.New(t.Context(), web.URL, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func checkSpans(t *testing.T, spans tracetest.SpanStubs, sent []string) {
	t.Helper()
	type seen struct {
		Name       string
		Attributes map[string]string
		Status     otelcodes.Code
	}
	got := make([]seen, len(spans))
	for i, s := range spans {
		got[i] = seen{s.Name, attributes(s), s.Status.Code}
		if s.SpanKind != trace.SpanKindClient {
			t.Errorf("span %q is of kind %s", s.Name, s.SpanKind)
		}
	}
	ok, failed := otelcodes.Unset, otelcodes.Error
	want := []seen{
		{"try infer m", map[string]string{
			"triton.call": "infer", "triton.model.name": "m", "triton.try": "1", "rpc.response.status_code": "Unavailable", "error.type": "unavailable",
		}, failed},
		{"try infer m", map[string]string{
			"triton.call": "infer", "triton.model.name": "m", "triton.try": "2", "rpc.response.status_code": "OK", "triton.model.version": "7",
		}, ok},
		{"infer m", map[string]string{
			"triton.call": "infer", "triton.model.name": "m", "rpc.response.status_code": "OK", "triton.model.version": "7",
		}, ok},
		{"try infer absent", map[string]string{
			"triton.call": "infer", "triton.model.name": "absent", "triton.try": "1", "rpc.response.status_code": "NotFound", "error.type": "not found",
		}, failed},
		{"infer absent", map[string]string{
			"triton.call": "infer", "triton.model.name": "absent", "rpc.response.status_code": "NotFound", "error.type": "not found",
		}, failed},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Fatalf("got (-), want (+):\n%s", diff)
	}
	var identities []string
	for i, call := range map[int]int{0: 2, 1: 2, 3: 4} {
		if spans[i].Parent.SpanID() != spans[call].SpanContext.SpanID() {
			t.Errorf("span %d is not below that of its call", i)
		}
	}
	for _, i := range []int{0, 1, 3} {
		s := spans[i].SpanContext
		identities = append(identities, "00-"+s.TraceID().String()+"-"+s.SpanID().String()+"-01")
		if !slices.ContainsFunc(spans[i].Attributes, func(a attribute.KeyValue) bool { return a.Key == "server.address" }) {
			t.Errorf("span %d does not name its replica", i)
		}
	}
	if diff := cmp.Diff(sent, identities); diff != "" {
		t.Errorf("the server was sent (-), the spans are (+):\n%s", diff)
	}
}

func checkFigures(t *testing.T, reader *metric.ManualReader) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				kind, _ := p.Attributes.Value("error.type")
				model, _ := p.Attributes.Value("triton.model.name")
				counts[strings.Join([]string{m.Name, model.AsString(), kind.AsString()}, " ")] += p.Count
			}
		}
	}
	want := map[string]uint64{
		otel.TryDuration + " m ": 1, otel.TryDuration + " m unavailable": 1, otel.TryDuration + " absent not found": 1,
		otel.CallDuration + " m ": 1, otel.CallDuration + " absent not found": 1,
	}
	if diff := cmp.Diff(counts, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}
