//go:build !race

package swab

// raceOn: the race detector is built in, and needs memory of its own.
const raceOn = false
