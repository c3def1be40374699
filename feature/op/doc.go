// Package op holds the built-in feature operators, one a file:
//
//   - [Categorify]: keys to ids by a vocabulary in order of falling frequency
//   - [HashBucket]: keys to ids by their hash
//   - [HashedCross]: the keys of several columns together to ids by their hash
//   - [Normalize]: numbers to mean 0 and standard deviation 1
//   - [MinMax]: numbers to the range from 0 to 1
//   - [Clip]: numbers to given bounds
//   - [FillMissing]: nulls to a constant or the median
//   - [Bucketize]: numbers to ids of bins with given boundaries or equally many values
//   - [Log]: log(1+x)
//   - [GroupStatistics]: means, counts and the like of the rows that share a key
//   - [Difference]: one column minus another
//   - [TimeSince]: how long ago a time was at another
//   - [Expression]: a formula over columns of numbers
//   - [Cast]: another type
//   - [Cross]: the keys of several columns together to ids, by frequency
//   - [ListSlice], [ListStatistics], [Vector]: lists
//   - [Filter]: which interactions are learned from
//   - [TargetEncoding]: the mean of a target by keys, out of fold in training
//   - [Rename]: another name
//   - [Drop]: takes columns away
//   - [Sequence]: a user's history, encoded with the vocabulary of another column
//   - [Lag]: what an item in the history had
//   - [HistoryCount]: how many items in the history are like the candidate
//   - [DateParts]: hour and weekday of a time, in UTC or local, as ids or points on a circle
//
// An operator is a struct of settings; the zero value of a field means its default. [Kinds] lists all of them for a
// feature.Registry, which reads settings and saved states; [Registry] is one with nothing else.
//
// Every operator works on whole columns, [B] or [B,L]. What is made of columns of an item and of a request together
// is of the entity interaction, what is made of columns of a user and a request of the entity context. See the reference of
// operators for what each does to nulls, unknown values and extremes.
package op
