package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A keeper runs the published workers of a home: each folder with a record (see installed) is a worker. A worker that ends is started again. A worker
// whose record changes is started anew, and a worker whose record goes is stopped.
type keeper struct {
	folder string
	log    *slog.Logger
}

const (
	// workerLog is the file with the words of a worker, in the folder of the worker.
	workerLog      = "worker.log"
	maxWorkerLog   = 10 << 20
	maxPublished   = 64
	publishedEvery = 500 * time.Millisecond
	longestRest    = time.Minute
)

// Serve keeps the workers running until ctx ends.
func (k *keeper) Serve(ctx context.Context) error {
	type kept struct {
		record string
		stop   context.CancelFunc
	}
	running := map[string]kept{}
	var all sync.WaitGroup
	defer all.Wait()
	tick := time.NewTicker(publishedEvery)
	defer tick.Stop()
	for {
		there := k.records()
		for name, w := range running {
			if there[name] != w.record {
				w.stop()
				delete(running, name)
			}
		}
		for name, record := range there {
			if _, runs := running[name]; runs {
				continue
			}
			own, stop := context.WithCancel(ctx)
			running[name] = kept{record, stop}
			all.Go(func() { k.keep(own, name, record) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			for _, w := range running {
				w.stop()
			}
			return nil
		}
	}
}

// records returns the records of the published workers, by name.
func (k *keeper) records() map[string]string {
	out := map[string]string{}
	entries, err := os.ReadDir(k.folder)
	if err != nil {
		return out // there is no folder before the first worker
	}
	for _, e := range entries {
		at := filepath.Join(k.folder, e.Name(), installedFile)
		info, err := os.Stat(at)
		if err != nil || len(out) == maxPublished {
			continue
		}
		b, err := os.ReadFile(at)
		if err != nil {
			k.log.Warn("reading the record of a worker", "file", at, "error", err)
			continue
		}
		out[e.Name()] = fmt.Sprintf("# %d\n%s", info.ModTime().UnixNano(), b)
	}
	return out
}

// keep runs a worker, again and again, until ctx ends.
func (k *keeper) keep(ctx context.Context, name, record string) {
	dir := filepath.Join(k.folder, name)
	for rest := time.Second; ; rest = min(2*rest, longestRest) {
		began := time.Now()
		err := k.runOnce(ctx, dir, name, record)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > longestRest {
			rest = time.Second
		}
		k.log.Warn("a published worker ended, and is started again", "worker", name, "rest", rest, "error", err, "log", filepath.Join(dir, workerLog))
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return
		}
	}
}

// runOnce runs a worker until the worker or ctx ends.
func (k *keeper) runOnce(ctx context.Context, dir, name, record string) error {
	var i installed
	if err := yaml.Unmarshal([]byte(record), &i); err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Join(dir, installedFile), err)
	}
	logs, err := openWorkerLog(filepath.Join(dir, workerLog))
	if err != nil {
		return err
	}
	defer logs.Close()
	socket, err := filepath.Abs(filepath.Join(k.folder, name+".sock"))
	if err != nil {
		return fmt.Errorf("finding the folder of workers: %w", err)
	}
	p, err := startScript(ctx, script{file: filepath.Join(dir, filepath.Base(i.File)), python: i.Python}, "unix:"+socket, logs)
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
		return errkind.New(errkind.Internal, "the worker ended: %s", p.end())
	case <-ctx.Done():
		p.stop()
		return nil
	}
}

// openWorkerLog opens the log of a worker. A large log begins anew.
func openWorkerLog(name string) (io.WriteCloser, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(name); err == nil && info.Size() > maxWorkerLog {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of a worker: %w", err)
	}
	return f, nil
}
