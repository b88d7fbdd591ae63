package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"swab/scrub"
)

// service is one of the demo's little services: a text class, and the lines
// that such a service writes.
type service struct {
	class string
	file  string // in the directory log/CLASS
	// keeps: by policy the addresses of the class stay in what is shipped.
	keeps bool
	// stays: by policy its raw bytes stay until their limit.
	stays bool
	line  func(k *maker, id string, at time.Time) made
}

// demoServices are the text classes of the retention table.
func demoServices() []service {
	return []service{
		{class: "web", file: "access.log", stays: true, line: webLine},
		{class: "server", file: "messages.log", stays: true, line: serverLine},
		{class: "api", file: "access.log", line: apiLine},
		{class: "messaging", file: "signal.log", line: messagingLine},
		{class: "media", file: "router.log", line: mediaLine},
		{class: "audit", file: "audit.log", line: auditLine},
		{class: "dashboard", file: "access.log", keeps: true, line: dashboardLine},
		{class: "admin", file: "changes.log", keeps: true, line: adminLine},
		{class: "request", file: "requests.log", keeps: true, line: requestLine},
	}
}

// made is a line that the demo made up, and what has to become of it. Both
// texts are without the newline.
type made struct {
	raw     string
	clean   string // with the addresses cut to their networks, and the secrets blanked
	blanked string // with the secrets blanked only
	addrs   []netip.Addr
	secrets []string // cookies too
}

// wanted is how the line has to stand in the store.
func (s *service) wanted(m made) string {
	if s.keeps {
		return m.blanked
	}
	return m.clean
}

// marks are the parts of the line as it was written that are to be seen.
func (m *made) marks() []string {
	list := make([]string, 0, len(m.addrs)+len(m.secrets))
	for _, ip := range m.addrs {
		list = append(list, ip.String())
	}
	return append(list, m.secrets...)
}

// marksOf are those parts as they have to stand in the store.
func (s *service) marksOf(m made) []string {
	var list []string
	for _, ip := range m.addrs {
		if !s.keeps {
			ip = network(ip)
		}
		list = append(list, ip.String())
	}
	for range m.secrets {
		list = append(list, scrub.Redacted)
	}
	return list
}

// secret is a made-up password, token or cookie.
type secret string

// maker makes lines up. The same seed makes the same ones, but for their
// times.
type maker struct{ rng *rand.Rand }

// line formats a line. Arguments that are addresses or secrets are its own: what
// has to become of them is worked out here, not by the scrubber on trial.
func (k *maker) line(format string, args ...any) made {
	m := made{raw: fmt.Sprintf(format, args...)}
	cut, blank := make([]any, len(args)), make([]any, len(args))
	for i, a := range args {
		cut[i], blank[i] = a, a
		switch a := a.(type) {
		case netip.Addr:
			m.addrs = append(m.addrs, a)
			cut[i] = network(a)
		case secret:
			m.secrets = append(m.secrets, string(a))
			cut[i], blank[i] = scrub.Redacted, scrub.Redacted
		}
	}
	m.clean, m.blanked = fmt.Sprintf(format, cut...), fmt.Sprintf(format, blank...)
	return m
}

// network is an address without its host: /24 and /48, the defaults.
func network(ip netip.Addr) netip.Addr {
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(ip, bits).Masked().Addr()
}

// v4 is an address of TEST-NET-3 or TEST-NET-2 (RFC 5737), never a network's
// own.
func (k *maker) v4() netip.Addr {
	if k.n(2) == 0 {
		return netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + k.n(254))})
	}
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + k.n(254))})
}

// private is an address behind someone's router (RFC 1918).
func (k *maker) private() netip.Addr {
	return netip.AddrFrom4([4]byte{192, 168, byte(k.n(4)), byte(1 + k.n(254))})
}

// v6 is an address of the documentation prefix (RFC 3849).
func (k *maker) v6() netip.Addr {
	return netip.AddrFrom16([16]byte{
		0x20, 0x01, 0x0d, 0xb8, byte(1 + k.n(254)), byte(1 + k.n(254)), 0, byte(1 + k.n(254)),
		14: byte(k.n(256)), 15: byte(1 + k.n(254)),
	})
}

// endpoint is an address and a port as they stand in the log of a socket.
func (k *maker) endpoint() (format string, ip netip.Addr, port int) {
	if k.n(3) == 0 {
		return "[%s]:%d", k.v6(), k.port()
	}
	return "%s:%d", k.v4(), k.port()
}

// secret is as long as what will stand in its place, or longer: a line that
// was shown still fits.
func (k *maker) secret() secret {
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
	b := make([]byte, len(scrub.Redacted)+k.n(4))
	for i := range b {
		b[i] = letters[k.n(len(letters))]
	}
	return secret(b)
}

func (k *maker) n(n int) int { return k.rng.IntN(n) }

func (k *maker) port() int { return 32768 + k.n(28000) }

func (k *maker) one(words ...string) string { return words[k.n(len(words))] }

// webLine is nginx's combined format, with the cookie.
func webLine(k *maker, id string, at time.Time) made {
	ip := k.v4()
	if k.n(4) == 0 {
		ip = k.v6()
	}
	return k.line(`%s - - [%s] cookie="%s" "GET /room/%s?token=%s HTTP/2.0" %s %d "Mozilla/5.0 (X11; Linux x86_64)" %s`,
		ip, at.Format("02/Jan/2006:15:04:05 -0700"), "sid="+k.secret(), k.one("blue", "green", "quiet", "large"), k.secret(),
		k.one("200", "200", "304", "404"), 300+k.n(9000), id)
}

// serverLine is syslog's (RFC 3164): local time, no year.
func serverLine(k *maker, id string, at time.Time) made {
	return k.line("%s edge1 sshd[%d]: Connection closed by %s port %d [preauth] %s",
		at.Local().Format(time.Stamp), 600+k.n(3000), k.v4(), k.port(), id)
}

func apiLine(k *maker, id string, at time.Time) made {
	return k.line(`{"time":%q,"ip":"%s","token":"%s","method":%q,"path":"/v2/project/%d/session","status":%d,"ms":%d,"id":%q}`,
		at.UTC().Format("2006-01-02T15:04:05.000Z"), k.v4(), k.secret(), k.one("GET", "POST"), 100+k.n(900), 200+k.n(2), 1+k.n(90), id)
}

func messagingLine(k *maker, id string, at time.Time) made {
	format, ip, port := k.endpoint()
	return k.line("ts=%s peer="+format+" token=%s event=%s room=%d bytes=%d id=%s",
		at.UTC().Format(time.RFC3339), ip, port, k.secret(), k.one("join", "signal", "leave"), 1000+k.n(9000), 80+k.n(900), id)
}

// mediaLine is an ICE candidate (RFC 8839), a line of a session description
// (RFC 8866), or a report on a stream.
func mediaLine(k *maker, id string, at time.Time) made {
	stamp := at.UTC().Format(time.RFC3339)
	kind := k.n(3)
	if id == lineID("media", 0) {
		kind = 2 // the line that is shown
	}
	switch kind {
	case 0:
		return k.line("%s c=IN IP6 %s stream=%d a=ice-pwd:%s %s", stamp, k.v6(), 1+k.n(900), k.secret(), id)
	case 1:
		return k.line("%s stats from=%s loss=%d.%d%% kbps=%d subscribers=%d %s", stamp, k.v4(), k.n(4), k.n(10), 200+k.n(2500), 1+k.n(40), id)
	}
	return k.line("%s candidate:1 1 udp 1694498815 %s %d typ srflx raddr %s rport %d ufrag %s %s",
		stamp, k.v4(), k.port(), k.private(), k.port(), k.secret(), id)
}

func auditLine(k *maker, id string, at time.Time) made {
	return k.line("%s operation=%s project=%d source=%s secret=%s result=ok id=%s",
		at.UTC().Format(time.RFC3339), k.one("session.create", "token.revoke", "project.read"), 100+k.n(900), k.v4(), k.secret(), id)
}

func dashboardLine(k *maker, id string, at time.Time) made {
	return k.line(`%s ip=%s user=u%d@example.com password=%s "GET /projects/%d/settings" 200 id=%s`,
		at.UTC().Format(time.RFC3339), k.v4(), 1000+k.n(9000), k.secret(), 100+k.n(900), id)
}

func adminLine(k *maker, id string, at time.Time) made {
	return k.line(`{"time":%q,"by":"%s","account":%d,"password":"%s","change":%q,"id":%q}`,
		at.UTC().Format(time.RFC3339), k.v4(), 1000+k.n(9000), k.secret(), k.one("plan raised", "quota raised", "password set"), id)
}

func requestLine(k *maker, id string, at time.Time) made {
	return k.line(`{"time":%q,"from":"%s","token":"%s","kind":%q,"account":%d,"id":%q}`,
		at.UTC().Format(time.RFC3339), k.v6(), k.secret(), k.one("consent", "correction", "deletion"), 1000+k.n(9000), id)
}
