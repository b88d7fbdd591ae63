// Package tail knows which files there are, which file and generation is
// which, and what was appended to it. It hands out what was appended as ranges
// of whole lines, by a pull iterator without goroutines:
//
//	set.Sweep(now)               // looks at the directories
//	for _, w := range set.Pending("api", now) {
//		r, err := w.File.Take(options) // a range to read, nothing taken yet
//		for { chunk, err := r.Next(buf) … }
//		ranges := r.Ranges()           // for the seal
//	}
//
// The cursors are the ledger's; reading moves nothing. The package never
// changes a file.
package tail
