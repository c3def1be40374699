// Package exec runs graphs.
//
// [Compile] turns a graph into a [Plan]: constants are folded, nodes that no output needs are dropped, and groups
// of nodes that have a faster joint form are fused. [Plan.Run] binds the symbolic dimensions to the shapes of the
// inputs, lays out the memory of all intermediate values once per binding and calls the kernels.
//
//	plan, err := exec.Compile(g, exec.Options{})
//	out, err := plan.Run(ctx, tensor.Map{"user": t})
//
// A Plan is immutable and safe for concurrent use; Run's outputs belong to the caller. A training loop takes a
// [Session] instead, whose outputs stay in its memory until its next Run: in the steady state it allocates nothing.
//
// Parameters are read from their graph at every run. Whoever changes their data must not do so during a run, and not at
// all with [Options.Frozen], which serving and evaluation set. With [Options.Threads] a run computes its large steps on
// several threads; plans that serve side by side share them by a [Budget].
//
// Results depend on the kernel set, the inputs and the parameters only: not on earlier runs, the number of threads, and
// how many run at once. A fused step gives the bits of the steps that it replaces: see [Plan.Steps].
package exec
