package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"swab/ledger"
)

// whole is a run from its beginning to what it comes to.
func (r *run) whole(ctx context.Context) (*result, error) {
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if r.server != nil {
			r.server.Stop()
		}
	}()
	if err := r.startWriters(); err != nil {
		return nil, err
	}
	defer r.writers.stop()
	if r.o.Rotate != rotateRename {
		if err := r.startRotating(ctx); err != nil {
			return nil, err
		}
		defer r.stopRotating()
	}
	if err := r.start(); err != nil {
		return nil, err
	}
	defer func() { r.swab.kill() }()
	r.sample(ctx)
	defer r.sampler.end()
	if err := r.torture(ctx); err != nil {
		return nil, err
	}
	r.note("the writers stop")
	r.stopRotating()
	var err error
	if r.accounts, err = r.writers.stop(); err != nil {
		return nil, err
	}
	if err := r.settleGaps(); err != nil {
		return nil, err
	}
	s := &result{}
	began := time.Now()
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	r.sampler.end()
	s.Settling = time.Since(began)
	began = time.Now()
	if err := r.judge(ctx, s); err != nil {
		return nil, err
	}
	s.Reading, s.All = time.Since(began), time.Since(r.began)
	return s, nil
}

// judge reads everything back.
func (r *run) judge(ctx context.Context, s *result) (err error) {
	for _, a := range r.accounts {
		s.Written += a.Lines
		s.Bytes += a.Bytes
		s.Halves += a.Halves
		s.Files += a.Files
	}
	s.LedgerGood, s.LedgerSaid = r.ledgerCheck(ctx)
	s.VerifyGood, s.VerifySaid = r.verify(ctx)
	report, err := ledger.Check(r.state)
	if err != nil {
		return err
	}
	s.Account, s.AccountKnown = sumOf(report.State), len(report.Problems) == 0
	if s.verdict, s.stock, err = readBack(ctx, r.back, r.accounts, r.o.Seed, r.f.Jumps > 0); err != nil {
		return err
	}
	if err := r.rawLeft(s); err != nil {
		return err
	}
	return r.elsewhere(s)
}

// sumOf is the account of all classes together.
func sumOf(s *ledger.State) (sum ledger.Account) {
	if s == nil {
		return sum
	}
	for _, c := range s.Classes {
		sum.Written += c.Account.Written
		sum.Unread += c.Account.Unread
		sum.SealedBytes += c.Account.SealedBytes
		sum.ShippedBytes += c.Account.ShippedBytes
		sum.Expired += c.Account.Expired
		sum.Lost += c.Account.Lost
		sum.Present += c.Account.Present
		sum.LinesShipped += c.Account.LinesShipped
	}
	return sum
}

// rawLeft looks for raw bytes in the logs: all classes are erased once shipped.
func (r *run) rawLeft(s *result) error {
	return filepath.WalkDir(filepath.Join(r.dir, logsDir), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		left, err := rawLeft(path)
		if left > 0 {
			s.RawLeft += left
			s.RawFiles++
		}
		return err
	})
}

// elsewhere looks for raw addresses in what swab said and in its ledger, and
// counts panics.
func (r *run) elsewhere(s *result) error {
	list, err := filepath.Glob(filepath.Join(r.state, "ledger", "*"))
	if err != nil {
		return err
	}
	for _, path := range append(list, filepath.Join(r.dir, swabLog), filepath.Join(r.state, "paths")) {
		leak, panics, err := search(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if leak {
			s.LeakedElsewhere = append(s.LeakedElsewhere, filepath.Base(path))
		}
		s.Panics += panics
	}
	return nil
}

// search reads a file of swab's own line by line.
func search(path string) (leak bool, panics int, err error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false, 0, err
	}
	f, err := os.Open(path)
	if err != nil {
		return false, 0, err
	}
	defer f.Close()
	lines := bufio.NewReaderSize(f, 4<<20)
	for {
		line, err := lines.ReadSlice('\n')
		leak = leak || leaks(line)
		if bytes.HasPrefix(line, []byte("panic:")) || bytes.HasPrefix(line, []byte("fatal error:")) {
			panics++
		}
		if err == io.EOF {
			return leak, panics, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return leak, panics, err
		}
	}
}
