package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// serverEnv has this program be a server of uploads, which a test kills: the folder.
const serverEnv = "CINEDEX_TEST_UPLOADS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serverEnv); dir != "" {
		serveForever(dir)
	}
	os.Exit(m.Run())
}

// people are the callers of the tests. Each token is its own name.
type people map[string]*authz.Caller

func (p people) Authorise(_ context.Context, token string) (*authz.Caller, error) {
	if c := p[token]; c != nil {
		return c, nil
	}
	return nil, errkind.New(errkind.Unauthenticated, "the token is not known")
}

var everybody = people{
	"ann":    authz.NewCaller("ann", []string{"harbour", "mountain"}, authz.Ingest),
	"ben":    authz.NewCaller("ben", []string{"harbour"}, authz.Ingest),
	"reader": authz.NewCaller("reader", []string{"*"}),
}

// serveForever serves uploads into a folder, prints the address, and keeps each event as a line of the file events.
func serveForever(dir string) {
	s, err := New(testConfig(filepath.Join(dir, "films")), Deps{Authoriser: everybody, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		Accept: func(_ context.Context, id string, m *pb.MediaAccepted) error {
			f, err := os.OpenFile(filepath.Join(dir, "events"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			defer f.Close()
			b, err := protojson.Marshal(m)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(f, "%s %s\n", id, bytes.ReplaceAll(b, []byte("\n"), nil))
			return err
		}})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	s.Register(mux)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	panic(http.Serve(l, mux)) //nolint:gosec // a server of a test, which the test kills
}

func testConfig(folder string) Config {
	c := Default()
	c.Folder, c.MaxBytes, c.MinFreeBytes, c.Unfinished = folder, 64<<20, 0, 3
	return c
}

// A place is a server of uploads within the test.
type place struct {
	*testing.T
	service *Service
	url     string
	folder  string

	mu     sync.Mutex
	now    time.Time
	events map[string]*pb.MediaAccepted
	logErr error
}

func newPlace(t *testing.T, change func(*Config)) *place {
	t.Helper()
	p := &place{T: t, now: time.Now(), events: map[string]*pb.MediaAccepted{}, folder: t.TempDir()}
	cfg := testConfig(p.folder)
	if change != nil {
		change(&cfg)
		p.folder = cfg.Folder
	}
	s, err := New(cfg, Deps{Authoriser: everybody, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Accept: p.accept, Now: func() time.Time {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.now
	}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(mux)
	server := httptest.NewServer(rpc.Guard("127.0.0.1:0", nil, nil, mux))
	t.Cleanup(server.Close)
	p.service, p.url = s, server.URL
	return p
}

func (p *place) accept(_ context.Context, id string, m *pb.MediaAccepted) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.logErr != nil {
		return p.logErr
	}
	p.events[id] = m
	return nil
}

// An answer is the answer to a request of tus.
type answer struct {
	status int
	body   string
	header http.Header
}

func send(t *testing.T, method, url, who string, headers map[string]string, body io.Reader) (answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+who)
	r.Header.Set("Tus-Resumable", "1.0.0")
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(b), resp.Header}, err
}

func must(t *testing.T, a answer, err error) answer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// begin begins an upload, and returns the answer.
func begin(t *testing.T, base, who string, size int, meta map[string]string) answer {
	t.Helper()
	var fields []string
	for k, v := range meta {
		fields = append(fields, k+" "+base64.StdEncoding.EncodeToString([]byte(v)))
	}
	a, err := send(t, http.MethodPost, base+basePath, who, map[string]string{"Upload-Length": strconv.Itoa(size), "Upload-Metadata": strings.Join(fields, ",")}, nil)
	return must(t, a, err)
}

func patch(t *testing.T, url, who string, offset int, body []byte) answer {
	t.Helper()
	a, err := send(t, http.MethodPatch, url, who, map[string]string{"Upload-Offset": strconv.Itoa(offset), "Content-Type": "application/offset+octet-stream"}, bytes.NewReader(body))
	return must(t, a, err)
}

// offsetOf asks how many bytes are there.
func offsetOf(t *testing.T, url, who string) int {
	t.Helper()
	a, err := send(t, http.MethodHead, url, who, nil, nil)
	a = must(t, a, err)
	n, err := strconv.Atoi(a.header.Get("Upload-Offset"))
	if a.status != http.StatusOK || err != nil {
		t.Fatalf("HEAD: %d, offset %q", a.status, a.header.Get("Upload-Offset"))
	}
	return n
}

// movie is the beginning of an MP4, and random bytes behind it.
func movie(size int, seed uint64) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b)
	copy(b, "\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2")
	return b
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

var film = map[string]string{"filename": "Harbour reel 1.mp4", "title": "harbour", "name": "The harbour"}

// sent sends a whole film, and returns the id.
func (p *place) sent(who string, b []byte, meta map[string]string) string {
	p.Helper()
	a := begin(p.T, p.url, who, len(b), meta)
	if a.status != http.StatusCreated {
		p.Fatalf("beginning: %d %s", a.status, a.body)
	}
	at := a.header.Get("Location")
	if a = patch(p.T, p.url+at, who, 0, b); a.status != http.StatusNoContent {
		p.Fatalf("sending: %d %s", a.status, a.body)
	}
	return strings.TrimPrefix(at, basePath)
}

// TestUpload: a film in pieces, with a text, becomes one event with the sum of the bytes. The same film again is the same file.
func TestUpload(t *testing.T) {
	p := newPlace(t, nil)
	text := p.sent("ann", []byte("1\n00:00:01,000 --> 00:00:02,000\nThe harbour.\n"), map[string]string{"part": "text", "filename": "../reel.srt", "title": "harbour", "language": "en"})
	b := movie(300_000, 1)
	meta := map[string]string{"text": text, "sha256": sumOf(b), "season": "2"}
	for k, v := range film {
		meta[k] = v
	}
	a := begin(t, p.url, "ann", len(b), meta)
	at := a.header.Get("Location")
	if a.status != http.StatusCreated || !strings.HasPrefix(at, basePath) {
		t.Fatalf("beginning: %d %s, Location %q", a.status, a.body, at)
	}
	for offset := 0; offset < len(b); {
		n := min(100_001, len(b)-offset)
		if a := patch(t, p.url+at, "ann", offset, b[offset:offset+n]); a.status != http.StatusNoContent {
			t.Fatalf("piece at %d: %d %s", offset, a.status, a.body)
		}
		offset += n
	}
	id := strings.TrimPrefix(at, basePath)
	m := p.events[eventPrefix+id]
	dir := filepath.Join(p.folder, sumOf(b)[:32])
	if got, want := m.GetArrived().GetUrl(), "file://"+strings.ReplaceAll(filepath.Join(dir, "Harbour reel 1.mp4"), " ", "%20"); got != want {
		t.Errorf("the event's URL is %s, want %s", got, want)
	}
	if m.GetArrived().GetSha256() != sumOf(b) || m.GetCaller() != "ann" || m.GetArrived().GetTitle().GetSeason() != 2 || len(m.GetArrived().GetText()) != 1 ||
		m.GetArrived().GetText()[0].GetLanguage() != "en" || !strings.HasSuffix(m.GetArrived().GetText()[0].GetUrl(), "/text-0-reel.srt") {
		t.Errorf("the event is %v", m)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "Harbour reel 1.mp4")); err != nil || !bytes.Equal(got, b) {
		t.Errorf("the file has %d bytes, %v", len(got), err)
	}
	if n := offsetOf(t, p.url+at, "ann"); n != len(b) {
		t.Errorf("after the end, %d bytes", n)
	}
	p.sent("ann", b, film)
	if len(p.events) != 2 {
		t.Errorf("%d events", len(p.events))
	}
	for _, m := range p.events {
		if m.GetArrived().GetSha256() != sumOf(b) {
			t.Errorf("the sum of %v", m)
		}
	}
}

// TestRefused: what is not taken is told in words.
func TestRefused(t *testing.T) {
	p := newPlace(t, nil)
	with := func(k, v string) map[string]string {
		out := map[string]string{}
		for k, v := range film {
			out[k] = v
		}
		out[k] = v
		return out
	}
	for _, c := range []struct {
		name, who string
		size      int
		meta      map[string]string
		status    int
		says      string
	}{
		{"over the limit", "ann", 64<<20 + 1, film, 413, "maximum size exceeded"},
		{"an empty file", "ann", 0, film, 400, "the file is empty"},
		{"no title", "ann", 10, with("title", ""), 400, "title.id"},
		{"a wrong timecode", "ann", 10, with("start_timecode", "now"), 400, "start_timecode"},
		{"a wrong episode", "ann", 10, with("episode", "two"), 400, "title.episode"},
		{"another title", "ann", 10, with("title", "secret"), 403, "may not send films of title secret"},
		{"a text that is not there", "ann", 10, with("text", "0123"), 400, "send the text first"},
		{"without the role", "reader", 10, film, 403, `lacks the role "ingest"`},
		{"nobody", "guess", 10, film, 401, "not known"},
		{"a text without a language", "ann", 10, with("part", "text"), 400, "language"},
		{"long fields", "ann", 10, with("name", strings.Repeat("x", 9000)), 400, "Upload-Metadata"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := begin(t, p.url, c.who, c.size, c.meta); a.status != c.status || !strings.Contains(a.body, c.says) {
				t.Errorf("%d %s, want %d with %q", a.status, a.body, c.status, c.says)
			}
		})
	}
	for name, c := range map[string]struct {
		head, says string
		status     int
		meta       map[string]string
	}{
		"a picture":   {"\x89PNG\r\n\x1a\n", "a picture (image/png), and no film", 415, film},
		"an archive":  {"PK\x03\x04", "an archive", 415, film},
		"a program":   {"\x7fELF\x02\x01\x01", "a program", 415, film},
		"a text":      {"#EXTM3U\nhttp://example.com/a.ts\n", "a text (text/plain), and no film", 415, film},
		"another sum": {string(movie(100, 1)), "not those that were sent", statusChecksum, with("sha256", strings.Repeat("0", 64))},
		"no subtitle": {"\x00\x01\x02", "cannot be read", 415, map[string]string{"part": "text", "title": "harbour", "language": "en", "filename": "a.srt"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := bytes.Repeat([]byte(" "), 200_000)
			if c.head[0] > 'a' || c.head[0] < ' ' {
				b = make([]byte, 200_000)
			}
			copy(b, c.head)
			a := begin(t, p.url, "ann", len(b), c.meta)
			at := p.url + a.header.Get("Location")
			if a := patch(t, at, "ann", 0, b); a.status != c.status || !strings.Contains(a.body, c.says) {
				t.Errorf("%d %s, want %d with %q", a.status, a.body, c.status, c.says)
			}
			if a, err := send(t, http.MethodHead, at, "ann", nil, nil); must(t, a, err).status != http.StatusNotFound {
				t.Errorf("afterwards: %d", a.status)
			}
		})
	}
	if len(p.events) != 0 {
		t.Errorf("events %v", p.events)
	}
	if left, err := os.ReadDir(p.service.shelf.dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestOwn: an upload is its caller's alone, and the uploads of a caller are bounded.
func TestOwn(t *testing.T) {
	p := newPlace(t, nil)
	b := movie(1000, 1)
	at := p.url + begin(t, p.url, "ann", len(b), film).header.Get("Location")
	for _, method := range []string{http.MethodHead, http.MethodPatch, http.MethodDelete} {
		a, err := send(t, method, at, "ben", map[string]string{"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}, bytes.NewReader(b))
		if must(t, a, err).status != http.StatusNotFound {
			t.Errorf("%s of another caller: %d %s", method, a.status, a.body)
		}
	}
	if a, err := send(t, http.MethodPatch, at, "ann", map[string]string{"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Tus-Resumable": "0.2"}, bytes.NewReader(b)); must(t, a, err).status != http.StatusPreconditionFailed {
		t.Errorf("without the protocol: %d", a.status)
	}
	for range 2 {
		begin(t, p.url, "ann", len(b), film)
	}
	if a := begin(t, p.url, "ann", len(b), film); a.status != http.StatusTooManyRequests || !strings.Contains(a.body, "3 unfinished uploads") {
		t.Errorf("the fourth: %d %s", a.status, a.body)
	}
	if a := begin(t, p.url, "ben", len(b), film); a.status != http.StatusCreated {
		t.Errorf("of another caller: %d %s", a.status, a.body)
	}
	if a, err := send(t, http.MethodDelete, at, "ann", nil, nil); must(t, a, err).status != http.StatusNoContent {
		t.Errorf("giving up: %d %s", a.status, a.body)
	}
	a, err := send(t, http.MethodGet, p.url+"/uploads", "ann", nil, nil)
	var list struct{ Uploads []entry }
	if err := json.Unmarshal([]byte(must(t, a, err).body), &list); err != nil || len(list.Uploads) != 2 || list.Uploads[0].State != stateUnfinished {
		t.Errorf("the list: %s, %v", a.body, err)
	}
	p.mu.Lock()
	p.now = p.now.Add(72*time.Hour + time.Second)
	p.mu.Unlock()
	p.service.sweep()
	if left, err := p.service.shelf.all(); err != nil || len(left) != 0 {
		t.Errorf("after the time: %v, %v", left, err)
	}
	off, err := New(Default(), Deps{Authoriser: everybody, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	off.Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	if a := begin(t, server.URL, "ann", 10, film); a.status != http.StatusNotFound || !strings.Contains(a.body, "ingest.uploads.folder") {
		t.Errorf("without a folder: %d %s", a.status, a.body)
	}
}

// TestFullDisk: a disk without room is told before the first byte, and a disk that fills meanwhile keeps the bytes until there is room.
func TestFullDisk(t *testing.T) {
	t.Run("no room", func(t *testing.T) {
		p := newPlace(t, func(c *Config) { c.MinFreeBytes = 1 << 49 })
		if a := begin(t, p.url, "ann", 1000, film); a.status != http.StatusInsufficientStorage || !strings.Contains(a.body, "room for 0 bytes more") || !strings.Contains(a.body, "make room") {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	fills := func(t *testing.T, p *place, makeRoom func()) {
		b := movie(3<<20, 2)
		at := p.url + begin(t, p.url, "ann", len(b), film).header.Get("Location")
		p.service.shelf.mustRoom(t)
		a := patch(t, at, "ann", 0, b)
		if a.status != http.StatusInsufficientStorage || !strings.Contains(a.body, "the disk for films is full") || !strings.Contains(a.body, "continue the upload") {
			t.Fatalf("%d %s", a.status, a.body)
		}
		kept := offsetOf(t, at, "ann")
		if kept == 0 || kept >= len(b) {
			t.Fatalf("%d bytes were kept", kept)
		}
		makeRoom()
		if a := patch(t, at, "ann", kept, b[kept:]); a.status != http.StatusNoContent {
			t.Fatalf("with room: %d %s", a.status, a.body)
		}
		m := p.events[eventPrefix+strings.TrimPrefix(at, p.url+basePath)].GetArrived()
		if m.GetSha256() != sumOf(b) {
			t.Errorf("the event is %v", m)
		}
		if got, err := os.ReadFile(filepath.Join(p.folder, sumOf(b)[:32], "Harbour reel 1.mp4")); err != nil || !bytes.Equal(got, b) {
			t.Errorf("the file has %d bytes, %v", len(got), err)
		}
	}
	t.Run("a fault at writing", func(t *testing.T) {
		p := newPlace(t, nil)
		left, real := 2<<20, p.service.shelf.write
		p.service.shelf.write = func(f *os.File, b []byte) (int, error) {
			n, err := real(f, b[:min(len(b), left)])
			if left -= n; err == nil && n < len(b) {
				err = syscall.ENOSPC
			}
			return n, err
		}
		fills(t, p, func() { left = 1 << 30 })
	})
	t.Run("a small file system", func(t *testing.T) {
		disk := t.TempDir()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
			t.Skipf("lacks the right to mount a small file system: %v", err) // the fault at writing holds the same
		}
		t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
		p := newPlace(t, func(c *Config) { c.Folder = filepath.Join(disk, "films") })
		ballast := filepath.Join(disk, "ballast")
		filled = func(t *testing.T) {
			if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		defer func() { filled = nil }()
		fills(t, p, func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// filled has something else fill the disk after an upload began.
var filled func(t *testing.T)

func (s *shelf) mustRoom(t *testing.T) {
	t.Helper()
	if filled != nil {
		filled(t)
	}
}

// TestLogAway: a film whose event the log does not take is delivered later, once, by the next question of its client or by a sweep.
func TestLogAway(t *testing.T) {
	for _, later := range []string{"a question", "a sweep"} {
		t.Run(later, func(t *testing.T) {
			p := newPlace(t, nil)
			b := movie(1000, 3)
			at := p.url + begin(t, p.url, "ann", len(b), film).header.Get("Location")
			p.logErr = errkind.New(errkind.Unavailable, "the log does not answer")
			if a := patch(t, at, "ann", 0, b); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "try again") {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a, err := send(t, http.MethodHead, at, "ann", nil, nil); must(t, a, err).status != http.StatusServiceUnavailable {
				t.Errorf("while the log is away: %d", a.status)
			}
			p.mu.Lock()
			p.logErr = nil
			p.mu.Unlock()
			if later == "a sweep" {
				p.service.settleAll(t.Context())
			} else if n := offsetOf(t, at, "ann"); n != len(b) {
				t.Errorf("offset %d", n)
			}
			if len(p.events) != 1 {
				t.Errorf("%d events", len(p.events))
			}
		})
	}
}

// TestArrived: what became of the event is told to the caller, and a refused film can be sent again.
func TestArrived(t *testing.T) {
	p := newPlace(t, nil)
	id := p.sent("ann", movie(1000, 4), film)
	m := p.events[eventPrefix+id].GetArrived()
	state := func() entry {
		a, err := send(t, http.MethodGet, p.url+"/uploads", "ann", nil, nil)
		var list struct{ Uploads []entry }
		if err := json.Unmarshal([]byte(must(t, a, err).body), &list); err != nil || len(list.Uploads) != 1 {
			t.Fatalf("%s: %v", a.body, err)
		}
		return list.Uploads[0]
	}
	if s := state(); s.State != stateArriving || s.Offset != 1000 {
		t.Errorf("%+v", s)
	}
	p.service.Arrived(eventPrefix+id, "file:///elsewhere", nil, errkind.New(errkind.Invalid, "an event of somebody else"))
	p.service.Arrived("upload-../../x", m.GetUrl(), nil, nil)
	if s := state(); s.State != stateArriving {
		t.Errorf("%+v", s)
	}
	p.service.Arrived(eventPrefix+id, m.GetUrl(), nil, errkind.New(errkind.Invalid, "probing %s/x.mp4: no pictures", p.folder))
	if s := state(); s.State != stateRefused || s.Kind != "invalid" || s.Reason != "probing x.mp4: no pictures" {
		t.Errorf("%+v", s)
	}
	delete(p.events, eventPrefix+id)
	if a, err := send(t, http.MethodPost, p.url+basePath+id+"/retry", "ben", nil, nil); must(t, a, err).status != http.StatusNotFound {
		t.Errorf("a retry of another caller: %d %s", a.status, a.body)
	}
	if a, err := send(t, http.MethodPost, p.url+basePath+id+"/retry", "ann", nil, nil); must(t, a, err).status != http.StatusNoContent || p.events[eventPrefix+id] == nil {
		t.Errorf("a retry: %d %s", a.status, a.body)
	}
	p.service.Arrived(eventPrefix+id, m.GetUrl(), &pb.Asset{Id: "x"}, nil)
	if s := state(); s.State != stateArrived || s.Asset != "x" || s.Reason != "" {
		t.Errorf("%+v", s)
	}
	if a, err := send(t, http.MethodPost, p.url+basePath+id+"/retry", "ann", nil, nil); must(t, a, err).status != http.StatusConflict {
		t.Errorf("a retry of an arrived film: %d %s", a.status, a.body)
	}
}

// A victim is a server of uploads in a process of its own.
type victim struct {
	cmd *exec.Cmd
	url string
}

func newVictim(t *testing.T, dir string) *victim {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), serverEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v := &victim{cmd: cmd}
	t.Cleanup(v.kill)
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	v.url = "http://" + strings.TrimSpace(string(line[:n]))
	return v
}

// kill ends the process without a warning.
func (v *victim) kill() {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
}

// TestKilledAndResumed kills the client and the server, each at ten moments of an upload, and holds that the film arrives byte for byte, with one
// event.
func TestKilledAndResumed(t *testing.T) {
	whole, dir := t, t.TempDir()
	v := newVictim(whole, dir)
	const size = 2<<20 + 17
	moments := []int{0, 1, 100, 511, 512, 513, 65_536, 1 << 20, size - 1, size}
	for i, at := range moments {
		for _, whom := range []string{"client", "server"} {
			t.Run(fmt.Sprintf("%s at %d", whom, at), func(t *testing.T) {
				b := movie(size, uint64(10*i+len(whom)))
				if whom == "server" {
					b[size-1]++ // another film
				}
				location := begin(t, v.url, "ann", size, film).header.Get("Location")
				c := rawPatch(t, v.url, location, b[:at], size)
				if at == size {
					arrives(t, filepath.Join(dir, "films", sumOf(b)[:32], "Harbour reel 1.mp4"), at)
				} else {
					arrives(t, filepath.Join(dir, "films", unfinishedFolder, strings.TrimPrefix(location, basePath)+".bytes"), at)
				}
				if whom == "server" {
					v.kill()
					v = newVictim(whole, dir)
				}
				_ = c.Close()
				kept := offsetOf(t, v.url+location, "ann")
				if kept > at || whom == "client" && kept != at {
					t.Fatalf("the server has %d bytes, and %d were sent", kept, at)
				}
				for tries := 0; kept < size; tries++ {
					a := patch(t, v.url+location, "ann", kept, b[kept:])
					if a.status == http.StatusNoContent {
						break
					}
					// The request of the killed client may come late, and take the upload over: a client asks and goes on.
					if !strings.Contains(a.body, "ERR_UPLOAD_INTERRUPTED") && a.status != http.StatusConflict || tries == 5 {
						t.Fatalf("the rest: %d %s", a.status, a.body)
					}
					kept = offsetOf(t, v.url+location, "ann")
				}
				got, err := os.ReadFile(filepath.Join(dir, "films", sumOf(b)[:32], "Harbour reel 1.mp4"))
				if err != nil || !bytes.Equal(got, b) {
					t.Fatalf("the file has %d bytes, %v", len(got), err)
				}
				events, err := os.ReadFile(filepath.Join(dir, "events"))
				if err != nil || bytes.Count(events, []byte(sumOf(b))) == 0 {
					t.Fatalf("no event has the sum: %v", err)
				}
				ids := map[string]bool{}
				for line := range strings.Lines(string(events)) {
					if strings.Contains(line, `"`+sumOf(b)+`"`) {
						ids[strings.Fields(line)[0]] = true
					}
				}
				if len(ids) != 1 {
					t.Errorf("events %v of one film", ids)
				}
			})
		}
	}
}

// rawPatch begins to send a piece, and stops in the middle.
func rawPatch(t *testing.T, base, location string, part []byte, size int) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: %d\r\n\r\n%s", location, size, part)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// arrives waits until a file has so many bytes.
func arrives(t *testing.T, path string, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		info, err := os.Stat(path)
		if n == 0 || err == nil && info.Size() >= int64(n) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes did not arrive: %v", n, err)
		}
	}
}
