// Package repository holds tests of model repositories on a real Triton: what the checker says of one against what the server does.
package repository
