package main

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"

	"recsys/onnx"

	"recsys/graph"
	"recsys/internal/portable"
)

// zipfExponent is that of the ids' frequencies: the k-th id, k from 1, has a share in proportion to k^-1.1.
const zipfExponent = 1.1

// zipf draws n ids in [0,rows), the frequent ones first as a categorify operator orders them.
func zipf(seed uint64, n, rows int) []int64 {
	z := rand.NewZipf(rand.New(rand.NewPCG(seed, 1)), zipfExponent, 1, uint64(rows-1))
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(z.Uint64())
	}
	return ids
}

// normal draws n numbers of mean 0 and variance 1.
func normal(seed uint64, n int) []float32 {
	rng := portable.New(seed, "bench")
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.Normal())
	}
	return x
}

// save writes elements as they stand in memory, little-endian, as numpy.fromfile reads them.
func save[T any](dir, name string, data []T) error {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // Write reports what matters for a temporary file.
	return binary.Write(f, binary.LittleEndian, data)
}

// export writes a graph for ONNX Runtime.
func export(dir string, g *graph.Graph) error {
	return onnx.Write(filepath.Join(dir, "model.onnx"), g, onnx.Meta{})
}
