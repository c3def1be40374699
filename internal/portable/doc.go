// Package portable is arithmetic that gives the same bits on every platform, Go version and build mode.
//
// The functions of package math may be assembler on one platform and Go on another, and the Go compiler may fuse
// x*y + z into one rounding where the machine can. Here every product passes through an explicit conversion, which
// forbids the fusion, and nothing calls a math function that is not exact ([math.Sqrt], [math.Floor], [math.Abs]
// and the bit conversions are). Everything that ends in a file that a test compares byte by byte is computed with it.
//
//   - [Exp], [Log], [Log1p], [Pow], [Sqrt], [Erf], [Tanh], [Sigmoid], [Sin], [Cos]: float64, within 2 ulp of package math;
//   - [Exp32], [Log32], [Log1p32], [Pow32], [Sqrt32], [Erf32], [Tanh32], [Sigmoid32], [Sin32], [Cos32]: float32, computed in
//     float64 and rounded once, within 1 ulp of the exact value;
//   - [FromHalf] and [ToHalf] convert between float32 and the bits of half precision;
//   - [New] makes a [Rand]: a seeded stream named by a path, so that streams do not depend on the order of their use.
//     [NewTable] and [Zipf] draw from a discrete distribution by its inverse.
//
// The algorithms are those of FreeBSD's msun (Sun Microsystems, 1993) and of Cephes (Moshier, 1989), as package math
// has them too.
package portable
