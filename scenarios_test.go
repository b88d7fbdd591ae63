package swab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"swab/ledger"
)

// rotated is a daemon whose cranks a test turns, over logs that the test
// rotates. It keeps the lines that were written to each log, in order.
type rotated struct {
	*bench
	d       *Daemon
	args    []string
	written map[string][]string // by the log's name, as the store should have them
	next    int
}

func newRotated(t testing.TB, more ...string) *rotated {
	r := &rotated{bench: newBench(t), written: map[string][]string{}}
	r.args = append([]string{"--log", "api=" + r.logs + "/*.log*", "--first-grace", "0s"}, more...)
	r.start()
	return r
}

func (r *rotated) start() {
	r.t.Helper()
	r.d = r.open(r.args...)
}

// stop ends the daemon as a crash does: nothing is sealed or shipped.
func (r *rotated) stop() {
	r.t.Helper()
	r.fatal(r.d.Close())
}

func (r *rotated) fatal(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rotated) path(name string) string { return filepath.Join(r.logs, name) }

// line is the next line of a log. Its copy for the store is kept.
func (r *rotated) line(log, filler string) string {
	r.next++
	const form = "%s %06d from 203.0.113.%s %s\n"
	r.written[log] = append(r.written[log], fmt.Sprintf(form, log, r.next, "0", filler))
	return fmt.Sprintf(form, log, r.next, "77", filler)
}

func (r *rotated) lines(log string, n int) string {
	var text strings.Builder
	for range n {
		text.WriteString(r.line(log, "of a log that is rotated"))
	}
	return text.String()
}

// writer opens a log as its program does, and makes it where it is missing.
func (r *rotated) writer(name string) *os.File {
	r.t.Helper()
	f, err := os.OpenFile(r.path(name), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	r.fatal(err)
	r.t.Cleanup(func() { f.Close() })
	return f
}

func (r *rotated) put(f *os.File, text string) {
	r.t.Helper()
	_, err := f.WriteString(text)
	r.fatal(err)
}

// add opens a log, appends n lines, and closes it again.
func (r *rotated) add(name, log string, n int) {
	r.t.Helper()
	f := r.writer(name)
	r.put(f, r.lines(log, n))
	r.fatal(f.Close())
}

func (r *rotated) rename(from, to string) {
	r.t.Helper()
	r.fatal(os.Rename(r.path(from), r.path(to)))
}

// shift does what logrotate does by renaming, with the last rotated one
// removed.
func (r *rotated) shift(log string, keep int) {
	r.t.Helper()
	for i := keep; i > 0; i-- {
		from := fmt.Sprintf("%s.%d", log, i-1)
		if i == 1 {
			from = log
		}
		if err := os.Rename(r.path(from), r.path(fmt.Sprintf("%s.%d", log, i))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.t.Fatal(err)
		}
	}
}

// copyOf is the first half of copytruncate.
func (r *rotated) copyOf(from, to string) {
	r.t.Helper()
	p, err := os.ReadFile(r.path(from))
	r.fatal(err)
	r.fatal(os.WriteFile(r.path(to), p, 0o644))
}

func (r *rotated) truncate(name string) {
	r.t.Helper()
	r.fatal(os.Truncate(r.path(name), 0))
}

func (r *rotated) sweep() {
	r.t.Helper()
	r.fatal(r.d.sweep())
}

func (r *rotated) read() {
	r.t.Helper()
	for _, l := range r.d.lanes {
		r.fatal(r.d.readAll(r.t.Context(), l, nil))
	}
}

func (r *rotated) ship() {
	r.t.Helper()
	r.fatal(r.d.shipAll(r.t.Context(), nil))
}

// turn is one round of all cranks.
func (r *rotated) turn() {
	r.t.Helper()
	r.sweep()
	r.read()
	r.ship()
	r.fatal(r.d.erase(r.t.Context()))
}

// end turns the cranks until nothing moves, closes the daemon, and proves its
// ledger.
func (r *rotated) end() *ledger.Report {
	r.t.Helper()
	for range 3 {
		r.turn()
		for r.sweep(); r.d.files.Missing(); r.sweep() {
		}
	}
	r.fatal(r.d.Close())
	return r.check()
}

// stored are the lines of one log in the store, in the order of the keys.
func (r *rotated) stored(log string) (list []string) {
	for line := range strings.Lines(r.shipped()) {
		if strings.HasPrefix(line, log+" ") {
			list = append(list, line)
		}
	}
	return list
}

// exact ends the run, and fails unless the store holds the very lines that were
// written, each log's in order, and nothing raw is left.
func (r *rotated) exact() {
	r.t.Helper()
	report := r.end()
	all := 0
	for log, want := range r.written {
		all += len(want)
		got := r.stored(log)
		if !slices.Equal(got, want) {
			i := 0
			for i < min(len(got), len(want)) && got[i] == want[i] {
				i++
			}
			r.t.Errorf("%s: %d lines are in the store, want %d; they differ from line %d on", log, len(got), len(want), i+1)
		}
	}
	if n := strings.Count(r.shipped(), "\n"); n != all {
		r.t.Errorf("%d lines are in the store, %d were written", n, all)
	}
	for name, class := range report.State.Classes {
		if a := class.Account; a.Lost != 0 || a.Expired != 0 || a.Unread != 0 || a.Present != 0 {
			r.t.Errorf("account of %s: %+v", name, a)
		}
	}
	if left := allRaw(r.t, r.logs); left != 0 {
		r.t.Errorf("%d raw bytes are left", left)
	}
}

// rotationScenarios are the scenarios of rotation_scenarios.tsv by their id:
// what other tailers' tests go through.
func rotationScenarios() map[string]func(*rotated) {
	return map[string]func(*rotated){
		"rot-01": threeLogsRenamedThrice,
		"rot-02": threeLogsCopiedAndTruncated,
		"rot-03": backupsRemovedFasterThanSwept,
		"rot-04": renamedAfterItWasRead,
		"rot-05": movedOutOfSightAndWrittenTo,
		"rot-06": truncatedThenWritten,
		"rot-07": copiedWithAnUnreadTail,
		"rot-08": renamedWhileDown,
		"rot-09": cursorsOfAnEarlierFormat,
		"rot-10": removedFilesAreForgotten,
		"rot-11": restartedAndRotated,
		"rot-12": restartedWithNothingNew,
		"rot-13": aLineLongerThanEverything,
		"rot-14": halfALineThenItsRest,
		"rot-15": linesOfManyPages,
		"rot-16": madeLaterByMoving,
		"rot-17": stoppedAgainAndAgain,
	}
}

// Invariants 5 and 7 in each scenario of the table.
func TestInvariant5InEveryRotationScenario(t *testing.T) {
	runs := rotationScenarios()
	for _, id := range scenarioIDs(t, runs) {
		run, ok := runs[id]
		if !ok {
			t.Errorf("scenario %s has no test", id)
			continue
		}
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			run(newRotated(t))
		})
	}
}

// scenarioIDs reads the first column of the table; without the table, all
// scenarios that are known here.
func scenarioIDs(t *testing.T, runs map[string]func(*rotated)) (ids []string) {
	dir := os.Getenv("SWAB_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "shared", "corpora")
	}
	text, err := os.ReadFile(filepath.Join(dir, "cases", "rotation_scenarios.tsv"))
	if err != nil {
		t.Logf("no table of scenarios in %s; SWAB_CORPORA names another place", dir)
		for id := range runs {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		return ids
	}
	for line := range strings.Lines(string(text)) {
		if id, _, _ := strings.Cut(line, "\t"); strings.HasPrefix(id, "rot-") {
			ids = append(ids, id)
		}
	}
	if len(ids) < len(runs) {
		t.Errorf("the table has %d scenarios, %d are tested", len(ids), len(runs))
	}
	return ids
}
