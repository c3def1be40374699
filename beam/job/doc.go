// Package job fits a workflow and transforms tables on Apache Beam: on one machine by Beam's own runner, prism, or on
// a cluster by Flink, Spark or Dataflow.
//
// Tables lie in files, each of which a worker reads by itself. [Fit] runs a pipeline for each operator that reads data:
// workers learn from their files ([recsys/feature.Partial]), and what they learned is merged. Frequencies, and so the
// ids of vocabularies, are those of a fit in one process; moments differ by 1e-9 at most. [Transform] writes an encoded
// file for each file.
//
// Paths with a scheme, such as gs://bucket/events-1.parquet, go through Beam's file systems; others have to mean the same
// on every worker. A program calls [Register] before beam.Init.
package job
