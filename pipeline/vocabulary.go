package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"recsys/data"
	"recsys/feature"
	"recsys/feature/op"
	"recsys/tensor"
)

// readVocabularies reads the vocabularies that operators take from files in folder dir.
func readVocabularies(ctx context.Context, w feature.Workflow, dir string) error {
	for _, o := range w.Operators {
		c, ok := o.(*op.Categorify)
		if !ok || c.VocabularyFile == "" {
			continue
		}
		if err := readVocabulary(ctx, c, dir); err != nil {
			return fmt.Errorf("categorify %s: vocabulary_file: %w", strings.Join(c.Columns, ", "), err)
		}
	}
	return nil
}

// readVocabulary sets the vocabulary to the first column of the operator's file.
func readVocabulary(ctx context.Context, o *op.Categorify, dir string) error {
	file, err := data.Open(ctx, data.Spec{Path: filepath.Join(dir, o.VocabularyFile)})
	if err != nil {
		return err
	}
	first := file.Schema()[0]
	if first.DType.DType == tensor.Float32 { // Tools that have no null among integers write them so.
		file, err = data.Open(ctx, data.Spec{
			Path: filepath.Join(dir, o.VocabularyFile), Columns: map[string]tensor.DType{first.Name: tensor.Int64},
		})
		if err != nil {
			return err
		}
	}
	only, err := file.Only(first.Name)
	if err != nil {
		return err
	}
	t, err := only.Read(ctx)
	if err != nil {
		return err
	}
	column := t.Columns()[0]
	if column.IsList() {
		return fmt.Errorf("%s: the first column, %q, holds lists", o.VocabularyFile, first.Name)
	}
	switch values := column.Values().Any().(type) {
	case []int64:
		o.Vocabulary = boxed(values)
	case []string:
		o.Vocabulary = boxed(values)
	}
	o.VocabularyFile = ""
	return nil
}

func boxed[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
