package crashtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// callInfo is struct ptrace_syscall_info of ptrace(2), as far as a stop at a
// call's beginning fills it.
type callInfo struct {
	Op   uint8
	_    [3]uint8
	Arch uint32
	IP   uint64
	SP   uint64
	Nr   uint64
	Args [6]uint64
	_    [16]byte
}

const (
	getCallInfo = 0x420e // PTRACE_GET_SYSCALL_INFO
	// sysStop is the signal of a stop at a call's end, by PTRACE_O_TRACESYSGOOD.
	sysStop = syscall.SIGTRAP | 0x80
)

// calls are those that can have an effect, but for what only one processor has.
var calls = []uint32{
	unix.SYS_OPENAT, unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_COPY_FILE_RANGE, unix.SYS_FSYNC, unix.SYS_FDATASYNC,
	unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_UNLINKAT,
	unix.SYS_MKDIRAT, unix.SYS_FCNTL, unix.SYS_CONNECT,
}

// filter has the kernel stop this process, all its threads, at the calls that
// can have an effect, and at no other: a Go program makes many of those. It
// stays over an execve.
func filter() error {
	list := append(slices.Clone(calls), oldCalls...)
	load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0} // seccomp_data.nr
	program := []unix.SockFilter{load}
	for i, nr := range list {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: nr, Jt: uint8(len(list) - i)})
	}
	program = append(program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE})
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	// Without a tracer such calls fail, so nothing may come between this and
	// the first stop.
	_, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// tracer follows one program. All of it runs on one thread: ptrace(2) wants
// that.
type tracer struct {
	order
	leader  int
	result  Result
	threads map[int]*thread
	kind    string // of the effect that is ruined from now on
}

// thread is what the current call of a thread was chosen for, when it has ended.
type thread struct {
	kill bool
	says syscall.Errno // what it returns, though it was made
}

func trace(o order) (Result, error) {
	runtime.LockOSThread()
	cmd := exec.Command(o.Path)
	cmd.Args, cmd.Stderr = o.Args, os.Stderr
	cmd.Env = append(os.Environ(), filterEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return Result{}, err
	}
	t := &tracer{order: o, leader: cmd.Process.Pid, threads: map[int]*thread{}}
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(t.leader, &ws, syscall.WALL, nil); err != nil {
		return Result{}, err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(t.leader, options); err != nil {
		return Result{}, fmt.Errorf("ptrace options: %w", err)
	}
	if err := syscall.PtraceCont(t.leader, 0); err != nil {
		return Result{}, fmt.Errorf("ptrace: %w", err)
	}
	err := t.loop()
	return t.result, err
}

func (t *tracer) loop() error {
	for {
		var ws syscall.WaitStatus
		tid, err := syscall.Wait4(-1, &ws, syscall.WALL, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("waiting for the program: %w", err)
		}
		if ws.Exited() || ws.Signaled() {
			if tid != t.leader {
				delete(t.threads, tid)
				continue
			}
			t.result.Status = -1
			if ws.Exited() {
				t.result.Status = ws.ExitStatus()
			} else {
				t.result.Signal = ws.Signal().String()
			}
			return nil
		}
		if !ws.Stopped() {
			continue
		}
		signal, resume := 0, syscall.PtraceCont
		th := t.threads[tid]
		isNew := th == nil
		if isNew {
			th = &thread{}
			t.threads[tid] = th
		}
		switch sig := ws.StopSignal(); {
		case sig == sysStop: // the end of a call that was chosen
			switch {
			case th.kill:
				err = syscall.Kill(t.leader, syscall.SIGKILL)
			case th.says != 0:
				err = returns(tid, th.says)
				th.says = 0
			}
		case sig == syscall.SIGTRAP && ws.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
			if err = t.call(tid, th); th.kill || th.says != 0 {
				resume = syscall.PtraceSyscall // stops at its end
			}
		case sig == syscall.SIGTRAP: // a clone
		case sig == syscall.SIGSTOP && isNew: // a new thread's first stop
		default:
			signal = int(sig)
		}
		if err == nil {
			err = resume(tid, signal)
		}
		if err != nil && !errors.Is(err, syscall.ESRCH) { // killed meanwhile
			return fmt.Errorf("ptrace: %w", err)
		}
	}
}

// call is a stop at the beginning of a call.
func (t *tracer) call(tid int, th *thread) error {
	var info callInfo
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, getCallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return errno
	}
	e, ok := t.effect(tid, &info)
	if !ok {
		return nil
	}
	t.result.Effects = append(t.result.Effects, e)
	last := &t.result.Effects[len(t.result.Effects)-1]
	chosen := len(t.result.Effects) == t.At
	if chosen {
		t.result.Reached, t.kind = true, e.Call
	}
	switch {
	case chosen && t.Mode == Tear && t.half(e, info.Args[3]) > 0:
		th.kill = true
		return shorten(tid, t.half(e, info.Args[3]))
	case chosen && (t.Mode == Kill || t.Mode == Tear):
		// A fatal signal that is pending keeps the call from being made.
		return syscall.Kill(t.leader, syscall.SIGKILL)
	case t.Mode == Fail && chosen, t.Mode == Ruin && t.kind == e.Call:
		errno := errnoOf(e.Call)
		last.Errno = errno.Error()
		if e.Call == "lease" && info.Args[2] == unix.F_UNLCK {
			// Giving a lease back fails only when there is none any more. Were it
			// kept, the kernel would have the next to open the file wait 45 seconds.
			th.says = errno
			return nil
		}
		return answer(tid, errno)
	}
	return nil
}

// half is how much of a write is made before a kill, bytes. A kill tears a
// write between two pages of the file, which is what overwriting relies on
// (Plan.Paged); whatever else is written must bear any border.
func (t *tracer) half(e Effect, off uint64) int {
	if e.Call != "write" && e.Call != "pwrite64" {
		return 0
	}
	if t.Paged == "" || !strings.HasPrefix(e.Path, t.Paged) {
		return e.Bytes / 2
	}
	const page = 4096
	return max(0, (int(off)+e.Bytes/2)/page*page-int(off))
}

// errnoOf is what a disk that is full, or broken, answers to a call.
func errnoOf(call string) syscall.Errno {
	switch call {
	case "fsync", "fdatasync", "unlinkat", "ftruncate":
		return syscall.EIO
	case "lease":
		return syscall.EAGAIN
	case "connect":
		return syscall.ECONNREFUSED
	}
	return syscall.ENOSPC
}

// effect tells which effect a call is about to have.
func (t *tracer) effect(tid int, info *callInfo) (Effect, bool) {
	a := info.Args
	at := func(dir, name int) string { return t.at(tid, int32(a[dir]), a[name]) }
	var e Effect
	switch info.Nr {
	case unix.SYS_OPENAT:
		if a[2]&(unix.O_CREAT|unix.O_TRUNC) == 0 {
			return e, false
		}
		e = Effect{Call: "create", Path: at(0, 1)}
	case unix.SYS_WRITE, unix.SYS_PWRITE64:
		e = Effect{Call: "write", Path: t.fd(tid, a[0]), Bytes: int(a[2])}
		if info.Nr == unix.SYS_PWRITE64 {
			e.Call = "pwrite64"
		}
	case unix.SYS_COPY_FILE_RANGE:
		e = Effect{Call: "copy_file_range", Path: t.fd(tid, a[2])}
	case unix.SYS_FSYNC:
		e = Effect{Call: "fsync", Path: t.fd(tid, a[0])}
	case unix.SYS_FDATASYNC:
		e = Effect{Call: "fdatasync", Path: t.fd(tid, a[0])}
	case unix.SYS_FTRUNCATE:
		e = Effect{Call: "ftruncate", Path: t.fd(tid, a[0])}
	case unix.SYS_FALLOCATE:
		e = Effect{Call: "allocate", Path: t.fd(tid, a[0])}
		if a[1]&unix.FALLOC_FL_PUNCH_HOLE != 0 {
			e.Call = "punch"
		}
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		e = Effect{Call: "rename", Path: at(0, 1), To: at(2, 3)}
	case unix.SYS_LINKAT:
		e = Effect{Call: "link", Path: at(0, 1), To: at(2, 3)}
	case unix.SYS_UNLINKAT:
		e = Effect{Call: "unlinkat", Path: at(0, 1)}
	case unix.SYS_MKDIRAT:
		e = Effect{Call: "mkdir", Path: at(0, 1)}
	case unix.SYS_FCNTL:
		if a[1] != unix.F_SETLEASE {
			return e, false
		}
		e = Effect{Call: "lease", Path: t.fd(tid, a[0])}
	case unix.SYS_CONNECT:
		return Effect{Call: "connect", Path: "socket"}, true
	default:
		e = t.oldCall(tid, info)
	}
	return e, e.Path != ""
}

// fd is the file beneath Dir that a descriptor stands for, "socket" for a
// socket, or "".
func (t *tracer) fd(tid int, fd uint64) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, int32(fd)))
	if err != nil {
		return ""
	}
	if strings.HasPrefix(path, "socket:") {
		return "socket"
	}
	return beneath(t.Dir, strings.TrimSuffix(path, " (deleted)"))
}

// at is the file beneath Dir that a name in a directory stands for, or "".
func (t *tracer) at(tid int, dir int32, addr uint64) string {
	name := text(tid, addr)
	if !filepath.IsAbs(name) {
		base := fmt.Sprintf("/proc/%d/fd/%d", tid, dir)
		if dir == unix.AT_FDCWD {
			base = fmt.Sprintf("/proc/%d/cwd", tid)
		}
		base, err := os.Readlink(base)
		if err != nil {
			return ""
		}
		name = filepath.Join(base, name)
	}
	return beneath(t.Dir, name)
}

// text is the string that ends with a NUL in the program's memory.
func text(tid int, addr uint64) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", tid))
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, unix.PathMax)
	n, _ := f.ReadAt(buf, int64(addr)) // it may end with the mapping
	p, _, _ := bytes.Cut(buf[:n], []byte{0})
	return string(slices.Clone(p))
}

// supported tells whether a mode is to be had: ptrace may be forbidden, and
// calls are changed on one processor only.
func supported(m Mode) bool {
	switch m {
	case Tear, Fail, Ruin:
		return changesCalls
	}
	return true
}
