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
package scrub
