// Package status shows what the daemon knows: metrics for Prometheus, health
// for an orchestrator, and one page for a person.
//
// It holds no state of its own. Every request asks a [Source] for one
// [Snapshot] and renders that; [Handler] is the pages alone, [Serve] puts them
// behind a listener. Nothing here quotes a log, names a file or tells an
// address: names come in as the scrubber left them.
package status
