// Package generation holds tests of what publishes generations on real Triton servers, under load.
package generation
