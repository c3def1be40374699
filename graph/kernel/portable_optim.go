package kernel

import "math"

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

func portableAdagrad(w, s, g []float32, rate, epsilon float32) {
	s, g = s[:len(w)], g[:len(w)]
	for i := range w {
		v := s[i] + float32(g[i]*g[i])
		s[i] = v
		w[i] += float32(rate*g[i]) / (sqrt(v) + epsilon)
	}
}

func portableAdam(w, m, v, g []float32, c *AdamScalars) {
	m, v, g = m[:len(w)], v[:len(w)], g[:len(w)]
	for i := range w {
		d := g[i]
		mi := m[i] + float32(c.Gain1*(d-m[i]))
		vi := float32(c.Keep2*v[i]) + float32(float32(c.Gain2*d)*d)
		m[i], v[i] = mi, vi
		w[i] += float32(c.Rate*mi) / (sqrt(vi)/c.Correction + c.Epsilon)
	}
}

func portableGather(y []float32, step int, ids []int64, x []float32, rows, width int) int {
	for i, id := range ids {
		if id < 0 {
			id += int64(rows)
		}
		if id < 0 || id >= int64(rows) {
			return i
		}
		copy(y[i*step:][:width], x[int(id)*width:(int(id)+1)*width])
	}
	return len(ids)
}

func portableScatterAdd(y []float32, at []int32, x []float32, width int) {
	for i, to := range at {
		row := x[i*width : (i+1)*width]
		if to < 0 {
			copy(y[int(^to)*width:int(^to+1)*width], row)
			continue
		}
		sum := y[int(to)*width : int(to+1)*width]
		for k, v := range row {
			sum[k] += v
		}
	}
}
