// Package ivf divides item vectors into inverted lists, for retrieval that looks at a few lists instead of at all items.
//
// [Build] clusters the vectors by k-means (Lloyd 1982) and then bounds the lists: none is longer than [Slack] times the mean. Retrieval by inner
// product over such lists is Jégou, Douze and Schmid 2011, section IV, with the vectors themselves in the lists instead of codes. The same vectors and
// seed make the same lists on one instruction set, whatever the number of threads.
package ivf
