//go:build !amd64

package kernel

// Best returns the fastest set that this processor can run.
func Best() *Set { return Portable() }
