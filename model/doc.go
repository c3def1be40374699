// Package model holds the models: retrieval models, which map a query and an item to vectors whose product is the
// score, and rankers, which map a query and candidates to a logit per task.
//
//   - [Popularity], [ItemKNN], [EASE] and [IALS] are solved, not trained;
//   - [NewMatrixFactorization] and [NewTwoTower] are [Retriever]s, [NewSASRec] is a [SequenceRetriever];
//   - [NewLogisticRegression], [NewDeepFM], [NewDLRM], [NewDCNv2] and [NewMMoE] are [Ranker]s.
//
// A model is bound to the schema of encoded columns and builds graphs from values that are named after columns; it
// knows nothing of losses, samplers and optimisers (package train). After training, [NewRetrieval] makes of a retriever
// its query graph and the matrix of all item vectors, and [RankGraph] of a ranker the graph that gives a probability per
// task: these are what export reads.
//
// The inputs of every graph have the names that they have in serving: [QueryInput], [ItemInput], [InteractionInput], [LabelInput].
package model
