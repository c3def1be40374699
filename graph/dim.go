package graph

import (
	"slices"
	"strconv"
	"strings"
)

// sumDims adds dimensions. Sums of plain names and numbers are named "(2+B+M)"; others are unknown.
func sumDims(dims []Dim) Dim {
	fixed, names := 0, []string(nil)
	for _, d := range dims {
		n, parts, ok := summands(d)
		if !ok && len(dims) > 1 {
			return Sym(Unknown)
		}
		if !ok {
			return d
		}
		fixed += n
		names = append(names, parts...)
	}
	return sumDim(fixed, names)
}

// lessDim returns d-n; unknown where d is not certain to be n or more.
func lessDim(d Dim, n int64) Dim {
	if n == 0 {
		return d
	}
	fixed, names, ok := summands(d)
	if !ok || n < 0 || int64(fixed) < n {
		return Sym(Unknown)
	}
	return sumDim(fixed-int(n), names)
}

// leastDim returns a size that d is certain to have at least.
func leastDim(d Dim) int {
	fixed, _, _ := summands(d)
	return fixed
}

// summands takes a dimension apart into a number and names; ok is false for products and unknown dimensions.
func summands(d Dim) (fixed int, names []string, ok bool) {
	if d.IsFixed() {
		return d.Size, nil, true
	}
	name := d.Name
	if strings.HasPrefix(name, "(") && strings.HasSuffix(name, ")") {
		name = name[1 : len(name)-1]
	}
	if strings.ContainsAny(name, "*()"+Unknown) {
		return 0, nil, false
	}
	for part := range strings.SplitSeq(name, "+") {
		if n, err := strconv.Atoi(part); err == nil {
			fixed += n
		} else {
			names = append(names, part)
		}
	}
	return fixed, names, true
}

func sumDim(fixed int, names []string) Dim {
	switch {
	case len(names) == 0:
		return Fixed(fixed)
	case len(names) == 1 && fixed == 0:
		return Sym(names[0])
	}
	names = slices.Sorted(slices.Values(names))
	if fixed != 0 {
		names = slices.Insert(names, 0, strconv.Itoa(fixed))
	}
	return Sym("(" + strings.Join(names, "+") + ")")
}
