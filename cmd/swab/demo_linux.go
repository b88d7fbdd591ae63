package main

import "syscall"

// childAttr puts the child into a process group of its own, so that a
// terminal's Ctrl-C reaches the demo alone, which then ends it, and lets the
// kernel end it should the demo be killed.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
