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
// # Pseudonyms
//
// The two modes with a key encrypt addresses to addresses (draft-denis-ipcrypt;
// package ipcrypt): [PseudonymDeterministic] any to IPv6, [PseudonymPrefix] in
// its family, with networks kept apart and together as they were. The same
// address under the same key has the same pseudonym in every spelling; [Reveal]
// turns it back, for who has the key. Whoever knows some pairs of address and
// pseudonym knows, in PseudonymPrefix, the networks of all pseudonyms near them.
//
//   - Of a mapped, NAT64 or dotted compatible address, the IPv4 address inside
//     becomes a pseudonym: PseudonymPrefix keeps the form around it,
//     PseudonymDeterministic writes that of the plain IPv4 address. Of 6to4, all
//     128 bits do, since the rest of them tells who it is too.
//   - A network's address (203.0.113.0/24) is an address like others. The length
//     behind it stays: in PseudonymPrefix it still says which pseudonyms belong to
//     it, though host bits are set; in PseudonymDeterministic it says nothing. The
//     two ends of a range need not be in order any more.
//   - A reverse name of an IPv6 network keeps its nibbles in PseudonymPrefix, and
//     becomes the one of its first address in PseudonymDeterministic. Less than
//     four nibbles are a registry's, and stay, as a reverse name with less than
//     four octets does in all modes. The unspecified address :: stays; 0.0.0.0
//     does not.
//   - An IPv6 address in the place of IPv4 is written as a program would write
//     it: in brackets before a port, behind a colon or @, as the host of a URL, or
//     where a letter touches it; in host and file names as eight groups of four
//     digits, joined as the octets were, or by dashes; under ip6.arpa for
//     in-addr.arpa; as a tuple of eight. Words about the family stay: IN IP4,
//     TCP4, SIP's Via without brackets.
//   - Ports, zones and encodings stay. The edge of a cut text is masked.
//
// Nothing that was written is looked at again within one Writer, or one call of
// Append. A second pass over written text is another matter. In
// PseudonymDeterministic an address that decrypts under the same key to an IPv4
// one is a pseudonym already, and stays (others do so once in 2^96). Of any
// other pseudonym it cannot be known: each address is the pseudonym of some
// address, and becomes another one. A text goes through one pass with a key,
// therefore, or two passes are to be undone one by one.
//
// A Scrubber in PseudonymPrefix remembers recent addresses, in 712 KiB whatever
// comes; a Writer whose key was set has its own. They are raw addresses in
// memory: SetKey and Forget overwrite them.
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
//
// # Messages in pieces
//
// A container runtime cuts a long line into pieces, anywhere: lines of
// Kubernetes' CRI logging format (time, stream, tags, text), the tag of each but
// the last P. The pieces of one stream are one text, and what is found in it is
// changed, a secret across a seam too. Lines stay lines, each with its head, in
// their order. What replaces something across a seam stands in the piece where
// that began; of the rest of it nothing is left in the next piece.
//
//   - A piece is known by its own head, wherever it stands. Lines of the other
//     stream, or of another kind, may lie between two pieces; they wait for the
//     second. After 64 KiB of them, or 256 pieces of less than 64 bytes in a row,
//     no more of the message is waited for: its edges are masked, on both sides.
//   - A text that ends within a message has its edge masked, with Flush too.
//     [Writer.Unfinished] tells so, [Writer.Continue] has the edge masked where the
//     message goes on, and [WholeMessages] tells where to end a text instead.
//   - Docker's json-file cuts lines likewise, each piece but the last without its
//     newline in "log". Those are not joined: a half of an address stays in each.
package scrub
