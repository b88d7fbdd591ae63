package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// within limits its own process, and becomes swab with the arguments left:
//
//	within files HARD …   descriptors: 64 by the soft limit, HARD by the hard one
//	within group FILE …   in the control group whose processes FILE takes
func within() {
	fmt.Fprintln(os.Stderr, becomeSwab(os.Args[1], os.Args[2], os.Args[3:]))
	os.Exit(exitFailed)
}

func becomeSwab(what, limit string, args []string) error {
	var err error
	switch what {
	case "files":
		var hard uint64
		if hard, err = strconv.ParseUint(limit, 10, 64); err == nil {
			// One that is set is what the next program gets: the raise that
			// each Go program begins with is not handed on.
			err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: hard})
		}
	case "group":
		err = os.WriteFile(limit, []byte(strconv.Itoa(os.Getpid())), 0)
	default:
		err = errors.New("no such limit: " + what)
	}
	if err != nil {
		return err
	}
	swab, err := exec.LookPath("swab")
	if err != nil {
		return err
	}
	return syscall.Exec(swab, append([]string{"swab"}, args...), os.Environ())
}
