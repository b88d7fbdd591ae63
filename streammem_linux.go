package swab

import "golang.org/x/sys/unix"

// rawMemory gets memory that no core dump holds (madvise(2), MADV_DONTDUMP),
// where the system does so. Only pages that were written count as resident.
func rawMemory(n int) (mem []byte, free func()) {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return make([]byte, n), func() {}
	}
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP) // else LimitCORE=0 has to do
	return mem, func() { _ = unix.Munmap(mem) }
}
