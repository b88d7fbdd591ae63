//go:build !linux

package swab

import "time"

// processStart is as far back as elapsed time reaches here.
var processStart = time.Now()

// bootTime is the time since the process began; suspends are not counted.
func bootTime() time.Duration { return time.Since(processStart) }
