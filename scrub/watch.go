package scrub

import (
	"bytes"
	"cmp"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// watch tells a visitor what the passes over a text find. Nothing of it is there
// where nobody asked.
type watch struct {
	w     *Writer
	visit func(Finding)
	keeps bool // the mode is Keep: nothing changes, whatever the scan does

	// Of the pass that looks for addresses, offsets in the text it is given: up
	// to where look-alikes were looked for, and where the last address ended.
	pos, last int64
	ranged    bool // that one was the first of a range

	// Of the pass that blanks fields: what of it shifts the other's offsets.
	shifts  []shift
	shifted int64  // bytes that blanking took from the text so far
	rules   []rule // of Redact, and of IPFields
	ipRules []rule
	ipRule  string  // of the list that is being read
	open    Finding // a value that has begun
	isOpen  bool

	// Of a text that did not come in one piece: what lies between the places
	// where it goes on.
	gaps []shift
}

// shift says that, from the offset at on, the text that the addresses are looked
// for in lies so many bytes before the one that came.
type shift struct{ at, by int64 }

// rule is one entry of a policy's list of names.
type rule struct {
	name   string
	fields *fields
}

// Watch has visit called with every finding in what is written from now on. It
// is to be called before the first Write, and costs nothing where it is not.
// The text of a Write is visited before that Write returns, but for the last part of a line
// that is not complete. Fields come before the addresses of the same piece, else
// the order is that of the text.
//
// With the mode [Keep], nothing changes and each address is visited as
// [KeptMode].
func (w *Writer) Watch(visit func(Finding)) {
	w.watch = &watch{w: w, visit: visit}
	for _, name := range w.s.policy.Redact {
		w.watch.rules = append(w.watch.rules, rule{name, newFields(&Scrubber{policy: Policy{Redact: []string{name}}})})
	}
	for _, name := range w.s.policy.IPFields {
		w.watch.ipRules = append(w.watch.ipRules, rule{name, newFields(&Scrubber{policy: Policy{IPFields: []string{name}}})})
	}
	if w.red != nil {
		w.red.r.watch = w.watch
	}
	if w.s.policy.Mode == Keep {
		w.shadow = w.watch.shadow()
	}
}

// shadow is a Writer to nowhere that looks for what a Writer with the mode Keep
// does not look for.
func (x *watch) shadow() *Writer {
	s := *x.w.s
	s.policy.Mode, s.fields = Truncate, nil
	w := s.NewWriter(io.Discard)
	w.watch = &watch{w: w, keeps: true, visit: func(f Finding) {
		f.From, f.To = x.before(f.From), x.before(f.To)
		x.tell(f)
	}}
	return w
}

// Find calls visit with every finding in src, a complete text of any number of
// lines, from left to right, but for what a message in pieces holds: that comes
// up to 64 KiB late. Nothing of src is kept. It takes memory for the findings of
// 64 KiB, or of one longer line.
func (s *Scrubber) Find(src []byte, visit func(Finding)) {
	var list []Finding
	w := s.NewWriter(io.Discard)
	w.Watch(func(f Finding) {
		f.Became = bytes.Clone(f.Became)
		list = append(list, f)
	})
	for len(src) > 0 {
		k := wholeLines(src, feed)
		// Discard never fails.
		_, _ = w.Write(src[:k])
		if k == len(src) {
			_ = w.Flush()
		}
		slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(a.From, b.From) })
		for _, f := range list {
			visit(f)
		}
		src, list = src[k:], list[:0]
	}
}

// before gives where an offset of the text that addresses are looked for in lay
// in the text as it came.
func (x *watch) before(at int64) int64 {
	n := 0
	for n+1 < len(x.shifts) && x.shifts[n+1].at <= at {
		n++
	}
	x.shifts = x.shifts[n:]
	if len(x.shifts) > 0 && x.shifts[0].at <= at {
		return at + x.shifts[0].by
	}
	return at
}

// goesOn says that what is passed next, behind so many bytes of the Writer's
// text, lies at an offset of the text as it came.
func (x *watch) goesOn(passed, at int64) {
	by := at - passed
	if n := len(x.gaps); n == 0 && by == 0 || n > 0 && x.gaps[n-1].by == by {
		return
	}
	if len(x.gaps) >= 1024 {
		done := x.before(x.w.at) // nothing before is visited any more
		n := 0
		for n+1 < len(x.gaps) && x.gaps[n+1].at <= done {
			n++
		}
		x.gaps = x.gaps[:copy(x.gaps, x.gaps[n:])]
	}
	x.gaps = append(x.gaps, shift{passed, by})
}

// across gives where the byte at an offset of the Writer's text lay in the text
// as it came.
func (x *watch) across(at int64) int64 {
	for i := len(x.gaps) - 1; i >= 0; i-- {
		if x.gaps[i].at <= at {
			return at + x.gaps[i].by
		}
	}
	return at
}

// tell visits a finding of the Writer's text.
func (x *watch) tell(f Finding) {
	if len(x.gaps) > 0 {
		f.From, f.To = x.across(f.From), x.across(f.To-1)+1
	}
	x.visit(f)
}

// take4 is scan.take4 where someone watches.
func (x *watch) take4(r *scan, q *fourOctets) {
	at := len(r.dst) + q.start - r.copied
	r.take4(q)
	v := view{src: r.src, hi: len(r.src)}
	f := found{start: q.start, end: q.end}
	x.address(r, &f, at, v.shape4(q.end), x.fate4(r, &f, q.value), netip.AddrFrom4([4]byte{
		byte(q.value >> 24), byte(q.value >> 16), byte(q.value >> 8), byte(q.value),
	}))
}

// take is scan.take where someone watches.
func (x *watch) take(r *scan) {
	f := r.f
	at := len(r.dst) + f.start - r.copied
	r.take()
	v := view{src: r.src, hi: len(r.src)}
	if f.form.is4() {
		a := f.quad.value(f.form == formReverse4)
		x.address(r, &f, at, f.shape(&v), x.fate4(r, &f, a), netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}))
		return
	}
	fate := KeptSame
	switch {
	case x.keeps:
		fate = KeptMode
	case r.copied >= f.end:
		fate = Changed
	case f.six.addr == addr6{}:
		fate = KeptUnspecified
	case r.s.keep.holds6(&f.six):
		fate = KeptNetwork
	}
	x.address(r, &f, at, f.shape(&v), fate, netip.AddrFrom16(f.six.addr.bytes()))
}

func (x *watch) fate4(r *scan, f *found, a uint32) Fate {
	switch {
	case x.keeps:
		return KeptMode
	case r.copied >= f.end:
		return Changed
	case r.s.keep.holds4(a):
		return KeptNetwork
	case a == 0:
		return KeptUnspecified
	}
	return KeptSame
}

// address visits an address; at is where in r.dst what it became begins, if it
// changed.
func (x *watch) address(r *scan, f *found, at int, form Form, fate Fate, addr netip.Addr) {
	x.alikes(r, f.start, f.start)
	end := f.end
	if fate == Changed {
		end = r.copied // of a reverse name, .in-addr.arpa may go with it
	}
	from, to := x.w.at+int64(f.start), x.w.at+int64(end)
	x.pos = to
	if x.ranged && from == x.last+1 && form == IPv4Plain {
		form = IPv4Range
	}
	x.last, x.ranged = to, form == IPv4Range && f.end < len(r.src) && r.src[f.end] == '-'
	out := Finding{From: x.before(from), To: x.before(to), Form: form, Fate: fate}
	switch fate {
	case Changed:
		out.Became = r.dst[at:]
	case KeptNetwork:
		out.Rule = r.s.keptBy(addr, f)
	}
	x.tell(out)
}

// keptBy names the network that holds an address, or the IPv4 address inside
// it.
func (s *Scrubber) keptBy(a netip.Addr, f *found) string {
	in := a
	if after, ok := f.six.holds4(); ok && a.Is6() {
		b := f.six.addr.ipv4(after)
		in = netip.AddrFrom4([4]byte{byte(b >> 24), byte(b >> 16), byte(b >> 8), byte(b)})
	}
	for _, n := range s.policy.KeepNets {
		m := n
		if n.Addr().Is4In6() && n.Bits() >= 96 {
			m = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
		}
		if m.Contains(in) || m.Contains(a) || a.Is4In6() && m.Addr().Is6() && m.Masked().Contains(netip.AddrFrom16(a.As16())) {
			return n.String()
		}
	}
	return ""
}

// settled is how far behind a place every decision must have been made before it
// is known that no address begins in what looks like one there.
const settled = ahead + back

// alikes visits what looks like an address in the text up to stop, an index of
// r.src, and does not reach over border, where an address begins or the text
// ends.
func (x *watch) alikes(r *scan, stop, border int) {
	i := max(0, int(x.pos-x.w.at))
	for ; i < stop; i++ {
		switch r.src[i] {
		case '.', ':', '-':
		default:
			continue
		}
		lo := max(0, i-back, int(x.last-x.w.at))
		v := view{r.src, lo, min(len(r.src), i+ahead), !r.s.policy.ScrubVersions}
		b, e, form, fate, ok := v.alike(i)
		if !ok || e > border {
			continue
		}
		if x.keeps && fate == KeptUnspecified {
			fate = KeptMode
		}
		x.tell(Finding{From: x.before(x.w.at + int64(b)), To: x.before(x.w.at + int64(e)), Form: form, Fate: fate})
		x.last, x.ranged = x.w.at+int64(e), false
		i = e - 1
	}
	x.pos = max(x.pos, x.w.at+int64(i))
}

// opened begins a value of the text at start; the quotes go around what stands
// for it.
func (x *watch) opened(r *redact, start int, quotes string) {
	if x.isOpen {
		x.closed(start)
	}
	form, preset, field := x.why(r)
	x.begin(x.w.red.at+int64(start), quotes, form)
	x.open.Rule, x.open.Field = preset, field
}

func (x *watch) begin(at int64, quotes string, form Form) {
	x.isOpen = true
	x.open = Finding{From: at, Form: form, Became: []byte(quotes + Redacted + quotes)}
}

// ipField visits an address that became something else in a field named for it.
func (x *watch) ipField(r *redact, start, end int, became []byte) {
	x.begin(x.w.red.at+int64(start), "", FieldAddress)
	x.open.Rule, x.open.Became = x.ipName(r), bytes.Clone(became)
	x.closed(end)
}

// keptField visits one that stays as it is.
func (x *watch) keptField(r *redact, start, end int, network bool) {
	f := Finding{From: x.w.red.at + int64(start), To: x.w.red.at + int64(end), Form: FieldAddress, Fate: KeptSame, Rule: x.ipName(r)}
	if network {
		f.Fate = KeptNetwork
	}
	x.tell(f)
}

// ipName is the entry of IPFields that names the field. Behind the first element
// of a list, another name may have been read since.
func (x *watch) ipName(r *redact) string {
	for _, one := range x.ipRules {
		if one.fields != nil && one.fields.entry(&r.name) != nil {
			x.ipRule = one.name
		}
	}
	return x.ipRule
}

// closed ends the value that is open, if one is, at an index of the pass's text.
func (x *watch) closed(end int) {
	if !x.isOpen {
		return
	}
	x.isOpen = false
	f := x.open
	f.To = x.w.red.at + int64(end)
	written := int64(len(f.Became))
	at := f.From - x.shifted + written
	x.shifted += f.To - f.From - written
	if len(x.shifts) >= 1024 {
		x.before(x.w.at) // nothing before is visited any more
	}
	x.shifts = append(x.shifts, shift{at, x.shifted})
	x.tell(f)
}

// cut notes where the text that came ends, before it is cut off, and gives what
// sets the offsets right after.
func (x *watch) cut() func() {
	w := x.w
	if w.red == nil {
		end := w.at + int64(len(w.held))
		return func() { w.at = end }
	}
	end := w.red.at + int64(len(w.red.held))
	return func() {
		w.red.at = end
		x.shifted = end - w.at
		x.shifts = append(x.shifts[:0], shift{w.at, x.shifted})
	}
}

// why tells what was found at the place that is being decided about.
func (x *watch) why(r *redact) (form Form, preset, field string) {
	i := r.deciding
	switch c, n := r.encoded(i); {
	case r.at(i) == 'J':
		return JSONWebToken, "secrets", ""
	case r.at(i) == '@', n > 0 && c == '@':
		return EmailAddress, "identifiers", ""
	case r.at(i) == '"':
		return CombinedField, "identifiers", ""
	case r.at(i) == ':' && r.at(i+1) == '/' && r.at(i+2) == '/' && r.f.secrets:
		return URLPassword, "secrets", ""
	case r.at(i) == ':' && r.f.secrets && r.candidate(i):
		return ICEFragment, "secrets", ""
	case r.at(i) == ':' && r.clf.state == atRequest && r.dated(i):
		return RemoteUser, "identifiers", ""
	}
	for _, one := range x.rules {
		if e := one.fields.entry(&r.name); e != nil {
			if e.kind == cryptoField {
				return MediaKey, one.name, ""
			}
			return NamedField, one.name, strings.Clone(e.name)
		}
	}
	return NamedField, "", ""
}

// dated reports whether the colon at i is the one of a date of the combined log
// format.
func (r *redact) dated(i int) bool {
	const day = len("[17/May/2015")
	return i >= day && r.src[i-day] == '[' && r.src[i-5] == '/'
}
