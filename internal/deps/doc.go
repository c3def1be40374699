// Package deps states who may import whom. Its test is the policy: it lists every package of the module with what
// it may use, and each outside module with the one package that imports it.
package deps
