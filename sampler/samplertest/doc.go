// Package samplertest is the conformance suite of samplers: [Check] tells what is wrong with one.
package samplertest
