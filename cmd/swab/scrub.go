package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"

	"swab/config"
	"swab/scrub"
)

const scrubUsage = `swab scrub [flags] < LOG > CLEAN
  copies standard input to standard output and takes the IP addresses out
swab scrub [flags] --sample FILE...
  prints a table of what would be found where, and of what seems to be missed
`

// scrubBuffer is how much of the input is read at once, bytes. What is there is
// written at once, so that a live pipe does not wait for a full buffer.
const scrubBuffer = 1 << 20

// scrubCommand is `swab scrub`, a filter.
func scrubCommand(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := flagSet("swab scrub")
	mode := fs.String("scrub", scrub.Truncate.String(), "what an address becomes: truncate, mask, keep, pseudonym=deterministic or\npseudonym=prefix (under a random key that ends with the process)")
	text := fs.String("mask-text", scrub.DefaultMaskText, "what mask writes in its place")
	v4 := fs.Int("ipv4-prefix", scrub.DefaultIPv4Prefix, "bits that truncate keeps of an IPv4 address")
	v6 := fs.Int("ipv6-prefix", scrub.DefaultIPv6Prefix, "bits that truncate keeps of an IPv6 address")
	nets := fs.StringArray("keep-net", nil, "a network (10.0.0.0/8) whose addresses stay; may be given again")
	redact := fs.StringArray("redact", nil, "fields to blank: cookies, secrets, identifiers, or a name; may be given again")
	ipFields := fs.StringArray("ip-field", nil, "a field whose value is an address as a number or a word: decimal, hex, octal, base64; may be given again")
	versions := fs.String("versions", "keep", "the four numbers of NAME/1.2.3.4 are a version (keep), or an address like any other (scrub)")
	tune := tuningFlags(fs)
	if helped, err := parse(fs, args, scrubUsage, 0, maxSampled, stdout); helped || err != nil {
		return err
	}
	if err := tune.check(fs.Args()); err != nil {
		return err
	}
	policy, err := scrubPolicy(fs, *mode, *text, *v4, *v6, *nets, *redact, *ipFields, *versions)
	if err != nil {
		return err
	}
	if *tune.sample {
		return sampleFiles(ctx, policy, fs.Args(), stdin, stdout)
	}
	w, err := scrub.NewWriter(stdout, policy)
	if err != nil {
		return usageError("swab scrub: " + err.Error())
	}
	watch := tune.watch(w, stderr)
	buffer := make([]byte, scrubBuffer)
	for ctx.Err() == nil {
		n, rerr := stdin.Read(buffer)
		if _, err := w.Write(buffer[:n]); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
		if err := watch.wrote(buffer[:n]); err != nil {
			return err
		}
		if rerr == nil {
			continue
		}
		if rerr == io.EOF {
			rerr = nil
		} else {
			rerr = fmt.Errorf("standard input: %w", rerr)
		}
		if err := w.Flush(); err != nil {
			rerr = errors.Join(rerr, fmt.Errorf("standard output: %w", err))
		}
		return errors.Join(rerr, watch.end())
	}
	return ctx.Err()
}

// modeFault says what would be right instead of a mode that is none.
func modeFault(mode string) string {
	if mode == "pseudonym" {
		return fmt.Sprintf("say which: %s or %s", scrub.PseudonymDeterministic, scrub.PseudonymPrefix)
	}
	var names []string
	for _, m := range []scrub.Mode{scrub.Truncate, scrub.Mask, scrub.Keep, scrub.PseudonymDeterministic, scrub.PseudonymPrefix} {
		names = append(names, m.String())
	}
	return "must be one of " + strings.Join(names, ", ") + "." + near(mode, names)
}

// scrubPolicy puts the flags together and reports every fault at once.
func scrubPolicy(fs *pflag.FlagSet, mode, text string, v4, v6 int, nets, redact, ipFields []string, versions string) (scrub.Policy, error) {
	p := scrub.Policy{MaskText: text, IPv4Prefix: v4, IPv6Prefix: v6, Redact: redact, IPFields: ipFields, ScrubVersions: versions == "scrub"}
	var faults []string
	fault := func(flag, value, problem string) {
		faults = append(faults, fmt.Sprintf("--%s %s: %s", flag, value, problem))
	}
	for _, name := range redact {
		if err := config.CheckRedact(name); err != nil {
			fault("redact", name, err.Error())
		}
	}
	for _, name := range ipFields {
		if err := scrub.CheckIPField(name); err != nil {
			fault("ip-field", name, err.Error())
		}
	}
	if versions != "keep" && versions != "scrub" {
		fault("versions", versions, "must be keep or scrub."+near(versions, []string{"keep", "scrub"}))
	}
	var err error
	if p.Mode, err = scrub.ParseMode(mode); err != nil {
		fault("scrub", mode, modeFault(mode))
	}
	for _, f := range []struct {
		name       string
		bits, most int
	}{{"ipv4-prefix", v4, 31}, {"ipv6-prefix", v6, 127}} {
		if f.bits < 1 || f.bits > f.most {
			fault(f.name, fs.Lookup(f.name).Value.String(), fmt.Sprintf("must be 1 to %d bits; --scrub keep leaves whole addresses", f.most))
		}
	}
	if text == "" || (scrub.Policy{MaskText: text}).Validate() != nil {
		fault("mask-text", fmt.Sprintf("%q", text), "must be 1 to 64 bytes without control characters")
	}
	for _, n := range nets {
		prefix, err := netip.ParsePrefix(n)
		if addr, aerr := netip.ParseAddr(n); err != nil && aerr == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			fault("keep-net", n, "is not a network. Write one such as 10.0.0.0/8 or fd00::/8")
			continue
		}
		p.KeepNets = append(p.KeepNets, prefix.Masked())
	}
	if len(faults) > 0 {
		return p, usageError(strings.Join(faults, "\n"))
	}
	return p, nil
}
