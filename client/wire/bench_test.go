package wire_test

import (
	"testing"

	"recsys/client/wire"
	"recsys/tensor"
)

func BenchmarkEncode(b *testing.B) {
	for name, t := range map[string]*tensor.Tensor{
		"float32": tensor.Zeros(tensor.Float32, 300, 64),
		"string":  tensor.Zeros(tensor.String, 300),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wire.Encode(t); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
