// Package conformance drives one script of calls against a real Triton and against the embedded engine and compares the answers, codes
// and metadata.
//
// The script has three parts: raw HTTP requests, raw gRPC messages, and a Python program that uses tritonclient over both. What
// differs on purpose is listed in differences_test.go, each with its reason; a difference that is not listed fails the test, and so does
// a listed one that is gone.
package conformance
