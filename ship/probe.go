package ship

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"
)

// probeBody never changes: a store that has it under the probe's key has
// refused, or stored, these bytes before.
const probeBody = "swab: put twice, to learn whether If-None-Match is heeded\n"

// ProbeResult is what a store showed at first contact.
type ProbeResult struct {
	// Conditional: a second put of a taken key is refused. Without it, HEAD
	// goes before every PUT, and two that race both write.
	Conditional bool
	// Date is the store's clock, zero if it told none.
	Date time.Time
}

// Probe puts PREFIX/_swab/probe. A refusal at the first put proves that the
// store heeds the condition; otherwise the object is new, or was written over,
// and a second put tells. It needs no permission beyond that of a put, and an
// error that is Permanent is what any put would meet.
func Probe(ctx context.Context, st Store, prefix string) (ProbeResult, error) {
	o := Object{
		Key:         strings.TrimPrefix(strings.Trim(prefix, "/")+"/_swab/probe", "/"),
		Body:        strings.NewReader(probeBody),
		Size:        int64(len(probeBody)),
		SHA256:      sha256.Sum256([]byte(probeBody)),
		ContentType: "text/plain",
	}
	var result ProbeResult
	for range 2 {
		r, err := st.Put(ctx, o)
		if err != nil {
			return result, err
		}
		result.Date = r.Date
		if r.Outcome == AlreadyThere {
			result.Conditional = true
			break
		}
	}
	return result, nil
}
