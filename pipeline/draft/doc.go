// Package draft writes a first recsys.yaml for data files: it guesses which file is which table, what the columns mean and which
// features and models suit them, and says in a comment of the file why.
//
//	text, err := draft.Text(ctx, draft.Options{Files: []string{"data/ratings.csv", "data/users.csv"}, Dir: "data"})
//
// The draft is complete: it runs as it is. Guesses go by names (user_id, customer, movieId, timestamp), by what the files have in
// common, and by what the columns hold (package data/profile). Files with the same
// columns whose names differ in digits alone, such as days, are one table.
package draft
