package swab

import (
	"errors"

	"swab/ship"
)

// cleanError is an error whose text has passed the scrubber: the system's
// errors quote paths, and paths may hold addresses.
type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }
func (e *cleanError) Unwrap() error { return e.err }

// clean makes an error fit for a message. The store's own errors name its
// endpoint, which the operator gave, and no log; they stay as they are.
func (d *Daemon) clean(err error) error {
	var store *ship.Error
	if err == nil || errors.As(err, &store) {
		return err
	}
	text := err.Error()
	if cleaned := d.names.String(text); cleaned != text {
		return &cleanError{cleaned, err}
	}
	return err
}
