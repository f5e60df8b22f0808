package runner_test

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

// withoutPictures makes a film of JPEGs from the film at path, in which some packets hold no picture, and returns the new path.
func (w *world) withoutPictures(path string, packets ...int) string {
	w.t.Helper()
	out := filepath.Join(w.dir, "damaged.mov")
	if text, err := exec.Command(w.tools.FFmpeg, "-v", "error", "-y", "-i", path, "-an", "-sn", "-c:v", "mjpeg", "-q:v", "3", out).CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, text)
	}
	table, err := exec.Command(w.tools.FFprobe, "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pos,size", "-of", "csv=p=0", out).Output()
	if err != nil {
		w.t.Fatal(err)
	}
	data := must[[]byte](w.t)(os.ReadFile(out))
	rows := strings.Fields(string(table))
	for _, n := range packets {
		// Releases of ffprobe differ in the order of the two columns. The size is the smaller number.
		columns := strings.Split(strings.Trim(rows[n], ","), ",")
		a, b := must[int](w.t)(strconv.Atoi(columns[0])), must[int](w.t)(strconv.Atoi(columns[1]))
		clear(data[max(a, b):][:min(a, b)])
	}
	if err := os.WriteFile(out, data, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// A logged is a log that tests read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestMissingPictures: pictures in the middle of a film that cannot be decoded are reported, in the log with the asset and in the metrics. The run
// finishes, since the frame before stands in.
func TestMissingPictures(t *testing.T) {
	w := newWorld(t)
	_, truth := w.film(small)
	asset := w.asset(w.withoutPictures(truth.Path, 20, 21, 30))
	log, registry := &logged{}, prometheus.NewRegistry()
	reg := must[*algo.Registry](t)(algo.NewRegistry(watching{&fake{spec: spec("steady", video), annotate: tally("steady")}}))
	stop := w.serve(reg, func(_ *runner.Config, d *runner.Deps) {
		d.Log, d.Registerer = slog.New(slog.NewTextHandler(log, nil)), registry
	})
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "steady"))
	stop()
	if !strings.Contains(log.String(), "cannot be decoded") || !strings.Contains(log.String(), "asset="+asset.GetId()+" missing=3") {
		t.Errorf("the log does not report three missing frames of the asset:\n%s", log)
	}
	const want = `
# HELP cinedex_frames_missing_total Frames in films that could not be decoded for algorithms; the frame before stands in. Frames before the first key frame are not counted.
# TYPE cinedex_frames_missing_total counter
cinedex_frames_missing_total 3
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "cinedex_frames_missing_total"); err != nil {
		t.Error(err)
	}
}
