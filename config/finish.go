package config

import (
	"fmt"
	"os"
)

// apply gives a flag its values, or its default, and notes the source.
func (d *draft) apply(f flagDef) {
	var standard []assign
	if f.Default != "" {
		standard = []assign{{f.Name, f.Default, "default"}}
		f.set(d, standard[0]) // also below a value that turns out wrong
	}
	g, ok := d.given[f.Name]
	if !ok {
		g = given{source: "default", values: standard}
	}
	d.cfg.Sources[f.Name] = g.source
	for _, a := range g.values {
		if ok {
			f.set(d, a)
		}
		if !f.Hidden || ok {
			d.cfg.Settings = append(d.cfg.Settings, Setting{"--" + f.Name, a.value, a.source})
		}
	}
}

func (d *draft) setState(a assign) {
	dir, err := d.absDir(a.value)
	if err != nil {
		d.fault(a, err.Error())
	}
	d.cfg.State = dir // empty when wrong, so that nothing is said of the default
}

// finish looks at what no flag can say alone, once all of them are read.
func (d *draft) finish() {
	if d.cfg.Once && !d.isGiven("listen") {
		d.cfg.Listen = ""
	}
	d.checkPresence()
	if d.isGiven("raw-limit") && d.global.rawLimit > PolicyRawLimit && !d.cfg.AllowLongerRawLimit {
		d.faultOf("raw-limit", tooLong(PolicyRawLimit))
		d.global.rawLimit = PolicyRawLimit
	}
	classes := d.resolveClasses()
	d.resolveLogs(classes)
	d.resolveStreams(classes)
	d.checkGlobs()
	d.checkState()
	d.checkKeySecret()
	d.checkStoreFlags()
	if d.cfg.JSON && !d.cfg.DryRun {
		d.faultIn("json", "only a dry run prints JSON. Add --dry-run")
	}
	if d.cfg.SpoolLimit < d.cfg.BatchSize {
		d.faultOf("spool-limit", fmt.Sprintf("smaller than one batch (--batch-size, %d bytes). Make it several batches large", d.cfg.BatchSize))
	}
}

func (d *draft) checkPresence() {
	if len(d.given["log"].values) == 0 {
		d.faultIn("log", "missing. Name files and their class, such as --log 'web=/var/log/nginx/*.log'")
	}
	if !d.isGiven("to") && !d.cfg.DryRun {
		d.faultIn("to", "missing. Name a store (s3://BUCKET/PREFIX or file:///DIR), or add --dry-run to look without one")
	}
}

// classOf finds the class that a --log names.
func (d *draft) classOf(from assign, name string, classes map[string]Class) (Class, bool) {
	class, ok := classes[name]
	if !ok && d.specs[name] == nil { // else its --class is the fault
		d.fault(from, unknown("class", name, d.classNames()))
	}
	return class, ok
}

// isSet tells whether a flag, or the key of its name of a class, was given.
func (d *draft) isSet(name, class string) bool {
	set := false
	if e := d.specs[class]; e != nil {
		_, set = e.from[name]
	}
	return set || d.isGiven(name)
}

// resolveLogs gives each log its class and its way of erasing.
func (d *draft) resolveLogs(classes map[string]Class) {
	d.cfg.Classes = map[string]Class{}
	for _, l := range d.logs {
		class, ok := d.classOf(l.from, l.log.Class, classes)
		if !ok {
			continue
		}
		l.log.Erase, l.log.Fill = class.Erase, class.Fill
		if reachesContainerLogs(l.patterns) {
			if !d.isSet("erase", class.Name) {
				l.log.Erase = EraseRotated
			}
			if !d.isSet("fill", class.Name) {
				l.log.Fill = FillBlank
			}
		}
		d.cfg.Logs = append(d.cfg.Logs, l.log)
		d.cfg.Classes[class.Name] = class
	}
}

// checkStoreFlags refuses flags of S3 for a directory: someone counts on what
// they promise.
func (d *draft) checkStoreFlags() {
	if d.cfg.KMSKey != "" && d.cfg.SSE != "aws:kms" && d.cfg.SSE != "aws:kms:dsse" {
		d.faultOf("kms-key", "a key is for KMS. Add --sse aws:kms")
	}
	if d.cfg.To.Kind != Dir {
		return
	}
	for _, s := range []struct {
		flag string
		used bool
	}{
		{"endpoint-url", d.cfg.Endpoint != ""}, {"region", d.cfg.Region != ""}, {"path-style", d.cfg.PathStyle},
		{"sse", d.cfg.SSE != ""}, {"kms-key", d.cfg.KMSKey != ""},
	} {
		if s.used {
			d.faultIn(s.flag, "is for S3, and --to names a directory. Leave it out")
		}
	}
	if store, state := truePath(d.cfg.To.Dir), truePath(d.cfg.State); state != "" && (inside(store, state) || inside(state, store)) {
		d.faultOf("to", "store and state directory ("+d.cfg.State+") must not lie in each other")
	}
	if info, err := os.Stat(d.cfg.To.Dir); err == nil && !info.IsDir() {
		d.faultOf("to", "is a file. Name a directory")
	}
}
