package scrub

import (
	"net/netip"
	"strings"
	"testing"
)

func TestModesParseByTheirNames(t *testing.T) {
	for _, m := range modes {
		got, err := ParseMode(m.String())
		if err != nil || got != m {
			t.Errorf("ParseMode(%q) = %v, %v", m.String(), got, err)
		}
	}
	if _, err := ParseMode("Truncate"); err == nil {
		t.Error("a mode in another spelling was taken")
	}
	_, err := ParseMode("pseudonym")
	if err == nil || !strings.Contains(err.Error(), "pseudonym=deterministic") || !strings.Contains(err.Error(), "pseudonym=prefix") {
		t.Errorf("pseudonym alone: %v", err)
	}
}

func TestValidateNamesEveryFieldThatIsWrong(t *testing.T) {
	p := Policy{Mode: 9, IPv4Prefix: 33, IPv6Prefix: -1, MaskText: strings.Repeat("x\n", 40), KeepNets: []netip.Prefix{{}},
		Redact: []string{"secrets", "a b", "", "-"}}
	err := p.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Mode 9", "IPv4Prefix 33", "IPv6Prefix -1", "MaskText of 80 bytes", "control characters", "KeepNets",
		`field "a b"`, `field ""`, `field "-"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
	if _, err := New(p); err == nil {
		t.Error("New took a policy that is not valid")
	}
	if err := (Policy{}).Validate(); err != nil {
		t.Errorf("the zero policy: %v", err)
	}
}

func TestPolicyTextIsShortAndStable(t *testing.T) {
	nets := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for want, p := range map[string]Policy{
		"truncate/24/48":             {},
		"truncate/16/32":             {IPv4Prefix: 16, IPv6Prefix: 32},
		"mask":                       {Mode: Mask},
		"keep":                       {Mode: Keep, KeepNets: nets},
		"truncate/24/48 keep-nets=2": {KeepNets: nets},
		"truncate/24/48 keep-nets=2 redact=cookies,secrets": {KeepNets: nets, Redact: []string{"secrets", "cookies", "secrets"}},
		"keep redact=X-Customer":                            {Mode: Keep, Redact: []string{"X-Customer"}},
		"pseudonym=prefix":                                  {Mode: PseudonymPrefix},
		"pseudonym=deterministic keep-nets=2":               {Mode: PseudonymDeterministic, KeepNets: nets},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPoliciesChangeWhatTheySay(t *testing.T) {
	const text = "203.0.113.77 ::ffff:203.0.113.77 2001:db8:1:2:3:4:5:6 Chrome/120.0.0.7 2002:cb00:714d::1"
	for want, p := range map[string]Policy{
		text: {Mode: Keep},
		"203.0.0.0 ::ffff:203.0.0.0 2001:db8:: Chrome/120.0.0.7 2002:cb00::":                              {IPv4Prefix: 16, IPv6Prefix: 32},
		"203.0.113.64 ::ffff:203.0.113.64 2001:db8:1:2:: Chrome/120.0.0.7 2002:cb00:7140::":               {IPv4Prefix: 26, IPv6Prefix: 64},
		"<a> <a> <a> Chrome/120.0.0.7 <a>":                                                                {Mode: Mask, MaskText: "<a>"},
		"203.0.113.0 ::ffff:203.0.113.0 2001:db8:1:: Chrome/120.0.0.0 2002:cb00:7100::":                   {ScrubVersions: true},
		"203.0.113.77 ::ffff:203.0.113.77 2001:db8:1:: Chrome/120.0.0.7 2002:cb00:714d::1":                {KeepNets: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}},
		"203.0.113.0 ::ffff:203.0.113.0 2001:db8:1:2:3:4:5:6 Chrome/120.0.0.7 2002:cb00:7100::":           {KeepNets: []netip.Prefix{netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("2001:db8::/32")}},
		"203.0.113.77 ::ffff:203.0.113.77 2001:db8:1:2:3:4:5:6 Chrome/120.0.0.7 2002:cb00:714d::1\x00all": {IPv4Prefix: 32, IPv6Prefix: 128},
	} {
		want, _, _ := strings.Cut(want, "\x00")
		if got := mustNew(t, p).String(text); got != want {
			t.Errorf("%+v:\n  got %q\n want %q", p, got, want)
		}
	}
}

func TestKeepNetsHoldsWhatItsPrefixesContain(t *testing.T) {
	var nets []netip.Prefix
	for k := range 300 {
		nets = append(nets, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(k), byte(k * 7), byte(k * 13), 0}), 8+k%24),
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, byte(k), byte(k * 5), 3: byte(k)}), 12+k%100))
	}
	s := mustNew(t, Policy{Mode: Mask, KeepNets: nets})
	for k := range 4000 {
		for _, a := range []netip.Addr{
			netip.AddrFrom4([4]byte{byte(k), byte(k / 2), byte(k * 3), byte(k)}),
			netip.AddrFrom16([16]byte{0x20, byte(k), byte(k / 3), 3: byte(k), 15: 1}),
		} {
			kept := false
			for _, n := range nets {
				kept = kept || n.Contains(a)
			}
			if b := a.As16(); a.Is6() && b[0] == 0x20 && b[1] == 2 {
				continue // 6to4: the IPv4 address inside is asked for too
			}
			if got := s.String(a.String()) == a.String(); got != kept {
				t.Errorf("%v: kept %v, want %v", a, got, kept)
			}
		}
	}
}
