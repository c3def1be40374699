// Package storetest says what every featurestore.Store promises, as tests.
//
//	func TestStore(t *testing.T) {
//		storetest.TestStore(t, func(t *testing.T) featurestore.Store { return mystore.New(...) })
//	}
//
// [Checks] gives the same checks as plain functions, for those who run them elsewhere.
package storetest
