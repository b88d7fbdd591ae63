package config

import (
	"errors"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"swab/scrub"
)

// FlagInfo describes one flag of `swab run`, for help and documentation.
type FlagInfo struct {
	Name    string // without dashes
	Value   string // what stands for the value in the help; empty for a switch
	Default string // as a person would write it; empty for none
	Usage   string // one line of plain text, however long
	Group   string
	Repeat  bool // may be given several times
	Hidden  bool // not in the help: for tests
}

// Variable is the environment variable that gives the flag.
func (f FlagInfo) Variable() string { return variable(f.Name) }

func variable(flag string) string {
	return "SWAB_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Flags lists the flags of `swab run`, group by group, in the order of the
// help. Hidden ones are left out.
func Flags() []FlagInfo {
	var infos []FlagInfo
	for _, f := range runFlags() {
		if !f.Hidden {
			infos = append(infos, f.FlagInfo)
		}
	}
	return infos
}

// flagDef is a row of the table of flags: what it is and what a value does.
// Values come one at a time, defaults as if someone had written them.
type flagDef struct {
	FlagInfo
	set func(d *draft, a assign)
}

// runFlags is the table. A group's rows stand together.
func runFlags() []flagDef {
	var all []flagDef
	for _, g := range []struct {
		title string
		rows  []flagDef
	}{
		{"What to read", readFlags()},
		{"Where to put it", storeFlags()},
		{"How long raw bytes stay", limitFlags()},
		{"Scrubbing", scrubFlags()},
		{"Batches and the spool", batchFlags()},
		{"Running", runningFlags()},
		{"If you mean it", consentFlags()},
	} {
		for _, row := range g.rows {
			row.Group = g.title
			all = append(all, row)
		}
	}
	return all
}

func readFlags() []flagDef {
	return []flagDef{
		{FlagInfo{Name: "log", Value: "CLASS=GLOB", Repeat: true, Usage: "Files to read and their class. ** matches any depth. Quote it. CLASS=- is standard input, CLASS=fifo:PATH a named pipe."}, (*draft).addLog},
		{FlagInfo{Name: "exclude", Value: "GLOB", Repeat: true, Usage: "Files to leave alone. A name without a slash (*.gz) counts in every directory."}, (*draft).addExclude},
		{FlagInfo{Name: "follow", Value: "DIR", Repeat: true, Usage: "A directory that symbolic links among the logs may lead into, such as /var/log/pods."}, (*draft).addFollow},
		{FlagInfo{Name: "flags-from", Value: "FILE", Usage: "Read flags from FILE too, one a line: --name value, or name=value; # begins a comment."}, nothing},
		{FlagInfo{Name: "sweep", Value: "DURATION", Default: "2s", Hidden: true, Usage: "Time between two looks at all files."},
			put(within(ParseDuration, time.Millisecond, time.Hour, "must be 1ms to 1h"), func(d *draft) *time.Duration { return &d.cfg.Sweep })},
	}
}

func storeFlags() []flagDef {
	return []flagDef{
		{FlagInfo{Name: "to", Value: "STORE", Usage: "s3://BUCKET/PREFIX or file:///DIR. A dry run needs none."},
			put(ParseDestination, func(d *draft) *Destination { return &d.cfg.To })},
		{FlagInfo{Name: "endpoint-url", Value: "URL", Usage: "An S3-compatible service other than AWS."},
			put(ParseEndpoint, func(d *draft) *string { return &d.cfg.Endpoint })},
		{FlagInfo{Name: "region", Value: "NAME", Usage: "The bucket's region, when the AWS configuration does not say."},
			put(ParseRegion, func(d *draft) *string { return &d.cfg.Region })},
		{FlagInfo{Name: "path-style", Usage: "Put the bucket into the path instead of the host name, as many S3-compatible services want."},
			put(parseSwitch, func(d *draft) *bool { return &d.cfg.PathStyle })},
		{FlagInfo{Name: "sse", Value: "KIND", Usage: "Server-side encryption: AES256, aws:kms or aws:kms:dsse. Without it the bucket's own default holds."},
			put(optional(oneOf("AES256", "aws:kms", "aws:kms:dsse")), func(d *draft) *string { return &d.cfg.SSE })},
		{FlagInfo{Name: "kms-key", Value: "KEY", Usage: "The id, ARN or alias of the key for --sse aws:kms."},
			put(parseKMSKey, func(d *draft) *string { return &d.cfg.KMSKey })},
		{FlagInfo{Name: "verify", Value: "put|head", Default: "put", Usage: "What proves that an object is there: the checksum in the answer to the put, or also a HEAD."},
			put(parseVerify, func(d *draft) *Verify { return &d.cfg.Verify })},
		{FlagInfo{Name: "rate-limit", Value: "SIZE", Default: "0", Usage: "Bytes a second to the store at most; 0 is no limit."},
			put(parseRate, func(d *draft) *int64 { return &d.cfg.RateLimit })},
	}
}

func limitFlags() []flagDef {
	return []flagDef{
		{FlagInfo{Name: "class", Value: "NAME:KEY=VALUE,..", Repeat: true, Usage: "Change a class, or begin one with like=PRESET. See below."}, (*draft).addClass},
		{FlagInfo{Name: "raw-limit", Value: "DURATION", Default: formatDuration(PolicyRawLimit), Usage: "The age past which no raw byte stays, for every class that has no shorter limit of its own."},
			put(parseRawLimit, func(d *draft) *time.Duration { return &d.global.rawLimit })},
		{FlagInfo{Name: "erase", Value: "live|rotated|off", Default: "live", Usage: "Erase growing files too, only rotated ones (the default for container runtimes' logs), or none."},
			put(parseErase, func(d *draft) *EraseMode { return &d.global.erase })},
		{FlagInfo{Name: "fill", Value: "zero|blank", Default: "zero", Usage: "What stands where raw bytes were: zeros and a hole, or spaces with the newlines kept (the default for container runtimes' logs)."},
			put(parseFill, func(d *draft) *Fill { return &d.global.fill })},
		{FlagInfo{Name: "first-grace", Value: "DURATION", Default: "24h", Usage: "How long after installation nothing expires unsealed unless a put has succeeded."},
			put(ParseDuration, func(d *draft) *time.Duration { return &d.cfg.FirstGrace })},
		{FlagInfo{Name: "clock-grace", Value: "DURATION", Default: "1h", Usage: "How long clocks that disagree hold back the expiring of unsealed bytes."},
			put(ParseDuration, func(d *draft) *time.Duration { return &d.cfg.ClockGrace })},
	}
}

func scrubFlags() []flagDef {
	return []flagDef{
		{FlagInfo{Name: "scrub", Value: "MODE", Default: "truncate", Usage: "What becomes of addresses, but for classes that keep them by policy: truncate, mask, keep, pseudonym=deterministic or pseudonym=prefix (by a key a day, which ends with the limit; swab reveal undoes one until then)."},
			put(parseScrubMode, scrubMode)},
		{FlagInfo{Name: "ipv4-prefix", Value: "BITS", Default: strconv.Itoa(scrub.DefaultIPv4Prefix), Usage: "Bits of an IPv4 address that truncate keeps, 1 to 31."},
			put(parsePrefix(31), func(d *draft) *int { return &d.global.scrub.IPv4Prefix })},
		{FlagInfo{Name: "ipv6-prefix", Value: "BITS", Default: strconv.Itoa(scrub.DefaultIPv6Prefix), Usage: "Bits of an IPv6 address that truncate keeps, 1 to 127."},
			put(parsePrefix(127), func(d *draft) *int { return &d.global.scrub.IPv6Prefix })},
		{FlagInfo{Name: "mask-text", Value: "TEXT", Default: scrub.DefaultMaskText, Usage: "What mask writes instead of an address, 1 to 64 bytes."},
			put(parseMaskText, func(d *draft) *string { return &d.global.scrub.MaskText })},
		{FlagInfo{Name: "keep-net", Value: "CIDR", Repeat: true, Usage: "A network whose addresses stay as they are, such as 10.0.0.0/8."}, (*draft).addKeepNet},
		{FlagInfo{Name: "ip-field", Value: "NAME", Repeat: true, Usage: "A field whose value is an address that looks like a number or a word: decimal, hex, octal, base64, STUN's XOR-MAPPED."},
			(*draft).addIPField},
		{FlagInfo{Name: "redact", Value: "NAME", Repeat: true, Usage: "Fields to blank beside those of each class: cookies, secrets, identifiers (but not in classes that keep addresses by policy), or the name of a field."},
			(*draft).addRedact},
		{FlagInfo{Name: "versions", Value: "keep|scrub", Default: "keep", Usage: "Whether the four numbers of NAME/1.2.3.4 are a version, or an address like any other."},
			put(parseVersions, func(d *draft) *bool { return &d.global.scrub.ScrubVersions })},
		{FlagInfo{Name: "key-secret", Value: "FILE", Usage: "For a fleet that must agree on its pseudonyms: derive the days' keys from FILE, 32 bytes or more. Remove FILE after the start, or keep it in a vault: it can undo every day."},
			(*draft).setKeySecret},
	}
}

// The largest object that one PutObject takes is 5 GiB (S3's documentation);
// a batch that compression cannot shrink must fit in it with its overhead.
const maxBatch = 4 << 30

func batchFlags() []flagDef {
	return []flagDef{
		{FlagInfo{Name: "batch-size", Value: "SIZE", Default: "64MiB", Usage: "Seal a batch at this many raw bytes, 4GiB at most."},
			put(within(ParseSize, 1, maxBatch, "must be 1 byte to 4GiB, which one object can hold"), func(d *draft) *int64 { return &d.cfg.BatchSize })},
		{FlagInfo{Name: "batch-age", Value: "DURATION", Default: "1m", Usage: "Seal a batch when its oldest line has waited this long."},
			put(within(ParseDuration, time.Millisecond, math.MaxInt64, "must be longer than nothing, such as 1m"), func(d *draft) *time.Duration { return &d.cfg.BatchAge })},
		{FlagInfo{Name: "codec", Value: "NAME:LEVEL", Default: "zstd:1", Usage: "zstd:1 to zstd:22, or gzip:1 to gzip:9."},
			put(ParseCodec, func(d *draft) *Codec { return &d.cfg.Codec })},
		{FlagInfo{Name: "object-format", Value: "raw", Default: "raw", Usage: "Lines as written; this version knows no other format."},
			put(parseObjectFormat, func(d *draft) *string { return &d.cfg.ObjectFormat })},
		{FlagInfo{Name: "state", Value: "DIR", Default: "/var/lib/swab", Usage: "Ledger, spool and keys. Nobody else may write to it; keep it as long as the logs."},
			(*draft).setState},
		{FlagInfo{Name: "spool-limit", Value: "SIZE", Default: "8GiB", Usage: "Bytes of sealed objects that may wait for the store; at the limit reading stops."},
			put(within(ParseSize, 1, math.MaxInt64, "must hold at least one batch"), func(d *draft) *int64 { return &d.cfg.SpoolLimit })},
	}
}

func runningFlags() []flagDef {
	return []flagDef{
		{FlagInfo{Name: "once", Usage: "Read to the end, ship, erase, leave."}, put(parseSwitch, func(d *draft) *bool { return &d.cfg.Once })},
		{FlagInfo{Name: "dry-run", Usage: "Say what would happen; change nothing."}, put(parseSwitch, func(d *draft) *bool { return &d.cfg.DryRun })},
		{FlagInfo{Name: "json", Usage: "The dry run as JSON."}, put(parseSwitch, func(d *draft) *bool { return &d.cfg.JSON })},
		{FlagInfo{Name: "listen", Value: "HOST:PORT", Default: "127.0.0.1:9472", Usage: "Where metrics, health and status are; empty is off, the default with --once."},
			put(parseListen, func(d *draft) *string { return &d.cfg.Listen })},
		{FlagInfo{Name: "shutdown-timeout", Value: "DURATION", Default: "30s", Usage: "How long SIGTERM lets batches be sealed and shipped."},
			put(ParseDuration, func(d *draft) *time.Duration { return &d.cfg.ShutdownTimeout })},
		{FlagInfo{Name: "log-format", Value: "text|json", Default: "text", Usage: "How swab's own messages are written to standard error."},
			put(oneOf("text", "json"), func(d *draft) *string { return &d.cfg.LogFormat })},
		{FlagInfo{Name: "log-level", Value: "LEVEL", Default: "info", Usage: "The least of swab's own messages to write: debug, info, warn or error."},
			put(parseLevel, func(d *draft) *slog.Level { return &d.cfg.LogLevel })},
	}
}

func consentFlags() []flagDef {
	return []flagDef{
		{FlagInfo{Name: "allow-longer-raw-limit", Usage: "Let raw bytes grow older than the policy says."}, put(parseSwitch, func(d *draft) *bool { return &d.cfg.AllowLongerRawLimit })},
		{FlagInfo{Name: "allow-wide-glob", Usage: "Take patterns over a system's own directories, such as /var/log/**."}, put(parseSwitch, func(d *draft) *bool { return &d.cfg.AllowWideGlob })},
		{FlagInfo{Name: "ephemeral-state", Usage: "Keep the state on a container's own layer though the logs outlive it."}, put(parseSwitch, func(d *draft) *bool { return &d.cfg.EphemeralState })},
	}
}

// nothing is for a flag that was used before the others were read.
func nothing(*draft, assign) {}

// put is a flag whose value is parsed and then put in its field.
func put[T any](parse func(string) (T, error), field func(*draft) *T) func(*draft, assign) {
	return func(d *draft, a assign) {
		v, err := parse(a.value)
		if err != nil {
			d.fault(a, err.Error())
			return
		}
		*field(d) = v
	}
}

func parseSwitch(s string) (bool, error) {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return false, errors.New("is on or off: write true or false")
	}
	return v, nil
}

func parseVerify(s string) (Verify, error) {
	if s == "read" {
		return "", errors.New("this version cannot read objects back yet, a later one will. Use head")
	}
	return oneOf(VerifyPut, VerifyHead)(s)
}

func parseObjectFormat(s string) (string, error) {
	switch s {
	case "raw":
		return s, nil
	case "json":
		return "", errors.New("this version ships lines as written only. Use raw")
	}
	return "", errors.New("must be raw")
}

func parseLevel(s string) (slog.Level, error) {
	word, err := oneOf("debug", "info", "warn", "error")(s)
	if err != nil {
		return 0, err
	}
	var level slog.Level
	err = level.UnmarshalText([]byte(word))
	return level, err
}
