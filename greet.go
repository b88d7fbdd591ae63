package swab

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/status"
)

// greet says in a few lines what this swab is, does and promises here.
func (d *Daemon) greet() {
	var classes []string
	files := map[string]int{}
	for _, f := range d.files.Files() {
		files[f.Class()]++
	}
	for _, s := range d.streams {
		files[s.class]++
	}
	for _, l := range d.lanes {
		c := l.class
		promise := "raw bytes gone within " + days(c.RawLimit)
		if c.Erase == config.EraseOff {
			promise = "raw bytes STAY (--erase off): the limit is not held"
		}
		classes = append(classes, fmt.Sprintf("%s: %d files, %s, %s", c.Name, files[c.Name], c.Scrubbing(), promise))
	}
	d.log.Info("swab "+Version(), "node", d.host+"-"+d.node)
	d.log.Info("watching", "classes", strings.Join(classes, "; "))
	var left ledger.Account
	batches := d.unshipped()
	d.ledger.View(func(s *ledger.State) {
		for _, c := range s.Classes {
			left.Unread += c.Account.Unread
			left.SealedBytes += c.Account.SealedBytes
		}
	})
	d.log.Info("state", "directory", d.names.String(d.cfg.State), "unread_bytes", left.Unread, "unshipped_batches", batches, "spool_bytes", d.spool.Used())
	d.greetStreams()
	for _, dev := range d.devices() {
		if !dev.Reaches {
			d.log.Warn("overwriting does not reach every copy on this file system", "file_system", dev.FS, "note", dev.Note)
		}
	}
	for _, f := range d.files.Files() {
		if err := f.WriteErr(); err != nil && f.EraseMode() != string(config.EraseOff) {
			d.log.Error("a log can be read but not erased; its limit is not held", "file", d.fileName(f), "error", d.clean(withCure(f, err)))
		}
	}
}

// listen serves metrics, health and the page. That it cannot is a warning: a
// media server without a metrics port still has to lose its raw bytes.
func (d *Daemon) listen(ctx context.Context) (stop func()) {
	if d.cfg.Listen == "" {
		return func() {}
	}
	at, end, err := status.Serve(ctx, d.cfg.Listen, d, func(err error) { d.log.Warn("status page", "error", err) })
	if err != nil {
		d.log.Warn("no status page, metrics and health", "listen", d.cfg.Listen, "error", err)
		return func() {}
	}
	d.log.Info("listening", "metrics", url(at, "/metrics"), "health", url(at, "/readyz"))
	return func() { end() }
}

// days writes a limit as people say it: 7 d, 36h0m0s.
func days(t time.Duration) string {
	if day := 24 * time.Hour; t >= day && t%day == 0 {
		return fmt.Sprintf("%d d", t/day)
	}
	return t.String()
}

func url(at net.Addr, path string) string { return "http://" + at.String() + path }
