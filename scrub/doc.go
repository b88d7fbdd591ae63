// Package scrub takes IP addresses out of text: bytes in, the same bytes
// without addresses out. It does no I/O of its own, knows nothing of log
// formats, and allocates nothing once its buffers have grown.
//
// A complete text goes through [Scrubber.Append]; text that arrives in pieces
// goes through a [Writer], which gives the same bytes however it was split.
// Addresses are found wherever they stand: IPv4 and IPv6 in the spellings of
// RFC 4291 and RFC 5952, with ports, zones, brackets and prefix lengths,
// percent-encoded, escaped, inside host names and reverse names. What is not
// an address leaves as it came, to the byte; in doubt, it is an address.
//
// Scrubbing what was truncated by the same policy changes nothing, as long as
// the prefix lengths are at least 8 and 48, in whole octets and groups. A mode
// is one more case of [Scrubber]'s change: finding and writing know none.
//
// # Fields
//
// [Policy.Redact] names fields whose values give way to [Redacted], before
// addresses are looked for in what is left. A field is found by its name, in
// JSON however often it is escaped, as key=value, as a header, in a query string
// (percent-encoded too), and in SDP.
//
//   - Names compare without case, - _ and dots. A preset's names count at the
//     end of a longer one: user_password, dbPassword, x-access-token. Short ones
//     (pass, sig, jwt) must begin a word there. What only begins with such a
//     name is another field: token_type, password_length, tokenizer. Nor is
//     tokens one, which counts what a language model reads.
//   - A name of one's own is a field's whole name, or stands behind a dot.
//   - cookies: the headers Cookie and Set-Cookie, fields that end in cookie or
//     cookies, and the session parameters of PHP, Java and ASP.NET.
//   - secrets: passwords, tokens, keys, signatures, credentials, Authorization,
//     X-OPENTOK-AUTH, ICE ufrag and pwd, SDES keys, JWTs and passwords of URLs
//     wherever they stand. A username goes only where its line speaks of a TURN
//     server close by.
//   - identifiers: remote user, e-mail addresses, User-Agent and Referer, also as
//     the columns of the combined log format.
//   - In quotes, all of the value goes; under a JSON name so does a number, a
//     list or an object. A header goes to the end of its line, of the string it
//     lies in, or to an escaped newline. A bare value is one word: it ends at a
//     space, & or ;, and at a comma, bracket or quote only where nothing more of
//     a value can follow. In doubt, too much goes rather than too little.
//   - What is not there stays not there: an empty value, null, and a dash.
//
// A field ends with its line. A name and its value on two lines, a name after
// which only a space comes (--password x), XML elements, names with escapes in
// them and columns without a name, but those above, are not found.
//
// # Addresses in fields named for them
//
// [Policy.IPFields] names fields, found as those of Redact are, whose values
// are addresses that elsewhere are numbers and words. They follow the policy's
// mode and are written again in the notation they had.
//
//   - Decimal: 3405803783, with its zeros in front, or -889163513, the signed
//     integer of 32 bits; past 32 bits the 128 of IPv6.
//   - Hex: 0xCB007107 (1 to 8 digits; up to 32 for IPv6), or 7, 8 or 32 digits
//     without 0x, the most significant octet first. In an order of another kind,
//     as in /proc/net/tcp, truncating keeps the wrong octets: use Mask. Eight
//     digits from 0 to 9 are decimal, unless the first is 0.
//   - Octal: a zero in front, or 0o.
//   - Base64 of 4 or 16 octets, in both alphabets, padded or not.
//   - STUN's XOR-MAPPED-ADDRESS (RFC 8489, section 14.2) in hex: its value
//     (0001, port, address; 16 digits), or with type and length before it (24).
//     One of IPv6 (40 or 48 digits) is masked, since to read it takes the
//     transaction's id.
//
// A port or a prefix length may follow. Lists are followed: in brackets, in
// quotes, in a header. Of what is none of these, a number of any kind
// (3.4e+09, nine hex digits) is masked, in quotes where JSON needs them; an
// address in a form that is found anywhere is changed as everywhere; any other
// word (unknown, a host's name, a UUID, a hash) stays. A name given to Redact
// too is blanked.
package scrub
