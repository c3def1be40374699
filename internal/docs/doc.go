// Package docs holds the tests that keep the documentation true: that the reference names every operator, model, loss,
// metric, stage, verb, flag, key of recsys.yaml and metric of /metrics, that the values which it states are those of
// the code, that links lead somewhere, and that what the tutorial and the how-to pages tell readers to type works. It
// has no code of its own.
package docs
