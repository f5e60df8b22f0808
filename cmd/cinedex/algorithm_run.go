package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func newAlgorithmRun(o *output, h *home) *cobra.Command {
	var s script
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Serve an algorithm to the running Cinedex, until stopped",
		Long: `Starts the worker of the file beside the running Cinedex. The leaves can be asked at once, and nothing starts again. The
algorithm is a candidate: media that arrives gets no runs of it, and ` + "`cinedex replay`" + ` asks for runs.`,
		Example: "  cinedex algorithm run brightness.py",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			s.file = a[0]
			if err := s.check(); err != nil {
				return err
			}
			return serveHere(cmd.Context(), o, h, s)
		},
	}
	s.flags(c)
	return c
}

// workersFolder is the folder of the workers of a home.
func (h *home) workersFolder() string { return filepath.Join(h.dir, "workers") }

// nameOf is the name of a worker: the name of the file.
func nameOf(file string) string { return strings.TrimSuffix(filepath.Base(file), ".py") }

// serveHere runs the worker of a file until ctx ends.
func serveHere(ctx context.Context, o *output, h *home, s script) error {
	before, err := known(ctx, h)
	if err != nil {
		return err
	}
	socket, err := filepath.Abs(filepath.Join(h.workersFolder(), nameOf(s.file)+".run.sock"))
	if err != nil {
		return fmt.Errorf("finding the folder of workers: %w", err)
	}
	p, err := startScript(ctx, s, "unix:"+socket, o.err, "--candidate")
	if err != nil {
		return err
	}
	defer p.stop()
	told := make(chan error, 1)
	following, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { told <- tellServed(following, o, h, s, before) }()
	for {
		select {
		case err := <-told:
			if err != nil {
				return err
			}
		case <-p.ended:
			return errkind.New(errkind.Internal, "the worker of %s ended: %s\n%s", s.file, p.end(), strings.TrimSpace(p.told.tail()))
		case <-ctx.Done():
			return nil
		}
	}
}

// known are the versions in the catalogue, by "name@version".
func known(ctx context.Context, h *home) (map[string]*pb.CatalogAlgorithm, error) {
	client, e, err := h.client()
	if err != nil {
		return nil, err
	}
	r, err := client.GetCatalog(ctx, connect.NewRequest(&pb.GetCatalogRequest{}))
	if err != nil {
		return nil, h.explain(e, err)
	}
	out := map[string]*pb.CatalogAlgorithm{}
	for _, a := range r.Msg.GetAlgorithms() {
		out[a.GetName()+"@"+a.GetVersion()] = a
	}
	return out, nil
}

// servedWithin is how long the platform may take to find a worker.
const servedWithin = time.Minute

// tellServed waits until the catalogue has the algorithms of a file, and says how to go on.
func tellServed(ctx context.Context, o *output, h *home, s script, before map[string]*pb.CatalogAlgorithm) error {
	ids, err := declaredBy(ctx, s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, servedWithin, errkind.New(errkind.Unavailable,
		"the platform does not serve %s: the log of the platform has the reason. A changed algorithm needs a new version", strings.Join(ids, ", ")))
	defer cancel()
	for {
		now, err := known(ctx, h)
		if err == nil && !slices.ContainsFunc(ids, func(id string) bool { return now[id] == nil || now[id].GetWaits() }) {
			break
		}
		select {
		case <-time.After(100 * time.Millisecond): // the interval of polling; the condition decides
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.Canceled) {
				return nil
			}
			return context.Cause(ctx)
		}
	}
	for _, id := range ids {
		again := ""
		if before[id] != nil {
			again = " again"
		}
		o.printf("%s is served%s\n", id, again)
	}
	o.note("next, in another terminal: cinedex replay --algorithm %s --activate --yes\nStop with Ctrl-C.", ids[0])
	return nil
}

// declaredBy are the versions that a file declares, by "name@version".
func declaredBy(ctx context.Context, s script) ([]string, error) {
	out, err := s.command(ctx, "list", s.file)
	if err != nil {
		return nil, err
	}
	return strings.Fields(out), nil
}

// An installed worker is a folder of the home: the file of the algorithm, and this record.
type installed struct {
	File   string `yaml:"file"`
	Python string `yaml:"python"`
}

// installedFile is the record of an installed worker. The record is written last, and removed first.
const installedFile = "worker.yaml"

func newAlgorithmPublish(o *output, h *home) *cobra.Command {
	var s script
	c := &cobra.Command{
		Use:   "publish FILE",
		Short: "Install an algorithm into the home folder: media that arrives gets runs, and Cinedex starts the worker by itself",
		Long: `Copies the file into the home folder. The running Cinedex starts the worker, and so does each later start. Media that arrives
gets runs of the version. The library of before gets runs by ` + "`cinedex replay`" + `.`,
		Example: "  cinedex algorithm publish brightness.py",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			s.file = a[0]
			if err := s.check(); err != nil {
				return err
			}
			return publishScript(cmd.Context(), o, h, s)
		},
	}
	s.flags(c)
	return c
}

// publishScript installs a file, and waits until the running platform serves the file.
func publishScript(ctx context.Context, o *output, h *home, s script) error {
	ids, err := declaredBy(ctx, s)
	if err != nil {
		return err
	}
	dir := filepath.Join(h.workersFolder(), nameOf(s.file))
	if err := installScript(dir, s); err != nil {
		return fmt.Errorf("installing %s: %w", s.file, err)
	}
	o.printf("installed %s\n", dir)
	if _, err := h.endpoint(); err != nil {
		o.note("no Cinedex runs over %s: the next start serves %s", h.dir, strings.Join(ids, ", "))
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, servedWithin, errkind.New(errkind.Unavailable,
		"the platform does not serve %s: %s and the log of the platform have the reason. A changed algorithm needs a new version", strings.Join(ids, ", "), filepath.Join(dir, workerLog)))
	defer cancel()
	for {
		now, err := known(ctx, h)
		if err == nil && !slices.ContainsFunc(ids, func(id string) bool { return now[id] == nil || now[id].GetCandidate() || now[id].GetWaits() }) {
			break
		}
		select {
		case <-time.After(100 * time.Millisecond): // the interval of polling; the condition decides
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	o.printf("arriving media gets %s\n", strings.Join(ids, ", "))
	return nil
}

// installScript copies a file, and then writes the record.
func installScript(dir string, s script) error {
	python, err := exec.LookPath(s.interpreter())
	if err != nil {
		return err
	}
	if python, err = filepath.Abs(python); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, installedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(s.file)), b, 0o600); err != nil {
		return err
	}
	record, err := yaml.Marshal(installed{File: filepath.Base(s.file), Python: python})
	if err != nil {
		return err
	}
	part := filepath.Join(dir, "."+installedFile)
	if err := os.WriteFile(part, record, 0o600); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(dir, installedFile))
}

func newAlgorithmWithdraw(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use:     "withdraw NAME",
		Short:   "Take a published algorithm out of the home folder; what its runs found stays",
		Example: "  cinedex algorithm withdraw brightness",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, a []string) error {
			dir := filepath.Join(h.workersFolder(), filepath.Base(a[0]))
			if _, err := os.Stat(filepath.Join(dir, installedFile)); err != nil {
				return errkind.New(errkind.NotFound, "no published algorithm lies in %s", dir)
			}
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("withdrawing %s: %w", a[0], err)
			}
			o.printf("withdrew %s: runs that are requested wait\n", a[0])
			return nil
		},
	}
}

// command runs `python -m cinedex` to its end, and returns the output.
func (s script) command(ctx context.Context, words ...string) (string, error) {
	p := &process{told: &tailWriter{to: io.Discard}}
	cmd := s.pythonCommand(ctx, words...)
	cmd.Stderr = p.told
	out, err := cmd.Output()
	if err != nil {
		p.err = err
		return "", p.failure(s)
	}
	return string(out), nil
}
