// Package ship takes batches from the moment their lines are clean to the
// moment a store vouches for them: compression, the spool on disk, the stores,
// retries and verification. It never opens a raw log.
//
// A batch passes through in this order:
//
//	draft, err := spool.Create(id, codec) // lines in, compressed bytes on disk
//	sealed, err := draft.Seal()           // durable under its final name
//	                                      // (the caller's ledger records it here)
//	receipt, err := uploader.Ship(ctx, o) // one attempt at the store
//	err = spool.RemoveBody(id, false)     // once the ledger says shipped
//
// Nothing here retries, waits or logs by itself: Ship is one attempt, and
// [Backoff] says how long to wait before the next. Names in the spool follow
// from the [ID] alone and keys in the store from the content, so every step
// can be taken again after a crash without making a second copy.
package ship
