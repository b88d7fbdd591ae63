package status

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
)

// pipes is a listener that always has a connection waiting.
type pipes struct{ accepted int }

func (p *pipes) Accept() (net.Conn, error) {
	p.accepted++
	server, client := net.Pipe()
	_ = client.Close()
	return server, nil
}

func (*pipes) Close() error   { return nil }
func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &pipes{}
		ln := limit(inner, 2)
		var open []net.Conn
		for range 2 {
			conn, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
		}
		more := make(chan error, 2)
		accept := func() {
			_, err := ln.Accept()
			more <- err
		}
		go accept()
		synctest.Wait()
		if inner.accepted != 2 {
			t.Fatalf("%d connections, want 2", inner.accepted)
		}
		for range 3 { // closing again gives no second slot
			_ = open[0].Close()
		}
		go accept()
		synctest.Wait()
		if inner.accepted != 3 || len(more) != 1 || <-more != nil {
			t.Fatalf("%d connections after one was closed, want 3", inner.accepted)
		}
		_ = ln.Close()
		synctest.Wait()
		if len(more) != 1 || !errors.Is(<-more, net.ErrClosed) {
			t.Error("a waiting Accept did not end with the listener")
		}
	})
}

type broken struct{ pipes }

func (*broken) Accept() (net.Conn, error) { return nil, errors.New("no descriptors") }

func TestFailedAcceptKeepsNoSlot(t *testing.T) {
	ln := limit(&broken{}, 1)
	for range 3 {
		if _, err := ln.Accept(); err == nil {
			t.Fatal("no error")
		}
	}
}
