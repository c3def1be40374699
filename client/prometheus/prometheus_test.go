package prometheus_test

import (
	"strings"
	"testing"

	registry "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/prometheus"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func TestCollectorCountsTries(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	server.Inject("m", tritontest.Fault{Times: 1, Err: status.Error(codes.Unavailable, "soon")})
	collector, all := prometheus.NewCollector(), registry.NewPedanticRegistry()
	if err := all.Register(collector); err != nil {
		t.Fatal(err)
	}
	c := server.Client(t, client.WithObserver(collector.Observe))
	if _, _, err := c.Infer(t.Context(), "m", tensor.Map{"x": tensor.Of([]int64{1}, 1)}, []string{"x"}); err != nil {
		t.Fatal(err)
	}
	families, err := all.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()+" "+labels(m)] = m.GetHistogram().GetSampleCount()
		}
	}
	for _, kind := range []string{"", "unavailable"} {
		key := "recsys_client_try_seconds call=infer error=" + kind + " model=m replica=" + server.Target()
		if got[key] != 1 {
			t.Errorf("%s is %d of %v, want 1", key, got[key], got)
		}
	}
	if len(got) != 2 {
		t.Errorf("got %v, want two series", got)
	}
}

func labels(m *dto.Metric) string {
	list := make([]string, 0, len(m.GetLabel()))
	for _, l := range m.GetLabel() {
		list = append(list, l.GetName()+"="+l.GetValue())
	}
	return strings.Join(list, " ")
}
