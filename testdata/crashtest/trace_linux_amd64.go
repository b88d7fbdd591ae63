package crashtest

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// changesCalls: calls can be shortened and kept from happening.
const changesCalls = true

func change(tid int, fn func(r *syscall.PtraceRegs)) error {
	var r syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &r); err != nil {
		return err
	}
	fn(&r)
	return syscall.PtraceSetRegs(tid, &r)
}

// answer keeps the call that a thread begins from being made, and sets what it
// returns.
func answer(tid int, errno syscall.Errno) error {
	return change(tid, func(r *syscall.PtraceRegs) { r.Orig_rax, r.Rax = ^uint64(0), uint64(-int64(errno)) })
}

// returns sets what the call that a thread has made returns.
func returns(tid int, errno syscall.Errno) error {
	return change(tid, func(r *syscall.PtraceRegs) { r.Rax = uint64(-int64(errno)) })
}

// shorten sets the length of the write that a thread begins.
func shorten(tid, n int) error {
	return change(tid, func(r *syscall.PtraceRegs) { r.Rdx = uint64(n) })
}

// oldCalls are the calls that only this processor has.
var oldCalls = []uint32{unix.SYS_RENAME, unix.SYS_LINK, unix.SYS_UNLINK, unix.SYS_RMDIR, unix.SYS_MKDIR}

// oldCall knows the calls that only this processor has.
func (t *tracer) oldCall(tid int, info *callInfo) Effect {
	a := info.Args
	cwd := func(name int) string { return t.at(tid, unix.AT_FDCWD, a[name]) }
	switch info.Nr {
	case unix.SYS_RENAME:
		return Effect{Call: "rename", Path: cwd(0), To: cwd(1)}
	case unix.SYS_LINK:
		return Effect{Call: "link", Path: cwd(0), To: cwd(1)}
	case unix.SYS_UNLINK, unix.SYS_RMDIR:
		return Effect{Call: "unlinkat", Path: cwd(0)}
	case unix.SYS_MKDIR:
		return Effect{Call: "mkdir", Path: cwd(0)}
	}
	return Effect{}
}
