package client_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"recsys/client"
	"recsys/tensor"
	"recsys/test/triton"
)

// TestMain sees that no test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slowModel answers a request after a second, and a decoupled one with as many numbers as it asks for.
const slowModel = `
import os
import sys
import time

sys.path.append(os.path.join(os.environ["RECSYS_TRITON"], "server/pytriton/tritonserver/backends/onnxruntime/site-packages"))
import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def initialize(self, args):
        self.decoupled = "many" in args["model_name"]

    def execute(self, requests):
        if not self.decoupled:
            time.sleep(1)
            return [pb.InferenceResponse([pb.Tensor("n", pb.get_input_tensor_by_name(r, "count").as_numpy())]) for r in requests]
        for r in requests:
            sender = r.get_response_sender()
            for i in range(int(pb.get_input_tensor_by_name(r, "count").as_numpy()[0])):
                sender.send(pb.InferenceResponse([pb.Tensor("n", np.array([i], np.int64))]))
            sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        return None
`

const slowConfig = `
backend: "python"
input { name: "count" data_type: TYPE_INT64 dims: 1 }
output { name: "n" data_type: TYPE_INT64 dims: 1 }
instance_group { kind: KIND_CPU count: 1 }
`

// python writes the models "slow" and "many", the latter decoupled.
func python(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, config := range map[string]string{"slow": slowConfig, "many": slowConfig + "model_transaction_policy { decoupled: true }\n"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "1"), 0o755); err != nil {
			tb.Fatal(err)
		}
		for file, text := range map[string]string{"config.pbtxt": config, "1/model.py": slowModel} {
			if err := os.WriteFile(filepath.Join(dir, name, file), []byte(text), 0o644); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return dir
}

func counting(model string, n int64) client.Request {
	return client.Request{Model: model, Inputs: tensor.Map{"count": tensor.Of([]int64{n}, 1)}, Outputs: []string{"n"}}
}

// TestRealLoss kills the server under 200 calls, of both protocols, and has another one take its place.
func TestRealLoss(t *testing.T) {
	repository := python(t)
	s := triton.Start(t, repository, triton.Options{LoadModels: []string{"slow"}})
	clients := []*client.Client{
		dial(t, s.GRPC, client.WithRetry(client.Retry{Attempts: 1})), dial(t, "http://"+s.HTTP, client.WithRetry(client.Retry{Attempts: 1})),
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range clients {
		if err := c.WaitReady(ctx, "slow"); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	first := make(chan struct{})
	once := sync.OnceFunc(func() { close(first) })
	errs := make([]error, 200)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = clients[i%2].Do(ctx, counting("slow", int64(i)))
			once()
		})
	}
	<-first // all are sent meanwhile, and each takes a second
	s.Kill()
	wg.Wait()
	failed := 0
	for i, err := range errs {
		switch {
		case errors.Is(err, client.ErrUnavailable):
			failed++
		case err != nil:
			t.Errorf("call %d: got error %v, want one that is ErrUnavailable", i, err)
		}
	}
	if failed < 150 {
		t.Errorf("%d of 200 calls failed by the loss of their server, want nearly all", failed)
	}
	if ctx.Err() != nil {
		t.Error("the calls ended by their deadline")
	}
	for _, c := range clients {
		if _, err := c.Do(ctx, counting("slow", 1)); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("without a server: got error %v, want one that is ErrUnavailable", err)
		}
	}
	port := func(address string) string { return address[strings.LastIndex(address, ":")+1:] }
	again := triton.Start(t, repository, triton.Options{LoadModels: []string{"slow"}, Args: []string{"--grpc-port=" + port(s.GRPC)}})
	if err := clients[0].WaitReady(ctx, "slow"); err != nil {
		t.Fatal(err)
	}
	if result, err := clients[0].Do(ctx, counting("slow", 7)); err != nil || tensor.MustData[int64](result.Outputs["n"])[0] != 7 {
		t.Errorf("after the restart: got %v, %v", result.Outputs, err)
	}
	if err := again.Stop(); err != nil {
		t.Error(err)
	}
}

// TestRealDecoupled takes 10,000 answers in their order, breaks a stream off, and has the next one work.
func TestRealDecoupled(t *testing.T) {
	s := triton.Start(t, python(t), triton.Options{LoadModels: []string{"many"}})
	c := dial(t, s.GRPC)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	take := func(n int64, most int64) (got int64) {
		for result, err := range c.Stream(ctx, counting("many", n)) {
			if err != nil {
				t.Fatal(err)
			}
			if v := tensor.MustData[int64](result.Outputs["n"])[0]; v != got {
				t.Fatalf("got %d, want %d", v, got)
			}
			if got++; got == most {
				break
			}
		}
		return got
	}
	if got := take(10_000, -1); got != 10_000 {
		t.Errorf("got %d answers, want 10,000", got)
	}
	if got := take(10_000, 5); got != 5 {
		t.Errorf("got %d answers of a stream that was broken off, want 5", got)
	}
	if got := take(3, -1); got != 3 {
		t.Errorf("got %d answers afterwards, want 3", got)
	}
	if got := take(0, -1); got != 0 {
		t.Errorf("got %d answers, want none", got)
	}
	if _, err := c.Do(ctx, counting("many", 1)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without a stream: got error %v, want one that is ErrUnsupported", err)
	}
}

// TestRealLargeTensor sends 64 MiB and gets them back, over both protocols.
func TestRealLargeTensor(t *testing.T) {
	s := triton.Start(t, repository(t), triton.Options{LoadModels: []string{"identity"}})
	in := tensor.Map{}
	for _, name := range types {
		dtype, err := tensor.ParseDType(name)
		if err != nil {
			t.Fatal(err)
		}
		in["x_"+name] = tensor.Zeros(dtype, 1, 1)
	}
	x := make([]float64, 8<<20)
	for i := range x {
		x[i] = float64(i)
	}
	in["x_float64"] = tensor.Of(x, 1, len(x))
	for _, target := range []string{s.GRPC, "http://" + s.HTTP} {
		got, _, err := dial(t, target, client.WithMaxMessageSize(65<<20)).Infer(t.Context(), "identity", in, []string{"y_float64"})
		if err != nil {
			t.Fatal(err)
		}
		if !got["y_float64"].Equal(in["x_float64"]) {
			t.Error("the tensor has come back changed")
		}
	}
}
