package status

import (
	"net"
	"sync"
)

// limited is a listener that has at most cap(slots) connections open. Further
// ones wait in the kernel's queue, which costs no descriptor.
type limited struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	shut   func() error
}

func limit(ln net.Listener, n int) net.Listener {
	l := &limited{Listener: ln, slots: make(chan struct{}, n), closed: make(chan struct{})}
	l.shut = sync.OnceValue(func() error {
		close(l.closed)
		return ln.Close()
	})
	return l
}

// Accept waits for a slot, then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotted{Conn: conn, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close ends Accept, also one that waits for a slot.
func (l *limited) Close() error { return l.shut() }

// slotted gives its slot back when it is closed.
type slotted struct {
	net.Conn
	release func()
}

// Close is a [net.Conn]'s.
func (c *slotted) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}
