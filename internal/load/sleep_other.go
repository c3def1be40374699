//go:build !linux

package load

import "time"

// pause waits for a timer.
func pause(d time.Duration) { <-time.After(d) }
