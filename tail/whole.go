package tail

import "bytes"

// How far back from a range's end a message is looked for that goes on behind
// it, bytes: at first, and at most. What lies further apart than the first is
// not joined by anyone.
const (
	messageSpan    = 64 << 10
	maxMessageSpan = 4 << 20
)

// wholeEnd finds where the range ends, as end does, but not within a message.
func (f *File) wholeEnd(cursor int64, o TakeOptions) (end int64, cut bool, err error) {
	f.parted = 0
	end, cut, err = f.end(cursor, o)
	if err != nil || cut || end == cursor || o.Whole == nil || f.rule.Opaque {
		return end, cut, err
	}
	whole, err := f.wholeMessages(cursor, end, o)
	if err != nil || whole > cursor {
		return whole, false, err
	}
	if o.Half {
		return end, false, nil // the last look at these bytes
	}
	// Nothing is whole within the budget. There may be more of the message.
	if o.Budget < maxMessageSpan {
		o.Budget = maxMessageSpan
		if end, cut, err = f.end(cursor, o); err != nil || cut {
			return end, cut, err
		}
		if whole, err = f.wholeMessages(cursor, end, o); err != nil || whole > cursor {
			return whole, false, err
		}
	}
	if more, err := f.firstNewline(end, f.size); err != nil || more > 0 {
		return end, false, err // it is longer than what is waited for
	}
	f.parted = f.size
	return cursor, false, nil
}

// wholeMessages gives where in [cursor, end) the message begins that goes on
// behind, or end if none does, or if it is too long to wait for.
func (f *File) wholeMessages(cursor, end int64, o TakeOptions) (int64, error) {
	var last int64 = -1
	for span := int64(messageSpan); ; span *= 4 {
		from := max(cursor, end-span)
		text := make([]byte, end-from)
		if err := f.readFull(text, from); err != nil {
			return 0, err
		}
		if from > cursor { // the first line is known from its beginning on
			i := bytes.IndexByte(text, '\n') + 1
			text, from = text[i:], from+int64(i)
		}
		whole := from + int64(o.Whole(text))
		switch {
		case whole == end:
			return end, nil
		case whole == last, from == cursor && end-cursor <= maxMessageSpan:
			return whole, nil
		case span >= maxMessageSpan:
			return end, nil
		}
		last = whole
	}
}
