package kernel

// avx512Transpose moves blocks of 16 by 16, at the borders what there is of them.
func avx512Transpose(y, x []float32, rows, cols int) {
	x, y = x[:rows*cols], y[:rows*cols]
	const block = 64 // columns at a time: their destination rows stay in the first-level cache
	for c := 0; c < cols; c += block {
		n := min(block, cols-c)
		for r := 0; r < rows; r += 16 {
			done := 0
			if r+16 <= rows && n >= 16 {
				done = n / 16 * 16
				avx512Transpose16(n/16, &y[c*rows+r], 4*rows, &x[r*cols+c], 4*cols)
			}
			for ; done < n; done += 16 {
				m := min(16, rows-r)
				avx512TransposeEdge(m, min(16, n-done), m, &y[(c+done)*rows+r], 4*rows, &x[r*cols+c+done], 4*cols)
			}
		}
	}
}
