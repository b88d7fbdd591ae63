package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"swab/scrub"
)

type duration = time.Duration

// global is what the flags say for all classes.
type global struct {
	rawLimit duration
	erase    EraseMode
	fill     Fill
	scrub    scrub.Policy
}

// classEntry is all that --class says of one class, and where.
type classEntry struct {
	spec   classSpec
	from   map[string]assign // by key
	first  assign
	broken bool // its name is refused already
}

// addClass records one --class. The same class may be named again for other
// keys.
func (d *draft) addClass(a assign) {
	spec, errs := parseClassSpec(a.value)
	for _, err := range errs {
		d.fault(a, err.Error())
	}
	e := d.specs[spec.name]
	if e == nil {
		e = &classEntry{spec: classSpec{name: spec.name}, from: map[string]assign{}, first: a, broken: checkClassName(spec.name) != nil}
		d.specs[spec.name] = e
	}
	for _, set := range spec.keys {
		if _, twice := e.from[set.key]; twice {
			d.fault(a, fmt.Sprintf("%s is set twice for class %s", set.key, spec.name))
			continue
		}
		e.spec.keys = append(e.spec.keys, set)
		e.from[set.key] = a
	}
}

// classNames lists the presets and what --class defined.
func (d *draft) classNames() []string {
	names := presetNames()
	for name := range d.specs {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// resolveClasses works out every class that a --class or --log names. A class
// that could not be worked out is left out of the map, with its fault reported.
func (d *draft) resolveClasses() map[string]Class {
	classes := map[string]Class{}
	for _, row := range Presets() {
		if d.specs[row.Name] == nil {
			classes[row.Name] = d.underFlags(row)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.specs)) {
		if c, ok := d.resolveSpec(d.specs[name]); ok {
			classes[name] = c
		}
	}
	return classes
}

// resolveSpec lays the flags for all classes over the preset, and the class's
// own keys over those.
func (d *draft) resolveSpec(e *classEntry) (Class, bool) {
	row, ok := d.startOf(e)
	if !ok {
		return Class{}, false
	}
	c := d.underFlags(row)
	if c.Name != e.spec.name {
		c.Name, c.Like = e.spec.name, c.Name
	}
	for _, set := range e.spec.keys {
		if err := set.apply(&c); err != nil {
			d.fault(e.from[set.key], err.Error())
		}
	}
	d.checkLimits(e, row, c)
	return c, true
}

// startOf finds the preset that a class begins from.
func (d *draft) startOf(e *classEntry) (Class, bool) {
	row, isPreset := preset(e.spec.name)
	like, given := e.spec.value("like")
	switch {
	case isPreset && given:
		d.fault(e.from["like"], fmt.Sprintf("%s is a class already; like= begins a new one. Choose another name", row.Name))
		return Class{}, false
	case isPreset:
		return row, true
	case given:
		if row, ok := preset(like); ok {
			return row, true
		}
		d.fault(e.from["like"], "like: "+unknown("preset", like, presetNames()))
		return Class{}, false
	case e.broken:
		return Class{}, false
	}
	d.fault(e.first, unknown("class", e.spec.name, presetNames())+". A new one begins with like=PRESET")
	return Class{}, false
}

// underFlags gives a row what the flags say for all classes. A row's own
// stricter limit stands, and a row that keeps addresses on purpose goes on
// keeping them: one --scrub cannot break the records that need them.
func (d *draft) underFlags(row Class) Class {
	g := d.global
	if d.isGiven("raw-limit") && (row.RawLimit == PolicyRawLimit || g.rawLimit < row.RawLimit) {
		row.RawLimit = g.rawLimit
	}
	if d.isGiven("erase") {
		row.Erase = g.erase
	}
	row.Fill = g.fill
	mode, redact := row.Scrub.Mode, underRedact(row, g.scrub.Redact)
	row.Scrub = g.scrub
	row.Scrub.KeepNets = slices.Clone(g.scrub.KeepNets)
	row.Scrub.IPFields = slices.Clone(g.scrub.IPFields)
	row.Scrub.Redact = redact
	if mode == scrub.Keep {
		row.Scrub.Mode = mode
	}
	return row
}

// underRedact is what a row blanks once --redact has added names for all
// classes. A secret belongs into no record, nor does a field that someone names
// outright. But identifiers are what a row that keeps addresses on purpose is
// about: a record of who did it, without who, is lost for good. Opaque bytes
// have no fields.
func underRedact(row Class, names []string) []string {
	if row.Opaque {
		return nil
	}
	if row.Scrub.Mode == scrub.Keep {
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == presetIdentifiers })
	}
	return addNames(row.Scrub.Redact, names...)
}

// checkLimits compares a class's times with each other and with the policy's.
func (d *draft) checkLimits(e *classEntry, row, c Class) {
	if from, set := e.from["raw-limit"]; set && c.RawLimit > row.RawLimit && !d.cfg.AllowLongerRawLimit {
		d.fault(from, tooLong(row.RawLimit))
	}
	if c.EraseAfter > c.RawLimit {
		d.fault(e.from["erase-after"], fmt.Sprintf("erase-after %s is longer than the class's raw limit of %s. Shorten it, or write erase-after=limit",
			formatDuration(c.EraseAfter), formatDuration(c.RawLimit)))
	}
}

// tooLong is the refusal of a raw limit that the policy does not allow.
func tooLong(allowed time.Duration) string {
	return fmt.Sprintf("longer than the %s that the policy allows. Add --allow-longer-raw-limit if you mean it.", formatDuration(allowed))
}

func parseRawLimit(s string) (time.Duration, error) {
	v, err := ParseDuration(s)
	if err == nil && v == 0 {
		err = errors.New("must be longer than nothing, such as 168h")
	}
	return v, err
}

func parseErase(s string) (EraseMode, error) { return oneOf(EraseLive, EraseRotated, EraseOff)(s) }

func parseFill(s string) (Fill, error) { return oneOf(FillZero, FillBlank)(s) }
