// Package linear inverts large symmetric positive definite matrices with the kernels of package graph/kernel.
package linear
