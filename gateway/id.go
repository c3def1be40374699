package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"recsys/tensor"
)

// maxIDBytes bounds the ids of users, items and events.
const maxIDBytes = 256

var errID = errors.New("not an id")

// canonicalID returns the text that stands for a raw key of the given data type everywhere: in row files, in the
// store and in the catalog. Int64 keys have one spelling.
func canonicalID(text string, dtype tensor.DType) (string, error) {
	switch {
	case text == "":
		return "", fmt.Errorf("%w: it is empty", errID)
	case len(text) > maxIDBytes:
		return "", fmt.Errorf("%w: longer than %d bytes", errID, maxIDBytes)
	case !utf8.ValidString(text):
		return "", fmt.Errorf("%w: not UTF-8", errID)
	case dtype != tensor.Int64:
		return text, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n == tensor.NullInt64 {
		return "", fmt.Errorf("%w: ids are 64-bit integers here", errID)
	}
	return strconv.FormatInt(n, 10), nil
}

// setID writes a canonical id into element i of t, which is int64 or string.
func setID(t *tensor.Tensor, i int, id string) error {
	switch data := t.Any().(type) {
	case []int64:
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return fmt.Errorf("%w: %q", errID, id)
		}
		data[i] = n
	case []string:
		data[i] = id
	default:
		return fmt.Errorf("ids cannot be %s", t.DType())
	}
	return nil
}

// idAt reads element i of t as a canonical id.
func idAt(t *tensor.Tensor, i int) (string, error) {
	switch data := t.Any().(type) {
	case []int64:
		return strconv.FormatInt(data[i], 10), nil
	case []string:
		return data[i], nil
	}
	return "", fmt.Errorf("ids cannot be %s", t.DType())
}
