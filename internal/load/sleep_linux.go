package load

import (
	"syscall"
	"time"
)

// pause sleeps in the kernel, which is late by some 60 µs. A signal may end it too soon.
func pause(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	for rest := (syscall.Timespec{}); syscall.Nanosleep(&ts, &rest) != nil; ts = rest {
	}
}
