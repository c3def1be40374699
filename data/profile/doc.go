// Package profile says what the columns of a table hold: nulls, values, frequencies, moments, quantiles, in one pass and bounded
// memory.
//
// A [Collector] is given the rows, a table at a time, and [Collector.Profile] returns a [Table] with a [Column] for each
// column. [Compare] tells how much a column's values have moved between two profiles.
//
//	c := profile.New(file.Schema())
//	for batch, err := range file.Batches(ctx, 1<<14) {
//		if err != nil {
//			return err
//		}
//		c.Add(batch)
//	}
//	p := c.Profile()
//
// Memory does not grow with the rows, but for 8 bytes a row where duplicates are looked for: up to [Exact] values of a column are
// counted one by one, and the quantiles are those of at most [Sampled] values, drawn with a fixed seed. The same rows give
// the same profile, whatever tables they come in.
package profile
