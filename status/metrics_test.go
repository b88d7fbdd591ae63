package status

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"swab/ledger"
	"swab/testdata/golden"
)

func TestMetricNamesFollowPrometheusRules(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(newCollector(fixed(badNight())))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) < 20 {
		t.Fatalf("only %d metrics", len(families))
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "swab_") {
			t.Errorf("%s is not under swab_", f.GetName())
		}
	}
}

// TestMetricsAreThoseOfTheSnapshot leaves out what differs from process to
// process.
func TestMetricsAreThoseOfTheSnapshot(t *testing.T) {
	for file, s := range map[string]Snapshot{"metrics.golden": healthy(), "metrics-bad.golden": badNight()} {
		var swab strings.Builder
		for line := range strings.Lines(ask(t, s, "GET", "/metrics").Body.String()) {
			if strings.Contains(line, "swab_") {
				swab.WriteString(strings.Replace(line, `go_version="`+runtime.Version()+`"`, `go_version="GO"`, 1))
			}
		}
		golden.Is(t, file, swab.String())
	}
}

// TestMetricsCarryBothAccounts sums what a class's metrics say.
func TestMetricsCarryBothAccounts(t *testing.T) {
	s := healthy()
	s.Classes = s.Classes[:1]
	s.Classes[0].Account = ledger.Account{
		Written: 1111111, Unread: 1, SealedBytes: 10, ShippedBytes: 100, Expired: 1000, Lost: 1010000, Copied: 100000,
		Present: 111, Erased: 11000, Removed: 1000000, Streamed: 100000,
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(newCollector(fixed(s)))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	value := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		value[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	sum := func(names ...string) (total float64) {
		for _, name := range names {
			if value[name] == 0 {
				t.Errorf("%s is missing", name)
			}
			total += value[name]
		}
		return total
	}
	written := sum("swab_written_bytes_total")
	content := sum("swab_unread_bytes", "swab_sealed_bytes", "swab_shipped_bytes_total", "swab_expired_bytes_total", "swab_lost_bytes_total", "swab_copied_bytes_total")
	raw := sum("swab_raw_present_bytes", "swab_raw_erased_bytes_total", "swab_raw_removed_bytes_total", "swab_raw_streamed_bytes_total")
	if content != written || raw != written {
		t.Errorf("written %v, content %v, raw %v", written, content, raw)
	}
}

func TestMetricsServeProcessAndRuntimeToo(t *testing.T) {
	w := ask(t, healthy(), "GET", "/metrics")
	body, _ := io.ReadAll(w.Result().Body)
	for _, want := range []string{"\nswab_ready 1\n", "\ngo_goroutines ", `swab_shipped_lines_total{class="api"} 4.12e+07`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %q in:\n%s", want, body)
		}
	}
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
}

// TestOneBadMetricDoesNotHideTheOthers has two classes of one name, which the
// format cannot tell apart.
func TestOneBadMetricDoesNotHideTheOthers(t *testing.T) {
	s := healthy()
	s.Classes[1].Name = "api"
	var said errorLog
	w := httptestGet(Handler(fixed(s), said.log), "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "\nswab_store_up 1\n") {
		t.Errorf("status %d:\n%s", w.Code, w.Body)
	}
	if len(said.all()) == 0 {
		t.Error("nothing was logged")
	}
}
