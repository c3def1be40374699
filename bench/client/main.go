// Command client compares clients of a Triton side by side: a bare stub of grpc-go with a message made before, which is
// the least that can be done; recsys/client, whose calls make the request and read the answer; and Python's tritonclient.
// They take turns on one model, with zeros for every input and all outputs, and the medians of the rounds are printed:
// requests a second, times, allocations of the whole process a request, and each one's rate against the stub's.
//
//	go run ./bench/client -targets triton=127.0.0.1:8001,engine=127.0.0.1:8101 -model shop -python PYTHON
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

func main() {
	targets := flag.String("targets", "triton=127.0.0.1:8001", "servers, as NAME=HOST:PORT,...")
	model := flag.String("model", "shop", "model that is asked")
	python := flag.String("python", "", "Python with tritonclient; empty leaves it out")
	concurrency := flag.String("concurrency", "1,8,64", "calls in flight")
	rounds := flag.Int("rounds", 3, "turns of each client")
	seconds := flag.Float64("seconds", 1, "of each turn")
	flag.Parse()
	ctx := context.Background()
	fmt.Fprintf(os.Stdout, "%-8s %-7s %11s %12s %9s %9s %11s %8s\n", "server", "client", "in flight", "requests/s", "p50 ms", "p99 ms", "allocs/req", "of stub")
	for pair := range strings.SplitSeq(*targets, ",") {
		name, target, _ := strings.Cut(pair, "=")
		for text := range strings.SplitSeq(*concurrency, ",") {
			n, err := strconv.Atoi(text)
			if err == nil {
				err = compare(ctx, name, bench{target: target, model: *model, python: *python, n: n, rounds: *rounds, seconds: *seconds})
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "client:", err)
				os.Exit(1)
			}
		}
	}
}

type bench struct {
	target, model, python string
	n, rounds             int
	seconds               float64
}

// result is one turn's.
type result struct {
	rate, p50, p99, allocs float64
}

func compare(ctx context.Context, server string, b bench) (err error) {
	c, err := client.New(ctx, b.target, client.WithConnections(1))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	metadata, err := c.ModelMetadata(ctx, b.model, "")
	if err != nil {
		return err
	}
	inputs, outputs := tensor.Map{}, make([]string, len(metadata.Outputs))
	for _, t := range metadata.Inputs {
		shape := slices.Clone(t.Shape)
		for i, d := range shape {
			if d < 0 {
				shape[i] = 1
			}
		}
		inputs[t.Name] = tensor.Zeros(t.DType, shape...)
	}
	for i, t := range metadata.Outputs {
		outputs[i] = t.Name
	}
	stub, end, err := bare(b, inputs, outputs)
	if err != nil {
		return err
	}
	defer end()
	turns := []struct {
		name string
		run  func() (result, error)
	}{
		{"stub", func() (result, error) { return b.load(ctx, stub) }},
		{"recsys", func() (result, error) {
			return b.load(ctx, func(ctx context.Context) error {
				_, _, err := c.Infer(ctx, b.model, inputs, outputs)
				return err
			})
		}},
		{"python", func() (result, error) { return b.runPython(ctx) }},
	}
	if b.python == "" {
		turns = turns[:2]
	}
	results := make([][]result, len(turns))
	for range b.rounds {
		for i, turn := range turns {
			r, err := turn.run()
			if err != nil {
				return fmt.Errorf("%s of %s: %w", turn.name, server, err)
			}
			results[i] = append(results[i], r)
		}
	}
	first := median(results[0], func(r result) float64 { return r.rate })
	for i, turn := range turns {
		rate := median(results[i], func(r result) float64 { return r.rate })
		allocs := "-"
		if turn.name != "python" {
			allocs = fmt.Sprintf("%.0f", median(results[i], func(r result) float64 { return r.allocs }))
		}
		fmt.Fprintf(os.Stdout, "%-8s %-7s %11d %12.0f %9.3f %9.3f %11s %7.0f%%\n", server, turn.name, b.n, rate,
			median(results[i], func(r result) float64 { return r.p50 }), median(results[i], func(r result) float64 { return r.p99 }),
			allocs, 100*rate/first)
	}
	return nil
}

func median(results []result, of func(result) float64) float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// bare returns a call of grpc-go's own, as its documentation has it.
func bare(b bench, inputs tensor.Map, outputs []string) (call func(context.Context) error, end func(), err error) {
	cc, err := grpc.NewClient(b.target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	request := &tritonpb.ModelInferRequest{ModelName: b.model, Parameters: map[string]*tritonpb.InferParameter{
		"timeout": {ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: 9_999_000}},
	}}
	if err := wire.SetInputs(request, inputs, outputs); err != nil {
		return nil, nil, errors.Join(err, cc.Close())
	}
	stub := tritonpb.NewGRPCInferenceServiceClient(cc)
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, err := stub.ModelInfer(ctx, request)
		return err
	}, func() { _ = cc.Close() }, nil
}

// load has n callers, each with one call at a time.
func (b bench) load(ctx context.Context, call func(context.Context) error) (result, error) {
	for range 20 { // connect and warm up
		if err := call(ctx); err != nil {
			return result{}, err
		}
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	times, errs := make([][]time.Duration, b.n), make([]error, b.n)
	begin := time.Now()
	until := begin.Add(time.Duration(b.seconds * float64(time.Second)))
	var wg sync.WaitGroup
	for i := range b.n {
		wg.Go(func() {
			mine := make([]time.Duration, 0, 1<<16)
			for start := time.Now(); start.Before(until) && errs[i] == nil; {
				errs[i] = call(ctx)
				now := time.Now()
				mine = append(mine, now.Sub(start))
				start = now
			}
			times[i] = mine
		})
	}
	wg.Wait()
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	every := slices.Concat(times...)
	slices.Sort(every)
	at := func(p float64) float64 {
		return every[min(int(p*float64(len(every))), len(every)-1)].Seconds() * 1e3
	}
	n := float64(len(every))
	return result{n / took.Seconds(), at(0.5), at(0.99), float64(after.Mallocs-before.Mallocs) / n}, errors.Join(errs...)
}

func (b bench) runPython(ctx context.Context) (result, error) {
	out, err := exec.CommandContext(ctx, b.python, "bench/client/load.py", b.target, b.model, strconv.Itoa(b.n), fmt.Sprint(b.seconds)).Output()
	if err != nil {
		return result{}, err
	}
	var n, p50, p99 float64
	if _, err := fmt.Sscan(string(out), &n, &p50, &p99); err != nil {
		return result{}, fmt.Errorf("read %q: %w", out, err)
	}
	return result{rate: n / b.seconds, p50: p50, p99: p99}, nil
}
