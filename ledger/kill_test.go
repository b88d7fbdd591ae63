package ledger

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// appendForEver is a daemon that says which event is on the disk.
func appendForEver(dir string) {
	l, err := Open(dir, Options{SegmentSize: 8 << 10})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	for {
		var file, number uint64
		l.View(func(s *State) { file, number = s.NextFile, s.class("api").Sealed+1 })
		err := l.Append(
			Event{Open: &FileOpen{File: file, Class: "api", Size: 50}},
			sealEvent("api", number, lines(file, 0, 50)),
			seenEvent(file, 70, 0),
		)
		if err != nil {
			fmt.Println("error", err)
			return
		}
		l.View(func(s *State) { file = s.NextFile })
		fmt.Println(file)
	}
}

func TestKilledLedgerOpensWithAllThatWasAnswered(t *testing.T) {
	dir := t.TempDir()
	for round := range 12 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childVar+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		answered := uint64(0)
		scan := bufio.NewScanner(out)
		for answers := rand.IntN(40) + 1; answers > 0 && scan.Scan(); answers-- {
			if answered, err = strconv.ParseUint(strings.TrimSpace(scan.Text()), 10, 64); err != nil {
				t.Fatalf("child: %s", scan.Text())
			}
		}
		child.Process.Kill()
		for scan.Scan() { // what it still said before it died
			if n, err := strconv.ParseUint(scan.Text(), 10, 64); err == nil {
				answered = n
			}
		}
		child.Wait()

		l, err := Open(dir, Options{SegmentSize: 8 << 10})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		l.View(func(s *State) {
			if s.NextFile < answered {
				t.Errorf("round %d: file %d was answered, next is %d", round, answered, s.NextFile)
			}
		})
		l.Close()
		clean(t, dir)
	}
}
