package kernel_test

import (
	"math/rand/v2"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"

	"recsys/graph/kernel"
)

// fences lends slices that begin or end at pages which fault when they are touched.
type fences struct {
	t     *testing.T
	rng   *rand.Rand
	atEnd bool
	lent  [][]byte
}

// get returns n random floats in [0.1,1.1).
func (f *fences) get(n int) []float32 {
	f.t.Helper()
	x := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(f.bytes(4*n)))), n)
	for i := range x {
		x[i] = f.rng.Float32() + 0.1
	}
	return x
}

// bytes returns n zeros.
func (f *fences) bytes(n int) []byte {
	f.t.Helper()
	page := syscall.Getpagesize()
	size := (n + page - 1) / page * page
	room, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		f.t.Fatal(err)
	}
	f.lent = append(f.lent, room)
	for _, outside := range [][]byte{room[:page], room[page+size:]} {
		if err := syscall.Mprotect(outside, syscall.PROT_NONE); err != nil {
			f.t.Fatal(err)
		}
	}
	inside := room[page : page+size]
	if f.atEnd {
		inside = inside[size-n:]
	}
	return inside[:n]
}

func (f *fences) free() {
	for _, room := range f.lent {
		if err := syscall.Munmap(room); err != nil {
			f.t.Error(err)
		}
	}
	f.lent = nil
}

// eachFence runs f for every set with slices fenced before and behind; touching a fence fails the test.
func eachFence(t *testing.T, f func(set *kernel.Set, x *fences)) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, set := range kernel.Sets() {
		for _, atEnd := range []bool{false, true} {
			x := &fences{t: t, rng: rand.New(rand.NewPCG(1, 20)), atEnd: atEnd}
			f(set, x)
			x.free()
		}
	}
}

func TestVectorsStayInside(t *testing.T) {
	eachFence(t, func(set *kernel.Set, x *fences) {
		for n := 1; n < 140; n++ {
			a, b, c, d := x.get(n), x.get(n), x.get(n), x.get(n)
			for _, f := range []func(y, x []float32){set.Exp, set.Log, set.Tanh, set.Sigmoid, set.Relu} {
				f(a, b)
			}
			for _, f := range []func(z, x, y []float32){set.Add, set.Sub, set.Mul, set.ReluGrad} {
				f(a, b, c)
			}
			set.AddScaled(a, 2, b)
			set.Scale(a, 2, b)
			set.Sum(a)
			set.Dot(a, b)
			set.Max(a)
			set.ExpSum(a, b, 0.5)
			set.Shift(a, 0.5, b)
			set.Normalize(a, b, c, nil, 0.1)
			set.Normalize(a, b, c, d, 0.1)
			set.Adagrad(a, b, c, 0.1, 0.1)
			set.Adam(a, b, c, d, &kernel.AdamScalars{Rate: 0.1, Correction: 1, Epsilon: 0.1})
			set.Gather(a, n, []int64{-1}, b, 1, n)
			set.Gather(x.get(3*n), n, []int64{1, -2, 0}, x.get(2*n), 2, n)
			set.Gather(x.get(2*(n+5)+n), n+5, []int64{1, -2, 0}, x.get(2*n), 2, n)
			set.ScatterAdd(x.get(2*n), []int32{-1, 0, -2, 1}, x.get(4*n), n)
			x.free()
		}
	})
}

func TestMatricesStayInside(t *testing.T) {
	sizes := []int{1, 3, 8, 9, 15, 16, 17, 31, 33, 64, 65}
	eachFence(t, func(set *kernel.Set, x *fences) {
		for _, m := range sizes {
			for _, n := range sizes {
				set.Transpose(x.get(m*n), x.get(m*n), m, n)
				for _, k := range []int{1, 17} {
					for flags := range 8 {
						g := kernel.Gemm{
							TransA: flags&1 > 0, TransB: flags&2 > 0, Accumulate: flags&4 > 0, M: m, N: n, K: k,
							A: x.get(m * k), B: x.get(k * n), C: x.get(m * n), LDA: k, LDB: n, LDC: n, Bias: x.get(n), Activation: kernel.Relu,
						}
						if g.TransA {
							g.LDA = m
						}
						if g.TransB {
							g.LDB = k
						}
						set.Gemm(g)
						g.Packed = set.Pack(g)
						set.Gemm(g)
					}
					x.free()
				}
			}
		}
	})
}

func TestRowsStayInside(t *testing.T) {
	eachFence(t, func(set *kernel.Set, x *fences) {
		for _, n := range []int{2048, 2049, 2063, 4100} {
			for _, k := range []int{1, 8, 17} {
				set.Gemm(kernel.Gemm{M: 1, N: n, K: k, A: x.get(k), B: x.get(k * n), C: x.get(n), LDA: k, LDB: n, LDC: n})
			}
		}
	})
}

func TestDotsStayInside(t *testing.T) {
	eachFence(t, func(set *kernel.Set, x *fences) {
		for n := 1; n < 9; n++ {
			for width := 1; width < 140; width++ {
				set.DotsInt8(x.get(n), x.get(width), fenced[int8](x, n*width), nil)
				set.DotsInt8(x.get(n), x.get(width), fenced[int8](x, n*width), x.get(n))
				set.DotsHalf(x.get(n), x.get(width), fenced[uint16](x, n*width))
				set.DotsInteger(fenced[int32](x, n), x.bytes(width), fenced[int8](x, n*width))
				x.free()
			}
		}
		at := fenced[uint64](x, 256)
		for n := 1; n < 256; n++ {
			set.Beyond(at, x.get(n), 0.5, false)
		}
	})
}

// fenced returns n zeros of any kind.
func fenced[T any](f *fences, n int) []T {
	f.t.Helper()
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(f.bytes(n*int(unsafe.Sizeof(zero)))))), n)
}
