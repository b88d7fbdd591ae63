package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// assign is one value given to one flag, and where.
type assign struct {
	flag   string // name without dashes
	value  string
	source string // as in Config.Sources
}

// given is what the strongest source says about one flag: no values at all is
// an empty list.
type given struct {
	source string
	values []assign
}

const commandLine = "command line"

// draft is a Config on the way: what was given, what the flags for all classes
// say, and every fault so far.
type draft struct {
	cfg    *Config
	cwd    string
	given  map[string]given
	global global
	logs   []logEntry
	// streams are those --log that name no files.
	streams []streamEntry
	specs   map[string]*classEntry
	// excluded holds Config.Exclude with the braces expanded.
	excluded []string
	follows  []assign
	faults   []Fault
}

func (d *draft) isGiven(flag string) bool {
	_, ok := d.given[flag]
	return ok
}

// fault reports a value that was given.
func (d *draft) fault(a assign, problem string) {
	f := Fault{Flag: "--" + a.flag, Value: a.value, Problem: problem}
	if f.Value == "" {
		f.Value = `""`
	}
	if a.source != commandLine && a.source != "default" {
		f.Source = a.source
	}
	d.faults = append(d.faults, f)
}

// faultOf reports a flag by the value in force.
func (d *draft) faultOf(flag, problem string) {
	a := assign{flag: flag, source: d.cfg.Sources[flag]}
	for _, s := range d.cfg.Settings {
		if s.Flag == "--"+flag {
			a.value = s.Value
		}
	}
	d.fault(a, problem)
}

// faultIn reports a flag whose presence or absence is the fault.
func (d *draft) faultIn(flag, problem string) {
	f := Fault{Flag: "--" + flag, Problem: problem}
	if source := d.cfg.Sources[flag]; source != commandLine && source != "default" {
		f.Source = source
	}
	d.faults = append(d.faults, f)
}

// gather reads the three sources into d.given, strongest first.
func (d *draft) gather(flags []flagDef, args, env []string) (help bool) {
	d.given, d.specs = map[string]given{}, map[string]*classEntry{}
	line, help := d.fromArgs(flags, args)
	if help {
		return true
	}
	d.take(line)
	d.fromEnv(flags, env)
	if g, ok := d.given["flags-from"]; ok && g.values[0].value != "" {
		d.take(d.fromFile(flags, g.values[len(g.values)-1]))
	}
	return false
}

// take keeps the values of one source for the flags that no stronger one gave.
func (d *draft) take(values []assign) {
	fresh := map[string]bool{}
	for _, a := range values {
		g, ok := d.given[a.flag]
		if ok && !fresh[a.flag] {
			continue
		}
		fresh[a.flag] = true
		if !ok {
			g.source = a.source
		}
		g.values = append(g.values, a)
		d.given[a.flag] = g
	}
}

// fromArgs reads --name value, --name=value and, for switches, --name.
func (d *draft) fromArgs(flags []flagDef, args []string) (values []assign, help bool) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "-h" || arg == "--help":
			return nil, true
		case arg == "--":
			for _, rest := range args {
				d.stray(flags, rest)
			}
			return values, false
		case !strings.HasPrefix(arg, "--"):
			d.stray(flags, arg)
			continue
		}
		name, value, inOne := strings.Cut(arg[2:], "=")
		f, ok := lookUp(flags, name)
		next := len(args) > 0 && !strings.HasPrefix(args[0], "--")
		switch {
		case !ok:
			d.faults = append(d.faults, Fault{Flag: "--" + printable(name), Problem: noFlag(flags, name)})
			if !inOne && next && !strings.HasPrefix(args[0], "-") {
				args = args[1:] // most likely its value: one fault is enough
			}
			continue
		case inOne:
		case f.Value == "":
			value = "true"
		case next:
			value, args = args[0], args[1:]
		default:
			d.faults = append(d.faults, Fault{Flag: "--" + name, Problem: "has no value. Write --" + name + " " + f.Value})
			continue
		}
		values = append(values, assign{name, value, commandLine})
	}
	return values, false
}

// stray reports an argument that belongs to no flag.
func (d *draft) stray(flags []flagDef, arg string) {
	problem := "belongs to no flag"
	switch {
	case len(arg) > 1 && arg[0] == '-' && arg[1] != '-':
		problem = "flags have two dashes"
		if near, ok := nearestFlag(flags, strings.TrimPrefix(arg, "-")); ok {
			problem += ". Did you mean --" + near + "?"
		}
	case strings.HasPrefix(arg, "/"):
		problem += ". Quote a pattern, so that the shell leaves it alone: --log 'CLASS=GLOB'"
	}
	if arg == "" {
		arg = `""`
	}
	d.faults = append(d.faults, Fault{Value: arg, Problem: problem})
}

func lookUp(flags []flagDef, name string) (flagDef, bool) {
	i := slices.IndexFunc(flags, func(f flagDef) bool { return f.Name == name })
	if i < 0 {
		return flagDef{}, false
	}
	return flags[i], true
}

func noFlag(flags []flagDef, name string) string {
	did := ""
	if near, ok := nearestFlag(flags, name); ok {
		did = " Did you mean --" + near + "?"
	}
	return "there is no such flag." + did + ` "swab run --help" lists them all.`
}

func nearestFlag(flags []flagDef, name string) (string, bool) {
	var names []string
	for _, f := range flags {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	}
	return Nearest(name, names)
}

// serviceVariable matches what Kubernetes and Docker set in every container
// for a service named swab, or swab-something: not flags, whatever they say.
var serviceVariable = regexp.MustCompile(`^SWAB(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// testVariable names the corpora for the tests; a run has no use for it.
const testVariable = "SWAB_CORPORA"

// fromEnv reads the SWAB_ variables. One that is set but empty is given: it
// stands for the empty value, or for a list of none.
func (d *draft) fromEnv(flags []flagDef, env []string) {
	byVariable := map[string]flagDef{}
	for _, f := range flags {
		byVariable[f.Variable()] = f
	}
	for _, kv := range slices.Sorted(slices.Values(env)) {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || !strings.HasPrefix(name, "SWAB_") || name == testVariable || serviceVariable.MatchString(name) {
			continue
		}
		f, known := byVariable[name]
		if !known {
			did := ""
			typed := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "SWAB_")), "_", "-")
			if near, ok := nearestFlag(flags, typed); ok {
				did = " Did you mean " + variable(near) + "?"
			}
			d.faults = append(d.faults, Fault{Flag: printable(name), Problem: "there is no flag for this variable." + did})
			continue
		}
		if _, stronger := d.given[f.Name]; stronger {
			continue
		}
		g := given{source: name}
		if !f.Repeat {
			g.values = []assign{{f.Name, value, name}}
		} else {
			for line := range strings.SplitSeq(value, "\n") {
				if line = strings.TrimSpace(line); line != "" {
					g.values = append(g.values, assign{f.Name, line, name})
				}
			}
		}
		d.given[f.Name] = g
	}
}

// maxFlagsFile is the size past which a flags file is something else, named by
// mistake: a log, perhaps.
const maxFlagsFile = 1 << 20

// fromFile reads the file that --flags-from names.
func (d *draft) fromFile(flags []flagDef, from assign) []assign {
	path := from.value
	if !filepath.IsAbs(path) {
		path = filepath.Join(d.cwd, path)
	}
	text, err := readAtMost(path, maxFlagsFile)
	if err != nil {
		d.fault(from, err.Error())
		return nil
	}
	values, faults := parseFlagsFile(flags, path, text)
	d.faults = append(d.faults, faults...)
	return values
}

func readAtMost(path string, limit int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		var pathErr *os.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	if int64(len(text)) > limit {
		return "", errors.New("the file is longer than 1 MiB: that is no list of flags")
	}
	return string(text), nil
}

// parseFlagsFile reads one flag a line: --name value, --name=value or
// name=value; a switch needs no value. Blank lines and lines that begin with
// "#" say nothing. A value is all that is left of the line but for the blanks
// around it; no quotes, escapes or comments are looked for in it.
func parseFlagsFile(flags []flagDef, path, text string) (values []assign, faults []Fault) {
	n := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		source := "file " + path + ":" + strconv.Itoa(n)
		name, value, hasValue := splitFileLine(line)
		fault := func(value, problem string) {
			faults = append(faults, Fault{Flag: "--" + printable(name), Value: value, Source: source, Problem: problem})
		}
		f, ok := lookUp(flags, name)
		switch {
		case !ok:
			fault("", noFlag(flags, name))
		case name == "flags-from":
			fault(value, "a flags file cannot name another")
		case !hasValue && f.Value != "":
			fault("", "has no value. Write --"+name+" "+f.Value)
		case len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0]:
			fault(value, "a flags file takes values as they stand. Leave the quotes out")
		case !hasValue:
			values = append(values, assign{name, "true", source})
		default:
			values = append(values, assign{name, value, source})
		}
	}
	return values, faults
}

// splitFileLine parts a trimmed line at the first "=" or blank after the name.
func splitFileLine(line string) (name, value string, hasValue bool) {
	bare := strings.TrimPrefix(line, "--")
	end := strings.IndexAny(bare, "= \t")
	if end < 0 {
		return bare, "", false
	}
	name, value = bare[:end], strings.TrimSpace(bare[end:])
	// "name = value" is as good as "name=value"; after "--name " a "=" is the
	// value's own.
	if bare[end] == '=' || len(bare) == len(line) {
		value = strings.TrimSpace(strings.TrimPrefix(value, "="))
	}
	return name, value, true
}
