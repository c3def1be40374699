// Package featurestore keeps what a serving gateway has to know about users: a packed row of raw features,
// the newest items of their history, and the items they have seen. Of items it keeps a packed row.
//
// A [Store] answers all three for one user in one round trip, takes events that change the next answer, and is
// filled with [Store.Load], which never undoes an event. [Memory] keeps everything in the process; the package
// featurestore/redis keeps it in Redis. The suite in featurestore/storetest says what every Store promises.
//
// [Store.Items] answers for many items in one round trip. A store also keeps the set of items that are not available for the time being
// ([Availability]), whose state comes with every user.
//
// A [Codec] packs the columns of a schema into a row and back, and a [Batch] reads many rows into tensors. [WriteRows] and [ReadRows] stream records to and
// from the row files of an exported ensemble, NAME/N/features/users.rows and items.rows:
//
//	header, records, err := featurestore.ReadRows(path)
//	stats, err := store.Load(ctx, records)
//
// Rows hold raw values, not encoded ids: a row outlives the vocabularies of one training run. Null has the
// sentinels of package tensor.
package featurestore
