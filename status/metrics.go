package status

import (
	"errors"
	"math"
	"net/http"
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes bounds the scrapes under way; more get 503.
const maxScrapes = 4

// metric is one metric over a T. Its value may be absent.
type metric[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(T) (v float64, ok bool)
}

// collector turns one snapshot a scrape into metrics; it remembers nothing.
type collector struct {
	src   Source
	build *prometheus.Desc
	whole []metric[Snapshot]
	class []metric[Class] // labelled with the class's name
}

func newCollector(src Source) *collector {
	return &collector{
		src:   src,
		build: prometheus.NewDesc("swab_build_info", "Always 1; the labels say which build runs.", []string{"version", "go_version"}, nil),
		whole: wholeMetrics(),
		class: append(contentMetrics(), rawMetrics()...),
	}
}

func gauge[T any](name, help string, value func(T) float64, labels ...string) metric[T] {
	return optional(name, help, func(t T) (float64, bool) { return value(t), true }, labels...)
}

func optional[T any](name, help string, value func(T) (float64, bool), labels ...string) metric[T] {
	return metric[T]{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue, value}
}

func classGauge(name, help string, value func(Class) float64) metric[Class] {
	return gauge(name, help, value, "class")
}

func classCounter(name, help string, value func(Class) float64) metric[Class] {
	m := classGauge(name, help, value)
	m.kind = prometheus.CounterValue
	return m
}

func wholeMetrics() []metric[Snapshot] {
	return []metric[Snapshot]{
		gauge("swab_ready", "1 while /readyz is green.", func(s Snapshot) float64 {
			_, ok := ready(s)
			return truth(ok)
		}),
		gauge("swab_store_up", "1 while the store takes objects, 0 while it does not or was never met.", func(s Snapshot) float64 {
			return truth(s.StoreMet && s.StoreDownSince.IsZero())
		}),
		gauge("swab_store_failed_tries", "Puts that failed in a row; 0 while the store is up.", func(s Snapshot) float64 {
			return float64(s.StoreTries)
		}),
		gauge("swab_spool_bytes", "Bytes of sealed objects that wait for the store.", func(s Snapshot) float64 {
			return float64(s.SpoolBytes)
		}),
		optional("swab_spool_limit_bytes", "Bytes of the spool at which reading stops.", func(s Snapshot) (float64, bool) {
			return float64(s.SpoolLimit), s.SpoolLimit > 0
		}),
		gauge("swab_uncovered_files", "Files beside the logs that no flag names.", func(s Snapshot) float64 {
			return float64(s.Uncovered)
		}),
		gauge("swab_refused_files", "Files that a flag names and swab does not take.", func(s Snapshot) float64 {
			return float64(s.Refused)
		}),
		optional("swab_overwriting_reaches_device", "1 if overwriting reaches the place where a raw byte lay on each file system of the logs, as far as it decides that; 0 if one may keep old copies.", func(s Snapshot) (float64, bool) {
			return truth(!slices.ContainsFunc(s.Devices, func(d Device) bool { return !d.Reaches })), len(s.Devices) > 0
		}),
	}
}

// contentMetrics are the account of content: unread + sealed + shipped +
// expired + lost + copied = written.
func contentMetrics() []metric[Class] {
	return []metric[Class]{
		classCounter("swab_written_bytes_total", "Raw bytes the application wrote.", func(c Class) float64 { return float64(c.Account.Written) }),
		classGauge("swab_unread_bytes", "Raw bytes in no batch yet, by the ledger.", func(c Class) float64 { return float64(c.Account.Unread) }),
		classGauge("swab_backlog_bytes", "Raw bytes not read yet, by the files' sizes now.", func(c Class) float64 { return float64(c.Backlog) }),
		classGauge("swab_sealed_bytes", "Raw bytes in sealed batches that are not in the store yet.", func(c Class) float64 { return float64(c.Account.SealedBytes) }),
		classCounter("swab_shipped_bytes_total", "Raw bytes whose batch is in the store.", func(c Class) float64 { return float64(c.Account.ShippedBytes) }),
		classCounter("swab_expired_bytes_total", "Raw bytes erased at the limit without being sealed: a loss.", func(c Class) float64 { return float64(c.Account.Expired) }),
		classCounter("swab_lost_bytes_total", "Raw bytes gone before they were read, at least: a loss.", func(c Class) float64 { return float64(c.Account.Lost) }),
		classCounter("swab_copied_bytes_total", "Raw bytes of a log and its copy that the other one of them accounts for.", func(c Class) float64 { return float64(c.Account.Copied) }),
		classCounter("swab_sealed_lines_total", "Lines in sealed batches.", func(c Class) float64 { return float64(c.Account.Lines) }),
		classCounter("swab_shipped_lines_total", "Lines whose batch is in the store.", func(c Class) float64 { return float64(c.Account.LinesShipped) }),
		classCounter("swab_sealed_batches_total", "Batches sealed.", func(c Class) float64 { return float64(c.SealedBatches) }),
		classCounter("swab_shipped_batches_total", "Batches known to be in the store.", func(c Class) float64 { return float64(c.ShippedBatches) }),
		optional("swab_last_ship_timestamp_seconds", "When the last batch was known to be in the store; absent before the first.", func(c Class) (float64, bool) {
			return float64(c.LastShip.UnixMilli()) / 1000, !c.LastShip.IsZero()
		}, "class"),
	}
}

// rawMetrics are the account of raw bytes, present + erased + removed +
// streamed = written, and their age.
func rawMetrics() []metric[Class] {
	return []metric[Class]{
		classGauge("swab_raw_present_bytes", "Raw bytes still on the host.", func(c Class) float64 { return float64(c.Account.Present) }),
		classCounter("swab_raw_erased_bytes_total", "Raw bytes overwritten by swab.", func(c Class) float64 { return float64(c.Account.Erased) }),
		classCounter("swab_raw_removed_bytes_total", "Raw bytes freed by someone else.", func(c Class) float64 { return float64(c.Account.Removed) }),
		classCounter("swab_raw_streamed_bytes_total", "Raw bytes that came through a pipe and never lay on a disk.", func(c Class) float64 { return float64(c.Account.Streamed) }),
		classGauge("swab_raw_oldest_age_seconds", "Age of the oldest raw byte on the host; 0 is none, +Inf is not known.", func(c Class) float64 {
			if c.OldestUnknown {
				return math.Inf(1)
			}
			return c.OldestRaw.Seconds()
		}),
		classGauge("swab_raw_limit_seconds", "Age past which no raw byte stays on the host.", func(c Class) float64 { return c.Limit.Seconds() }),
		classGauge("swab_raw_near_limit_unsealed_bytes", "Raw bytes past four fifths of their limit that are in no batch yet: at the limit they are lost.", func(c Class) float64 { return float64(c.NearUnsealed) }),
		classGauge("swab_raw_near_limit_sealed_bytes", "Raw bytes past four fifths of their limit whose batch waits for the store.", func(c Class) float64 { return float64(c.NearSealed) }),
		classGauge("swab_raw_limit_held", "1 if swab erases at the limit, 0 with --erase off.", func(c Class) float64 { return truth(c.LimitHeld) }),
		classGauge("swab_files", "Files that are followed.", func(c Class) float64 { return float64(c.Files) }),
		classGauge("swab_unerasable_files", "Files that can be read but not written.", func(c Class) float64 { return float64(c.Unerasable) }),
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe is a [prometheus.Collector]'s.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	out <- c.build
	for _, m := range c.whole {
		out <- m.desc
	}
	for _, m := range c.class {
		out <- m.desc
	}
}

// Collect is a [prometheus.Collector]'s.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := read(c.src)
	send(out, c.build, prometheus.GaugeValue, 1, s.Version, runtime.Version())
	for _, m := range c.whole {
		if v, ok := m.value(s); ok {
			send(out, m.desc, m.kind, v)
		}
	}
	for _, class := range s.Classes {
		for _, m := range c.class {
			if v, ok := m.value(class); ok {
				send(out, m.desc, m.kind, v, class.Name)
			}
		}
	}
}

// send passes a metric on; one that cannot be, such as for a label's text,
// fails alone.
func send(out chan<- prometheus.Metric, desc *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
	m, err := prometheus.NewConstMetric(desc, kind, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(desc, err)
	}
	out <- m
}

// metricsHandler serves the collector, the process and the Go runtime from a
// registry of its own. A metric that fails is logged and left out: the others
// matter all the more then.
func metricsHandler(src Source, log func(error)) http.Handler {
	reg := prometheus.NewRegistry()
	err := errors.Join(
		reg.Register(newCollector(src)),
		reg.Register(collectors.NewGoCollector()),
		reg.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})),
	)
	if err != nil {
		log(logged("metrics", err))
	}
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		ErrorLog:            scrapeLog(log),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
	})
}
