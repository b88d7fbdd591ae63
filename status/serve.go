package status

import (
	"context"
	"errors"
	stdlog "log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// What a client may take. A scrape of thousands of series takes milliseconds;
// the deadlines are for clients that hang. The connections are few, because
// their descriptors are ones that logs and spool could lack.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 60 * time.Second
	stopTimeout   = 2 * time.Second
	maxHeader     = 16 << 10
	maxConns      = 64
)

// Serve listens on addr (HOST:PORT, TCP) and answers with [Handler] until ctx
// ends or stop is called, whichever comes first. It returns the address it
// listens on, which has the port where addr asked for any. An error means that
// it does not listen; the daemon can do without.
//
// stop gives requests under way two seconds, cuts off the rest, and returns
// when the listener's goroutine is gone, with the error that ended it if it
// was not stop. It may be called again. log must be safe for concurrent use.
//
// On a loopback address only requests for localhost or a loopback address are
// answered: a web page elsewhere whose name was made to resolve to 127.0.0.1
// (DNS rebinding) gets 421 (RFC 9110, 15.5.20).
func Serve(ctx context.Context, addr string, src Source, log func(error)) (at net.Addr, stop func() error, err error) {
	return serve(ctx, addr, src, log, stopTimeout)
}

// serve is Serve with what stop gives the requests under way.
func serve(ctx context.Context, addr string, src Source, log func(error), patience time.Duration) (net.Addr, func() error, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, logged("cannot listen", err)
	}
	handler := Handler(src, log)
	if isLoopback(ln.Addr()) {
		handler = guarded(localOnly(handler))
	}
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          stdlog.New(serverLog(log), "", 0),
	}
	ended := make(chan error, 1)
	go func() {
		err := srv.Serve(limit(ln, maxConns))
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		if err != nil {
			err = logged("listening ended", err)
			log(err)
		}
		ended <- err
	}()
	shut := sync.OnceValue(func() error {
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if srv.Shutdown(deadline) != nil {
			_ = srv.Close() // what is left is a connection that would not end
		}
		return <-ended
	})
	forget := context.AfterFunc(ctx, func() { _ = shut() })
	return ln.Addr(), func() error {
		forget()
		return shut()
	}, nil
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// localOnly refuses requests whose Host is a name other than localhost. An
// address cannot be rebound, so that any loopback one will do.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r.Host) {
			text(w, http.StatusMisdirectedRequest, "this page listens on loopback and answers to localhost only\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal tells whether a Host header, with a port or without, means this
// host's loopback.
func isLocal(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil { // no port
		host = hostport
		if inner, ok := strings.CutPrefix(hostport, "["); ok {
			if host, ok = strings.CutSuffix(inner, "]"); !ok {
				return false
			}
		}
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// serverLog takes what net/http logs by itself. Of that only a listener
// without descriptors and a panic concern the operator; the rest, and a
// panic's stack, tells of clients and their addresses.
type serverLog func(error)

// Write is an [io.Writer]'s; each call is one message.
func (log serverLog) Write(p []byte) (int, error) {
	line, _, _ := strings.Cut(string(p), "\n")
	switch {
	case strings.HasPrefix(line, "http: Accept error"):
		log(logged("listener", errors.New(strings.TrimPrefix(line, "http: "))))
	case strings.HasPrefix(line, "http: panic"):
		log(logged("page", errors.New("a request ended in a panic")))
	}
	return len(p), nil
}
