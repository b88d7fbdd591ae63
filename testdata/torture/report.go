package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"swab/ledger"
)

// result is what a run comes to.
type result struct {
	verdict
	*stock
	Written, Bytes, Halves, Files uint64
	LedgerGood, VerifyGood        bool
	LedgerSaid, VerifySaid        string
	Account                       ledger.Account // of all classes, by the ledger
	AccountKnown                  bool           // this tree can read the ledger, which another version of swab may have written
	RawLeft                       int64          // bytes
	RawFiles                      int
	LeakedElsewhere               []string // files of swab's own that hold a raw address
	Panics                        int
	Settling, Reading, All        time.Duration
}

// failures are the reasons for exit status 1.
func (r *run) failures(s *result) []string {
	var list []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(s.Written == 0, "nothing was written")
	add(s.Lost > 0, "%s lines lost", grouped(s.Lost))
	add(s.Duplicated > 0, "%s lines duplicated", grouped(s.Duplicated))
	add(s.Leaked > 0, "%s lines leaked", grouped(s.Leaked))
	add(s.Disordered > 0, "%s lines out of order", grouped(s.Disordered))
	add(s.Changed > 0, "%s lines changed or cut", grouped(s.Changed))
	add(s.Cut > uint64(r.f.Jumps*len(r.accounts)), "%s lines cut in two by %d jumps of the clock", grouped(s.Cut), r.f.Jumps)
	add(s.Foreign > 0, "%s lines that nobody wrote", grouped(s.Foreign))
	add(s.stock.bad(), "objects: numbers missing, out of order, damaged or strange")
	add(!s.LedgerGood, "swab ledger check")
	add(!s.VerifyGood, "swab verify")
	add(s.Account.Expired > 0, "%s destroyed that was not sealed", size(s.Account.Expired))
	add(r.o.Rotate == rotateRename && s.AccountKnown && !s.agrees(), "the ledger's account is not the writers'")
	add(s.RawLeft > 0, "%d raw bytes left in %d files", s.RawLeft, s.RawFiles)
	add(len(s.LeakedElsewhere) > 0, "raw addresses in %s", strings.Join(s.LeakedElsewhere, ", "))
	add(s.Panics > 0, "%d panics in %s", s.Panics, swabLog)
	return append(list, r.f.Wrong...)
}

// agrees tells whether the ledger accounts for what the writers wrote, to the
// byte, as shipped; a line in two parts is two to it. Who else copies and truncates makes other bytes of it.
func (s *result) agrees() bool {
	a := s.Account
	return uint64(a.Written) == s.Bytes && uint64(a.ShippedBytes) == s.Bytes && uint64(a.LinesShipped) == s.Written+s.Cut && a.Present == 0
}

// print writes the table, and what is wrong beneath it.
func (r *run) print(out io.Writer, s *result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(out)
	row("lines written", "%s (%s) by %d writers into %s files; %s lines in two parts", grouped(s.Written), size(int64(s.Bytes)),
		len(r.accounts), grouped(s.Files), grouped(s.Halves))
	row("shipped", "%s", grouped(s.Shipped))
	row("duplicated", "%s", grouped(s.Duplicated))
	row("lost", "%s", grouped(s.Lost))
	row("leaked", "%s", grouped(s.Leaked))
	row("out of order", "%s", grouped(s.Disordered))
	row("changed or cut", "%s", grouped(s.Changed+s.Foreign))
	if r.f.Jumps > 0 {
		row("cut by the limit", "%s lines, there in two parts: a clock was wrong", grouped(s.Cut))
	}
	if r.o.Rotate == rotateCopy {
		row("lost by logrotate", "%s lines, %s halves, in its window between copy and truncation", grouped(s.Excused), grouped(s.Torn))
	}
	for _, class := range slices.Sorted(maps.Keys(s.Objects)) {
		row("numbers of "+class, "1 to %s, %d missing", grouped(s.Objects[class]), s.Gaps[class])
	}
	row("objects", "%s, %d damaged, %d strange, %d not in order", size(int64(s.stock.Bytes)), s.Damaged, s.Strange, s.Unsorted)
	row("raw bytes left", "%d in %d files", s.RawLeft, s.RawFiles)
	row("ledger check", "%s", s.LedgerSaid)
	row("verify", "%s", s.VerifySaid)
	said := "not to be read by this tree"
	if a := s.Account; s.AccountKnown {
		said = fmt.Sprintf("%s lines and %s shipped of %s; %s lost, %s expired", grouped(uint64(a.LinesShipped)),
			grouped(uint64(a.ShippedBytes)), grouped(uint64(a.Written)), grouped(uint64(a.Lost)), grouped(uint64(a.Expired)))
	}
	row("ledger's account", "%s", said)
	r.printTroubles(row)
	r.printMemory(row)
	if text, err := os.ReadFile("/proc/self/status"); err == nil {
		if n, ok := statusKiB(string(text), "VmHWM:"); ok {
			row("the harness", "peak %s", size(n<<10))
		}
	}
	row("spool, peak", "%s", size(r.sampler.spoolPeak))
	row("logs, peak", "%s; the writers had to wait for %s", size(r.sampler.logsPeak), r.sampler.held.Round(time.Second))
	row("time", "%s: writing %s, last runs %s, reading back %s", s.All.Round(time.Second), r.o.For, s.Settling.Round(time.Second), s.Reading.Round(time.Second))
	if err := w.Flush(); err != nil {
		return err
	}
	for _, text := range r.lacking {
		fmt.Fprintln(out, "  left out:", text)
	}
	for _, text := range slices.Concat(s.Examples, s.Problems) {
		fmt.Fprintln(out, "  "+text)
	}
	return nil
}

func (r *run) printTroubles(row func(string, string, ...any)) {
	f := r.f
	row("ends of swab", "%d kill -9, %d SIGTERM, %d stopped and continued, %d by itself while a disk failed", f.Kills, f.Terms, f.Freezes, r.byItself())
	row("others", "%d seconds refused, %d disks full, %d read-only, %d outages, %d jumps of the clock, %d times syncs that fail, %d runs of logrotate",
		f.Seconds, f.Fulls, f.Remounts, f.Outages, f.Jumps, f.Syncs, f.Turns)
	if r.proxy == nil {
		return
	}
	passed, faults := r.proxy.counts()
	var list []string
	total := 0
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		list = append(list, fmt.Sprintf("%s %d", name, faults[name]))
		total += faults[name]
	}
	row("requests", "%d passed, %d broken: %s", passed, total, strings.Join(list, ", "))
}

func (r *run) byItself() (n int) {
	for _, l := range r.f.Lives {
		if l.How == "itself" {
			n++
		}
	}
	return n
}

// printMemory shows the peak of resident memory of each third of the lives:
// growth with the length of the run would show there.
func (r *run) printMemory(row func(string, string, ...any)) {
	lives := r.f.Lives
	var peaks []int64
	for _, l := range lives {
		peaks = append(peaks, l.Peak)
	}
	if len(peaks) == 0 || slices.Max(peaks) == 0 {
		row("resident memory", "not to be had here")
		return
	}
	var thirds []string
	for i := range 3 {
		if part := peaks[len(peaks)*i/3 : len(peaks)*(i+1)/3]; len(part) > 0 {
			thirds = append(thirds, size(slices.Max(part)<<10))
		}
	}
	all := slices.Max(peaks)
	slices.Sort(peaks)
	row("resident by tenths", "%s (VmRSS, the most of each)", strings.Join(tenths(r.sampler.resident), ", "))
	row("resident memory", "peak %s of %d lives (VmHWM), median %s; by thirds of the run %s", size(all<<10), len(peaks), size(peaks[len(peaks)/2]<<10), strings.Join(thirds, ", "))
}

// tenths are the largest of each tenth of a list of KiB.
func tenths(list []int64) (out []string) {
	for i := range 10 {
		if part := list[len(list)*i/10 : len(list)*(i+1)/10]; len(part) > 0 {
			out = append(out, size(slices.Max(part)<<10))
		}
	}
	return out
}

// grouped writes a number with a comma between thousands.
func grouped(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// size writes bytes in a unit that people say.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 10<<10:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", n)
}
