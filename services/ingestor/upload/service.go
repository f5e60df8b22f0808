package upload

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
	expslog "golang.org/x/exp/slog"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// Deps are built by the ingestor.
type Deps struct {
	// Accept puts an event into the log, or returns why the log takes none now.
	Accept     func(ctx context.Context, id string, m *pb.MediaAccepted) error
	Authoriser authz.Authoriser
	Audit      *audit.Log
	// Limits hold callers to their share; nil limits nobody.
	Limits     *rpc.Limits
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service takes uploads.
type Service struct {
	cfg    Config
	deps   Deps
	now    func() time.Time
	shelf  *shelf
	locks  *memorylocker.MemoryLocker
	tus    http.Handler
	ended  *prometheus.CounterVec
	gotten prometheus.Counter
}

// The path of uploads.
const basePath = "/uploads/"

// Fields of the metadata that this package sets. A client's field of the name is overwritten.
const (
	metaCaller  = "cinedex-caller"
	metaRetitle = "cinedex-retitle"
)

// New makes the service. New makes the folder, if Config names a folder.
func New(cfg Config, deps Deps) (*Service, error) {
	s := &Service{cfg: cfg, deps: deps, now: deps.Now, locks: memorylocker.New()}
	if s.now == nil {
		s.now = time.Now
	}
	f := promauto.With(deps.Registerer)
	s.ended = f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_uploads_total", Help: "Uploads by what became of them: begun, delivered, refused, expired."}, []string{"result"})
	s.gotten = f.NewCounter(prometheus.CounterOpts{Name: "cinedex_upload_bytes_total", Help: "Bytes of films that were delivered."})
	if cfg.Folder == "" {
		return s, nil
	}
	var err error
	if s.shelf, err = openShelf(cfg.Folder); err != nil {
		return nil, err
	}
	composer := handler.NewStoreComposer()
	composer.UseCore(store{s})
	composer.UseTerminater(store{s})
	composer.UseLocker(s.locks)
	s.tus, err = handler.NewHandler(handler.Config{
		StoreComposer: composer, BasePath: basePath, MaxSize: cfg.MaxBytes, DisableDownload: true, DisableConcatenation: true,
		Cors: &handler.CorsConfig{Disable: true}, Logger: expslog.New(silent{}), PreUploadCreateCallback: s.begin,
		AcquireLockTimeout: 20 * time.Second, NetworkTimeout: time.Minute,
	})
	if err != nil {
		return nil, fmt.Errorf("making the handler of uploads: %w", err)
	}
	return s, nil
}

// silent drops the log lines of the library, which name each piece of each film.
type silent struct{}

func (silent) Enabled(context.Context, expslog.Level) bool  { return false }
func (silent) Handle(context.Context, expslog.Record) error { return nil }
func (s silent) WithAttrs([]expslog.Attr) expslog.Handler   { return s }
func (s silent) WithGroup(string) expslog.Handler           { return s }

// Register puts the doors of uploads onto mux. Every door needs the role ingest.
//
//	POST   /uploads/          begins an upload (tus): Upload-Length, Upload-Metadata
//	HEAD   /uploads/{id}      how many bytes are there (tus)
//	PATCH  /uploads/{id}      the next piece (tus)
//	DELETE /uploads/{id}      gives an upload up (tus)
//	GET    /uploads           the caller's uploads, and the limits, as JSON
//	POST   /uploads/{id}/retry  sends the event of a refused film again
func (s *Service) Register(mux *http.ServeMux) {
	guarded := func(h http.HandlerFunc) http.Handler {
		known := s.deps.Limits.Authenticate(s.deps.Authoriser, s.able(h), func(w http.ResponseWriter, _ *http.Request, err error) { s.fail(w, err) })
		return rpc.Recorded(s.deps.Audit, known)
	}
	mux.Handle("GET /uploads", guarded(s.list))
	mux.Handle("POST /uploads/{id}/retry", guarded(s.retry))
	mux.Handle(basePath, guarded(s.serve))
}

// able lets callers with the role pass.
func (s *Service) able(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := rpc.CallerFrom(r.Context()).Require(authz.Ingest)
		if err == nil && s.cfg.Folder == "" {
			err = errkind.New(errkind.NotFound, "this server takes no uploads: the operator can set ingest.uploads.folder")
		}
		if err != nil {
			audit.From(r.Context()).End(err)
			s.fail(w, err)
			return
		}
		h(w, r)
	})
}

func (s *Service) fail(w http.ResponseWriter, err error) {
	kind, text := rpc.Tell(s.deps.Log, err)
	rpc.SetRetryAfter(w.Header(), err)
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, kind.HTTPStatus())
}

// serve hands a request of tus to the library, if the upload is of the caller. The last piece of an upload may be here without its event, after a
// crash: a HEAD then delivers the film.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, basePath)
	if id != "" {
		if err := s.own(r, id); err != nil {
			s.fail(w, err)
			return
		}
	}
	if r.Method == http.MethodHead && id != "" {
		if err := s.settle(r.Context(), id); err != nil {
			s.fail(w, err)
			return
		}
	}
	http.StripPrefix(basePath, s.tus).ServeHTTP(&located{w}, r)
}

// own returns nil if the caller began the upload, and otherwise the error for an upload that is not there.
func (s *Service) own(r *http.Request, id string) error {
	caller := rpc.CallerFrom(r.Context())
	rec, err := s.shelf.get(id)
	if err != nil {
		return err
	}
	audit.From(r.Context()).About(rec.Meta["title"])
	if rec.Caller != caller.Name() || !caller.MaySee(rec.Meta["title"]) {
		return errGone
	}
	return nil
}

// settle delivers an upload whose bytes are all here.
func (s *Service) settle(ctx context.Context, id string) error {
	lock, err := s.locks.NewLock(id)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := lock.Lock(within, func() {}); err != nil {
		return errkind.New(errkind.Unavailable, "another request works on this upload; try again: %w", err)
	}
	defer func() { _ = lock.Unlock() }()
	rec, err := s.shelf.get(id)
	if err != nil {
		return err
	}
	at, err := s.shelf.offset(rec)
	if err != nil || at < rec.Bytes {
		return err
	}
	return s.deliver(ctx, rec)
}

// located names an upload by its path alone: behind a proxy, the library knows neither the scheme nor the host of the page.
type located struct{ http.ResponseWriter }

func (l *located) Unwrap() http.ResponseWriter { return l.ResponseWriter }

func (l *located) WriteHeader(status int) {
	if u, err := url.Parse(l.Header().Get("Location")); err == nil && u.Path != "" {
		l.Header().Set("Location", u.Path)
	}
	l.ResponseWriter.WriteHeader(status)
}

// begin checks the fields of a new upload, the caller's rights and the room.
func (s *Service) begin(hook handler.HookEvent) (none handler.HTTPResponse, _ handler.FileInfoChanges, err error) {
	changes, err := s.admit(hook.Context, hook.Upload)
	if err != nil {
		audit.From(hook.Context).End(err)
		if errkind.Is(err, errkind.Invalid) {
			return none, changes, refusal(http.StatusBadRequest, "%s", err.Error())
		}
		return none, changes, s.told(err)
	}
	s.ended.WithLabelValues("begun").Inc()
	return none, changes, nil
}

// metaBytes bounds the fields of an upload.
const metaBytes = 8 << 10

func (s *Service) admit(ctx context.Context, info handler.FileInfo) (c handler.FileInfoChanges, err error) {
	caller, meta := rpc.CallerFrom(ctx), maps.Clone(info.MetaData)
	size := 0
	for k, v := range meta {
		size += len(k) + len(v)
	}
	switch text := meta["part"] == partText; {
	case size > metaBytes:
		return c, errkind.New(errkind.Invalid, "Upload-Metadata: %d bytes are more than the %d allowed", size, metaBytes)
	case info.Size < 1:
		return c, errkind.New(errkind.Invalid, "the file is empty, or its length is missing: choose another file")
	case text && info.Size > timedtext.MaxBytes:
		return c, refusal(http.StatusRequestEntityTooLarge, "the text has %s, more than the %s allowed", inWords(info.Size), inWords(timedtext.MaxBytes))
	}
	m := arrivedOf(meta)
	m.Url = "file:///film"
	if meta["part"] == partText {
		m.Text, m.Title.OriginalLanguage = []*pb.SideCar{{Url: "file:///text", Language: meta["language"], Role: meta["role"]}}, ""
	}
	if err := schema.Validate(m); err != nil {
		return c, err
	}
	if !caller.MaySee(meta["title"]) {
		return c, errkind.New(errkind.Denied, "title: %s may not send films of title %s; the operator can add the title to the file of tokens", caller.Name(), meta["title"])
	}
	if err := s.admitTexts(caller, meta); err != nil {
		return c, err
	}
	if err := s.room(caller, info.Size); err != nil {
		return c, err
	}
	audit.From(ctx).Told(1, meta["title"])
	var id [16]byte
	_, _ = rand.Read(id[:])
	meta[metaCaller] = caller.Name()
	delete(meta, metaRetitle)
	if caller.Require(authz.Retitle) == nil {
		meta[metaRetitle] = strings.Join(caller.Titles(), "\n")
	}
	return handler.FileInfoChanges{ID: hex.EncodeToString(id[:]), MetaData: meta}, nil
}

// admitTexts checks that the side-cars of a film are whole, and are of the caller.
func (s *Service) admitTexts(caller *authz.Caller, meta map[string]string) error {
	names := strings.Fields(meta["text"])
	if len(names) > schema.MaxTextTracks || len(names) > s.cfg.Unfinished {
		return errkind.New(errkind.Invalid, "text: %d texts are too many", len(names))
	}
	for _, id := range names {
		t, err := s.shelf.get(id)
		if err != nil || t.Caller != caller.Name() || t.film() || t.State != stateWhole || t.Meta["title"] != meta["title"] {
			return errkind.New(errkind.Invalid, "text: %.40q is no text of this title that you sent: send the text first, and then the film", id)
		}
	}
	return nil
}

// room refuses an upload beyond the caller's share, or beyond the room on the disk.
func (s *Service) room(caller *authz.Caller, size int64) error {
	s.sweep()
	all, err := s.shelf.all()
	if err != nil {
		return err
	}
	own, missing := 0, int64(0)
	for _, r := range all {
		if r.State != stateUnfinished && r.State != stateWhole {
			continue
		}
		if r.Caller == caller.Name() {
			own++
		}
		at, err := s.shelf.offset(r)
		if err != nil {
			return err
		}
		missing += r.Bytes - at
	}
	if own >= s.cfg.Unfinished {
		return refusal(http.StatusTooManyRequests, "you have %d unfinished uploads, as many as are allowed: finish or delete one of them first", own)
	}
	free, err := freeOf(s.cfg.Folder)
	if err != nil {
		return err
	}
	if left := free - missing - s.cfg.MinFreeBytes; size > left {
		return refusal(http.StatusInsufficientStorage, "the disk for films has room for %s more, and the file has %s: ask the operator to make room, or send a smaller file", inWords(max(left, 0)), inWords(size))
	}
	return nil
}

// freeOf returns the free bytes on the disk of a folder.
func freeOf(dir string) (int64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return 0, err
	}
	return int64(min(disk.Bavail, 1<<50)) * disk.Bsize, nil //nolint:gosec // bounded before
}

// inWords is a number of bytes for a person.
func inWords(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	f, u := float64(n), 0
	for f >= 1000 && u < len(units)-1 {
		f, u = f/1000, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[u])
}

// An entry is an upload as GET /uploads tells it.
type entry struct {
	ID        string `json:"id"`
	Title     string `json:"title"`
	Name      string `json:"name,omitempty"`
	File      string `json:"file"`
	Part      string `json:"part,omitempty"`
	Bytes     int64  `json:"bytes"`
	Offset    int64  `json:"offset"`
	State     string `json:"state"`
	Asset     string `json:"asset,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Reason    string `json:"reason,omitempty"`
	TouchedMs int64  `json:"touched_ms"`
	ExpiresMs int64  `json:"expires_ms"`
}

// list tells the caller's uploads, the newest first, and the limits.
func (s *Service) list(w http.ResponseWriter, r *http.Request) {
	caller := rpc.CallerFrom(r.Context())
	all, err := s.shelf.all()
	if err != nil {
		s.fail(w, err)
		return
	}
	answer := struct {
		Uploads    []entry `json:"uploads"`
		MaxBytes   int64   `json:"max_bytes"`
		Unfinished int     `json:"unfinished"`
	}{[]entry{}, s.cfg.MaxBytes, s.cfg.Unfinished}
	for _, rec := range all {
		if rec.Caller != caller.Name() || !caller.MaySee(rec.Meta["title"]) {
			continue
		}
		at, err := s.shelf.offset(rec)
		if err != nil {
			continue // it went meanwhile
		}
		answer.Uploads = append(answer.Uploads, entry{ID: rec.ID, Title: rec.Meta["title"], Name: rec.Meta["name"], File: rec.Meta["filename"], Part: rec.Meta["part"],
			Bytes: rec.Bytes, Offset: at, State: rec.State, Asset: rec.Asset, Kind: rec.Kind, Reason: rec.Reason, TouchedMs: rec.TouchedMs,
			ExpiresMs: rec.TouchedMs + s.cfg.KeepFor.Milliseconds()})
	}
	slices.SortFunc(answer.Uploads, func(a, b entry) int { return cmp.Or(cmp.Compare(b.TouchedMs, a.TouchedMs), cmp.Compare(a.ID, b.ID)) })
	audit.From(r.Context()).Told(len(answer.Uploads))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer)
}

// retry sends the event of a refused film again, after the cause is gone.
func (s *Service) retry(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	err := s.own(r, id)
	if err == nil {
		var rec *record
		if rec, err = s.shelf.get(id); err == nil && rec.State != stateRefused {
			err = errkind.New(errkind.Conflict, "the film was not refused: its state is %q", rec.State)
		}
		if err == nil {
			err = s.send(r.Context(), rec)
		}
	}
	audit.From(r.Context()).End(err)
	if err != nil {
		s.fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// sweepEvery is the time between two sweeps.
const sweepEvery = 10 * time.Minute

// Serve sweeps until ctx ends: films that are whole and were not delivered are delivered, and uploads whose time is over are deleted.
func (s *Service) Serve(ctx context.Context) error {
	if s.cfg.Folder == "" {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		s.sweep()
		s.settleAll(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sweep deletes the uploads whose time is over.
func (s *Service) sweep() {
	all, err := s.shelf.all()
	if err != nil {
		s.deps.Log.Error("reading the uploads", "error", err)
		return
	}
	for _, r := range all {
		last := r.TouchedMs
		if info, err := os.Stat(s.shelf.bytesPath(r.ID)); err == nil {
			last = max(last, info.ModTime().UnixMilli()) // a piece may be under way
		}
		if s.now().UnixMilli()-last < s.cfg.KeepFor.Milliseconds() {
			continue
		}
		if err := s.shelf.drop(r.ID); err != nil {
			s.deps.Log.Error("deleting an upload whose time is over", "upload", r.ID, "error", err)
			continue
		}
		if r.State == stateUnfinished {
			s.ended.WithLabelValues("expired").Inc()
			s.deps.Log.Info("deleted an unfinished upload that nobody continued", "upload", r.ID, "title", r.Meta["title"], "caller", r.Caller)
		}
	}
}

// settleAll delivers films that are whole: the process ended before their events were in the log.
func (s *Service) settleAll(ctx context.Context) {
	all, err := s.shelf.all()
	if err != nil {
		return // the sweep has said so
	}
	for _, r := range all {
		if r.State != stateUnfinished || ctx.Err() != nil {
			continue
		}
		if err := s.settle(ctx, r.ID); err != nil && !errkind.Is(err, errkind.NotFound) {
			s.deps.Log.Warn("delivering an upload", "upload", r.ID, "error", err)
		}
	}
}
