package graph

// ApplyNamed is Apply with a name for the node, which is made unique where it is taken: for readers of models, which
// keep the names that they find.
func (b *Builder) ApplyNamed(name string, op *Op, attrs Attrs, inputs ...*Value) []*Value {
	return b.apply(b.scoped(name), op, attrs, inputs)
}
