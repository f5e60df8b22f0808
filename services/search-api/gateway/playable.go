package gateway

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/cinedex/cinedex/pkg/algo/proxy"
	"github.com/cinedex/cinedex/pkg/algo/sprites"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// What a player needs beside the film: the proxy of a film that browsers do not play, sheets of small pictures, and the peaks of the sound. All three
// are the output of active runs, found by the roles of their kinds.
//
// A request for a proxy is a request for a run, as a batch makes requests: live work goes first. The identity of the run follows from the asset, so a
// repeated request makes no second proxy.

// ProxyConfig is about proxies that callers ask for.
type ProxyConfig struct {
	// Waiting is how many requested proxies may wait or run at once. A request beyond is refused until a proxy is ready. 0 refuses every request.
	Waiting int `mapstructure:"waiting"`
	// Role is the role that a caller needs to ask for a proxy. Empty: everybody who may see the asset may ask.
	Role string `mapstructure:"role"`
}

// Validate reports the first field that cannot be used.
func (c ProxyConfig) Validate() error {
	if c.Waiting < 0 || c.Waiting > 10_000 {
		return errkind.New(errkind.Invalid, "waiting: %d is not from 0 to 10000", c.Waiting)
	}
	if c.Role != "" && !slices.Contains(authz.Roles, authz.Role(c.Role)) {
		return errkind.New(errkind.Invalid, "role: %q is none of %q", c.Role, authz.Roles)
	}
	return nil
}

const (
	// rememberedProxies is the number of proxies whose lists of pieces are kept. A list of two hours has some hundred kilobytes.
	rememberedProxies = 32
	// againAfter is how soon a request for the same proxy is published again, should the log have lost the first request.
	againAfter = time.Minute
)

// proxies are the proxies of a gateway.
type proxies struct {
	files *lru.Cache[string, *proxy.File] // by run; what everybody who may see the asset may know

	mu    sync.Mutex
	asked map[string]asked // by run
}

// asked is a run that was requested here.
type asked struct {
	asset string
	at    time.Time
}

func newProxies() *proxies {
	files, _ := lru.New[string, *proxy.File](rememberedProxies)
	return &proxies{files: files, asked: map[string]asked{}}
}

// active returns the active run of an asset that writes the kind of a role; "" for none.
func (g *Gateway) active(e *entry, role pb.KindRole) string {
	kind := g.deps.Catalog.View().Role(role)
	if kind == nil {
		return ""
	}
	return e.run(kind.Algorithm)
}

var (
	errNoProxy    = errkind.New(errkind.NotFound, "the asset has no proxy: RequestProxy asks for a proxy")
	errNoSprites  = errkind.New(errkind.NotFound, "the asset has no sprites")
	errNoWaveform = errkind.New(errkind.NotFound, "the asset has no waveform")
)

// madeOf returns the active run that made the files of a role for an asset that the caller may see, and the error none where there is no such run.
func (g *Gateway) madeOf(ctx context.Context, caller *authz.Caller, asset string, role pb.KindRole, none error) (string, error) {
	e, err := g.shown(ctx, caller, asset)
	if err != nil {
		return "", err
	}
	run := g.active(e, role)
	if run == "" {
		return "", none
	}
	return run, nil
}

// Proxy tells how far the proxy of an asset is.
func (g *Gateway) Proxy(ctx context.Context, caller *authz.Caller, asset string) (*pb.Proxy, error) {
	e, err := g.shown(ctx, caller, asset)
	if err != nil {
		return nil, err
	}
	p, _, err := g.proxyOf(ctx, e)
	return p, err
}

// proxyOf returns the state of a proxy, and the run that would make the proxy.
func (g *Gateway) proxyOf(ctx context.Context, e *entry) (*pb.Proxy, *pb.Run, error) {
	a := e.asset()
	p := &pb.Proxy{State: pb.ProxyState_PROXY_STATE_NOT_NEEDED, Original: media.Original(a), Frames: a.GetVideo().GetFrames(), Role: g.cfg.Proxies.Role}
	if !media.NeedsProxy(a) {
		return p, nil, nil
	}
	if id := g.active(e, pb.KindRole_KIND_ROLE_PROXY); id != "" {
		f, err := g.proxyFile(ctx, a.GetId(), id)
		if err == nil {
			p.State, p.Run, p.Url, p.Done = pb.ProxyState_PROXY_STATE_READY, id, "/media/"+a.GetId()+"/proxy", p.Frames
			p.Width, p.Height, p.SizeBytes = int32(f.Width), int32(f.Height), f.Size //nolint:gosec // bounded by the algorithm
			return p, nil, nil
		}
		if !errkind.Is(err, errkind.NotFound) {
			return nil, nil, err
		}
	}
	run, err := g.proxyRun(a)
	if err != nil {
		return nil, nil, err
	}
	if run == nil {
		p.State, p.Reason = pb.ProxyState_PROXY_STATE_FAILED, "no algorithm makes proxies here"
		return p, nil, nil
	}
	p.Run = run.GetId()
	known, err := runs.Lookup(ctx, g.deps.Store, a.GetId(), run.GetId())
	if err != nil {
		return nil, nil, err
	}
	switch {
	case known == nil:
		p.State = pb.ProxyState_PROXY_STATE_NONE
	case runs.Failed(known):
		p.State, p.Reason = pb.ProxyState_PROXY_STATE_FAILED, "the film cannot be decoded or encoded; operators see why"
	case runs.Finished(known):
		p.State, p.Done = pb.ProxyState_PROXY_STATE_RUNNING, p.Frames
	default:
		p.State = pb.ProxyState_PROXY_STATE_WAITING
		if p.Done = g.encodedFrames(ctx, run); p.Done > 0 {
			p.State = pb.ProxyState_PROXY_STATE_RUNNING
		}
	}
	return p, run, nil
}

// proxyRun returns the run that makes the proxy of an asset; nil where no algorithm makes proxies.
func (g *Gateway) proxyRun(a *pb.Asset) (*pb.Run, error) {
	view := g.deps.Catalog.View()
	kind := view.Role(pb.KindRole_KIND_ROLE_PROXY)
	if kind == nil {
		return nil, nil
	}
	spec, err := view.Plan().Find(kind.Algorithm)
	if err != nil {
		return nil, err
	}
	derived, err := view.Plan().Derive(a, spec)
	if err != nil || len(derived) == 0 {
		return nil, err
	}
	return derived[len(derived)-1], nil
}

// encodedFrames returns how many frames a run has stored, by the names of the pieces in the bucket.
func (g *Gateway) encodedFrames(ctx context.Context, r *pb.Run) (done int64) {
	if g.deps.Blobs == nil {
		return 0
	}
	for b, err := range g.deps.Blobs(ctx, fmt.Sprintf("runs/%s/%s/", r.GetAsset(), r.GetId())) {
		if err != nil {
			g.deps.Log.Warn("reading how far a proxy is", "asset", r.GetAsset(), "run", r.GetId(), "error", err)
			return done
		}
		done = max(done, proxy.EncodedUntil(b))
	}
	return done
}

// RequestProxy asks for the proxy of an asset.
//
//   - A proxy that is ready, wanted already or not needed is told, and not asked for again.
//   - Denied: the caller lacks the role of ProxyConfig.
//   - Exhausted: too many proxies wait.
func (g *Gateway) RequestProxy(ctx context.Context, caller *authz.Caller, asset string) (*pb.Proxy, error) {
	e, err := g.shown(ctx, caller, asset)
	if err != nil {
		return nil, err
	}
	p, run, err := g.proxyOf(ctx, e)
	if err != nil || run == nil {
		return p, err
	}
	switch p.GetState() {
	case pb.ProxyState_PROXY_STATE_NONE, pb.ProxyState_PROXY_STATE_FAILED, pb.ProxyState_PROXY_STATE_WAITING:
	default:
		return p, nil
	}
	if g.cfg.Proxies.Role != "" {
		if err := caller.Require(authz.Role(g.cfg.Proxies.Role)); err != nil {
			return nil, err
		}
	}
	if g.deps.Request == nil {
		return nil, errkind.New(errkind.Unavailable, "proxies are not made on request here")
	}
	fresh, err := g.reserveProxy(ctx, run)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := g.askForProxy(ctx, run); err != nil {
			g.proxies.forget(run.GetId())
			return nil, err
		}
	}
	p.State, p.Reason = pb.ProxyState_PROXY_STATE_WAITING, ""
	return p, nil
}

func (g *Gateway) askForProxy(ctx context.Context, run *pb.Run) error {
	if _, err := g.deps.Store.CreateRuns(ctx, run.GetAsset(), []*pb.Run{run}); err != nil {
		return fmt.Errorf("recording the request of a proxy: %w", err)
	}
	if err := g.deps.Request(ctx, run); err != nil {
		return fmt.Errorf("requesting a proxy: %w", err)
	}
	g.deps.Log.Info("requested a proxy", "asset", run.GetAsset(), "run", run.GetId())
	return nil
}

// reserveProxy takes a place for a run. fresh is false for a run that was asked for just now.
func (g *Gateway) reserveProxy(ctx context.Context, run *pb.Run) (fresh bool, err error) {
	s := g.proxies
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, there := s.asked[run.GetId()]; there && time.Since(was.at) < againAfter {
		return false, nil
	}
	for id, a := range s.asked {
		if known, err := runs.Lookup(ctx, g.deps.Store, a.asset, id); err != nil {
			return false, err
		} else if known == nil || runs.Ended(known) {
			delete(s.asked, id)
		}
	}
	if _, there := s.asked[run.GetId()]; !there && len(s.asked) >= g.cfg.Proxies.Waiting {
		return false, errkind.New(errkind.Exhausted, "%d proxies wait already; ask again when one of them is ready", len(s.asked))
	}
	s.asked[run.GetId()] = asked{run.GetAsset(), time.Now()}
	return true, nil
}

func (s *proxies) forget(run string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.asked, run)
}

// proxyFile returns the film of a run. The annotations of an active run never change.
func (g *Gateway) proxyFile(ctx context.Context, asset, run string) (*proxy.File, error) {
	if f, kept := g.proxies.files.Get(run); kept {
		return f, nil
	}
	list, err := g.allOf(ctx, asset, run)
	if err != nil {
		return nil, err
	}
	f, err := proxy.Read(list)
	if err != nil {
		return nil, err
	}
	g.proxies.files.Add(run, f)
	return f, nil
}

// allOf returns the annotations of a run.
func (g *Gateway) allOf(ctx context.Context, asset, run string) (list []*pb.Annotation, err error) {
	for a, err := range g.deps.Store.AnnotationsOf(ctx, asset, run, store.Span{}) {
		if err != nil {
			return nil, fmt.Errorf("reading run %s: %w", run, err)
		}
		list = append(list, a)
	}
	return list, nil
}

// ProxyFile returns the whole proxy of an asset, and the run. NotFound: there is none.
func (g *Gateway) ProxyFile(ctx context.Context, caller *authz.Caller, asset string) (*proxy.File, string, error) {
	run, err := g.madeOf(ctx, caller, asset, pb.KindRole_KIND_ROLE_PROXY, errNoProxy)
	if err != nil {
		return nil, "", err
	}
	f, err := g.proxyFile(ctx, asset, run)
	return f, run, err
}

// Sprites is the index of the sheets of an asset, as JSON.
type Sprites struct {
	Asset   string   `json:"asset"`
	Run     string   `json:"run"`
	Stride  int64    `json:"stride"`
	Width   int64    `json:"width"`
	Height  int64    `json:"height"`
	Columns int64    `json:"columns"`
	Rows    int64    `json:"rows"`
	Tiles   int64    `json:"tiles"`
	Sheets  []string `json:"sheets"`
}

// Sprites returns the index of the sheets of an asset. NotFound: there are none.
func (g *Gateway) Sprites(ctx context.Context, caller *authz.Caller, asset string) (*Sprites, error) {
	run, err := g.madeOf(ctx, caller, asset, pb.KindRole_KIND_ROLE_SPRITES, errNoSprites)
	if err != nil {
		return nil, err
	}
	list, err := g.allOf(ctx, asset, run)
	if err != nil {
		return nil, err
	}
	out := &Sprites{Asset: asset, Run: run, Columns: sprites.Columns, Rows: sprites.Rows, Sheets: []string{}}
	for _, a := range list {
		at := a.GetAttributes()
		out.Stride, out.Width, out.Height = at["stride"].GetInteger(), at["width"].GetInteger(), at["height"].GetInteger()
		out.Tiles += at["tiles"].GetInteger()
		out.Sheets = append(out.Sheets, fmt.Sprintf("/sprites/%s/%s/%d.jpg", asset, run, a.GetOrdinal()))
	}
	return out, nil
}

// Waveform returns the blob of the peaks of an asset, and the run. NotFound: there are none.
func (g *Gateway) Waveform(ctx context.Context, caller *authz.Caller, asset string) (*pb.MediaRef, string, error) {
	run, err := g.madeOf(ctx, caller, asset, pb.KindRole_KIND_ROLE_WAVEFORM, errNoWaveform)
	if err != nil {
		return nil, "", err
	}
	a, err := g.deps.Store.Annotation(ctx, asset, run, 0)
	if errkind.Is(err, errkind.NotFound) {
		return nil, "", errNoWaveform
	}
	return &pb.MediaRef{Bucket: a.GetAttributes()["bucket"].GetText(), Key: a.GetAttributes()["blob"].GetText()}, run, err
}
