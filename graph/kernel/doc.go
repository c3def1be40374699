// Package kernel holds the inner loops: matrix products, vector functions and row copies on float32 slices.
//
// A [Set] is one implementation of all of them. [Portable] is plain Go and gives the same bits on every platform;
// [Best] uses what the processor has. Callers pick a Set once and pass it on; there is no global choice. All
// functions are safe for concurrent use, and destination slices must not overlap sources unless they are the same
// slice or the function says so.
package kernel
