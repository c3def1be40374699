// Command quality trains every model of the registry on MovieLens and writes the figures, beside those of other
// libraries on the same split, to bench/quality/RESULTS.json and RESULTS.md:
//
//	go run ./bench/quality -data ml-1m [-only ease,dcn_v2] [-print]
//
// Retrieval is measured on the last rating of every user, over all items that the user has not rated before; ranking on
// a tenth of all rows drawn at random, with a rating of 4 or more as the label. Models that read times are measured on
// MovieLens 100K, in the folder ml-100k beside that of MovieLens 1M. Models have their defaults, but for what
// the row says. Rows that are measured replace those that the file has. docs/how-to/get-movielens.md says where the data is;
// the columns position, loo_split and ctr_split are those of that page.
package main
