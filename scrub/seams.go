package scrub

// seams are the places where pieces of a text were joined. A pass over the text
// carries each from where it stands in the source to where it stands in what
// is written: a replacement lies in the piece in which the replaced text began.
type seams struct {
	at  []int // in the source, ascending: those that are not settled yet
	out []int // in what this pass has written so far
}

// copied says that src[from:to] is written as it is, behind so many bytes.
func (m *seams) copied(from, to, written int) {
	n := 0
	for n < len(m.at) && m.at[n] <= to {
		m.out = append(m.out, written+max(0, m.at[n]-from))
		n++
	}
	m.settle(n)
}

// replaced says that nothing more is written of what lies before to.
func (m *seams) replaced(to, written int) {
	n := 0
	for n < len(m.at) && m.at[n] < to {
		m.out = append(m.out, written)
		n++
	}
	m.settle(n)
}

func (m *seams) settle(n int) { m.at = m.at[:copy(m.at, m.at[n:])] }

// slide says that the first n bytes of the source were dropped.
func (m *seams) slide(n int) {
	if m == nil {
		return
	}
	for i := range m.at {
		m.at[i] -= n
	}
}

// beyond takes out the seams behind end and counts them.
func (m *seams) beyond(end int) (n int) {
	if m == nil {
		return 0
	}
	for n < len(m.at) && m.at[len(m.at)-1-n] > end {
		n++
	}
	m.at = m.at[:len(m.at)-n]
	return n
}

// split gives the parts of what was written to write, and calls seam between
// them.
func (m *seams) split(b []byte, write func([]byte) error, seam func() error) error {
	if m == nil {
		return write(b)
	}
	from := 0
	for _, to := range m.out {
		if err := write(b[from:to]); err != nil {
			return err
		}
		if err := seam(); err != nil {
			return err
		}
		from = to
	}
	m.out = m.out[:0]
	return write(b[from:])
}

// takeJoined4 replaces a plain IPv4 address in a text of pieces.
func (r *scan) takeJoined4(q *fourOctets) {
	v := view{src: r.src, lo: q.start, hi: len(r.src)}
	if r.f.quad.readDotted(&v, q.start) {
		r.f.start, r.f.end, r.f.form = q.start, q.end, formDotted
		r.take()
	}
}
