package s3test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
)

const (
	toolPackage = "github.com/versity/versitygw/cmd/versitygw"
	// envBin names a directory for the built server instead of the user's
	// cache directory.
	envBin = "SWAB_TEST_BIN"
)

// ErrNoModules says that the server's modules cannot be had here, and that it
// was not built before.
var ErrNoModules = errors.New("the module proxy is out of reach")

// unreachable is how the go command words that it could not get a module.
var unreachable = regexp.MustCompile(`dial tcp|no such host|connection refused|i/o timeout|TLS handshake|network is unreachable|` +
	`GOPROXY=off|module lookup disabled|reading https?://\S+: [45]\d\d `)

// binary builds the server unless this version of it is built already, and
// returns its path. Packages whose tests run side by side build it once.
func binary() (string, error) {
	module, err := toolModule()
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	fmt.Fprint(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	path := filepath.Join(cache, fmt.Sprintf("versitygw-%x", sum.Sum(nil)[:8]))

	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	// Built beside and renamed: a build that is killed leaves nothing that
	// looks whole.
	temp := path + ".tmp"
	build := exec.Command("go", "build", "-C", module, "-trimpath", "-o", temp, toolPackage)
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off", "CGO_ENABLED=0", "GOOS=", "GOARCH=")
	if out, err := build.CombinedOutput(); err != nil {
		if unreachable.Match(out) {
			return "", ErrNoModules
		}
		return "", fmt.Errorf("build of %s: %w\n%s", toolPackage, err, out)
	}
	return path, os.Rename(temp, path)
}

func cacheDir() (string, error) {
	dir := os.Getenv(envBin)
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir() // no HOME, as in some containers
		}
		dir = filepath.Join(cache, "swab-test")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// lock waits for the file's lock; it ends with the process at the latest.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// toolModule finds testdata/s3 of this repository from the directory of the
// package under test.
func toolModule() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module swab\n") {
			return filepath.Join(dir, "testdata", "s3"), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod of swab above the working directory")
		}
		dir = up
	}
}
