package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mmanonConf runs one file through mmanon into another. Its process is private:
// no socket, no kernel log, nothing of /etc or /var. Each line of output begins
// with the offset at which the line stood, since empty ones may be dropped.
const mmanonConf = `global(workDirectory="%[1]s" maxMessageSize="1m")
module(load="imfile")
module(load="mmanon")
template(name="lines" type="list") {
  property(name="$!metadata!fileoffset") constant(value=" ") property(name="msg") constant(value="\n")
}
input(type="imfile" file="%[1]s/in" tag="eval" ruleset="scrub" addMetadata="on")
ruleset(name="scrub") {
  action(type="mmanon" ipv4.bits="8" ipv4.mode="zero" ipv6.bits="80" ipv6.anonmode="zero"
         embeddedipv4.bits="8" embeddedipv4.anonmode="zero")
  action(type="omfile" file="%[1]s/out" template="lines")
}
`

// lastLine marks the end of the rows in mmanon's output; it has nothing that
// could be taken for an address.
const lastLine = "the rows end here"

// mmanon feeds the lines to a process of rsyslogd and ends it when the last one
// has come out.
func mmanon(ctx context.Context, lines []string) (out []string, err error) {
	binary, err := exec.LookPath("rsyslogd")
	if err != nil {
		if _, err = os.Stat("/usr/sbin/rsyslogd"); err != nil {
			return nil, errNotOnPath
		}
		binary = "/usr/sbin/rsyslogd"
	}
	dir, err := os.MkdirTemp("", "swab-eval-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for name, text := range map[string]string{
		"in": string(joined(append(lines, lastLine))), "conf": fmt.Sprintf(mmanonConf, dir), "out": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	text, err := runRsyslog(ctx, binary, dir)
	if err != nil {
		return nil, err
	}
	return byOffset(lines, text)
}

func runRsyslog(ctx context.Context, binary, dir string) (string, error) {
	args := []string{"-n", "-f", filepath.Join(dir, "conf"), "-i", filepath.Join(dir, "pid")}
	c := exec.CommandContext(ctx, binary, append(args, rsyslogModules(binary)...)...)
	c.Env = append(os.Environ(), "LD_LIBRARY_PATH="+rsyslogLibraries(binary))
	messages := &strings.Builder{}
	c.Stdout, c.Stderr = messages, messages
	if err := c.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			return "", fmt.Errorf("rsyslogd ended early: %w: %s", err, messages)
		case <-look.C:
		}
		text, err := os.ReadFile(filepath.Join(dir, "out"))
		if err != nil || strings.HasSuffix(string(text), " "+lastLine+"\n") {
			return string(text), errors.Join(err, c.Process.Signal(syscall.SIGTERM), ignoreExit(<-ended))
		}
	}
}

// ignoreExit forgets how a process ended that was told to.
func ignoreExit(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

// rsyslogModules and rsyslogLibraries serve a package that was unpacked
// somewhere and not installed.
func rsyslogModules(binary string) []string {
	dirs, err := filepath.Glob(filepath.Join(filepath.Dir(binary), "..", "lib", "*", "rsyslog"))
	if err != nil || len(dirs) != 1 {
		return nil
	}
	return []string{"-M", dirs[0]}
}

func rsyslogLibraries(binary string) string {
	dirs, err := filepath.Glob(filepath.Join(filepath.Dir(binary), "..", "lib", "*-linux-gnu"))
	if err != nil || strings.HasPrefix(binary, "/usr/") {
		return os.Getenv("LD_LIBRARY_PATH")
	}
	return strings.Join(dirs, ":")
}

// byOffset puts mmanon's output beside the lines it came from. A line that did
// not come out is lost.
func byOffset(lines []string, text string) ([]string, error) {
	at := map[int]int{}
	offset := 0
	for i, l := range lines {
		at[offset] = i
		offset += len(l) + 1
	}
	out := slices.Repeat([]string{lost}, len(lines))
	for _, l := range split([]byte(text)) {
		n, rest, _ := strings.Cut(l, " ")
		offset, err := strconv.Atoi(n)
		if err != nil {
			return nil, fmt.Errorf("offset of a line of mmanon's output: %w", err)
		}
		if i, ok := at[offset]; ok {
			out[i] = rest
		} else if rest != lastLine {
			return nil, fmt.Errorf("mmanon's output has a line at %d, where none began", offset)
		}
	}
	return out, nil
}
