// Package nearest finds the name that somebody who misspelled one may have meant.
package nearest

import "slices"

// Of returns the known name with the fewest edits to word, the first of several in the order of names; "" when more than a third of
// the word's letters, and more than one, would have to change. An edit inserts, removes or replaces a byte.
func Of(word string, known []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, name := range slices.Sorted(slices.Values(known)) {
		if d := distance(word, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// Hint returns "; did you mean "name"?" for the nearest of the known names, or "".
func Hint(word string, known []string) string {
	if name := Of(word, known); name != "" {
		return "; did you mean \"" + name + "\"?"
	}
	return ""
}

// distance is that of Levenshtein 1966.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
