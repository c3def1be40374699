package triton

import (
	"os"
	"syscall"
)

// ownGroup puts Triton and the processes it starts into a group of their own, which ends with the test binary even
// where that is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(leader *os.Process) {
	_ = syscall.Kill(-leader.Pid, syscall.SIGKILL) // an error means that all have ended
}
