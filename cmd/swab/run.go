package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"swab"
	"swab/config"
)

// run is `swab run`: the daemon, one pass of it (--once), or a look at what it
// would do (--dry-run).
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	cfg, err := config.ParseRun(args, os.Environ())
	if errors.Is(err, config.ErrHelp) {
		fmt.Fprint(stdout, config.RunUsage())
		return nil
	}
	if err != nil {
		return err
	}
	if cfg.DryRun {
		forecast, err := swab.DryRun(ctx, cfg, time.Now())
		if err != nil {
			return err
		}
		return printForecast(stdout, forecast, cfg.JSON, terminal(stdout))
	}
	log := logger(stderr, cfg)
	swab.LimitMemory("/", os.Getenv("GOMEMLIMIT"), cfg, log)
	ctx, stop := stopSignals(ctx, log, len(cfg.Streams) > 0)
	defer stop()
	d, err := swab.Open(ctx, cfg, log)
	if err != nil {
		return err
	}
	if cfg.Once {
		err = d.Once(ctx, newProgressBar(stderr).show)
	} else {
		notify(log, daemon.SdNotifyReady)
		err = d.Run(ctx)
		notify(log, daemon.SdNotifyStopping)
	}
	return errors.Join(err, d.Close())
}

// logger writes what swab has to say, never a byte of what it reads.
func logger(w io.Writer, cfg *config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// errSecondSignal says that an operator did not want to wait for the flush.
var errSecondSignal = errors.New("second signal: left without flushing; nothing is lost, the next start goes on")

// errStreamsCut is the same where nobody can read again what was read.
var errStreamsCut = errors.New("second signal: left without flushing; what was read of a stream and not sealed is lost")

// stopSignals ends ctx at the first SIGTERM or SIGINT, and the process at the
// second. SIGHUP changes nothing, and says so.
func stopSignals(ctx context.Context, log *slog.Logger, streams bool) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				switch {
				case s == syscall.SIGHUP:
					log.Info("SIGHUP: flags are fixed at start; restart to change them")
				case ctx.Err() == nil:
					if streams {
						log.Info("stopping: standard input is read to its end, for half of --shutdown-timeout at most, and a named pipe until it is empty", "signal", s.String())
					}
					log.Info("stopping: reading stops, what is read is shipped; a second signal leaves at once", "signal", s.String())
					cancel()
				default:
					err := errSecondSignal
					if streams {
						err = errStreamsCut
					}
					log.Error(err.Error())
					os.Exit(exitFailed)
				}
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel() }
}

// notify tells systemd, where swab is its service.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd was not told", "state", state, "error", err)
	}
}
