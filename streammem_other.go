//go:build !linux

package swab

// rawMemory gets memory for raw bytes.
func rawMemory(n int) (mem []byte, free func()) { return make([]byte, n), func() {} }
