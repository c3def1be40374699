//go:build !linux

package triton

import (
	"os"
	"syscall"
)

// Triton's wheel is for Linux; elsewhere this package compiles so that the tests that use it can skip.
func ownGroup() *syscall.SysProcAttr { return nil }

func killGroup(leader *os.Process) { _ = leader.Kill() }
