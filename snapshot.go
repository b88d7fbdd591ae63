package swab

import (
	"slices"
	"strings"
	"sync"
	"time"

	"swab/config"
	"swab/ledger"
	"swab/status"
	"swab/tail"
)

// contact is how swab and its store get on.
type contact struct {
	mu          sync.Mutex
	met         bool
	conditional bool
	down        time.Time // since when; zero: up
	err         string
	tries       int
	tried       time.Time // the last failure
	asked       time.Time // since when a try is asked for; zero: none is
}

func (c *contact) up(conditional bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.met, c.conditional, c.down, c.err, c.tries, c.asked = true, conditional, time.Time{}, "", 0, time.Time{}
}

// isUp tells whether the store took what it was given last.
func (c *contact) isUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.met && c.down.IsZero()
}

func (c *contact) failed(now time.Time, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down.IsZero() {
		c.down = now
	}
	c.tries++
	c.err = text
	c.tried, c.asked = now, time.Time{}
}

// freshTry is how old a failure may be for a store to count as down where bytes
// are to be destroyed, and how long an answer is waited for then.
const freshTry = 30 * time.Second

// surelyDown tells whether the store failed just now, or gives no answer; ask
// tells that it is to be tried, since nobody has.
func (c *contact) surelyDown(now time.Time) (down, ask bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.down.IsZero() && now.Sub(c.tried) < freshTry {
		return true, false
	}
	if c.asked.IsZero() {
		c.asked = now
		return false, true
	}
	return now.Sub(c.asked) >= freshTry, false
}

// Snapshot tells what the daemon knows now, for status. It waits for no store;
// it may wait a moment for the ledger's disk.
func (d *Daemon) Snapshot() status.Snapshot {
	now := d.clock.Now()
	s := status.Snapshot{
		Version: Version(), Host: d.host, Node: d.node, At: now, Started: d.started, Store: d.storeName(),
		SpoolBytes: d.spool.Used(), SpoolLimit: d.cfg.SpoolLimit, Devices: d.devices(), Refused: len(d.files.Refused()),
		Uncovered: int(d.uncovered.files.Load()),
	}
	d.contact.show(&s)
	classes := map[string]*status.Class{}
	d.ledger.View(func(st *ledger.State) {
		for name, c := range st.Classes {
			p := st.Policies[name]
			classes[name] = &status.Class{
				Name: name, Limit: p.RawLimit.Duration(), LimitHeld: p.Erase != "off", Account: c.Account,
				SealedBatches: c.Sealed, ShippedBatches: c.Shipped, LastShip: c.ShippedAt, State: "ok",
			}
		}
		for _, b := range st.Batches {
			if a := b.Away; a != nil && classes[a.Class] != nil {
				older(classes[a.Class], a.Oldest, now)
			}
			for _, r := range b.Ranges {
				if c := classes[r.Class]; c != nil && !r.Gone {
					older(c, r.Oldest, now)
					if !b.Shipped && r.Intent == "" && nearLimit(r.Oldest, c.Limit, now) {
						c.NearSealed += r.Len()
					}
				}
			}
		}
	})
	for _, f := range d.files.Files() {
		d.showFile(classes[f.Class()], f, now)
	}
	d.showStreams(classes, now)
	for _, c := range classes {
		c.Backlog += c.Account.Unread
		if behind := c.SealedBatches - c.ShippedBatches; behind > 0 && !s.StoreDownSince.IsZero() {
			c.State = "store down; what is sealed waits in the spool"
		}
		s.Classes = append(s.Classes, *c)
	}
	slices.SortFunc(s.Classes, func(a, b status.Class) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// show fills in the store's side.
func (c *contact) show(s *status.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.StoreMet, s.Conditional = c.met, c.conditional
	s.StoreDownSince, s.StoreError, s.StoreTries = c.down, c.err, c.tries
}

// showFile adds one open file to its class's row.
func (d *Daemon) showFile(c *status.Class, f *tail.File, now time.Time) {
	if c == nil {
		return
	}
	c.Files++
	if f.WriteErr() != nil {
		c.Unerasable++
	}
	c.LimitHeld = c.LimitHeld && f.EraseMode() != string(config.EraseOff)
	if oldest, unread := f.OldestUnread(); unread {
		older(c, oldest, now)
		// What waits for a moment is no trouble, however old a copied log may be.
		if f.EraseMode() != string(config.EraseOff) && nearLimit(oldest, c.Limit, now) && f.WaitsFor(now) > nearPatience {
			c.NearUnsealed += f.Unread()
		}
	}
}

// nearPatience is how long bytes near their limit may wait to be sealed before
// that is trouble: a lane looks four times a second, a batch takes seconds.
const nearPatience = time.Minute

// older notes a raw byte's time of writing (Unix seconds, 0 unknown).
func older(c *status.Class, oldest int64, now time.Time) {
	if oldest == 0 {
		c.OldestUnknown = true
		return
	}
	c.OldestRaw = max(c.OldestRaw, now.Sub(time.Unix(oldest, 0)), 1)
}

// storeName is the store without what an operator may not want on a page.
func (d *Daemon) storeName() string {
	if d.cfg.To.Kind == config.Dir {
		return "a directory"
	}
	return "S3 bucket " + d.cfg.To.Bucket
}
