package kernel

//go:generate go run gen.go gen_math.go gen_row.go gen_asm.go
//go:generate go run gen_neon.go gen_neon_words.go gen_neon_vector.go gen_neon_math.go gen_neon_dots.go gen_asm.go
//go:generate go run gen_avx512.go gen_avx512_vector.go gen_avx512_row.go gen_avx512_dots.go gen_asm.go

// Set is one implementation of every kernel. Sets are immutable.
type Set struct {
	// Name tells which it is: "portable", "avx2", "avx512", "neon".
	Name string
	// Gemm computes a matrix product. Pack lays out the right-hand side of g, of which only B, LDB, TransB, N and K
	// matter, for g.Packed of any number of products by this set; it copies what it needs.
	Gemm func(g Gemm)
	Pack func(g Gemm) *Packed
	// Exp, Log, Tanh and Sigmoid compute y[i] = f(x[i]) within 2.5 ulp; y may be x.
	Exp, Log, Tanh, Sigmoid func(y, x []float32)
	// Add, Sub and Mul compute z[i] = x[i] ∘ y[i]; z may be x or y.
	Add, Sub, Mul func(z, x, y []float32)
	// Relu computes y[i] = max(x[i], 0), NaN for NaN; y may be x.
	Relu func(y, x []float32)
	// ReluGrad computes z[i] = g[i] where y[i] > 0, else 0; z may be y or g.
	ReluGrad func(z, y, g []float32)
	// AddScaled computes y[i] += a·x[i].
	AddScaled func(y []float32, a float32, x []float32)
	// Scale computes y[i] = a·x[i]; y may be x.
	Scale func(y []float32, a float32, x []float32)
	// Sum returns the sum of x, Dot of x[i]·y[i], in an order that depends on the length alone.
	Sum func(x []float32) float32
	Dot func(x, y []float32) float32
	// ExpSum computes y[i] = exp(x[i]-shift) within 2.5 ulp of the rounded difference and returns the sum of y in an
	// order that depends on the length alone; y may be x. With Max, Scale and Shift it makes a softmax.
	ExpSum func(y, x []float32, shift float32) float32
	// Shift computes y[i] = x[i] + a; y may be x.
	Shift func(y []float32, a float32, x []float32)
	// Normalize computes y[i] = (x[i]-mean)/sqrt(variance+epsilon)·scale[i] + bias[i] with the mean and the variance of
	// x, divided by its length, which and the quotient are in double precision: the variance of values far from 0 is
	// a small difference of large numbers. Bias may be nil, y may be x.
	Normalize func(y, x, scale, bias []float32, epsilon float64)
	// Gather copies row ids[i] of x, [rows,width], to y[i·step:], step >= width, and returns len(ids), or the first i whose id is
	// outside [-rows,rows); negative ids count from the end.
	Gather func(y []float32, step int, ids []int64, x []float32, rows, width int) int
	// ScatterAdd adds row i of x, [len(at),width], to row at[i] of y, in order; where at[i] is negative, it becomes row ^at[i].
	// It panics where y has no such row. All sets give the same bits.
	ScatterAdd func(y []float32, at []int32, x []float32, width int)
	// Adagrad computes s += g², w += rate·g/(sqrt(s)+epsilon), and Adam, with the scalars c, m += c.Gain1·(g-m),
	// v = c.Keep2·v + (c.Gain2·g)·g, w += c.Rate·m/(sqrt(v)/c.Correction + c.Epsilon), element by element. They and
	// AddScaled round after every operation: all sets give the same bits.
	Adagrad func(w, s, g []float32, rate, epsilon float32)
	Adam    func(w, m, v, g []float32, c *AdamScalars)
	// Transpose writes x, [rows,cols], as y, [cols,rows].
	Transpose func(y, x []float32, rows, cols int)
	// Max returns the greatest element of x, which must not be empty; NaN if there is one.
	Max func(x []float32) float32
	// Beyond writes to at the ascending positions of elements of x above limit (below it with below) and NaNs, until
	// x ends or fewer than 32 places are left. It returns how many it found among how many it read.
	Beyond func(at []uint64, x []float32, limit float32, below bool) (found, read int)
	// DotsInteger, DotsInt8 and DotsHalf compute z[i], the sum of x[k]·rows[i·len(x)+k], of rows of integers and of half-
	// precision bits: the first exactly, but for wrapping around, the others within len(x)/2²⁴ of the sum of the sizes. Scale is nil, or
	// multiplies each z[i] by scale[i] at the end.
	DotsInteger func(z []int32, x []uint8, rows []int8)
	DotsInt8    func(z, x []float32, rows []int8, scale []float32)
	DotsHalf    func(z, x []float32, rows []uint16)

	buffers pool // of Gemm
}

// AdamScalars are what all elements of an Adam step share.
type AdamScalars struct{ Rate, Gain1, Keep2, Gain2, Correction, Epsilon float32 }
