package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"recsys/graph"
	"recsys/model"
	"recsys/onnx"
	"recsys/tensor"
)

// A trained retrieval model is a folder with two graphs: query.onnx, and items.onnx, which gathers rows of the item
// matrix by item index. A model without such a matrix has query.onnx alone. Where a tower computes the matrix from the columns of items,
// tower.onnx is that.
const (
	queryFile = "query.onnx"
	itemsFile = "items.onnx"
	towerFile = "tower.onnx"
	itemsName = "items"
	// validationDir holds the model as it was before it learned from the validation part.
	validationDir = "validation"
)

func writeSource(dir string, r *model.Retrieval) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := onnx.Write(filepath.Join(dir, queryFile), r.Query, onnx.Meta{}); err != nil {
		return err
	}
	if r.Items == nil {
		return nil
	}
	if r.Tower != nil {
		if err := onnx.Write(filepath.Join(dir, towerFile), r.Tower, onnx.Meta{}); err != nil {
			return err
		}
	}
	b := graph.NewBuilder(r.Name + "_items")
	index := b.Input("item_indices", tensor.Int64, graph.Shape{graph.Sym("M")})
	b.Output("vectors", b.Gather(b.Const(itemsName, r.Items), index, 0))
	items, err := b.Build()
	if err != nil {
		return err
	}
	return onnx.Write(filepath.Join(dir, itemsFile), items, onnx.Meta{})
}

// readSource reads what writeSource wrote. First is the lowest item index that stands for an item.
func readSource(dir, name string, first int) (*model.Retrieval, error) {
	query, err := readGraph(filepath.Join(dir, queryFile))
	if err != nil {
		return nil, err
	}
	if m := model.ReadItemItem(name, query, first); m != nil {
		return &model.Retrieval{Name: name, Query: query, ItemItem: m, First: first}, nil
	}
	items, err := readGraph(filepath.Join(dir, itemsFile))
	if err != nil {
		return nil, err
	}
	var tower *graph.Graph
	if path := filepath.Join(dir, towerFile); exists(path) {
		if tower, err = readGraph(path); err != nil {
			return nil, err
		}
	}
	for _, n := range items.Nodes {
		at := slices.IndexFunc(n.Inputs, func(v *graph.Value) bool {
			return v != nil && v.Kind() == graph.FromConst && v.Name() == itemsName
		})
		if at >= 0 {
			return &model.Retrieval{Name: name, Query: query, Items: n.Inputs[at].Data(), First: first, Tower: tower}, nil
		}
	}
	return nil, fmt.Errorf("%s: no constant %q; train again", filepath.Join(dir, itemsFile), itemsName)
}

// exists tells whether there is a folder or file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
