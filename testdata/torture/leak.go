package main

import "bytes"

// leaks tells whether text holds an address of the networks that writers take
// theirs from with a host bit left. It knows nothing of the lines' form, and
// shares nothing with the scrubber that it judges.
func leaks(text []byte) bool {
	for _, net := range [...]string{"192.0.2", "198.51.100", "203.0.113"} {
		if leaksFour(text, net) {
			return true
		}
	}
	for _, net := range [...]string{"192-0-2", "198-51-100", "203-0-113"} {
		if leaksFour(text, net) {
			return true
		}
	}
	return leaksSix(text)
}

// leaksFour finds net, its separator once more, and a last octet that is not 0.
func leaksFour(text []byte, net string) bool {
	for {
		i := bytes.Index(text, []byte(net))
		if i < 0 {
			return false
		}
		text = text[i+len(net):]
		if len(text) < 2 || text[0] != '.' && text[0] != '-' {
			continue
		}
		if c := text[1]; '1' <= c && c <= '9' || c == '0' && len(text) > 2 && '0' <= text[2] && text[2] <= '9' {
			return true
		}
	}
}

// leaksSix finds 2001:db8:, a group, and anything but "::" and an end after it.
func leaksSix(text []byte) bool {
	const net = "2001:db8:"
	for {
		i := bytes.Index(text, []byte(net))
		if i < 0 {
			return false
		}
		text = text[i+len(net):]
		rest := bytes.TrimLeft(text, "0123456789abcdef")
		if !bytes.HasPrefix(rest, []byte("::")) || len(rest) > 2 && bytes.IndexByte([]byte("0123456789abcdef:."), rest[2]) >= 0 {
			return true
		}
	}
}
