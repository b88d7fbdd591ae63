package swab

// step names a boundary between two effects: what a crash right there leaves
// behind is in ARCHITECTURE.md's table, and tests crash at each.
type step string

const (
	stepSpooled  step = "spooled"  // the batch has its name in the spool; no event yet
	stepSealed   step = "sealed"   // the seal is in the ledger
	stepPut      step = "put"      // the store has the object; no event yet
	stepShipped  step = "shipped"  // the ship event is in the ledger; the spool still has the body
	stepIntended step = "intended" // the intent is in the ledger; nothing is overwritten
	stepWritten  step = "written"  // overwritten, not synced
	stepSynced   step = "synced"   // overwritten and synced, not punched
	stepPunched  step = "punched"  // punched; no event yet
	stepErased   step = "erased"   // the erased event is in the ledger
	stepUnlinked step = "unlinked" // a finished file is unlinked; no event yet

	stepSegmentPut step = "segment put" // the store has a closed segment of the ledger; no event yet
	stepAnchored   step = "anchored"    // the anchor event is in the ledger

	stepCompared  step = "compared"  // a copy's sums have their name in the spool; no event yet
	stepInherited step = "inherited" // the copied event is in the ledger

	stepPacking step = "packing" // the sums of an archive as it lies on the disk have their name in the spool; no event yet
	stepPacked  step = "packed"  // the packed event is in the ledger; no intent yet

	stepKeyMade      step = "key made"      // a day's key of pseudonyms is on the disk; no event yet
	stepKeyDestroyed step = "key destroyed" // such a key is overwritten and unlinked; no event yet
	stepJoining      step = "joining"       // the sums of joined ranges have their name in the spool; no event yet
	stepJoined       step = "joined"        // the joined event is in the ledger; the sums of their own are still there
)

// steps lists them in the order in which a batch goes through them.
var steps = [...]step{
	stepSpooled, stepSealed, stepPut, stepShipped, stepIntended,
	stepWritten, stepSynced, stepPunched, stepErased, stepUnlinked,
}

// copySteps lists those of a copy, before its bytes go the way of all others.
var copySteps = [...]step{stepCompared, stepInherited}

// segmentSteps lists those of a closed segment of the ledger.
var segmentSteps = [...]step{stepSegmentPut, stepAnchored}

// joinSteps lists those of ranges that are kept, before they come to their limit.
var joinSteps = [...]step{stepJoining, stepJoined}

// packSteps lists those of an archive, before it is overwritten as a whole.
var packSteps = [...]step{stepPacking, stepPacked}

// reached tells a test where the daemon is.
func (d *Daemon) reached(s step) {
	if d.at != nil {
		d.at(s)
	}
}
