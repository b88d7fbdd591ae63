package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"swab/scrub"
	"swab/units"
)

// sampleBytes is how much of a file is looked at, from its beginning.
const sampleBytes = 16 << 20

// samplePlaces is how many rows a file's table has at most.
const samplePlaces = 40

// presets of --redact, in the order in which they are suggested.
var presetNames = [...]string{"secrets", "cookies", "identifiers"}

// sampler looks at the beginnings of files and prints what would be found in
// them, by form and place, and no byte of their lines but names of fields.
type sampler struct {
	scrubber *scrub.Scrubber
	missing  *scrub.Scrubber // blanks what presets that are not set would; nil if all are
	rest     *scrub.Scrubber // blanks what any preset would
	places   placer
	uncaught findings            // by missing
	looks    map[string]*suspect // fields that no preset covers
}

// sampleFiles is `swab scrub --sample`. A file that cannot be read is told, and
// the others are still looked at.
func sampleFiles(ctx context.Context, policy scrub.Policy, files []string, stdin io.Reader, stdout io.Writer) error {
	s, err := newSampler(policy)
	if err != nil {
		return usageError("swab scrub: " + err.Error())
	}
	var faults []error
	for i, name := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		text, size, err := readSample(name, stdin)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		var b bytes.Buffer
		if i > 0 {
			fmt.Fprintln(&b)
		}
		s.file(&b, shown(name), text, size)
		if _, err := stdout.Write(b.Bytes()); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
	var b bytes.Buffer
	if len(faults) < len(files) {
		s.suggest(&b)
	}
	if _, err := stdout.Write(b.Bytes()); err != nil {
		faults = append(faults, fmt.Errorf("standard output: %w", err))
	}
	return errors.Join(faults...)
}

func newSampler(policy scrub.Policy) (*sampler, error) {
	s := &sampler{uncaught: findings{}, looks: map[string]*suspect{}}
	var err error
	if s.scrubber, err = scrub.New(policy); err != nil {
		return nil, err
	}
	var missing []string
	for _, name := range presetNames {
		if !slices.Contains(policy.Redact, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		if s.missing, err = scrub.New(scrub.Policy{Mode: scrub.Keep, Redact: missing}); err != nil {
			return nil, err
		}
	}
	if s.rest, err = scrub.New(scrub.Policy{Mode: scrub.Keep, Redact: presetNames[:]}); err != nil {
		return nil, err
	}
	// A name is shown if the default policy has nothing to take from it, whatever
	// the mode is that is tried.
	plain, err := scrub.New(scrub.Policy{Mode: scrub.Mask, ScrubVersions: true, Redact: []string{"identifiers"}})
	if err != nil {
		return nil, err
	}
	s.places = placer{scrubber: plain, known: map[string]bool{}}
	return s, nil
}

// readSample reads the beginning of a file, whole lines of it, and gives the
// file's size, or -1 where that is not known.
func readSample(name string, stdin io.Reader) (text []byte, size int64, err error) {
	label := shown(name)
	in, size := stdin, int64(-1)
	if name == "-" {
		label = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, 0, fmt.Errorf("--sample %s: %w", label, pathless(err))
		}
		defer f.Close()
		info, err := f.Stat()
		switch {
		case err != nil:
			return nil, 0, fmt.Errorf("--sample %s: %w", label, pathless(err))
		case info.IsDir():
			return nil, 0, fmt.Errorf("--sample %s: is a directory. Name the files in it", label)
		case info.Mode().IsRegular():
			size = info.Size()
		}
		in = f
	}
	text, err = io.ReadAll(io.LimitReader(in, sampleBytes+1))
	if err != nil {
		return nil, 0, fmt.Errorf("--sample %s: %w", label, pathless(err))
	}
	for _, c := range []struct{ magic, tool string }{{"\x1f\x8b", "zcat"}, {"\x28\xb5\x2f\xfd", "zstdcat"}} {
		if bytes.HasPrefix(text, []byte(c.magic)) {
			return nil, 0, fmt.Errorf("--sample %s: is compressed. Look at its text: %s FILE | swab scrub --sample -", label, c.tool)
		}
	}
	if len(text) > sampleBytes {
		text = text[:sampleBytes]
		if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
			text = text[:i+1]
		}
		return text, size, nil
	}
	return text, int64(len(text)), nil
}

// pathless is the error without the path, which stands before it already.
func pathless(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// file prints what would be found in one file.
func (s *sampler) file(w io.Writer, name string, text []byte, size int64) {
	lines := int64(bytes.Count(text, []byte{'\n'}))
	if len(text) > 0 && text[len(text)-1] != '\n' {
		lines++
	}
	if name == "-" {
		name = "standard input"
	}
	all := ""
	switch {
	case size < 0:
		all = ", its beginning"
	case size > int64(len(text)):
		all = ", the first of " + units.Size(size)
	}
	fmt.Fprintf(w, "%s: %s, %s%s\n", name, saidLines(lines), units.Size(int64(len(text))), all)
	found := findings{}
	s.scrubber.Find(text, func(f scrub.Finding) {
		found.add(s.places.where(headOf(text, int(f.From))), f)
	})
	found.print(w, samplePlaces)
	clean := s.scrubber.Append(nil, text)
	if s.missing != nil {
		s.missing.Find(clean, func(f scrub.Finding) {
			if f.Form.Value() && !bytes.Contains(clean[f.From:f.To], []byte(scrub.Redacted)) {
				s.uncaught.add("", f)
			}
		})
	}
	s.suspects(s.rest.Append(nil, clean))
}

// headOf is the part of a line before the offset at, no more of it than is
// looked at.
func headOf(text []byte, at int) []byte {
	lo := max(0, at-lookBehind-1)
	if i := bytes.LastIndexByte(text[lo:at], '\n'); i >= 0 {
		lo += i + 1
	}
	return text[lo:at]
}

// suggest prints what the policy that was tried leaves.
func (s *sampler) suggest(w io.Writer) {
	apart := "\n"
	tell := func(format string, args ...any) {
		fmt.Fprintf(w, apart+format, args...)
		apart = ""
	}
	for _, preset := range presetNames {
		var parts []string
		rows := make([]*tallyRow, 0, len(s.uncaught))
		for _, r := range s.uncaught {
			if strings.HasPrefix(r.what, preset+": ") {
				rows = append(rows, r)
			}
		}
		slices.SortFunc(rows, func(a, b *tallyRow) int {
			return cmp.Or(cmp.Compare(b.changed, a.changed), cmp.Compare(a.what, b.what))
		})
		for _, r := range rows {
			parts = append(parts, fmt.Sprintf("%s (%s)", strings.TrimPrefix(r.what, preset+": "), units.Count(r.changed)))
		}
		if len(parts) > 0 {
			tell("--redact %s would blank: %s\n", preset, strings.Join(parts, ", "))
		}
	}
	if names := s.suspected(); len(names) > 0 {
		tell("in no preset, with values that look random: %s\n  blank those that are secrets, each with --redact NAME\n", strings.Join(names, ", "))
	}
}
