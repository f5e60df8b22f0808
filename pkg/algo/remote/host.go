package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Deps is built by main.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Admit returns the reason why this process may not encode with an algorithm of a worker: the catalogue does not have the algorithm, or has
	// another algorithm under the name. nil admits every algorithm.
	Admit func(*pb.WorkerAlgorithm) error
	// Dial makes the connection to an address; nil connects by gRPC. Simulations set Dial.
	Dial func(address string) Conn
}

// A Host knows the workers. All methods may be called by many goroutines at once.
type Host struct {
	cfg    Config
	deps   Deps
	secure *tls.Config

	mu       sync.Mutex
	workers  map[place]*worker
	versions map[string]*version // every version that a worker has declared here
	changed  chan struct{}       // closed when an algorithm comes or goes, or when a run ends

	live     prometheus.Gauge
	failures *prometheus.CounterVec
}

// A worker is a place, and the program that answers there. The fields below mu of Host are guarded by it.
type worker struct {
	place  place
	conn   Conn
	cancel context.CancelFunc
	ended  chan struct{}

	declared *pb.DeclareResponse // nil while the worker is away
	serves   map[string]bool     // the accepted versions of declared
	busy     map[string]int      // runs under way, by version
	misses   int                 // calls of Declare without an answer, in a row
	broken   string              // the instance that changed its declaration
	told     string              // the last complaint in the log
}

// A version is a version of an algorithm that a worker declared.
type version struct {
	declared  *pb.WorkerAlgorithm
	algorithm algo.Algorithm
	strikes   int       // failures in a row
	rest      time.Time // the version is withdrawn until then
	begun     int       // runs that hold a place
}

// New makes a Host. New opens nothing but the files of certificates.
func New(cfg Config, deps Deps) (*Host, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	secure, err := cfg.TLS.Load()
	if err != nil {
		return nil, fmt.Errorf("tls.%w", err)
	}
	f := promauto.With(deps.Registerer)
	return &Host{cfg: cfg, deps: deps, secure: secure, workers: map[place]*worker{}, versions: map[string]*version{}, changed: make(chan struct{}),
		live:     f.NewGauge(prometheus.GaugeOpts{Name: "cinedex_workers", Help: "Workers that answer."}),
		failures: f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_worker_failures_total", Help: "Runs that a worker failed, by algorithm and fault."}, []string{"algorithm", "fault"}),
	}, nil
}

const (
	// lookEvery is how often the folder is read.
	lookEvery = 200 * time.Millisecond
	// pollEvery is how often a worker is asked for its declaration.
	pollEvery = 2 * time.Second
	// declareTimeout bounds a call of Declare, and patience is how many calls in a row a worker may miss while its connection stands: a
	// model may take the worker's only processor.
	declareTimeout = 10 * time.Second
	patience       = 3
	// maxWorkers bounds the sockets of the folder.
	maxWorkers = 256
)

// Serve finds workers and follows them until ctx ends.
func (h *Host) Serve(ctx context.Context) error {
	if err := sweep(h.cfg.Shared); err != nil {
		h.deps.Log.Warn("removing shared files of an earlier process", "error", err)
	}
	if h.cfg.Folder != "" {
		if err := os.MkdirAll(h.cfg.Folder, 0o700); err != nil {
			return fmt.Errorf("making the folder of workers: %w", err)
		}
	}
	defer h.leaveAll()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		h.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look follows the workers that are there, and leaves the workers whose socket is gone.
func (h *Host) look(ctx context.Context) {
	there := h.places()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range there {
		if h.workers[p] == nil {
			h.follow(ctx, p)
		}
	}
	for p, w := range h.workers {
		if !slices.Contains(there, p) {
			w.cancel()
			delete(h.workers, p)
		}
	}
}

// places returns the places of workers.
func (h *Host) places() []place {
	var out []place
	for _, a := range h.cfg.Addresses {
		out = append(out, place{address: a})
	}
	if h.cfg.Folder == "" {
		return out
	}
	entries, err := os.ReadDir(h.cfg.Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.deps.Log.Warn("reading the folder of workers", "folder", h.cfg.Folder, "error", err)
	}
	n := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".sock") && e.Type()&fs.ModeSocket != 0 && n < maxWorkers {
			out = append(out, place{socket: filepath.Join(h.cfg.Folder, e.Name())})
			n++
		}
	}
	return out
}

// follow begins to follow a worker. The caller MUST hold h.mu.
func (h *Host) follow(ctx context.Context, p place) {
	ctx, cancel := context.WithCancel(ctx)
	w := &worker{place: p, cancel: cancel, ended: make(chan struct{}), busy: map[string]int{}}
	if h.deps.Dial != nil {
		w.conn = h.deps.Dial(p.address)
	} else {
		w.conn = dial(p, h.secure)
	}
	h.workers[p] = w
	go func() {
		defer close(w.ended)
		h.poll(ctx, w)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.withdraw(w, nil)
		_ = w.conn.Close() // a connection that cannot be closed is gone as well
	}()
}

// leaveAll waits until no worker is followed.
func (h *Host) leaveAll() {
	h.mu.Lock()
	var all []*worker
	for p, w := range h.workers {
		w.cancel()
		all = append(all, w)
		delete(h.workers, p)
	}
	h.mu.Unlock()
	for _, w := range all {
		<-w.ended
	}
}

// poll asks a worker for its declaration until ctx ends.
func (h *Host) poll(ctx context.Context, w *worker) {
	const soon = 50 * time.Millisecond // a worker that was started again answers within a second
	wait, serves := soon, false
	for {
		d, err := h.declare(ctx, w)
		if ctx.Err() != nil {
			return
		}
		was := serves
		switch serves = h.heard(w, d, err); {
		case serves:
			wait = pollEvery
		case was:
			wait = soon
		default:
			wait = min(2*wait, pollEvery)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func (h *Host) declare(ctx context.Context, w *worker) (*pb.DeclareResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, declareTimeout)
	defer cancel()
	return w.conn.Declare(ctx)
}

// heard takes the answer of a call of Declare, and reports whether the worker serves anything.
func (h *Host) heard(w *worker, d *pb.DeclareResponse, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		w.misses++
		if w.declared != nil && w.misses < patience && errkind.Is(err, errkind.Cancelled) {
			return true
		}
		h.withdraw(w, err)
		return false
	}
	w.misses = 0
	switch {
	case w.broken != "" && w.broken == d.GetInstance():
		return false
	case w.declared != nil && w.declared.GetInstance() == d.GetInstance():
		if !proto.Equal(w.declared, d) {
			w.broken = d.GetInstance()
			h.withdraw(w, errkind.New(errkind.Invalid, "the worker changed its declaration while it ran: start the worker again"))
			return false
		}
		return true
	}
	h.take(w, d)
	return w.declared != nil
}

// take takes a new declaration of a worker. The caller MUST hold h.mu.
func (h *Host) take(w *worker, d *pb.DeclareResponse) {
	h.withdraw(w, nil)
	if err := checkDeclaration(d); err != nil {
		w.broken = d.GetInstance()
		h.complain(w, err)
		return
	}
	w.declared, w.serves, w.broken = d, map[string]bool{}, ""
	var ids []string
	for _, a := range d.GetAlgorithms() {
		id := versionID(a)
		if err := h.accept(a); err != nil {
			h.deps.Log.Error("an algorithm of a worker is refused", "worker", w.place.String(), "algorithm", clip(id), "error", err)
			continue
		}
		w.serves[id] = true
		ids = append(ids, id)
	}
	h.deps.Log.Info("a worker has come", "worker", w.place.String(), "program", clip(d.GetProgram()), "algorithms", ids)
	w.told = ""
	h.live.Inc()
	h.tell()
}

// accept takes a version of a worker. The caller MUST hold h.mu.
func (h *Host) accept(a *pb.WorkerAlgorithm) error {
	if err := checkAlgorithm(a); err != nil {
		return err
	}
	id := versionID(a)
	was := h.versions[id]
	if was != nil && !was.declared.GetPrivate() && !sameVersion(was.declared, a) {
		return errkind.New(errkind.Conflict, "%s was declared before with the digest %q, and is declared now with the digest %q: a changed algorithm needs a new version",
			id, clip(was.declared.GetDigest()), clip(a.GetDigest()))
	}
	if was != nil && proto.Equal(was.declared, a) {
		return nil
	}
	v := &version{declared: a}
	v.algorithm = newAlgorithm(h, a)
	h.versions[id] = v
	return nil
}

// sameVersion reports whether two declarations are of the same algorithm: the same code, and the same form of input and output.
func sameVersion(a, b *pb.WorkerAlgorithm) bool {
	return a.GetDigest() == b.GetDigest() && proto.Equal(a.GetAlgorithm(), b.GetAlgorithm())
}

// withdraw takes the algorithms of a worker away. The caller MUST hold h.mu.
func (h *Host) withdraw(w *worker, why error) {
	if w.declared != nil {
		w.declared, w.serves = nil, nil
		h.deps.Log.Warn("a worker has left", "worker", w.place.String(), "error", why)
		w.told = fmt.Sprint(why)
		h.live.Dec()
		h.tell()
	} else if why != nil {
		h.complain(w, why)
	}
}

// complain writes to the log why a worker is not used, once.
func (h *Host) complain(w *worker, why error) {
	if text := why.Error(); text != w.told {
		w.told = text
		h.deps.Log.Warn("a worker is not used", "worker", w.place.String(), "error", why)
	}
}

// tell wakes everybody who waits for a change. The caller MUST hold h.mu.
func (h *Host) tell() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// Changed is closed when an algorithm comes or goes. A caller MUST take the channel before Algorithms.
func (h *Host) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// Algorithms returns the versions that workers serve now, by "name@version".
func (h *Host) Algorithms() []algo.Algorithm {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for id, v := range h.versions {
		if !v.rest.After(time.Now()) && len(h.serving(id)) > 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var out []algo.Algorithm
	for _, id := range ids {
		out = append(out, h.versions[id].algorithm)
	}
	return out
}

// Known reports whether a worker has declared a version, "name@version", since this process began.
func (h *Host) Known(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.versions[id] != nil
}

// serving returns the workers that serve a version, by place. The caller MUST hold h.mu.
func (h *Host) serving(id string) []*worker {
	var out []*worker
	for _, w := range h.workers {
		if w.declared != nil && w.serves[id] {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b *worker) int { return strings.Compare(a.place.String(), b.place.String()) })
	return out
}
