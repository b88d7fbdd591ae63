//go:build !linux

package crashtest

func supported(Mode) bool { return false }

func trace(order) (Result, error) { return Result{}, ErrUnsupported }

func filter() error { return ErrUnsupported }
