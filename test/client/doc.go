// Package client tests the Triton client against a real Triton; see recsys/test/triton for how to have one. The tests
// here hold the client, and the fake server in recsys/client/tritontest, to what Triton does.
package client
