//go:build !amd64 && !arm64

package kernel

// Best returns the fastest set that this processor can run.
func Best() *Set { return Portable() }

// Sets returns every set that this machine can run, [Portable] first and [Best] last. Tests run all of them.
func Sets() []*Set { return []*Set{Portable()} }
