package webapp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/proxy"
	"github.com/cinedex/cinedex/pkg/algo/sprites"
	"github.com/cinedex/cinedex/pkg/algo/waveform"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// A player is a library with a film that browsers do not play, and what the algorithms made of the film.
type player struct {
	t      *testing.T
	l      *apitest.Library
	clip   *algotest.Clip
	reg    *algo.Registry
	asset  *pb.Asset
	film   []byte // the proxy as a file
	server *apitest.Server
	asked  []*pb.Run
}

func newPlayer(t *testing.T, change ...func(*gateway.Config)) *player {
	t.Helper()
	p := &player{t: t, l: apitest.New(t)}
	ffmpeg := apitest.Need(t, "ffmpeg")
	reader, err := media.NewReader(media.Default(), media.Tools{FFmpeg: ffmpeg, FFprobe: apitest.Need(t, "ffprobe")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "film.mov")
	cmd := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=12", "-f", "lavfi", "-i", "sine=440:r=48000:d=12",
		"-c:v", "prores", "-profile:v", "0", "-c:a", "pcm_s16le", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if p.clip, err = algotest.OpenClip(t.Context(), reader, file); err != nil {
		t.Fatal(err)
	}
	if p.reg, err = algo.NewRegistry(proxy.New(func() (string, error) { return ffmpeg, nil }), sprites.Algorithm{}, waveform.Algorithm{}); err != nil {
		t.Fatal(err)
	}
	p.asset = proto.CloneOf(p.clip.Asset)
	p.asset.Title = &pb.Title{Id: "harbour"}
	if err := p.l.Store.PutAsset(t.Context(), p.asset); err != nil {
		t.Fatal(err)
	}
	p.server = p.l.Serve(map[string][]string{"all": {"*"}, "harbour-only": {"harbour"}, "other-only": {"other"}}, func(cfg *gateway.Config, d *searchapi.Deps) {
		for _, c := range change {
			c(cfg)
		}
		d.Request = func(_ context.Context, r *pb.Run) error { p.asked = append(p.asked, r); return nil }
	})
	return p
}

// runOf is the run of an algorithm over the film.
func (p *player) runOf(algorithm string) *pb.Run { return runOf(p.t, p.asset, algorithm) }

// runOf is the run of an algorithm over an asset.
func runOf(t *testing.T, asset *pb.Asset, algorithm string) *pb.Run {
	t.Helper()
	plan := apitest.Catalog().View().Plan()
	spec, err := plan.Find(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := plan.Derive(asset, spec)
	if err != nil || len(derived) != 1 {
		t.Fatal(derived, err)
	}
	return derived[0]
}

// madeBy runs an algorithm over a clip, and stores the blobs under the names that the algo-runner gives. The annotations name the blobs.
func madeBy(t *testing.T, l *apitest.Library, reg *algo.Registry, clip *algotest.Clip, run *pb.Run) *algotest.Result {
	t.Helper()
	r, err := algotest.Run(t.Context(), reg, run.GetAlgorithm(), clip)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Annotations {
		name := path.Base(a.GetAttributes()["blob"].GetText())
		data := r.Blobs[name]
		key := fmt.Sprintf("runs/%s/%s/%x.%s", run.GetAsset(), run.GetId(), sha256.Sum256(data), name)
		if _, err := l.Blobs.Put(t.Context(), key, "", bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		a.Attributes["blob"], a.Run = algo.Text(key), run.GetId()
	}
	return r
}

// stored is madeBy for the film. The annotations are returned.
func (p *player) stored(algorithm string) []*pb.Annotation {
	p.t.Helper()
	r := madeBy(p.t, p.l, p.reg, p.clip, p.runOf(algorithm))
	if algorithm == "proxy" {
		f, err := proxy.Read(r.Annotations)
		if err != nil {
			p.t.Fatal(err)
		}
		p.film = slices.Clone(f.Head)
		for _, piece := range f.Pieces {
			_, name, _ := strings.Cut(path.Base(piece.Ref.GetKey()), ".")
			p.film = append(p.film, r.Blobs[name]...)
		}
	}
	return r.Annotations
}

// An answered is an answer whose body was read.
type answered struct {
	StatusCode int
	Status     string
	Header     http.Header
	Request    *http.Request
	Cookies    []*http.Cookie
}

func answerOf(r *http.Response) *answered {
	return &answered{r.StatusCode, r.Status, r.Header, r.Request, r.Cookies()}
}

func (p *player) get(token, address, span string) (*answered, []byte) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.server.URL+address, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if span != "" {
		req.Header.Set("Range", span)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answerOf(resp), body
}

func (p *player) request(token, asset string) (*pb.Proxy, error) {
	client := cinedexv1connect.NewProxyServiceClient(http.DefaultClient, p.server.URL)
	req := connect.NewRequest(&pb.RequestProxyRequest{Asset: asset})
	req.Header().Set("Authorization", "Bearer "+token)
	resp, err := client.RequestProxy(p.t.Context(), req)
	if err != nil {
		return nil, err
	}
	return resp.Msg.GetProxy(), nil
}

// state asks how far the proxy is.
func (p *player) state() *pb.Proxy {
	p.t.Helper()
	client := cinedexv1connect.NewProxyServiceClient(http.DefaultClient, p.server.URL)
	req := connect.NewRequest(&pb.GetProxyRequest{Asset: p.asset.GetId()})
	req.Header().Set("Authorization", "Bearer all")
	resp, err := client.GetProxy(p.t.Context(), req)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.Msg.GetProxy()
}

// A proxy is asked for once, is told as the pieces come, and is served whole and by ranges, to callers who may see the film.
func TestProxy(t *testing.T) {
	p := newPlayer(t)
	id := p.asset.GetId()
	if s := p.state(); s.GetState() != pb.ProxyState_PROXY_STATE_NONE || s.GetOriginal().GetPlayable() != pb.Playable_PLAYABLE_NO || s.GetFrames() != 300 {
		t.Errorf("before: %v", s)
	}
	if resp, _ := p.get("all", "/media/"+id+"/proxy", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("before: %s", resp.Status)
	}
	if _, err := p.request("other-only", id); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("a caller who may not see the film: %v", err)
	}
	for range 3 {
		if s, err := p.request("harbour-only", id); err != nil || s.GetState() != pb.ProxyState_PROXY_STATE_WAITING {
			t.Errorf("requested: %v, %v", s, err)
		}
	}
	if len(p.asked) != 1 || p.asked[0].GetId() != p.runOf("proxy").GetId() {
		t.Fatalf("the log has the requests %v", p.asked)
	}
	list := p.stored("proxy")
	if s := p.state(); s.GetState() != pb.ProxyState_PROXY_STATE_RUNNING || s.GetDone() != 300 || s.GetUrl() != "" {
		t.Errorf("with the pieces in the bucket: %v", s)
	}
	p.l.WroteRun(p.runOf("proxy"), list...)
	s := p.state()
	if s.GetState() != pb.ProxyState_PROXY_STATE_READY || s.GetUrl() != "/media/"+id+"/proxy" || s.GetSizeBytes() != int64(len(p.film)) || s.GetWidth() != 320 || s.GetHeight() != 180 {
		t.Errorf("afterwards: %v", s)
	}
	if _, err := p.request("all", id); err != nil || len(p.asked) != 1 {
		t.Errorf("a proxy that is ready is asked for again: %v, %d requests", err, len(p.asked))
	}

	resp, whole := p.get("harbour-only", s.GetUrl(), "")
	if resp.StatusCode != http.StatusOK || !bytes.Equal(whole, p.film) || resp.Header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%s, %d bytes of %d", resp.Status, len(whole), len(p.film))
	}
	size := len(p.film)
	for _, r := range [][2]int{{0, 10}, {700, 2000}, {size / 3, size / 2}, {size - 5, size - 1}, {size/2 - 1, size - 2}} {
		resp, part := p.get("all", s.GetUrl(), fmt.Sprintf("bytes=%d-%d", r[0], r[1]))
		if resp.StatusCode != http.StatusPartialContent || !bytes.Equal(part, p.film[r[0]:r[1]+1]) {
			t.Errorf("bytes %d to %d: %s, %d bytes", r[0], r[1], resp.Status, len(part))
		}
	}
	for token, want := range map[string]int{"": http.StatusUnauthorized, "other-only": http.StatusNotFound} {
		if resp, _ := p.get(token, s.GetUrl(), ""); resp.StatusCode != want {
			t.Errorf("token %q: %s", token, resp.Status)
		}
	}
	// A damaged piece is not served.
	blob := filepath.Join(p.l.Folder, list[0].GetAttributes()["blob"].GetText())
	if err := os.WriteFile(blob, bytes.Repeat([]byte{1}, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.server.URL+s.GetUrl(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer all")
	if resp, err := http.DefaultClient.Do(req); err == nil {
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); err == nil || bytes.Contains(got, bytes.Repeat([]byte{1}, 100)) {
			t.Errorf("a damaged piece: %d bytes, %v", len(got), err)
		}
	}
}

// No more proxies wait than the configuration allows, and a film that browsers play is not asked for.
func TestProxiesAreBounded(t *testing.T) {
	p := newPlayer(t, func(c *gateway.Config) { c.Proxies.Waiting = 1 })
	second := proto.CloneOf(p.asset)
	second.Id, second.Sha256 = schema.AssetID(strings.Repeat("1", 64)), strings.Repeat("1", 64)
	playable := proto.CloneOf(p.asset)
	playable.Id, playable.Sha256 = schema.AssetID(strings.Repeat("2", 64)), strings.Repeat("2", 64)
	playable.Video.Codec, playable.Video.PixelFormat, playable.Audio = "h264", "yuv420p", nil
	for _, a := range []*pb.Asset{second, playable} {
		if err := p.l.Store.PutAsset(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := p.request("all", playable.GetId()); err != nil || s.GetState() != pb.ProxyState_PROXY_STATE_NOT_NEEDED || len(p.asked) != 0 {
		t.Errorf("a film that browsers play: %v, %v, %d requests", s, err, len(p.asked))
	}
	if _, err := p.request("all", p.asset.GetId()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.request("all", second.GetId()); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("one more than may wait: %v", err)
	}
	p.l.WroteRun(p.runOf("proxy"), p.stored("proxy")...)
	if s, err := p.request("all", second.GetId()); err != nil || s.GetState() != pb.ProxyState_PROXY_STATE_WAITING {
		t.Errorf("after the first is ready: %v, %v", s, err)
	}
}

// The index leads to every sheet, and the waveform has a pair for every 20 ms.
func TestSpritesAndWaveform(t *testing.T) {
	p := newPlayer(t)
	id := p.asset.GetId()
	for _, address := range []string{"/sprites/" + id, "/waveform/" + id, "/sprites/" + id + "/none/0.jpg"} {
		if resp, _ := p.get("all", address, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s before: %s", address, resp.Status)
		}
	}
	for _, algorithm := range []string{"sprites", "waveform"} {
		p.l.WroteRun(p.runOf(algorithm), p.stored(algorithm)...)
	}
	var index gateway.Sprites
	_, body := p.get("harbour-only", "/sprites/"+id, "")
	if err := json.Unmarshal(body, &index); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if index.Tiles != 24 || index.Stride != 13 || index.Width != 160 || index.Height != 90 || len(index.Sheets) != 1 {
		t.Errorf("the index is %s", body)
	}
	resp, sheet := p.get("harbour-only", index.Sheets[0], "")
	if resp.Header.Get("Content-Type") != "image/jpeg" || !bytes.HasPrefix(sheet, []byte{0xff, 0xd8}) {
		t.Errorf("the sheet: %s, %d bytes", resp.Status, len(sheet))
	}
	_, peaks := p.get("harbour-only", "/waveform/"+id, "")
	if len(peaks) != 20+2*600 || peaks[0] != 1 || peaks[4] != 1 {
		t.Errorf("%d bytes of peaks", len(peaks))
	}
	for _, address := range []string{"/sprites/" + id, "/waveform/" + id, index.Sheets[0]} {
		for token, want := range map[string]int{"": http.StatusUnauthorized, "other-only": http.StatusNotFound} {
			if resp, _ := p.get(token, address, ""); resp.StatusCode != want {
				t.Errorf("%s, token %q: %s, want %d", address, token, resp.Status, want)
			}
		}
	}
}
