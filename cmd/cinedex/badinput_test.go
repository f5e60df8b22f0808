package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/ingestor/ingest"
)

// TestBadInput sends wrong input and takes away resources. Each input gets an answer with the fault, nothing stops, and
// right input is still handled.
func TestBadInput(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the platform three times")
	}
	badInput(t)
}

func TestFigureBadInput(t *testing.T) {
	figure.Begin(t, "badinput/answers")
	k := badInput(t)
	note := ""
	if len(k.skipped) > 0 {
		note = "not tried here: " + strings.Join(k.skipped, ", ")
	}
	figure.Report(t, true, figure.Result{Name: "badinput/answers",
		Claim:    "every kind of bad input is answered clearly, nothing lost, no process stopped",
		Measured: fmt.Sprintf("%d of %d kinds of bad input answered clearly, nothing lost", k.answered, k.tried),
		Pass:     k.answered == k.tried, Note: note})
}

// kinds counts the kinds of bad input, and the kinds with the right answer.
type kinds struct {
	tried, answered int
	skipped         []string
}

func (k *kinds) run(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	skipped := false
	ok := t.Run(name, func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		f(t)
	})
	switch {
	case skipped:
		k.skipped = append(k.skipped, name)
		return
	case ok:
		k.answered++
	}
	k.tried++
}

func badInput(t *testing.T) *kinds {
	k := &kinds{}
	t.Run("platform", func(t *testing.T) { badToPlatform(t, k) })
	k.run(t, "event while the log is away", eventWithoutLog)
	portInUse(t, k)
	k.run(t, "missing model files", withoutModels)
	k.run(t, "model file with a wrong checksum", wrongChecksum)
	k.run(t, "full disk", fullDisk)
	return k
}

// badToPlatform sends wrong input to a platform, and checks that the platform continues.
func badToPlatform(t *testing.T, k *kinds) {
	dir := t.TempDir()
	home := t.TempDir()
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	writeTokens(t, tokens, map[string][]string{"all": {"*"}, "some": {"crash-1"}, "none": nil})
	w := newWorldWith(t, home, func(c *upConfig) {
		c.TokenFile, c.Algorithms = tokens, searched
		c.Blobs.MaxBytes, c.Media.MaxBytes = 1<<30, 1<<30
		c.Ingest.MaxEventBytes = 64 << 10
	}, dir)
	w.token = "all"
	good, _ := film(t, shortFilm(1), dir)
	w.ingest(good)

	badMedia(t, k, w, dir, good)
	badEvents(t, k, w)
	badSearches(t, k, w)
	badVectors(t, k, w, good)

	// The bad input stopped nothing.
	if err := lifecycle.Ready(w.actors...); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	again, _ := film(t, shortFilm(2), dir)
	w.ingest(again)
	for i, m := range []*pb.MediaArrived{good, again} {
		if r := w.search(&pb.SearchRequest{Q: "dialogue.phrase:" + linesOf(i + 1)[0]}); len(r.GetHits()) != 1 || r.GetHits()[0].GetTitle() != m.GetTitle().GetId() {
			t.Errorf("%s: %d hits", m.GetTitle().GetId(), len(r.GetHits()))
		}
	}
	t.Run("attacks", func(t *testing.T) { attackPlatform(t, w, home, tokens, dir) })
}

func writeTokens(t *testing.T, path string, tokens map[string][]string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("tokens:\n")
	for token, titles := range tokens {
		sum := sha256.Sum256([]byte(token))
		list, err := json.Marshal(append([]string{}, titles...))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "  - name: %s\n    sha256: %s\n    titles: %s\n", token, hex.EncodeToString(sum[:]), list)
		if token == "all" {
			b.WriteString("    roles: [ingest, retitle]\n")
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// badMedia sends media of every wrong kind, and two good files that look wrong.
func badMedia(t *testing.T, k *kinds, w *world, dir string, good *pb.MediaArrived) {
	ffmpeg, err := w.Cache.Tool("ffmpeg")
	need(t, "ffmpeg", err)
	whole, err := os.ReadFile(strings.TrimPrefix(good.GetUrl(), "file://"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(content string) func(string) error {
		return func(p string) error { return os.WriteFile(p, []byte(content), 0o644) }
	}
	made := func(args ...string) func(string) error {
		return func(p string) error {
			out, err := exec.Command(ffmpeg, append(append([]string{"-v", "error", "-y"}, args...), p)...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}
	}
	cases := []struct {
		name, file string
		make       func(path string) error
		text       string // of a side-car
		sha256     string // in the event
		reason     string // required text of the dead letter; empty for accepted media
		refused    string // required text of the side-car's status
	}{
		{name: "truncated", file: "truncated.mp4", make: write(string(whole[:len(whole)/2])), reason: "probing the media: truncated.mp4 is cut short"},
		{name: "empty", file: "empty.mp4", make: write(""), reason: "empty.mp4 is empty"},
		{name: "text named mp4", file: "text.mp4", make: write("This is no film, but a letter.\n"), reason: "text.mp4 is a text file, not a film"},
		{name: "noise", file: "noise.mp4", make: write(strings.Repeat("\x00\xff\x13cinedex\x80", 5000)), reason: "probing the media: noise.mp4 is not a media file, or its beginning is damaged"},
		{name: "zero duration", file: "zero.mp4", make: made("-f", "lavfi", "-i", "anullsrc", "-t", "0"), reason: "zero.mp4 has "},
		{name: "over the limit", file: "huge.mp4", make: func(p string) error {
			if err := os.WriteFile(p, nil, 0o644); err != nil {
				return err
			}
			return os.Truncate(p, 10<<30)
		}, reason: "huge.mp4 has 10737418240 bytes, and at most 1073741824 are taken"},
		{name: "playlist of local files", file: "list.m3u8", make: write("#EXTM3U\n#EXTINF:5,\n/etc/passwd\n#EXT-X-ENDLIST\n"), reason: "list.m3u8 is a text file, not a film"},
		{name: "concatenation named mp4", file: "concat.mp4", make: write("ffconcat version 1.0\nfile '/etc/passwd'\n"), reason: "concat.mp4 is a text file, not a film"},
		{name: "not there", file: "missing.mp4", make: func(string) error { return nil }, reason: "url: there is no file " + filepath.Join(dir, "missing.mp4")},
		{name: "media with a wrong checksum", file: "changed.mp4", make: write(string(whole)), sha256: strings.Repeat("0", 64), reason: "sha256: the event says 0000"},
		{name: "subtitles whose times go backwards", file: "back.mp4", make: made("-f", "lavfi", "-i", "testsrc=d=1:s=320x180:r=25", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-metadata", "comment=back"), text: "1\n00:00:05,000 --> 00:00:02,000\nBackwards\n", refused: "before it starts"},
		{name: "subtitles that are noise", file: "noisy.mp4", make: made("-f", "lavfi", "-i", "testsrc=d=1:s=320x180:r=25", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-metadata", "comment=noisy"), text: "\x00\x01\x02\xfe\xfa\x00\x00", refused: "not a text"},
		{name: "sound only", file: "sound.m4a", make: made("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")},
		{name: "pictures only", file: "pictures.mp4", make: made("-f", "lavfi", "-i", "testsrc=d=1:s=320x180:r=25", "-c:v", "libx264", "-pix_fmt", "yuv420p")},
		{name: "subtitles in Latin 1, one cue of three wrong", file: "latin.mp4", make: made("-f", "lavfi", "-i", "testsrc2=d=4:s=320x180:r=25", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
			text: "1\n00:00:00,500 --> 00:00:01,000\nDas M\xe4dchen f\xe4hrt\n\n2\n00:00:03,000 --> 00:00:02,000\nzur\xfcck\n\n3\n00:00:02,000 --> 00:00:03,000\n\xfcber die Br\xfccke\n"},
	}
	var refused, taken []*pb.MediaArrived
	for _, c := range cases {
		path := filepath.Join(dir, c.file)
		if err := c.make(path); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		m := &pb.MediaArrived{Url: "file://" + path, Title: &pb.Title{Id: c.file, Name: c.name}, Sha256: c.sha256}
		if c.text != "" {
			side := path + ".srt"
			if err := os.WriteFile(side, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			m.Text = []*pb.SideCar{{Url: "file://" + side, Language: "de"}}
		}
		if c.reason == "" {
			taken = append(taken, m)
			continue
		}
		refused = append(refused, m)
		if _, err := send(w.ctx, endpoint{Server: w.server(), Token: w.token}, m); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	w.ingest(taken...)
	letters := w.lettersOf(t, len(refused))
	if len(letters) != len(refused) {
		t.Errorf("%d titles were put aside, want %d", len(letters), len(refused))
	}
	for _, c := range cases {
		k.run(t, c.name, func(t *testing.T) {
			l, aside := letters[c.file]
			switch {
			case c.reason == "" && aside:
				t.Errorf("put aside: %s", l.Reason)
			case c.reason == "":
				w.asset(c.file)
				if c.refused != "" {
					w.tellsOfText(t, c.file, c.refused)
				}
			case !strings.Contains(l.Reason, c.reason):
				t.Errorf("the dead letter says %q, want %q in it", l.Reason, c.reason)
			case !strings.Contains(string(l.Value), c.file):
				t.Errorf("the letter holds %q, not what was sent", l.Value)
			default:
				t.Log(l.Reason)
			}
		})
	}
	for _, word := range []string{"fährt", "brücke"} {
		if r := w.search(&pb.SearchRequest{Q: "dialogue.phrase:" + word + " title:latin.mp4"}); len(r.GetHits()) != 1 {
			t.Errorf("%s: %d hits, want the cue that is right", word, len(r.GetHits()))
		}
	}
}

// tellsOfText checks that the status names a refused track of a title, with the reason.
func (w *world) tellsOfText(t *testing.T, title, reason string) {
	t.Helper()
	var told []string
	for _, a := range w.status().GetAssets() {
		if a.GetTitle() == title {
			told = a.GetText()
		}
		if a.GetTitle() == title && len(a.GetText()) == 1 && strings.Contains(a.GetText()[0], "refused: ") && strings.Contains(a.GetText()[0], reason) {
			return
		}
	}
	t.Errorf("the status does not tell that the text of %s was refused with %q: %q", title, reason, told)
}

// arrivedIn returns the event in a letter of the ingestor, or nil if the letter has no readable event.
func arrivedIn(l events.Letter) *pb.MediaArrived {
	var arrived pb.MediaArrived
	if l.Topic == events.MediaArrived && schema.UnmarshalJSON(l.Value, &arrived) == nil {
		return &arrived
	}
	var accepted pb.MediaAccepted
	if l.Topic == events.MediaAccepted && schema.UnmarshalJSON(l.Value, &accepted) == nil {
		return accepted.GetArrived()
	}
	return nil
}

// lettersOf waits until media of n titles were put aside, and returns the letters by title.
func (w *world) lettersOf(t *testing.T, n int) map[string]events.Letter {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		got := map[string]events.Letter{}
		for l, err := range w.Events.DeadLetters(w.ctx, events.LetterFilter{Group: events.HopIngestor.Group}) {
			if err != nil {
				t.Fatal(err)
			}
			got[arrivedIn(l).GetTitle().GetId()] = l
		}
		if len(got) >= n || time.Now().After(deadline) {
			return got
		}
	}
}

// call posts a body and returns status, header and body of the answer.
func (w *world) call(t *testing.T, path, token, contentType string, body []byte) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.server()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", contentType)
	return answered(t, req)
}

func answered(t *testing.T, req *http.Request) (int, http.Header, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

const (
	structured = "application/cloudevents+json"
	arrivedAs  = `{"specversion":"1.0","type":"cinedex.media.arrived.v1","source":"test","id":"1","datacontenttype":"application/json","data":%s}`
)

func badEvents(t *testing.T, k *kinds, w *world) {
	event := func(data string) []byte { return fmt.Appendf(nil, arrivedAs, data) }
	for _, c := range []struct {
		name, contentType string
		body              []byte
		status            int
		says              string
	}{
		{"event with an unknown field", structured, event(`{"url":"file:///a.mp4","title":{"id":"x"},"titel":"x"}`), 400, "titel"},
		{"event with an unknown field within", structured, event(`{"url":"file:///a.mp4","title":{"id":"x","sesaon":1}}`), 400, "sesaon"},
		{"no url", structured, event(`{"title":{"id":"x"}}`), 400, "url"},
		{"wrong type of a field", structured, event(`{"url":7,"title":{"id":"x"}}`), 400, "url"},
		{"no JSON", structured, []byte(`{"specversion":`), 400, "reading the event"},
		{"not an event", "application/json", []byte(`{}`), 400, "ce-specversion is missing"},
		{"another type", structured, []byte(`{"specversion":"1.0","type":"cinedex.media.departed.v1","source":"test","id":"1","data":{}}`), 400, "cinedex.media.departed.v1"},
		{"empty batch", "application/cloudevents-batch+json", []byte(`[]`), 400, "the batch is empty"},
		{"too large", structured, event(`{"url":"` + strings.Repeat("x", 70<<10) + `"}`), 413, "the body is larger than 65536 bytes"},
		{"another content type", "text/csv", []byte("a,b"), 415, "application/cloudevents+json"},
	} {
		k.run(t, c.name, func(t *testing.T) {
			status, _, body := w.call(t, "/events", "all", c.contentType, c.body)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%d %s, want %d with %q", status, body, c.status, c.says)
			}
		})
	}
}

// eventWithoutLog checks the answer to a studio while the log is away.
func eventWithoutLog(t *testing.T) {
	cfg := events.Default()
	cfg.Brokers, cfg.PublishTimeout = []string{freeAddress(t)}, 300*time.Millisecond
	log, err := events.New(cfg, events.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	tokens := filepath.Join(t.TempDir(), "tokens.yaml")
	writeTokens(t, tokens, map[string][]string{"all": {"*"}})
	authoriser, err := authz.OpenFile(tokens, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ingest.New(ingest.Default(), ingest.Deps{Events: log, Authoriser: authoriser, Log: discard, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	req, err := http.NewRequest(http.MethodPost, server.URL+"/events", strings.NewReader(fmt.Sprintf(arrivedAs, `{"url":"file:///a.mp4","title":{"id":"x"}}`)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", structured)
	req.Header.Set("Authorization", "Bearer all")
	status, header, body := answered(t, req)
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(body, "putting the events into the log") {
		t.Errorf("%d, Retry-After %q, %s", status, header.Get("Retry-After"), body)
	}
}

// giantPNG is a picture of 50,000 x 50,000 in some hundred bytes.
func giantPNG() []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(name string, data []byte) {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(data)))
		body := append([]byte(name), data...)
		b.Write(body)
		_ = binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(body))
	}
	var header bytes.Buffer
	_ = binary.Write(&header, binary.BigEndian, [2]uint32{50_000, 50_000})
	header.Write([]byte{8, 2, 0, 0, 0})
	chunk("IHDR", header.Bytes())
	chunk("IDAT", []byte{0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1})
	chunk("IEND", nil)
	return b.Bytes()
}

func badSearches(t *testing.T, k *kinds, w *world) {
	const path = "/cinedex.v1.SearchService/Search"
	hidden := w.asset("sound.m4a").GetId()
	visible := w.asset("crash-1").GetId()
	picture := func(b []byte) string {
		return `{"query":{"leaf":{"kind":"like_image","image":"` + base64.StdEncoding.EncodeToString(b) + `"}}}`
	}
	var whole bytes.Buffer
	if err := png.Encode(&whole, image.NewGray(image.Rect(0, 0, 64, 64))); err != nil {
		t.Fatal(err)
	}
	damaged := whole.Bytes()[:whole.Len()-20]
	for _, c := range []struct {
		name, token, body string
		status            int
		says              string
	}{
		{"query of 100 kB", "all", `{"q":"` + strings.Repeat("a ", 50<<10) + `"}`, 400, "more than the 4096 words and signs allowed"},
		{"query with an unknown field", "all", `{"q":"harbour","limt":3}`, 400, `unknown field \"limt\"`},
		{"filter with an unknown field", "all", `{"q":"harbour","filter":{"titels":["crash-1"]}}`, 400, `filter.titels: unknown field`},
		{"nothing asked", "all", `{}`, 400, "say what to look for"},
		{"open bracket", "all", `{"q":"(harbour"}`, 400, "column 1: a parenthesis is not closed"},
		{"no such leaf", "all", `{"q":"smell:rain"}`, 400, "smell"},
		{"giant picture", "all", picture(giantPNG()), 400, "50000"},
		{"corrupt picture", "all", picture(damaged), 400, "damaged"},
		{"text as picture", "all", picture([]byte("no picture")), 400, "not a JPEG, PNG, GIF, WebP or BMP"},
		{"empty picture", "all", `{"query":{"leaf":{"kind":"like_image","image":""}}}`, 400, "image"},
		{"no token", "", `{"q":"harbour"}`, 401, "Authorization: Bearer TOKEN"},
		{"unknown token", "guess", `{"q":"harbour"}`, 401, "the token is not known"},
		{"token without titles", "none", `{"q":"harbour"}`, 403, "title"},
		{"forbidden asset", "some", `{"q":"frame:\"` + hidden + `@0\""}`, 404, "there is no asset"},
		{"asset that does not exist", "some", `{"q":"frame:\"` + strings.Repeat("0", 32) + `@0\""}`, 404, "there is no asset"},
		{"frame beyond the end", "some", `{"q":"frame:\"` + visible + `@5h\""}`, 400, "outside the asset"},
	} {
		k.run(t, c.name, func(t *testing.T) {
			status, _, body := w.call(t, path, c.token, "application/json", []byte(c.body))
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%d %.600s, want %d with %q", status, body, c.status, c.says)
			}
		})
	}

	k.run(t, "forbidden title by id", func(t *testing.T) {
		missing := strings.Repeat("0", 32)
		for _, p := range []string{"GetAsset", "GetAnnotations"} {
			ask := func(id string) (int, string) {
				status, _, body := w.call(t, "/cinedex.v1.SearchService/"+p, "some", "application/json", fmt.Appendf(nil, `{"asset":%q}`, id))
				return status, strings.ReplaceAll(body, id, "ID")
			}
			s1, b1 := ask(hidden)
			s2, b2 := ask(missing)
			if s1 != s2 || b1 != b2 || s1 == http.StatusOK {
				t.Errorf("%s: forbidden %d %s, missing %d %s", p, s1, b1, s2, b2)
			}
		}
		if r, err := w.gateway.Search(w.ctx, authz.NewCaller("some", []string{"crash-1"}), &pb.SearchRequest{Q: "dialogue.phrase:brücke title:latin.mp4"}); err != nil || len(r.GetHits()) > 0 {
			t.Errorf("a forbidden title by its name: %v, %v", r, err)
		}
	})

	k.run(t, "cancelled request", func(t *testing.T) {
		ctx, cancel := context.WithCancel(w.ctx)
		cancel()
		_, err := w.gateway.Search(ctx, w.caller, &pb.SearchRequest{Q: "harbour"})
		if errkind.Of(err) != errkind.Cancelled {
			t.Errorf("%v, of kind %v", err, errkind.Of(err))
		}
		// The next caller gets the answer to work that a caller gave up.
		if r := w.search(&pb.SearchRequest{Q: "harbour"}); len(r.GetHits()) == 0 {
			t.Error("afterwards nothing is found")
		}
	})
}

// badVectors puts vectors where they do not belong.
func badVectors(t *testing.T, k *kinds, w *world, good *pb.MediaArrived) {
	scope := search.NewScope([]string{"r"})
	for _, c := range []struct {
		name, says string
		q          search.VectorQuery
	}{
		{"vector of another dimension", "dimension 7 in a space of 384", search.VectorQuery{Scope: scope, Space: "e5-small@1", Vector: make([]float32, 7), Limit: 1}},
		{"vector of another space", `unknown space "e6-small@1"`, search.VectorQuery{Scope: scope, Space: "e6-small@1", Vector: make([]float32, 384), Limit: 1}},
	} {
		k.run(t, c.name, func(t *testing.T) {
			if _, err := w.Engine.Vector(w.ctx, c.q); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, of kind %v, want %q", err, errkind.Of(err), c.says)
			}
		})
	}
	k.run(t, "batch of another space", func(t *testing.T) {
		asset := w.asset(good.GetTitle().GetId()).GetId()
		run := strings.Repeat("a", 32)
		batch := &pb.EmbeddingBatch{Asset: asset, Run: run, Epoch: 1, Algorithm: "test", Version: "1",
			Space:      &pb.Space{Name: "e6-small", Version: "1", Dimension: 4, Metric: "cosine"},
			Embeddings: []*pb.Embedding{{Asset: asset, Run: run, Space: "e6-small@1", End: int64(schema.Second), Vector: make([]float32, 4)}}}
		if err := w.Events.Publish(w.ctx, events.Embeddings, events.Event{Subject: asset, Data: batch}); err != nil {
			t.Fatal(err)
		}
		var reason string
		until(t, "the batch is put aside", func() bool {
			for l, err := range w.Events.DeadLetters(w.ctx, events.LetterFilter{Topic: events.Embeddings}) {
				if err != nil {
					t.Fatal(err)
				}
				reason = l.Reason
			}
			return reason != ""
		})
		if !strings.Contains(reason, `no algorithm in the catalogue declares the space e6-small@1`) {
			t.Errorf("the dead letter says %q", reason)
		}
	})
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// portInUse checks the advice to a person whose port is taken.
func portInUse(t *testing.T, k *kinds) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr)
	for _, c := range []struct {
		name   string
		change func(*upConfig)
		says   string
	}{
		{"port of the search API in use", func(c *upConfig) { c.Address = taken.String() }, "the search API (address) on " + taken.String() + ": the port is in use; stop the program that uses the port, or set another address"},
		{"port of the log in use", func(c *upConfig) { c.Broker.Port = taken.Port }, "in use"},
	} {
		k.run(t, c.name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := defaultUp(dir)
			cfg.Address, cfg.Broker.Port, cfg.Telemetry.AdminAddress = "127.0.0.1:0", 0, ""
			c.change(&cfg)
			_, err := start(t.Context(), io.Discard, &home{dir: dir}, cfg)
			if err == nil || !strings.Contains(err.Error(), c.says) || exitCode(err) != 1 {
				t.Errorf("%v, exit code %d; want %q", err, exitCode(err), c.says)
			}
		})
	}
}

// withoutModels checks that work without models continues when no model is there.
func withoutModels(t *testing.T) {
	cache := testCache(t)
	for _, tool := range []string{"ffmpeg", "ffprobe"} {
		path, err := cache.Tool(tool)
		need(t, tool, err)
		t.Setenv("CINEDEX_"+strings.ToUpper(tool), path)
	}
	dir, home := t.TempDir(), t.TempDir()
	m, _ := film(t, shortFilm(3), dir)
	w := newWorldWith(t, home, func(c *upConfig) { c.ModelCache = t.TempDir() }, dir)
	tells := func(err error) bool {
		return err != nil && strings.Contains(err.Error(), "run: ") && strings.Contains(err.Error(), "models fetch")
	}
	ready := lifecycle.Ready(w.actors...)
	for deadline := time.Now().Add(time.Minute); !tells(ready) && time.Now().Before(deadline); ready = lifecycle.Ready(w.actors...) {
		time.Sleep(10 * time.Millisecond) // until the catalogue and the library are read
	}
	if !tells(ready) {
		t.Errorf("ready says %v, want what to fetch", ready)
	}
	if _, err := send(w.ctx, endpoint{Server: w.server(), Token: w.token}, m); err != nil {
		t.Fatal(err)
	}
	// Dialogue needs no model: its words are found, and a question by meaning names the missing model.
	var r *pb.SearchResponse
	until(t, "words are found without models", func() bool {
		var err error
		if r, err = w.gateway.Search(w.ctx, w.caller, &pb.SearchRequest{Q: "dialogue:" + linesOf(3)[0]}); err != nil {
			t.Fatal(err)
		}
		return len(r.GetHits()) > 0
	})
	if len(r.GetPartial()) == 0 || !strings.Contains(r.GetPartial()[0].GetError(), "models fetch") {
		t.Errorf("the answer does not say what it lacks: %v", r.GetPartial())
	}
}

// wrongChecksum damages a file of the cache.
func wrongChecksum(t *testing.T) {
	cache := testCache(t)
	a, err := model.Find("efficientnet-lite2-head")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(cache.Path(a))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	dir := t.TempDir()
	damaged := filepath.Join(dir, filepath.FromSlash(a.File))
	if err := os.MkdirAll(filepath.Dir(damaged), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(damaged, b, 0o644); err != nil {
		t.Fatal(err)
	}
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	root := newRoot(said, said)
	root.SetArgs([]string{"models", "verify", "--cache", dir})
	err = root.ExecuteContext(t.Context())
	if err == nil || !strings.Contains(err.Error(), "1 files differ from their pinned checksums") || exitCode(err) != 1 {
		t.Errorf("verify says %v", err)
	}
	out, err := os.ReadFile(said.Name())
	if err != nil {
		t.Fatal(err)
	}
	if want := damaged + " has sha256 "; !strings.Contains(string(out), want) || !strings.Contains(string(out), "run: cinedex models fetch") {
		t.Errorf("verify prints no %q and what to run:\n%s", want, tail(out, 2000))
	}
}

// fullDisk fills the disk under a serving platform.
func fullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("lacks the right to mount a small disk")
	}
	home, dir := t.TempDir(), t.TempDir()
	if err := syscall.Mount("tmpfs", home, "tmpfs", 0, "size=600m,mode=700"); err != nil {
		t.Skipf("lacks the right to mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(home, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	w := newWorld(t, home, dir)
	t.Cleanup(w.stop) // before the unmount
	before, _ := film(t, shortFilm(4), dir)
	w.ingest(before)

	ballast := filepath.Join(home, "ballast")
	var st syscall.Statfs_t
	if err := syscall.Statfs(home, &st); err != nil {
		t.Fatal(err)
	}
	// Below the store's reserve, with some room left for the log.
	fill(t, ballast, int64(st.Bavail)*st.Bsize-(200<<20))
	probe := httptest.NewServer(w.Admin(func() error { return lifecycle.Ready(w.actors...) }, func() error { return lifecycle.Alive(w.actors...) }))
	defer probe.Close()
	ready := func() (int, string) {
		req, err := http.NewRequest(http.MethodGet, probe.URL+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		status, _, body := answered(t, req)
		return status, body
	}
	until(t, "/readyz tells of the full disk", func() bool {
		status, body := ready()
		return status == http.StatusServiceUnavailable && strings.Contains(body, "make room, and writing continues")
	})
	if err := w.Store.PutAsset(w.ctx, &pb.Asset{Id: schema.AssetID(strings.Repeat("f", 64)), Title: &pb.Title{Id: "x"}}); errkind.Of(err) != errkind.Exhausted {
		t.Errorf("writing: %v, of kind %v", err, errkind.Of(err))
	}
	after, _ := film(t, shortFilm(5), dir)
	if _, err := send(w.ctx, endpoint{Server: w.server(), Token: w.token}, after); err != nil {
		t.Errorf("with room for the log, an event was not taken: %v", err)
	}
	if r := w.search(&pb.SearchRequest{Q: "dialogue.phrase:" + linesOf(4)[0]}); len(r.GetHits()) != 1 {
		t.Errorf("reading on a full disk: %d hits", len(r.GetHits()))
	}
	// Without room for the log an event is refused, soon and with the reason, so that its sender keeps the event.
	last := filepath.Join(home, "last")
	fillWhole(t, last)
	began := time.Now()
	_, err := send(w.ctx, endpoint{Server: w.server(), Token: w.token}, after)
	if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "make room, and the log accepts events again") || took > 15*time.Second {
		t.Errorf("an event on a full disk: %v after %s; want at once what to do", err, took)
	}
	for _, f := range []string{last, ballast} {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "ready again", func() bool { status, _ := ready(); return status == http.StatusOK })
	// Media that arrived meanwhile continues without help.
	until(t, "the film that arrived meanwhile is found", func() bool {
		return len(w.search(&pb.SearchRequest{Q: "dialogue.phrase:" + linesOf(5)[0]}).GetHits()) == 1
	})
	for l, err := range w.Events.DeadLetters(w.ctx, events.LetterFilter{}) {
		t.Errorf("dead letter: %s %s, %v", l.Topic, l.Reason, err)
	}
}

// fillWhole writes until the disk takes nothing more.
func fillWhole(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func fill(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zeros := make([]byte, 1<<20)
	for ; size > 0; size -= int64(len(zeros)) {
		if _, err := f.Write(zeros[:min(size, int64(len(zeros)))]); err != nil {
			t.Fatal(err)
		}
	}
}
