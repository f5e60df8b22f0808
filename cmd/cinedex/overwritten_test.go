package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestFigureOverwritten puts other films in the place of ten, each in another way, and looks for bytes of the other film at every door.
func TestFigureOverwritten(t *testing.T) {
	figure.Begin(t, "hostile/overwritten")
	o := newOverwriting(t)
	for _, s := range o.scenarios() {
		o.run(t, s)
	}
	figure.Report(t, true, figure.Result{Name: "hostile/overwritten",
		Claim: "ten films that were overwritten or exchanged: no byte of the other film under the old identity at /media (ranges too), like_frame, thumbnails and search; status says why; restored, each works again",
		Measured: fmt.Sprintf("%d of %d scenarios hold; %d answers looked at, %d with another film's bytes or frames; %d told in status; %d work again",
			o.held, o.tried, o.answers, o.leaks, o.told, o.restored),
		Pass: o.held == o.tried && o.tried == 10 && o.leaks == 0 && o.restored == o.tried})
}

// An overwriting is the platform with ten films, and the counts.
type overwriting struct {
	*world
	dir     string
	other   []byte // the other film
	picture []byte // a frame of the film, as PNG
	host    atomic.Pointer[[]byte]
	hostURL string
	bucket  *s3mem.Backend
	frame   int64 // the next to search by: the vector of a frame is remembered

	tried, held, answers, leaks, told, restored int
}

// A swap is a way to put another film in the place of a film.
type swap struct {
	name string
	// swap exchanges the film; restore puts the film back.
	swap, restore func() error
	film          []byte
	asset         *pb.Asset
	// With kept, the film is still available: only a name of the film leads elsewhere.
	kept bool
	// during replaces swap by an exchange while the film is read, and checks the result.
	during func(t *testing.T) error
}

const overwrittenFrames = 60

func newOverwriting(t *testing.T) *overwriting {
	o := &overwriting{dir: t.TempDir(), bucket: s3mem.New()}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		film := *o.host.Load()
		w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprint(len(film), film[len(film)/2])))
		http.ServeContent(w, r, "film.mp4", time.Time{}, bytes.NewReader(film))
	}))
	t.Cleanup(web.Close)
	o.hostURL = web.URL
	if err := o.bucket.CreateBucket("films"); err != nil {
		t.Fatal(err)
	}
	s3 := httptest.NewServer(gofakes3.New(o.bucket).Server())
	t.Cleanup(s3.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	home := t.TempDir()
	o.world = newWorldWith(t, home, func(c *upConfig) {
		c.Blobs.Hosts, c.Blobs.AllowPrivate = []string{strings.TrimPrefix(web.URL, "http://")}, true
		c.Blobs.Buckets = []string{"s3://films?" + url.Values{"endpoint": {s3.URL}, "region": {"eu-west-1"}, "use_path_style": {"true"}}.Encode()}
		c.Blobs.CacheDir = filepath.Join(home, "fetched")
	}, o.dir)
	_, truth := film(t, mediatest.Film{Name: "other", Width: 320, Height: 180, Rate: schema.Rate{Num: 25, Den: 1}, Scenes: []mediatest.Scene{{Frames: overwrittenFrames, Seed: 999}}}, o.dir)
	o.other = o.read(truth.Path)
	r, err := o.Reader.FrameAt(o.ctx, media.Source{Path: truth.Path, Video: &pb.VideoTrack{Width: 320, Height: 180, Rate: &pb.FrameRate{Num: 25, Den: 1}, Frames: overwrittenFrames}, Clock: truth.Clock}, 30, media.FrameSpec{Width: 320, Height: 180})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, r.Image()); err != nil {
		t.Fatal(err)
	}
	o.picture = b.Bytes()
	return o
}

func (o *overwriting) read(path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		o.t.Fatal(err)
	}
	return b
}

// padded is an MP4 film with a box of noise at its end. Players skip the box.
func padded(film []byte, size int, seed uint64) []byte {
	box := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(box)
	binary.BigEndian.PutUint32(box, uint32(size))
	copy(box[4:], "free")
	return append(bytes.Clone(film), box...)
}

// scenarios makes the films, and ingests the films that no scenario ingests.
func (o *overwriting) scenarios() []*swap {
	names := []string{"overwritten in place", "another renamed over it", "cut in half", "another of the same size and time", "a link that led to it leads elsewhere",
		"a link to another in its place", "object of a bucket replaced", "film of a web host replaced", "overwritten while it is sent", "overwritten while runs decode it"}
	var swaps []*swap
	var arriving []*pb.MediaArrived
	for i, name := range names {
		frames := int64(overwrittenFrames)
		f := mediatest.Film{Name: fmt.Sprintf("film%d", i), Width: 320, Height: 180, Rate: schema.Rate{Num: 25, Den: 1}}
		if i == 9 {
			frames, f.Width, f.Height = 900, 640, 360
		}
		f.Scenes = []mediatest.Scene{{Frames: frames, Seed: uint64(10 * (i + 1))}}
		m, truth := film(o.t, f, o.dir)
		path := truth.Path
		if i == 8 { // more than the buffers of a connection hold
			if err := os.WriteFile(path, padded(o.read(path), 48<<20, 1), 0o600); err != nil {
				o.t.Fatal(err)
			}
		}
		s := &swap{name: name, film: o.read(path)}
		write := func(b []byte) func() error { return func() error { return os.WriteFile(path, b, 0o600) } }
		s.swap, s.restore = write(o.other), write(s.film)
		switch i {
		case 1:
			s.swap = func() error {
				if err := os.WriteFile(path+".new", o.other, 0o600); err != nil {
					return err
				}
				return os.Rename(path+".new", path)
			}
		case 2:
			s.swap = func() error { return os.Truncate(path, int64(len(s.film)/2)) }
		case 3:
			// Both films are padded to the same size.
			size := max(len(s.film), len(o.other)) + 64
			s.film = padded(s.film, size-len(s.film), 2)
			same := padded(o.other, size-len(o.other), 3)
			if err := os.WriteFile(path, s.film, 0o600); err != nil {
				o.t.Fatal(err)
			}
			s.swap = func() error {
				was, err := os.Stat(path)
				if err != nil {
					return err
				}
				if err := os.WriteFile(path, same, 0o600); err != nil {
					return err
				}
				return os.Chtimes(path, was.ModTime(), was.ModTime())
			}
			s.restore = write(s.film)
		case 4, 5:
			link := filepath.Join(o.dir, fmt.Sprintf("link%d.mp4", i))
			lead := func(link, to string) func() error {
				return func() error {
					_ = os.Remove(link)
					return os.Symlink(to, link)
				}
			}
			other := filepath.Join(o.dir, "other.mp4")
			if i == 4 {
				if err := lead(link, path)(); err != nil {
					o.t.Fatal(err)
				}
				m.Url, _ = mediaURL(link)
				s.swap, s.restore, s.kept = lead(link, other), lead(link, path), true
			} else {
				s.swap = lead(path, other)
				s.restore = func() error {
					if err := os.Remove(path); err != nil {
						return err
					}
					return write(s.film)()
				}
			}
		case 6:
			put := func(b []byte) func() error {
				return func() error {
					_, err := o.bucket.PutObject("films", "film.mp4", nil, bytes.NewReader(b), int64(len(b)), nil)
					return err
				}
			}
			if err := put(s.film)(); err != nil {
				o.t.Fatal(err)
			}
			m.Url, s.swap, s.restore = "s3://films/film.mp4", put(o.other), put(s.film)
		case 7:
			o.host.Store(&s.film)
			m.Url = o.hostURL + "/film.mp4"
			s.swap = func() error { o.host.Store(&o.other); return nil }
			s.restore = func() error { o.host.Store(&s.film); return nil }
		case 8:
			s.during = func(*testing.T) error { return o.whileSent(s) }
		case 9:
			title := m.GetTitle().GetId()
			s.during = func(*testing.T) error { return o.whileDecoded(s, m, title) }
		}
		if i != 9 {
			arriving = append(arriving, m)
		}
		swaps = append(swaps, s)
	}
	o.ingest(arriving...)
	for i, m := range arriving {
		swaps[i].asset = o.asset(m.GetTitle().GetId())
	}
	return swaps
}

// run does a scenario, checks every door, restores the film and checks again.
func (o *overwriting) run(t *testing.T, s *swap) {
	o.tried++
	began, answers := time.Now(), o.answers
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	var found []*pb.SearchResponse
	var thumbnails [][]byte
	if s.asset != nil {
		found, thumbnails = o.found(s), o.thumbnails(s)
	}
	swap := func(*testing.T) error { return s.swap() }
	if s.during != nil {
		swap = s.during
	}
	if err := swap(t); err != nil {
		problem("%v", err)
	}
	if s.asset == nil {
		t.Fatalf("%s: %s", s.name, strings.Join(problems, "; "))
	}
	var status int
	for _, span := range []string{"", "bytes=0-99", "bytes=-100", "bytes=500-599,1000-1099", "bytes=2000-"} {
		code, body, err := o.get("/media/"+s.asset.GetId(), span)
		status = code
		switch {
		case err != nil:
			problem("range %q: %v", span, err)
		case s.kept && code/100 == 2 && (span != "" || bytes.Equal(body, s.film)):
		case s.kept || code/100 == 2 || len(body) > 500 || bytes.Contains(o.other, body):
			o.leaks++
			problem("range %q is answered %d with %d bytes", span, code, len(body))
		}
	}
	if err := o.likeFrame(s); (err == nil) != s.kept {
		o.leaks++
		problem("like_frame: %v", err)
	}
	if found != nil {
		for i, r := range o.found(s) {
			if !proto.Equal(r, found[i]) {
				o.leaks++
				problem("search %d changed", i)
			}
		}
		for i, b := range o.thumbnails(s) {
			if !bytes.Equal(b, thumbnails[i]) {
				o.leaks++
				problem("thumbnail %d changed", i)
			}
		}
	}
	reason := o.reason(s)
	if (reason == "") != s.kept {
		problem("status says %q", reason)
	} else {
		o.told++
	}
	if err := s.restore(); err != nil {
		problem("restoring: %v", err)
	}
	if code, body, err := o.get("/media/"+s.asset.GetId(), ""); err != nil || code != http.StatusOK || !bytes.Equal(body, s.film) {
		problem("restored: %d, %d bytes, %v", code, len(body), err)
	} else if err := o.likeFrame(s); err != nil {
		problem("restored, like_frame: %v", err)
	} else if reason := o.reason(s); reason != "" {
		problem("restored, status says %q", reason)
	} else {
		o.restored++
	}
	verdict := "holds"
	if len(problems) == 0 {
		o.held++
	} else {
		verdict = "FALLS SHORT: " + strings.Join(problems, "; ")
	}
	t.Logf("%s: /media %d, status %q, %d answers, %s: %s", s.name, status, reason, o.answers-answers, time.Since(began).Round(time.Millisecond), verdict)
}

// get asks the platform over HTTP as an editor's browser does.
func (o *overwriting) get(path, span string) (int, []byte, error) {
	o.answers++
	resp, err := o.open(path, span)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

func (o *overwriting) open(path, span string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(o.ctx, http.MethodGet, o.server()+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	if span != "" {
		req.Header.Set("Range", span)
	}
	return http.DefaultClient.Do(req)
}

// likeFrame searches by a frame that no earlier search used.
func (o *overwriting) likeFrame(s *swap) error {
	o.answers++
	o.frame++
	_, err := o.gateway.Search(o.ctx, o.caller, &pb.SearchRequest{Limit: 3, TimeoutMs: 30_000,
		Query: query.Leaf(&pb.Leaf{Kind: "like_frame", Asset: s.asset.GetId(), Time: int64(schema.Time(o.frame%overwrittenFrames) * schema.Second / 25)})})
	return err
}

// found searches the film for a picture of the other film, and for words.
func (o *overwriting) found(s *swap) []*pb.SearchResponse {
	var out []*pb.SearchResponse
	for _, req := range []*pb.SearchRequest{
		{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: o.picture}), Filter: &pb.Filter{Assets: []string{s.asset.GetId()}}},
		{Q: "any:harbour", Filter: &pb.Filter{Assets: []string{s.asset.GetId()}}},
	} {
		o.answers++
		r := o.search(req)
		r.TookMs = 0
		out = append(out, r)
	}
	return out
}

func (o *overwriting) thumbnails(s *swap) [][]byte {
	var out [][]byte
	for _, a := range o.annotations(s.asset.GetId(), "thumbnails") {
		code, b, err := o.get(fmt.Sprintf("/thumbnails/%s/%s/%d.jpg", s.asset.GetId(), a.GetRun(), a.GetOrdinal()), "")
		if err != nil || code != http.StatusOK {
			o.t.Errorf("%s: a thumbnail: %d, %v", s.name, code, err)
		}
		out = append(out, b)
	}
	return out
}

func (o *overwriting) reason(s *swap) string {
	for _, a := range o.status().GetAssets() {
		if a.GetAsset() == s.asset.GetId() {
			return a.GetBytes()
		}
	}
	return ""
}

// whileSent overwrites a film of which a client has read the beginning: all received bytes are of the film, and the
// transfer does not end well.
func (o *overwriting) whileSent(s *swap) error {
	o.answers++
	resp, err := o.open("/media/"+s.asset.GetId(), "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got := make([]byte, 64<<10)
	if _, err := io.ReadFull(resp.Body, got); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.dir, "film8.mp4"), padded(o.other, len(s.film)-len(o.other), 4), 0o600); err != nil {
		return err
	}
	rest, err := io.ReadAll(resp.Body)
	if got = append(got, rest...); !bytes.HasPrefix(s.film, got) {
		o.leaks++
		return fmt.Errorf("of %d bytes that were sent, some are another film's", len(got))
	}
	if err == nil && len(got) == len(s.film) {
		return fmt.Errorf("the whole film was sent before it was overwritten")
	}
	return nil
}

// whileDecoded overwrites a film after a run of the film has begun to decode: no run with frames as its input finishes.
func (o *overwriting) whileDecoded(s *swap, m *pb.MediaArrived, title string) error {
	if _, err := send(o.ctx, endpoint{Server: o.server(), Token: o.token}, m); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(rpc.WithCaller(o.ctx, o.caller), 2*time.Minute)
	defer cancel()
	runs := func() map[string]*pb.Run {
		out := map[string]*pb.Run{}
		for _, a := range o.status().GetAssets() {
			if a.GetTitle() == title {
				for _, r := range a.GetRuns() {
					out[r.GetAlgorithm()] = r
				}
			}
		}
		return out
	}
	until := func(what string, done func() bool) error {
		for !done() {
			select {
			case <-ctx.Done():
				return fmt.Errorf("waiting for %s: %v", what, runs())
			case <-time.After(20 * time.Millisecond):
			}
		}
		return nil
	}
	if err := until("a run to decode", func() bool { return o.decoding() > 0 }); err != nil {
		return err
	}
	if err := s.swap(); err != nil {
		return err
	}
	s.asset = o.asset(title)
	ended := func(name string) bool {
		st := runs()[name].GetState()
		return st == pb.RunState_RUN_STATE_FINISHED || st == pb.RunState_RUN_STATE_FAILED
	}
	if err := until("the runs to end", func() bool { return ended("shots") && ended("pictures") }); err != nil {
		return err
	}
	for _, name := range []string{"shots", "pictures", "thumbnails"} {
		r := runs()[name]
		if r.GetState() == pb.RunState_RUN_STATE_FINISHED {
			o.leaks++
			return fmt.Errorf("the run of %s finished", name)
		}
		if name != "thumbnails" && r.GetErrorKind() != "conflict" {
			return fmt.Errorf("the run of %s: %v", name, r)
		}
		if got := o.annotations(s.asset.GetId(), name); len(got) > 0 {
			o.leaks++
			return fmt.Errorf("readers see %d annotations of %s", len(got), name)
		}
	}
	return nil
}

// decoding is how many films are decoded now.
func (o *overwriting) decoding() (n float64) {
	families, err := o.Registry.Gather()
	if err != nil {
		o.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "cinedex_films_decoding" {
			n = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return n
}
