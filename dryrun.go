package swab

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"swab/config"
	"swab/tail"
)

// Forecast is what a run would do now, as plain data. It holds true paths and
// names of processes, so it is for the operator's own eyes; no byte of a log's
// content is in it. Sizes are in bytes; times that are not known are zero and
// left out of the JSON.
type Forecast struct {
	Time    time.Time `json:"time"`
	Version string    `json:"version"`

	Lines     int64 `json:"lines_to_ship"`
	Ship      int64 `json:"bytes_to_ship"` // raw bytes, before compression
	Erase     int64 `json:"bytes_to_erase"`
	Files     int   `json:"files_to_erase"`      // that Erase lies in
	Unshipped int64 `json:"bytes_never_shipped"` // of Erase: not in the store before this run

	State     ForecastState       `json:"state"`
	Classes   []ForecastClass     `json:"classes"` // that a --log names, by name
	List      []FileForecast      `json:"files"`   // by path
	Refused   []ForecastRefusal   `json:"not_taken"`
	Unmatched []ForecastGlob      `json:"globs_without_files"`
	Uncovered []ForecastUncovered `json:"not_covered"`
	Devices   []ForecastDevice    `json:"file_systems"`
	// Unseen counts the processes whose open files may not be looked at.
	Unseen int              `json:"processes_not_seen"`
	Flags  []ForecastConfig `json:"flags"`
}

// ForecastClass is what becomes of a class's lines on their way.
type ForecastClass struct {
	Name      string `json:"name"`
	Scrubbing string `json:"scrubbing"` // in words
	Policy    string `json:"policy"`    // as the ledger and the objects have it
}

// FileForecast is what would become of one file's raw bytes.
type FileForecast struct {
	Path  string `json:"path"`
	Owner string `json:"owner"`
	Class string `json:"class"`
	Size  int64  `json:"size"` // of an archive, of its content

	Unread    int64 `json:"bytes_unread"` // half a line at the end included
	Lines     int64 `json:"lines_to_ship"`
	Ship      int64 `json:"bytes_to_ship"`
	Erase     int64 `json:"bytes_to_erase"`
	Unshipped int64 `json:"bytes_never_shipped"`

	// Oldest is when the oldest raw byte was written at the earliest; Known
	// says by what: "line time", "birth time", "seen" (by an earlier run),
	// "modified" (whole files), or "unknown", which counts as over any limit.
	// Empty when nothing is raw.
	Oldest time.Time `json:"oldest,omitzero"`
	Age    int64     `json:"age_seconds,omitempty"`
	Known  string    `json:"known_by,omitempty"`

	Action string    `json:"action"`
	Reason string    `json:"reason"`
	Next   time.Time `json:"next,omitzero"`
	Then   string    `json:"next_action,omitempty"`

	// Writable is "yes", "no", or "not needed" where erasing is off; WriteError
	// is why not, and what to do.
	Writable   string `json:"writable"`
	WriteError string `json:"write_error,omitempty"`
	FileSystem string `json:"file_system,omitempty"`

	OpenBy []ForecastProcess `json:"open_by,omitempty"`
}

// ForecastProcess is a process that has a file open.
type ForecastProcess struct {
	PID    int    `json:"pid"`
	Name   string `json:"name"`
	Writes bool   `json:"writes"`
}

// ForecastState says what an earlier run left.
type ForecastState struct {
	Path  string `json:"path"`
	Used  bool   `json:"used"`
	Notes string `json:"note,omitempty"`
}

// ForecastRefusal is a path that is not taken. Target is where a symbolic link
// leads.
type ForecastRefusal struct {
	Path   string `json:"path"`
	Target string `json:"target,omitempty"`
	Why    string `json:"why"`
}

// ForecastGlob is a --log without files, and the likely reason.
type ForecastGlob struct {
	Class   string `json:"class"`
	Pattern string `json:"pattern"`
	Why     string `json:"why"`
}

// ForecastUncovered is a file beside the logs that no --log names.
type ForecastUncovered struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// ForecastDevice is what file systems of one kind make of overwriting.
type ForecastDevice struct {
	FileSystem string `json:"file_system"`
	Reaches    bool   `json:"reaches"` // overwriting happens where the bytes lie
	Note       string `json:"note,omitempty"`
	Files      int    `json:"files"`
}

// ForecastConfig is a flag in force.
type ForecastConfig struct {
	Flag   string `json:"flag"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// DryRun forecasts what a run with cfg would do at now. It creates and writes
// nothing, meets no store, and reads the logs to count their lines with a fixed
// buffer. Access times of logs stay as they are where the system allows it
// (O_NOATIME, open(2)): not for other users' files. Of an existing state, the
// ledger's lock is tried for an instant, shared, as [ledger.Check] does to know
// whether a daemon is writing. What cannot be looked at stands in the forecast;
// the error is ctx's.
func DryRun(ctx context.Context, cfg *config.Config, now time.Time) (*Forecast, error) {
	c := &caster{
		cfg: cfg, now: now, buf: make([]byte, laneBuffer), devices: map[placeKey]ForecastDevice{},
		out: &Forecast{
			Time: now, Version: Version(), List: []FileForecast{}, Refused: []ForecastRefusal{}, Unmatched: []ForecastGlob{},
			Uncovered: []ForecastUncovered{}, Devices: []ForecastDevice{}, // as JSON, no list is null
		},
	}
	for _, s := range cfg.Settings {
		c.out.Flags = append(c.out.Flags, ForecastConfig(s))
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Classes)) {
		class := cfg.Classes[name]
		c.out.Classes = append(c.out.Classes, ForecastClass{Name: name, Scrubbing: class.Scrubbing(), Policy: retention(class).Scrub})
	}
	c.readState()
	c.rules = (&Daemon{cfg: cfg}).rules()
	slices.SortStableFunc(c.rules, func(a, b tail.Rule) int { return cmp.Compare(a.Limit, b.Limit) })
	found := c.find()
	if err := c.openBy(ctx, found); err != nil {
		return nil, err
	}
	for _, t := range found {
		if t.num == 0 && !t.Rule.Opaque && tail.Rotated(t.Place, t.Info, c.now) {
			t.away = !c.written(t.id)
		}
		if err := c.file(ctx, t); err != nil {
			return nil, err
		}
	}
	c.beside(found)
	c.unmatched(found)
	c.total()
	return c.out, nil
}

// caster is a forecast in the making.
type caster struct {
	cfg   *config.Config
	now   time.Time
	rules []tail.Rule
	out   *Forecast
	known known
	buf   []byte
	// devices holds the verdict on each directory of each device.
	devices map[placeKey]ForecastDevice
	// open holds who else has a file open.
	open map[inode][]ForecastProcess
}

// placeKey is a directory on a device: a mount, and files marked one by one,
// may differ from those around them.
type placeKey struct {
	dev uint64
	dir string
}

// inode tells files apart while nothing is remounted.
type inode struct{ dev, ino uint64 }

// find lists what the globs match, each file once, and then what an earlier
// run knows and no glob leads to any more.
func (c *caster) find() []*target {
	seen := map[inode]bool{}
	var list []*target
	add := func(t *target) {
		if !seen[t.id] {
			seen[t.id] = true
			list = append(list, t)
		}
	}
	opts := tail.Options{Rules: c.rules, Exclude: c.cfg.Exclude, Follow: c.cfg.Follow}
	for _, at := range tail.Expand(opts, c.refuse) {
		add(&target{Found: at, id: inodeOf(at.Info)})
	}
	for _, t := range list {
		c.known.recognize(t)
	}
	for _, t := range c.known.rest(c.rules, seen) {
		add(t)
	}
	return list
}

// total adds the files up, and sorts what is listed.
func (c *caster) total() {
	f := c.out
	for _, file := range f.List {
		f.Lines += file.Lines
		f.Ship += file.Ship
		f.Erase += file.Erase
		f.Unshipped += file.Unshipped
		if file.Erase > 0 {
			f.Files++
		}
	}
	slices.SortFunc(f.List, func(a, b FileForecast) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(f.Refused, func(a, b ForecastRefusal) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(f.Devices, func(a, b ForecastDevice) int {
		return cmp.Or(cmp.Compare(a.FileSystem, b.FileSystem), cmp.Compare(a.Note, b.Note))
	})
}

// sayDays is a duration in the units that people say.
func sayDays(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day && d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return d.String()
}

// whoami is how messages name the user that looks.
func whoami() string { return fmt.Sprintf("this runs as uid %d", os.Geteuid()) }
