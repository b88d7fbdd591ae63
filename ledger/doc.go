// Package ledger owns swab's words as types and the append-only, hash-chained
// record of everything that happened to a raw byte.
//
// The record is the state and the evidence at once: [Open] folds it into a
// [State], the daemon reads the state, and every effect that matters is an
// [Event] appended with [Ledger.Append], which returns when the event is on
// the disk. [Check] reads a whole ledger again, verifies the chain and proves
// both accounts from it alone.
//
// The package knows nobody: no store, no tailer, no flags.
package ledger
