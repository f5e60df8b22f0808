package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the goldens anew")

var noon = time.Date(2026, 11, 29, 12, 0, 0, 123456789, time.UTC)

// A clock is set by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func open(t *testing.T, cfg Config, deps Deps) *Log {
	t.Helper()
	deps.Registerer = prometheus.NewRegistry()
	l, err := Open(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// entries reads a file as a reader must: entries skips lines without a JSON object.
func entries(t *testing.T, path string) (all []Entry, broken int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, MaxLineBytes)
	for s.Scan() {
		var e Entry
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			broken++
			continue
		}
		all = append(all, e)
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return all, broken
}

// example is the line in docs/guides/audit.md.
var example = Entry{
	Time: noon, Service: "search-api", Call: "/cinedex.v1.SearchService/Search", Caller: "trailer-team", Token: Fingerprint("secret"), From: "10.1.2.3",
	Queries: []string{`look:"red sports car at night" AND image:b"dfeYFP1d"`}, Pictures: []Picture{PictureOf([]byte("picture"))},
	Titles: []string{"big-buck-bunny", "sintel"}, TitlesTotal: 2, Hits: 7, Bytes: 5120, Outcome: "ok", TookMs: 21.75,
}

// The guide shows the line exactly as written.
func TestExample(t *testing.T) {
	var out bytes.Buffer
	l := open(t, Default(), Deps{Output: &out})
	if err := l.Write(example); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "example.jsonl")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Error(diff)
	}
	guide, err := os.ReadFile("../../docs/guides/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(guide, bytes.TrimSpace(want)) {
		t.Error("docs/guides/audit.md does not show testdata/example.jsonl")
	}
	for field := range fields(t, want) {
		if !bytes.Contains(guide, []byte("`"+field+"`")) {
			t.Errorf("docs/guides/audit.md does not name the field %s", field)
		}
	}
}

func fields(t *testing.T, line []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Whatever callers send, an entry is a single bounded line and reads back unchanged.
func TestNothingForgesALine(t *testing.T) {
	forged := `{"v":1,"call":"forged"}`
	for name, text := range map[string]string{
		"newline": "a\n" + forged, "carriage return": "a\r\n" + forged, "quote": `a"}` + "\n" + forged, "next line": "a\u0085" + forged, "separators": "a\u2028" + forged + "\u2029",
		"escape sequences": "a\x1b[2K\x1b[1A" + forged, "c1": "a\u009b2K", "delete": "a\x7f\x08\x08", "nul": "a\x00b", "turned round": "a\u202e\u2066b\u2069", "tag": "a\U000e0041b",
		"not UTF-8": "a\xff\xfe\nb", "cut rune": strings.Repeat("é", 300), "huge": strings.Repeat("x", 64<<10), "markup": "<script>&</script>",
	} {
		t.Run(name, func(t *testing.T) {
			many := make([]string, 500)
			for i := range many {
				many[i] = fmt.Sprint(i, text)
			}
			var out bytes.Buffer
			l := open(t, Default(), Deps{Output: &out, Service: text})
			e := Entry{Time: noon, Call: text, Caller: text, Token: text, From: text, About: text, Detail: text, Outcome: text, Reason: text,
				Queries: many, Titles: many, Pictures: make([]Picture, 500)}
			if err := l.Write(e); err != nil {
				t.Fatal(err)
			}
			line := out.String()
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || len(line) > MaxLineBytes {
				t.Errorf("%d bytes, %d newlines", len(line), strings.Count(line, "\n"))
			}
			if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool {
				return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar && !strings.Contains(text, "\xff")
			}); i >= 0 {
				t.Errorf("at %d stands %q", i, line[i:min(len(line), i+8)])
			}
			var got Entry
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			want := clip(strings.ToValidUTF8(text, "\ufffd"))
			if strings.Contains(text, "\xff") {
				want = "a\ufffd\ufffd\nb"
			}
			if got.Caller != want || got.Call != want || got.V != Version || len(got.Titles) != MaxTitles || got.TitlesTotal != 500 || len(got.Queries) != MaxQueries || len(got.Pictures) != MaxPictures {
				t.Errorf("got caller %q, v %d, %d titles of %d, %d queries, %d pictures", got.Caller, got.V, len(got.Titles), got.TitlesTotal, len(got.Queries), len(got.Pictures))
			}
		})
	}
}

func TestFileIsAppendedToAndRotated(t *testing.T) {
	c := &clock{t: noon}
	cfg := Default()
	cfg.File, cfg.MaxBytes, cfg.Keep = filepath.Join(t.TempDir(), "audit", "audit.jsonl"), 1<<20, 3
	l := open(t, cfg, Deps{Now: c.now})
	write := func(n int) {
		t.Helper()
		for range n {
			if err := l.Write(Entry{Call: "read", Detail: strings.Repeat("x", MaxText)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	files := func() []string {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(filepath.Dir(cfg.File), "*"))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	write(1)
	if info, err := os.Stat(cfg.File); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	// Opened again, lines are added.
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg, Deps{Now: c.now})
	write(1)
	if all, _ := entries(t, cfg.File); len(all) != 2 {
		t.Errorf("%d lines after opening again, want 2", len(all))
	}
	// By age, counted from the first line, also over a restart.
	c.add(23 * time.Hour)
	write(1)
	if n := len(files()); n != 1 {
		t.Errorf("%d files before the age, want 1", n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg, Deps{Now: c.now})
	c.add(time.Hour)
	write(1)
	if n := len(files()); n != 2 {
		t.Errorf("%d files after the age, want 2", n)
	}
	// By size. A clock that stands still or is set back makes no name twice, and at most Keep files stay.
	c.add(-48 * time.Hour)
	write(20_000)
	if n := len(files()); n != cfg.Keep+1 {
		t.Errorf("%d files, want %d: %q", n, cfg.Keep+1, files())
	}
	for _, f := range files() {
		info, err := os.Stat(f)
		if err != nil || info.Size() > cfg.MaxBytes || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, %v, %v", f, info.Size(), info.Mode(), err)
		}
	}
}

// A part of a line, as a full disk or a kill leaves it, damages no other line.
func TestPartOfALine(t *testing.T) {
	cfg := Default()
	cfg.File = filepath.Join(t.TempDir(), "audit.jsonl")
	if err := os.WriteFile(cfg.File, []byte(`{"v":1,"time":"2026-11-29T11:00:00Z","call":"first"}`+"\n"+`{"v":1,"call":"cu`), 0o644); err != nil {
		t.Fatal(err)
	}
	l := open(t, cfg, Deps{Now: func() time.Time { return noon }})
	if err := l.Write(Entry{Call: "third"}); err != nil {
		t.Fatal(err)
	}
	all, broken := entries(t, cfg.File)
	if len(all) != 2 || broken != 1 || all[1].Call != "third" {
		t.Errorf("%d lines, %d broken: %v", len(all), broken, all)
	}
	if info, _ := os.Stat(cfg.File); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// After another program moved the file away, a new file is begun.
func TestFileMovedAway(t *testing.T) {
	c := &clock{t: noon}
	cfg := Default()
	cfg.File = filepath.Join(t.TempDir(), "audit.jsonl")
	l := open(t, cfg, Deps{Now: c.now})
	_ = l.Write(Entry{Call: "before"})
	if err := os.Rename(cfg.File, cfg.File+".old"); err != nil {
		t.Fatal(err)
	}
	c.add(2 * syncEvery)
	if err := l.Write(Entry{Call: "after"}); err != nil {
		t.Fatal(err)
	}
	if all, _ := entries(t, cfg.File); len(all) != 1 || all[0].Call != "after" {
		t.Errorf("got %v", all)
	}
}

// A full disk takes nothing, or a part of a line, until the disk has room.
type fullDisk struct {
	bytes.Buffer
	full bool
	part int
}

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.full {
		n, _ := d.Buffer.Write(b[:min(len(b), d.part)])
		return n, syscall.ENOSPC
	}
	return d.Buffer.Write(b)
}

func TestFullDisk(t *testing.T) {
	for _, deny := range []bool{false, true} {
		t.Run(fmt.Sprint("deny ", deny), func(t *testing.T) {
			disk := &fullDisk{full: true}
			cfg := Default()
			cfg.Deny = deny
			l := open(t, cfg, Deps{Output: disk})
			if err := l.Ready(); err != nil {
				t.Errorf("before the first line: %v", err)
			}
			for i := range maxHeld + 5 {
				if err := l.Write(Entry{Call: fmt.Sprint(i)}); !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("line %d: %v", i, err)
				}
			}
			if err := l.Ready(); !errkind.Is(err, errkind.Unavailable) || !strings.Contains(err.Error(), "5 lost") {
				t.Errorf("readiness: %v", err)
			}
			if err := l.Admit(); (err != nil) != deny {
				t.Errorf("admitted: %v", err)
			}
			disk.full = false
			if err := l.Admit(); err != nil {
				t.Errorf("with room again: %v", err)
			}
			if err := l.Ready(); err != nil {
				t.Errorf("with room again: %v", err)
			}
			lines := strings.Split(strings.TrimSpace(disk.String()), "\n")
			var first, last Entry
			_ = json.Unmarshal([]byte(lines[0]), &first)
			_ = json.Unmarshal([]byte(lines[len(lines)-1]), &last)
			if len(lines) != maxHeld+1 || first.Call != "0" || last.Call != "audit.lost" || last.Hits != 5 {
				t.Errorf("%d lines from %v to %v", len(lines), first, last)
			}
		})
	}
}

// A folder that is away and comes back loses no line.
func TestFolderAway(t *testing.T) {
	c := &clock{t: noon}
	dir := filepath.Join(t.TempDir(), "a")
	cfg := Default()
	cfg.File = filepath.Join(dir, "audit.jsonl")
	l := open(t, cfg, Deps{Now: c.now})
	_ = l.Write(Entry{Call: "one"})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file in place of the folder
		t.Fatal(err)
	}
	c.add(2 * syncEvery)
	if err := l.Write(Entry{Call: "two"}); err == nil {
		t.Error("written to nowhere")
	}
	if err := l.Ready(); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("readiness: %v", err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	c.add(2 * syncEvery)
	if err := l.Ready(); err != nil {
		t.Fatal(err)
	}
	if all, _ := entries(t, cfg.File); len(all) != 1 || all[0].Call != "two" {
		t.Errorf("got %v", all)
	}
}

func TestHandlerWritesOneLineForEachCall(t *testing.T) {
	c := &clock{t: noon}
	var out bytes.Buffer
	l := open(t, Default(), Deps{Output: &out, Now: c.now, Service: "s"})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /app/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("script")) })
	mux.HandleFunc("GET /media/{asset}", func(w http.ResponseWriter, r *http.Request) {
		call := From(r.Context())
		call.Caller("editor", "secret")
		call.About(r.PathValue("asset"))
		call.Told(1, "a")
		_, _ = w.Write([]byte("film"))
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/s/", func(w http.ResponseWriter, r *http.Request) {
		call := From(r.Context())
		call.Caller("editor", "secret")
		call.Query("storm", []byte("picture"))
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { call.Told(2, "b", "a", "b") })
		}
		all.Wait()
		call.Partial()
		call.End(nil)
		_, _ = w.Write([]byte("hits"))
	})
	mux.HandleFunc("/no/", func(w http.ResponseWriter, r *http.Request) {
		From(r.Context()).Caller("", r.Header.Get("Token"))
		From(r.Context()).End(errkind.New(errkind.Unauthenticated, "not known"))
		http.Error(w, "no", http.StatusUnauthorized)
	})
	h := l.Handler(nil, mux)
	get := func(path string) {
		defer func() { _ = recover() }()
		r := httptest.NewRequestWithContext(context.Background(), "GET", path, nil)
		r.Header.Set("Token", "revoked")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	get("/app/x")
	get("/nowhere")
	get("/media/f1")
	get("/s/Search")
	for range refusedBurst + 50 {
		get("/no/x")
	}
	get("/s/Search")
	var got []Entry
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		e.TookMs = 0
		got = append(got, e)
	}
	if len(got) != 2+refusedBurst+1 {
		t.Fatalf("%d lines", len(got))
	}
	who := Entry{V: 1, Time: noon, Service: "s", Caller: "editor", Token: Fingerprint("secret"), From: "192.0.2.1"}
	film, search, no := who, who, Entry{V: 1, Time: noon, Service: "s", Call: "/no/x", Token: Fingerprint("revoked"), From: "192.0.2.1", Bytes: 3, Outcome: "unauthenticated", Reason: "not known"}
	film.Call, film.About, film.Titles, film.TitlesTotal, film.Hits, film.Bytes, film.Outcome = "GET /media/{asset}", "f1", []string{"a"}, 1, 1, 4, "ok"
	search.Call, search.Queries, search.Pictures, search.Titles = "/s/Search", []string{"storm"}, []Picture{PictureOf([]byte("picture"))}, []string{"b", "a"}
	search.TitlesTotal, search.Hits, search.Bytes, search.Outcome = 2, 20, 4, "partial"
	last := search
	last.Suppressed = 50
	if diff := cmp.Diff([]Entry{film, search, no, last}, []Entry{got[0], got[1], got[2], got[len(got)-1]}); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyWrites(t *testing.T) {
	var l *Log
	var c *Call
	if l.Write(Entry{}) != nil || l.Ready() != nil || l.Admit() != nil || l.Close() != nil || c.Admit() != nil {
		t.Error("a nil log does something")
	}
	c.Caller("a", "b")
	c.End(nil)
	if From(t.Context()) != nil {
		t.Error("a call out of nowhere")
	}
}
