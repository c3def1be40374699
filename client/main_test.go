package client_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain sees that no test leaves a goroutine of a call, a connection or a server behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
