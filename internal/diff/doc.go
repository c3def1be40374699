// Package diff says what is different between two generations of an ensemble, of one model repository or of two.
//
//	a, err := diff.Open("model_repository", "shop", 7)
//	b, err := diff.Open("model_repository", "shop", 8)
//	report, err := diff.Compare(a, b)
//
// [Compare] reads what was exported: the manifest, the configurations, the interface, the files of rows, and of each stage's model the
// operators, the nodes, the weights and the vocabularies. What users get is compared by who can ask for it, in [Outputs]. The numbers of
// generations and versions are no difference.
package diff
