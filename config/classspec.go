package config

import (
	"errors"
	"fmt"
	"strings"

	"swab/scrub"
)

// classSpec is one --class NAME:KEY=VALUE,… as it was written. What is wrong
// with a key is found when it is applied to the class.
type classSpec struct {
	name string
	keys []classSet
}

type classSet struct{ key, value string }

// parseClassSpec takes a --class apart. A spec with errors still carries what
// could be read, so that a fault in one key does not hide the class.
func parseClassSpec(s string) (classSpec, []error) {
	name, list, found := strings.Cut(s, ":")
	spec := classSpec{name: strings.TrimSpace(name)}
	if !found {
		return spec, []error{errors.New("no settings. Write NAME:KEY=VALUE, such as api:erase-after=1h")}
	}
	var errs []error
	if err := checkClassName(spec.name); err != nil {
		errs = append(errs, err)
	}
	seen := map[string]bool{}
	for item := range strings.SplitSeq(list, ",") {
		key, value, found := strings.Cut(item, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		switch {
		case key == "":
			errs = append(errs, errors.New("an empty setting. Write NAME:KEY=VALUE, such as api:erase-after=1h"))
		case !isClassKey(key):
			errs = append(errs, errors.New(unknown("key", key, classKeyNames())))
		case !found:
			errs = append(errs, fmt.Errorf("%s has no value. Write %s=VALUE", key, key))
		case seen[key]:
			errs = append(errs, fmt.Errorf("%s is set twice", key))
		default:
			spec.keys = append(spec.keys, classSet{key, value})
		}
		seen[key] = true
	}
	return spec, errs
}

// checkClassName holds names to what may stand in an object key's class=NAME.
func checkClassName(name string) error {
	if name == "" || len(name) > 32 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("%q cannot name a class: 1 to 32 of a-z, 0-9 and -", printable(name))
	}
	switch name {
	case "ledger":
		return errors.New(`"ledger" cannot name a class: the ledger's own objects lie under class=ledger/`)
	case "joined":
		return errors.New(`"joined" cannot name a class: the ledger names ranges by it that are kept for a while`)
	case "expire":
		return errors.New(`"expire" cannot name a class: the ledger names ranges by it that were never sealed`)
	case "packed":
		return errors.New(`"packed" cannot name a class: the ledger names archives by it`)
	case "copy":
		return errors.New(`"copy" cannot name a class: the ledger names ranges by it that were read elsewhere`)
	}
	return nil
}

// classKey is one KEY of --class; like is none of them, since it says where
// the others start from.
type classKey struct {
	name string
	set  func(c *Class, value string) error
}

func classKeys() []classKey {
	return []classKey{
		{"raw-limit", classPut(parseRawLimit, func(c *Class, v duration) { c.RawLimit = v })},
		{"erase-after", setEraseAfter},
		{"erase", classPut(parseErase, func(c *Class, v EraseMode) { c.Erase = v })},
		{"fill", classPut(parseFill, func(c *Class, v Fill) { c.Fill = v })},
		{"scrub", setClassScrub},
		{"redact", setClassRedact},
		{"keep", classPut(ParseDuration, func(c *Class, v duration) { c.Keep = v })},
		{"on-limit", classPut(oneOf(OnLimitSeal, OnLimitExpire), func(c *Class, v OnLimit) { c.OnLimit = v })},
	}
}

func classKeyNames() []string {
	names := []string{"like"}
	for _, k := range classKeys() {
		names = append(names, k.name)
	}
	return names
}

func isClassKey(name string) bool {
	for _, k := range classKeyNames() {
		if k == name {
			return true
		}
	}
	return false
}

// classPut is a key whose value is parsed and then put in its field.
func classPut[T any](parse func(string) (T, error), put func(*Class, T)) func(*Class, string) error {
	return func(c *Class, value string) error {
		v, err := parse(value)
		if err == nil {
			put(c, v)
		}
		return err
	}
}

func setEraseAfter(c *Class, value string) error {
	if value == "limit" {
		c.EraseAfter, c.EraseAtLimit = 0, true
		return nil
	}
	v, err := ParseDuration(value)
	if err != nil {
		return fmt.Errorf("%w; or limit, for as long as raw-limit allows", err)
	}
	c.EraseAfter, c.EraseAtLimit = v, false
	return nil
}

func setClassScrub(c *Class, value string) error {
	mode, err := parseScrubMode(value)
	if err != nil {
		return err
	}
	if c.Opaque && mode != scrub.Keep {
		return errors.New("the class is of opaque bytes, which cannot be scrubbed: only keep")
	}
	c.Scrub.Mode = mode
	return nil
}

func setClassRedact(c *Class, value string) error {
	c.Scrub.Redact = nil
	if value == "" || value == redactNone {
		return nil
	}
	if c.Opaque {
		return errors.New("the class is of opaque bytes, which have no fields: leave it out")
	}
	for name := range strings.SplitSeq(value, "|") {
		name = strings.TrimSpace(name)
		if name == redactNone {
			return errors.New("none stands alone: it empties the list")
		}
		if err := CheckRedact(name); err != nil {
			return err
		}
		c.Scrub.Redact = addNames(c.Scrub.Redact, name)
	}
	return nil
}

// apply puts one setting on a class. The error carries the key's name.
func (s classSet) apply(c *Class) error {
	for _, k := range classKeys() {
		if k.name != s.key {
			continue
		}
		if err := k.set(c, s.value); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// value is what the spec sets a key to.
func (s classSpec) value(key string) (string, bool) {
	for _, set := range s.keys {
		if set.key == key {
			return set.value, true
		}
	}
	return "", false
}
