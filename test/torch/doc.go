// Package torch compares graphs and their gradients with PyTorch's, without PyTorch: make_fixtures.py, run where there is
// one, makes random graphs of layers, losses and operators and writes to testdata what PyTorch and its autograd compute
// for them in float64. The tests build each graph from its description with packages graph, layer and loss.
//
// An operator that gets a gradient needs a chain in make_fixtures.py, a layer or loss a step there and in the test; then
//
//	python3 test/torch/make_fixtures.py
//
// writes the fixtures anew (torch 2 and numpy; those in the repository are of torch 2.15 on a CPU).
package torch
