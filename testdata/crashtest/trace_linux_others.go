//go:build linux && !amd64

package crashtest

import "syscall"

const changesCalls = false

var oldCalls []uint32

func answer(int, syscall.Errno) error         { return ErrUnsupported }
func returns(int, syscall.Errno) error        { return ErrUnsupported }
func shorten(int, int) error                  { return ErrUnsupported }
func (*tracer) oldCall(int, *callInfo) Effect { return Effect{} }
