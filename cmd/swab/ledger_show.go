package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"swab/ledger"
	"swab/units"
)

const showUsage = `swab ledger show [--state DIR] [--json] [--class NAME] [--kind KIND]
  prints the events in order, a line each. It changes nothing.
`

// ledgerShow is `swab ledger show`.
func ledgerShow(_ context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := flagSet("swab ledger show")
	dir := stateFlag(fs)
	asJSON := fs.Bool("json", false, "print each event as the ledger has it")
	class := fs.String("class", "", "only events of one class's files and batches")
	kinds := fs.StringSlice("kind", nil, "only events of these kinds: "+strings.Join(kindNames(), " "))
	if helped, err := parse(fs, args, showUsage, 0, 0, stdout); helped || err != nil {
		return err
	}
	for _, k := range *kinds {
		if !slices.Contains(kindNames(), k) {
			return usageError(fmt.Sprintf("--kind %s: there is no such kind.%s Known: %s", k, near(k, kindNames()), strings.Join(kindNames(), " ")))
		}
	}
	w := bufio.NewWriterSize(stdout, 1<<16)
	files := classes{}
	err := walkLedger(*dir, stderr, func(e *ledger.Event, sum string) error {
		files.learn(e)
		if len(*kinds) > 0 && !slices.Contains(*kinds, string(e.Kind)) || *class != "" && !slices.Contains(files.of(e), *class) {
			return nil
		}
		if !*asJSON {
			_, err := fmt.Fprintf(w, "%8d  %s  %-8s  %s\n", e.N, stamp(e.At), e.Kind, describe(e, files))
			return err
		}
		line, err := json.Marshal(struct {
			*ledger.Event
			Sum string `json:"sum"`
		}{e, sum})
		if err != nil {
			return err
		}
		_, err = w.Write(append(line, '\n'))
		return err
	})
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	return err
}

func kindNames() []string {
	var out []string
	for _, k := range []ledger.Kind{
		ledger.KindStart, ledger.KindFork, ledger.KindPolicy, ledger.KindSnapshot, ledger.KindOpen, ledger.KindSeen, ledger.KindSeal, ledger.KindShip,
		ledger.KindErase, ledger.KindErased, ledger.KindExpire, ledger.KindLost, ledger.KindCopied, ledger.KindJoined, ledger.KindRecalled,
		ledger.KindPacked, ledger.KindClose, ledger.KindRefused, ledger.KindUncovered,
		ledger.KindKey, ledger.KindReveal,
		ledger.KindAnchor, ledger.KindCut, ledger.KindStop,
	} {
		out = append(out, string(k))
	}
	return out
}

// classes is the class of each file, learned from the events.
type classes map[uint64]string

func (c classes) learn(e *ledger.Event) {
	switch {
	case e.Open != nil:
		c[e.Open.File] = e.Open.Class
	case e.Snapshot != nil:
		for num, f := range e.Snapshot.State.Files {
			c[num] = f.Class
		}
	}
}

// of lists the classes that an event is about.
func (c classes) of(e *ledger.Event) []string {
	var out []string
	refs := func(list []ledger.Ref) {
		for _, r := range list {
			out = append(out, r.Batch.Class)
		}
	}
	switch {
	case e.Policy != nil:
		out = append(out, e.Policy.Class)
	case e.Open != nil:
		out = append(out, e.Open.Class)
	case e.Seen != nil:
		for _, g := range e.Seen.Files {
			out = append(out, c[g.File])
		}
	case e.Seal != nil:
		out = append(out, e.Seal.Batch.Class)
	case e.Ship != nil:
		out = append(out, e.Ship.Batch.Class)
	case e.Erase != nil:
		refs(e.Erase.Refs)
	case e.Erased != nil:
		refs(e.Erased.Refs)
	case e.Expire != nil:
		out = append(out, c[e.Expire.Range.File])
	case e.Lost != nil:
		out = append(out, c[e.Lost.File])
	case e.Copied != nil:
		out = append(out, c[e.Copied.File])
	case e.Joined != nil:
		refs(e.Joined.Refs)
	case e.Recalled != nil:
		out = append(out, c[e.Recalled.Ranges[0].File])
	case e.Packed != nil:
		out = append(out, c[e.Packed.File])
	case e.Close != nil:
		out = append(out, c[e.Close.File])
	}
	return out
}

// describe is an event in words.
func describe(e *ledger.Event, files classes) string {
	file := func(n uint64) string { return fmt.Sprintf("file %d (%s)", n, files[n]) }
	switch e.Kind {
	case ledger.KindStart:
		return fmt.Sprintf("swab %s as %s-%s, %s", e.Start.Version, e.Start.Host, e.Start.Node, counted(len(e.Start.Policies), "class")) + deviceWords(e.Start.Devices)
	case ledger.KindFork:
		return fmt.Sprintf("a copy of %s-%s, named %s-%s from here on: %s", e.Fork.WasHost, e.Fork.WasNode, e.Fork.Host, e.Fork.Node, e.Fork.Why)
	case ledger.KindPolicy:
		return policyWords(e.Policy)
	case ledger.KindSnapshot:
		words := fmt.Sprintf("segment begins: %s, %s", counted(len(e.Snapshot.State.Files), "file"), pendingWords(len(e.Snapshot.State.Batches)))
		if e.Snapshot.Repair != nil {
			words += "; a new chain (repair)"
		}
		return words
	case ledger.KindOpen:
		return openWords(e.Open, file(e.Open.File))
	case ledger.KindSeen:
		return counted(len(e.Seen.Files), "file") + " grew"
	case ledger.KindSeal:
		return fmt.Sprintf("%s: %s, %s of %s, as %s of object %s", e.Seal.Batch, saidLines(e.Seal.Lines), units.Size(e.Seal.Raw),
			counted(len(e.Seal.Ranges), "range"), units.Size(e.Seal.Size), shown(e.Seal.Key))
	case ledger.KindShip:
		return fmt.Sprintf("%s: %s", e.Ship.Batch, verifiedWords(e.Ship.How, e.Ship.Verified))
	case ledger.KindErase:
		return fmt.Sprintf("%s: to be overwritten, %s", refWords(e.Erase.Refs), reasonWords(e.Erase.Reason))
	case ledger.KindErased:
		words := refWords(e.Erased.Refs) + ": overwritten and synced"
		if len(e.Erased.Skipped) > 0 {
			words += fmt.Sprintf("; %s had other bytes by then and were left", counted(len(e.Erased.Skipped), "part"))
		}
		return words
	case ledger.KindExpire:
		return fmt.Sprintf("%s bytes %s: a loss, at the limit and never sealed (%s)", file(e.Expire.Range.File), rangeWords(e.Expire.Range.From, e.Expire.Range.To), e.Expire.Why)
	case ledger.KindLost:
		return fmt.Sprintf("%s bytes %s at least: gone before they were sealed (%s)", file(e.Lost.File), rangeWords(e.Lost.From, e.Lost.To), e.Lost.Why)
	case ledger.KindCopied:
		return fmt.Sprintf("%s bytes %s: the same as in file %d, which accounts for them", file(e.Copied.File), rangeWords(e.Copied.From, e.Copied.To), e.Copied.In)
	case ledger.KindJoined:
		return fmt.Sprintf("%s: the sums of %s, whose raw bytes stay for a while", e.Joined.Batch, refWords(e.Joined.Refs))
	case ledger.KindRecalled:
		return fmt.Sprintf("%s: %s looked at again", e.Recalled.Batch, counted(len(e.Recalled.Ranges), "range"))
	case ledger.KindPacked:
		return fmt.Sprintf("%s: the sums of %s as it lies on the disk", e.Packed.Batch, file(e.Packed.File))
	case ledger.KindClose:
		return fmt.Sprintf("%s: %s", file(e.Close.File), e.Close.Why)
	case ledger.KindRefused:
		return fmt.Sprintf("%s: %s", shown(e.Refused.Name), e.Refused.Why)
	case ledger.KindUncovered:
		u := e.Uncovered
		words := fmt.Sprintf("%s beside the logs, %s, that no --log names", counted(u.Files, "file"), units.Size(u.Bytes))
		for _, f := range u.List {
			words += "; " + shown(f.Name)
		}
		return words
	case ledger.KindKey:
		return fmt.Sprintf("key of %s for %s %s", e.Key.Day, e.Key.Use, e.Key.Did)
	case ledger.KindReveal:
		words := fmt.Sprintf("a pseudonym of %s was turned back for %s (uid %d)", e.Reveal.Day, shown(e.Reveal.User), e.Reveal.UID)
		if e.Reveal.Sudo != "" {
			words += " by sudo from " + shown(e.Reveal.Sudo)
		}
		return words
	case ledger.KindAnchor:
		return fmt.Sprintf("segment %d: %s, as %s of object %s; %s", e.Anchor.Segment, counted(int(e.Anchor.Events), "event"), units.Size(e.Anchor.Size),
			shown(e.Anchor.Key), verifiedWords(e.Anchor.How, e.Anchor.Verified))
	case ledger.KindCut:
		return fmt.Sprintf("segment %d: %s torn by a crash were moved to ledger.torn", e.Cut.Segment, units.Size(e.Cut.Bytes))
	case ledger.KindStop:
		return e.Stop.Why
	}
	return ""
}

func openWords(o *ledger.FileOpen, file string) string {
	if o.Stream != "" {
		return fmt.Sprintf("%s, %s", file, streamWords(o.Stream))
	}
	words := fmt.Sprintf("%s, %s at first sight", file, units.Size(o.Size))
	if o.After > 0 {
		words += fmt.Sprintf(", after file %d", o.After)
	}
	if o.Packed != nil {
		words += fmt.Sprintf(", packed with %s", o.Packed.Kind)
	}
	if o.CopyOf > 0 {
		words += fmt.Sprintf(", a copy of file %d", o.CopyOf)
	}
	return words
}

func policyWords(p *ledger.Policy) string {
	switch {
	case p.New == nil:
		return p.Class + ": no flag names it any more; its files are held to what was said before"
	case p.Old == nil:
		return p.Class + ": new; " + retentionWords(p.New)
	}
	return fmt.Sprintf("%s: now %s; before %s", p.Class, retentionWords(p.New), retentionWords(p.Old))
}

func retentionWords(r *ledger.Retention) string {
	when := "erased once shipped"
	if r.EraseAfter > 0 {
		when = "erased " + units.Age(r.EraseAfter.Duration()) + " after shipping"
	}
	if r.AtLimit {
		when = "kept to the limit"
	}
	return fmt.Sprintf("%s, limit %s, erase %s, fill %s, scrub %s", when, units.Age(r.RawLimit.Duration()), r.Erase, r.Fill, r.Scrub)
}

func pendingWords(n int) string {
	if n == 1 {
		return "1 batch not done yet"
	}
	return fmt.Sprintf("%d batches not done yet", n)
}

func refWords(list []ledger.Ref) string {
	const most = 4
	var out []string
	for i, r := range list {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		word := r.Batch.String()
		if r.Only != nil {
			word += " (" + counted(len(r.Only), "range") + ")"
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

func rangeWords(from, to int64) string { return units.Count(from) + "–" + units.Count(to) }

// verifiedWords says how it is known that the store has an object.
func verifiedWords(how, verified string) string {
	words := map[string]string{"checksum": "checksum agreed", "key": "these very bytes were there already", "head": "asked again"}[verified]
	if words == "" {
		words = verified
	}
	if how == "already" && verified != "key" {
		return "already in the store (" + words + ")"
	}
	return "in the store (" + words + ")"
}

// deviceWords names the file systems that may keep what is overwritten.
func deviceWords(devices []ledger.Device) string {
	var keep []string
	for _, d := range devices {
		if !d.Reaches && !slices.Contains(keep, d.FS) {
			keep = append(keep, d.FS)
		}
	}
	if len(keep) == 0 {
		return ""
	}
	return ", logs on " + strings.Join(keep, " and ") + ", where overwriting may leave old copies"
}

func reasonWords(r ledger.Reason) string {
	switch r {
	case ledger.ReasonShipped:
		return "it is shipped"
	case ledger.ReasonLimit:
		return "it is shipped and at its limit"
	case ledger.ReasonLimitSealed:
		return "at its limit; sealed, not shipped yet"
	case ledger.ReasonExpire:
		return "at its limit and never sealed: a loss"
	case ledger.ReasonNameless:
		return "it is sealed, and its file was removed by someone else"
	}
	return string(r)
}
