// Package full holds what takes minutes: real data at its full size, with the figures that a release has to reach. It is
// built with the tag full only; `make full` runs it.
package full
