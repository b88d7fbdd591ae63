package swab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"swab/ledger"
)

// year is the model of a daemon's year: which line was written when, and where.
// It knows nothing of how swab works.
type year struct {
	*turned
	rt    *rapid.T
	live  []*yearLog // by name
	all   []*yearLog
	lines int
	args  []string
	// counted is the time that some clock has counted for swab: all of it, but for
	// what passed while swab was off and the wall clock was behind.
	counted time.Duration
	expired map[string]bool // words of lines that are lost
	seen    int64           // bytes that had expired at the last look
	off     time.Duration   // the wall clock's error now
	orphan  bool            // no flag names the class api
	was     map[uint64]*yearLog
}

// yearLog is one log, wherever it was renamed to.
type yearLog struct {
	name  string
	size  int64
	half  bool
	lines []yearLine
}

type yearLine struct {
	word     string
	from, to int64
	at       time.Duration // counted
	text     []byte
}

const yearSpool = 8 << 10

func newYear(rt *rapid.T) *year {
	y := &year{turned: newTurned(rt.Fatalf), rt: rt, expired: map[string]bool{}}
	y.args = []string{"--log", "api=" + y.logs + "/api*", "--log", "web=" + y.logs + "/web*", "--batch-size", "2KiB", "--spool-limit", "8KiB", "--codec", "gzip:1"}
	for _, name := range []string{"api-left.log", "api-right.log", "web.log"} {
		l := &yearLog{name: name}
		y.live, y.all = append(y.live, l), append(y.all, l)
	}
	return y
}

// write appends lines to a log, of the time that counted is, or of an earlier
// one, where swab was off.
func (y *year) write(l *yearLog, n int, at time.Duration) {
	var text []byte
	add := func(line string) {
		l.lines = append(l.lines, yearLine{
			word: wordPattern.FindString(line), from: l.size + int64(len(text)), to: l.size + int64(len(text)+len(line)), at: at, text: []byte(line),
		})
		text = append(text, line...)
	}
	if l.half {
		add(" and its end\n")
		l.half = false
	}
	says := rapid.SampledFrom([]time.Duration{0, 0, 0, 0, -30 * day, 30 * day}).Draw(y.rt, "says")
	for range n {
		y.lines++
		stamp := ""
		if says != 0 {
			stamp = y.wall.Add(says).Format(time.RFC3339) + " "
		}
		add(stamp + noise("L", y.lines))
	}
	if rapid.IntRange(0, 5).Draw(y.rt, "half") == 0 {
		y.lines++
		add(fmt.Sprintf("L%06d half a line of 203.0.113.77", y.lines))
		l.half = true
	}
	y.add(l.name, string(text))
	l.size += int64(len(text))
}

func (y *year) writeSome(at time.Duration) {
	for _, l := range y.live {
		if y.orphan && l.size == 0 && strings.HasPrefix(l.name, "api") {
			continue // no flag would lead to it
		}
		if n := rapid.SampledFrom([]int{0, 0, 1, 3, 40}).Draw(y.rt, "lines"); n > 0 {
			y.write(l, n, at)
		}
	}
}

// rotate renames a log; the next line begins a new one.
func (y *year) rotate() {
	i := rapid.IntRange(0, len(y.live)-1).Draw(y.rt, "log")
	l := y.live[i]
	if l.size == 0 {
		return
	}
	name := l.name
	l.name = fmt.Sprintf("%s.%d", name, len(y.all))
	if err := os.Rename(filepath.Join(y.logs, name), filepath.Join(y.logs, l.name)); errors.Is(err, fs.ErrNotExist) {
		l.name = name
		return
	}
	next := &yearLog{name: name}
	y.live[i], y.all = next, append(y.all, next)
}

func (y *year) wait(d time.Duration) {
	y.pass(d)
	y.counted += d
}

// restart ends swab as a crash does, and starts it later, perhaps after a
// reboot, perhaps without a flag for one of the classes.
func (y *year) restart() {
	y.must(y.d.noteGrowth()) // as it does every minute
	before := y.d.clock.Now()
	y.stop()
	long := rapid.SampledFrom([]time.Duration{0, time.Hour, 3 * day, 35 * day}).Draw(y.rt, "off for")
	y.orphan = rapid.IntRange(0, 3).Draw(y.rt, "orphan") == 0
	y.pass(long / 2)
	y.writeSome(0)
	y.pass(long / 2)
	if y.off == 0 && rapid.Bool().Draw(y.rt, "reboot") {
		y.reboot()
	}
	args := y.args
	if y.orphan {
		args = args[2:]
	}
	y.start(args...)
	gone := y.d.clock.Now().Sub(before)
	y.counted += min(long, gone)
	missed := max(0, long-gone)
	for _, l := range y.live {
		for i := range l.lines {
			if l.lines[i].at == 0 {
				l.lines[i].at = y.counted - max(0, long/2-missed)
			}
		}
	}
}

// jump moves the wall clock, or sets it right.
func (y *year) jump() {
	to := rapid.SampledFrom([]time.Duration{0, 0, 8 * day, -8 * day}).Draw(y.rt, "wall clock off by")
	y.wall = y.wall.Add(to - y.off)
	y.off = to
}

// settled turns the cranks and holds what is there against the model.
func (y *year) settled() {
	y.turn()
	y.hold()
	now := y.d.clock.Now()
	cursors := map[*yearLog]int64{}
	byName := map[string]*yearLog{}
	for _, l := range y.all {
		byName[l.name] = l
	}
	nums := map[uint64]*yearLog{}
	for _, f := range y.d.files.Files() {
		if l := byName[filepath.Base(f.Place().Path())]; l != nil {
			nums[f.Num()] = l
			y.d.ledger.View(func(st *ledger.State) {
				if rec := st.Files[f.Num()]; rec != nil {
					cursors[l] = rec.Cursor
				}
			})
		}
	}
	y.looked(nums)
	full := y.store.down && y.d.spool.Used() >= yearSpool/8*9
	// What nobody else has is not destroyed while it is in doubt how old it is: by as
	// much as the wall clock has jumped or was behind, and while clocks disagree.
	held, doubt := full && !y.d.mayExpire(now), time.Duration(0)
	if full {
		doubt = y.d.clock.lag
		for _, j := range y.d.clock.jumps {
			doubt += j.by
		}
	}
	for _, l := range y.all {
		p, err := os.ReadFile(filepath.Join(y.logs, l.name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		y.must(err)
		if int64(len(p)) < l.size {
			y.fail("%s has %d bytes, want %d\n%s", l.name, len(p), l.size, y.lastSaid())
		}
		for _, line := range l.lines {
			have := p[line.from:line.to]
			unread := line.from >= cursors[l]
			limit := week
			if unread {
				limit += doubt
			}
			switch age := y.counted - line.at; {
			case age > limit && len(bytes.Trim(have, "\x00")) > 0 && !(unread && held):
				y.fail("a line of %s is raw, %s old (unread %t, in doubt by %s); swab's time %s ahead; store down %t, spool %d, may expire %t, clock off by %s\n%s", l.name, age, unread, doubt, now.Sub(y.wall),
					y.store.down, y.d.spool.Used(), y.d.mayExpire(now), y.off, y.lastSaid())
			case unread && !bytes.Equal(have, line.text):
				y.fail("an unread line of %s was changed, %s old", l.name, age)
			}
		}
	}
}

// lastSaid is the end of swab's messages.
func (y *year) lastSaid() string {
	text := y.said.String()
	return text[max(0, len(text)-2000):]
}

// looked notes which lines have expired since the last look: the store was down
// and the spool full, and they were at their limit.
func (y *year) looked(nums map[uint64]*yearLog) {
	if y.was == nil {
		y.was = map[uint64]*yearLog{}
	}
	for num, l := range nums {
		y.was[num] = l
	}
	expired := y.counts().Expired
	if expired == y.seen {
		return
	}
	y.seen = expired
	if !y.store.down || y.d.spool.Used() < yearSpool/8*9 {
		y.fail("%d bytes expired in all; the store is down: %t; the spool has %d bytes", expired, y.store.down, y.d.spool.Used())
	}
	for _, e := range y.kinds(ledger.KindExpire) {
		l := y.was[e.Expire.Range.File]
		if l == nil {
			y.fail("file %d is not known", e.Expire.Range.File)
		}
		for _, line := range l.lines {
			if line.from >= e.Expire.Range.From && line.to <= e.Expire.Range.To && line.word != "" {
				y.expired[line.word] = true
			}
		}
	}
}

// finish lets swab get done, and counts every line.
func (y *year) finish() {
	y.must(y.d.noteGrowth())
	y.store.down, y.store.mute = false, false
	y.wall, y.off = y.wall.Add(-y.off), 0
	y.stop()
	y.orphan = false
	y.start(y.args...)
	for range 3 {
		y.settled()
		y.wait(8 * day)
	}
	y.settled()
	for _, l := range y.all {
		if left := y.raw(filepath.Join(y.logs, l.name)); left != "" {
			y.fail("%d raw bytes of %s are left in the end", len(left), l.name)
		}
	}
	n := words(y.shipped())
	for _, l := range y.all {
		for _, line := range l.lines {
			want := 1
			if y.expired[line.word] {
				want = 0
			}
			if line.word != "" && n[line.word] != want {
				y.fail("line %s of %s is in the store %d times, want %d", line.word, l.name, n[line.word], want)
			}
		}
	}
	y.check()
}

// Invariants 2, 4, 5 and 6 over a year of rotation, outages, restarts, reboots
// and clocks that jump: no raw byte past its limit while swab runs, no unread
// byte erased that could have been sealed, each line once, and both accounts
// balanced at every step.
func TestInvariant4AYear(t *testing.T) {
	hundreds := 2 // of runs, unless told by -rapid.checks
	switch {
	case testing.Short():
		hundreds = 1 // and a fifth of it
	case os.Getenv("CI") != "":
		hundreds = 10
	}
	for i := range hundreds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				y := newYear(rt)
				defer y.end()
				y.start(y.args...)
				for begun := y.counted; y.counted-begun < 365*day; {
					y.settled()
					switch rapid.SampledFrom([]string{"write", "write", "write", "rotate", "outage", "restart", "jump", "lose"}).Draw(rt, "act") {
					case "write":
						y.writeSome(y.counted)
						y.must(y.d.sweep())
					case "rotate":
						y.rotate()
					case "outage":
						y.store.down = !y.store.down
					case "restart":
						y.restart()
					case "jump":
						y.jump()
					case "lose":
						y.store.mute = true
					}
					y.wait(rapid.SampledFrom([]time.Duration{2 * time.Minute, day, 4 * day, 9 * day, 20 * day, 30 * day}).Draw(rt, "wait"))
				}
				y.finish()
			})
		})
	}
}
