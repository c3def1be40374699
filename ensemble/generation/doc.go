// Package generation changes which generation of an ensemble running Triton servers serve, without a failed or mixed answer.
//
// [Publisher.Publish] goes the way that was found to work on a real server:
//
//  1. the stages' version policies name the versions that any ensemble pins, and the new ones;
//  2. an ensemble of another name, NAME_next, pins the new generation; each server loads it and has to answer its requests right;
//  3. only then NAME/config.pbtxt takes the new pins and each server loads it again. If one does not answer as it should, the old
//     configuration is put back and loaded at once;
//  4. NAME_next goes.
//
// What a load call returns is never believed: a server that says yes may have done nothing. A version's readiness and an inference decide.
//
// [Publisher.Rollback] does the same with the generation that was served before, [Publisher.Canary] under a second name; the share of
// traffic that a canary gets is the gateway's business. [Publisher.Prune] removes what no ensemble pins. [List] tells what there is.
//
// The files are the state: a server that starts again serves what NAME/config.pbtxt says. A lock in each repository folder lets one
// publisher or export work at a time. A publisher writes down what it is about to do; the next one, of whatever verb, first puts
// the previous generation back if one was killed while it switched, and removes what it left lying.
//
// A failed load takes the running ensemble with it in Triton, and a failed warm-up can take the server: models with findings of
// [ensemble.Repository.Check] or [ensemble.CheckGraph] are therefore never loaded.
package generation
