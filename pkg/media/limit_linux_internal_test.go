package media

import (
	"bytes"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// refusing is a system that refuses to set some limits.
func refusing(with error, resources ...int) setLimit {
	return func(pid, resource int, n uint64) error {
		if slices.Contains(resources, resource) {
			return with
		}
		return prlimit(pid, resource, n)
	}
}

func TestLimitsThatCannotBeSet(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("lacking the program sleep")
	}
	for name, c := range map[string]struct {
		set  setLimit
		kind errkind.Kind // of the error of starting; Internal for none
		says string       // in the log
	}{
		"all are set":         {prlimit, errkind.Internal, ""},
		"memory is refused":   {refusing(unix.EPERM, unix.RLIMIT_AS), errkind.Unavailable, ""},
		"files are refused":   {refusing(unix.EPERM, unix.RLIMIT_NOFILE, unix.RLIMIT_FSIZE), errkind.Internal, "RLIMIT_NOFILE: operation not permitted"},
		"the child has ended": {refusing(unix.ESRCH, unix.RLIMIT_AS, unix.RLIMIT_NOFILE), errkind.Internal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			r, err := NewReader(Default(), Tools{FFmpeg: sleep, FFprobe: sleep}, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			r.setLimit = c.set
			for range 2 {
				p := r.command(t.Context(), sleep, []string{"60"}, nil)
				err := r.start(p)
				if (err != nil) != (c.kind != errkind.Internal) || err != nil && errkind.Of(err) != c.kind {
					t.Errorf("starting: %v", err)
				}
				if err != nil {
					if p.cmd.ProcessState == nil {
						t.Error("the child was not ended and reaped")
					}
					continue
				}
				_ = p.cmd.Cancel()
				_ = p.cmd.Wait()
			}
			if lines := strings.Count(log.String(), "\n"); !strings.Contains(log.String(), c.says) || lines != min(len(c.says), 1) {
				t.Errorf("logged %d lines, want one that says %q at most:\n%s", lines, c.says, log.String())
			}
		})
	}
}
