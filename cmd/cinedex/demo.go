package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/demofilm"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The titles of the demo, under the names in the searches and the documents.
const (
	demoHarbour   = "the-harbour"
	demoBunny     = "big-buck-bunny"
	demoElephants = "elephants-dream"
)

func newDemo(o *output, h *home) *cobra.Command {
	var full, once bool
	var address, file string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Fetch models and media, ingest made films and a real film, and search the films",
		Long: `Fetches models and media (once, into the cache), ingests the first minutes of Big Buck Bunny and
the subtitle tracks of Elephants Dream, draws a film of two minutes in which six people speak five
languages, ingests the film, searches all films in three ways, and serves until stopped.`,
		Example: "  cinedex demo\n  cinedex demo --once      # ends after the searches\n  cinedex demo --full      # the whole of Big Buck Bunny",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), o, h, file, address, full, once)
		},
	}
	c.Flags().BoolVar(&full, "full", os.Getenv("FULL") == "1", "ingest the whole of Big Buck Bunny (FULL=1)")
	c.Flags().BoolVar(&once, "once", os.Getenv("ONCE") == "1", "end after the searches (ONCE=1)")
	c.Flags().StringVar(&file, "config", "", "YAML file, see config/up.yaml; config/production.yaml is for the servers of make servers")
	c.Flags().StringVar(&address, "address", "127.0.0.1:8080", "address of the page and the API; port 0 takes a free port")
	return c
}

func demo(ctx context.Context, o *output, h *home, file, address string, full, once bool) error {
	cache, err := model.OpenCache("")
	if err != nil {
		return err
	}
	if err := fetchModels(ctx, o, cache, model.Core, model.Demo); err != nil {
		return err
	}
	began := time.Now()
	if err := platform.MakePrivate(h.dir); err != nil {
		return fmt.Errorf("opening the home folder: %w", err)
	}
	films, err := openFilms(o, cache, filepath.Join(h.dir, "films"), full)
	if err != nil {
		return err
	}
	arrivals, err := films.quick(ctx)
	if err != nil {
		return err
	}
	cfg, err := demoConfig(h.dir, file, address, films.dir, cache.Dir())
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(h.dir, "demo.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer log.Close()
	u, err := start(ctx, log, h, cfg)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- u.serve(serving) }()
	finish := func(err error) error {
		stop()
		return errors.Join(err, <-ended)
	}
	if err := u.show(serving, films, arrivals, began); err != nil {
		return finish(err)
	}
	if once {
		return finish(nil)
	}
	o.note("\nSearch in the browser:  %s\nor in another terminal: cinedex --home %s search 'we have to go'\nStop with Ctrl-C. The services' log is %s", u.pageURL(), h.dir, log.Name())
	select {
	case <-ctx.Done():
		return finish(nil)
	case err := <-ended:
		return err
	}
}

// demoConfig returns the configuration of the demo, whose media lie in the folders media.
func demoConfig(home, file, address string, media ...string) (cfg upConfig, err error) {
	cfg = defaultUp(home)
	cfg.Telemetry.LogLevel = "warn"
	if err := config.Load(&cfg, file, nil); err != nil {
		return cfg, err
	}
	cfg.Address = address
	if strings.HasSuffix(address, ":0") {
		cfg.Broker.Port, cfg.Telemetry.AdminAddress = 0, ""
	}
	cfg.Blobs.Roots, err = roots(media...)
	return cfg, err
}

func roots(dirs ...string) ([]string, error) {
	var out []string
	for _, d := range dirs {
		abs, err := filepath.Abs(d)
		if err != nil {
			return nil, err
		}
		// Resolving media follows links, so the roots are given with links resolved.
		if abs, err = filepath.EvalSymlinks(abs); err != nil {
			return nil, err
		}
		out = append(out, abs)
	}
	return out, nil
}

// show ingests, times the first hit, makes and ingests the film that takes longer, waits, and searches in three ways.
func (u *running) show(ctx context.Context, films *demoFilms, arrivals []*pb.MediaArrived, began time.Time) error {
	o, server := films.o, u.api.RPC
	e := endpoint{Server: u.server(), Token: u.token}
	var evs []awaited
	ingest := func(m *pb.MediaArrived) error {
		id, err := send(ctx, e, m)
		if err != nil {
			return fmt.Errorf("ingesting %s: %w", m.GetTitle().GetName(), err)
		}
		evs = append(evs, awaited{id, m.GetTitle().GetId()})
		return nil
	}
	for _, m := range arrivals {
		if err := ingest(m); err != nil {
			return err
		}
	}
	caller := authz.NewCaller("demo", []string{"*"})
	ask := func(req *pb.SearchRequest) (*pb.SearchResponse, error) {
		return u.gateway.Search(ctx, caller, req)
	}
	if err := firstHit(ctx, o, ask, began); err != nil {
		return err
	}
	harbour, err := films.harbour(ctx)
	if err != nil {
		return err
	}
	if err := ingest(harbour); err != nil {
		return err
	}
	if err := waitFor(rpc.WithCaller(ctx, caller), o, evs, server.GetStatus, u.Events); err != nil {
		return err
	}
	o.note("all watched %.0f s after the downloads", time.Since(began).Seconds())

	still, err := u.still(ctx)
	if err != nil {
		return err
	}
	return u.examples(o, ask, still)
}

// firstHit waits until a search finds the first title, and notes the time since began.
func firstHit(ctx context.Context, o *output, ask askFunc, began time.Time) error {
	// The first hit comes as soon as the first title's words are indexed, long before the pictures.
	for first := time.NewTicker(100 * time.Millisecond); ; {
		r, err := ask(&pb.SearchRequest{Q: "dialogue:machine", Limit: 1})
		if err != nil {
			return err
		}
		if len(r.GetHits()) > 0 {
			first.Stop()
			o.note("first hit %.1f s after the downloads: %s at %s", time.Since(began).Seconds(), r.GetHits()[0].GetTitleName(), r.GetHits()[0].GetStartTimecode())
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-first.C:
		}
	}
}

// askFunc asks the platform of the demo.
type askFunc func(*pb.SearchRequest) (*pb.SearchResponse, error)

// examples runs and prints the demo's three searches. still is the picture of the third search.
func (u *running) examples(o *output, ask askFunc, still []byte) error {
	for _, ex := range []struct {
		title, typed string
		req          *pb.SearchRequest
	}{
		{"What is said: an English question, answered in every language that it was said in", `cinedex search 'dialogue:"the machine is like a clockwork"'`,
			&pb.SearchRequest{Q: `dialogue:"the machine is like a clockwork"`, Limit: 3}},
		{"What is seen, in plain words", `cinedex search 'look:flowers title:big-buck-bunny'`,
			&pb.SearchRequest{Q: `look:flowers title:big-buck-bunny`, Limit: 3}},
		{"Shots like a picture: a frame of Big Buck Bunny, made smaller and darker", "cinedex search --image " + filepath.Join(u.home.dir, "still.jpg"),
			&pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: leafOf(builtinLeaves(), pb.LeafShape_LEAF_SHAPE_PICTURE), Image: still}), Limit: 3}},
	} {
		r, err := ask(ex.req)
		if err != nil {
			return fmt.Errorf("searching: %w", err)
		}
		if o.json {
			if err := o.answer(r, u.server()); err != nil {
				return err
			}
			continue
		}
		o.printf("\n%s\n  $ %s\n", ex.title, ex.typed)
		printAnswer(o, r)
		if len(r.GetHits()) == 0 {
			return fmt.Errorf("the example search found nothing: %s", ex.typed)
		}
	}
	return nil
}

// still makes the demo's picture: a frame of the film at a third of its size, and darker.
func (u *running) still(ctx context.Context) ([]byte, error) {
	for a, err := range u.Store.AllAssets(ctx) {
		if err != nil {
			return nil, err
		}
		if a.GetTitle().GetId() != demoBunny {
			continue
		}
		film, err := u.Blobs.OpenAsset(ctx, a)
		if err != nil {
			return nil, err
		}
		defer film.Close()
		clock, err := schema.ClockOf(a.GetVideo(), nil)
		if err != nil {
			return nil, err
		}
		p, err := u.Reader.FrameAt(ctx, media.Source{Path: film.Path(), Video: a.GetVideo(), Clock: clock}, clock.FrameAt(75*schema.Second), media.FrameSpec{Width: 400, Height: 225, Fit: media.Keep})
		if err != nil {
			return nil, err
		}
		img := p.Image()
		for i := range img.Pix {
			if i%4 != 3 {
				img.Pix[i] = uint8(int(img.Pix[i]) * 3 / 4)
			}
		}
		name := filepath.Join(u.home.dir, "still.jpg")
		if err := writeJPEG(name, img); err != nil {
			return nil, err
		}
		return os.ReadFile(name)
	}
	return nil, fmt.Errorf("making the demo's picture: %s is not in the library", demoBunny)
}

func writeJPEG(name string, img image.Image) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(jpeg.Encode(f, img, &jpeg.Options{Quality: 70}), f.Close())
}

// demoFilms are the media of the demo, made in a folder where they are missing.
type demoFilms struct {
	o           *output
	cache       model.Cache
	ffmpeg, dir string
	full        bool // the whole of Big Buck Bunny
}

func openFilms(o *output, cache model.Cache, dir string, full bool) (*demoFilms, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of films: %w", err)
	}
	ffmpeg, err := cache.Tool("ffmpeg")
	return &demoFilms{o, cache, ffmpeg, dir, full}, err
}

// quick makes the media that take seconds, and returns the events of their arrival.
func (f *demoFilms) quick(ctx context.Context) ([]*pb.MediaArrived, error) {
	elephants, err := f.elephants(ctx)
	if err != nil {
		return nil, err
	}
	bunny, err := f.bunny(ctx)
	return []*pb.MediaArrived{elephants, bunny}, err
}

// harbour draws the film of two minutes, once for a folder.
func (f *demoFilms) harbour(ctx context.Context) (*pb.MediaArrived, error) {
	folder := filepath.Join(f.dir, demoHarbour+"-2") // another number for other pictures
	if _, err := os.Stat(demofilm.Path(folder)); err != nil {
		espeak, _ := exec.LookPath("espeak-ng")
		if espeak == "" {
			f.o.note("espeak-ng is not installed: nobody speaks in The Harbour, its subtitles are the same")
		}
		began := time.Now()
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
		if err := demofilm.Write(ctx, folder, demofilm.Tools{FFmpeg: f.ffmpeg, ESpeak: espeak}); err != nil {
			return nil, fmt.Errorf("making the demo's film: %w", err)
		}
		f.o.note("The Harbour drawn in %.0f s", time.Since(began).Seconds())
	}
	return harbourIn(folder)
}

// harbourIn is the arrival of the film in a folder.
func harbourIn(folder string) (*pb.MediaArrived, error) {
	m := &pb.MediaArrived{Title: &pb.Title{Id: demoHarbour, Name: demofilm.Title, OriginalLanguage: "en", Credit: "The Harbour: drawn by Cinedex"}}
	var err error
	if m.Url, err = mediaURL(demofilm.Path(folder)); err != nil {
		return nil, err
	}
	for _, lang := range demofilm.Languages {
		if slices.Contains(demofilm.Inside, lang) {
			continue
		}
		u, err := mediaURL(demofilm.SideCar(folder, lang))
		if err != nil {
			return nil, err
		}
		m.Text = append(m.Text, &pb.SideCar{Url: u, Language: lang})
	}
	return m, nil
}

// bunny takes the first three minutes of the film without decoding.
func (f *demoFilms) bunny(ctx context.Context) (*pb.MediaArrived, error) {
	whole, err := f.cache.Require("big-buck-bunny")
	if err != nil {
		return nil, err
	}
	a, err := model.Find("big-buck-bunny")
	if err != nil {
		return nil, err
	}
	m := &pb.MediaArrived{Title: &pb.Title{Id: demoBunny, Name: "Big Buck Bunny", Credit: a.Credit}}
	if !f.full {
		part := filepath.Join(f.dir, "big-buck-bunny-3min.mp4")
		if err := ffmpegOnce(ctx, f.ffmpeg, part, "-i", "file:"+whole, "-t", "180", "-c", "copy", "-map_metadata", "-1", "-fflags", "+bitexact"); err != nil {
			return nil, fmt.Errorf("cutting the first minutes of Big Buck Bunny: %w", err)
		}
		whole = part
	}
	m.Url, err = mediaURL(whole)
	return m, err
}

// elephants makes a stand-in for the pictures, because no package has the film. The subtitles are the real subtitles. The stand-in has few
// frames a second, because the pictures show nothing of the film.
func (f *demoFilms) elephants(ctx context.Context) (*pb.MediaArrived, error) {
	f.o.note("Elephants Dream: the film itself is in no package; its five subtitle tracks lie over a drawn clockwork of its length")
	stand := filepath.Join(f.dir, "elephants-dream-clockwork.mp4")
	if _, err := os.Stat(stand); err != nil {
		if err := demofilm.WriteStandIn(ctx, f.ffmpeg, stand, 654); err != nil {
			return nil, fmt.Errorf("making the stand-in for Elephants Dream: %w", err)
		}
	}
	m := &pb.MediaArrived{Title: &pb.Title{Id: demoElephants, Name: "Elephants Dream (stand-in pictures)", OriginalLanguage: "en"}}
	var err error
	if m.Url, err = mediaURL(stand); err != nil {
		return nil, err
	}
	for _, lang := range []string{"ar", "en", "ja", "ru", "sv"} {
		id := "elephants-dream-" + lang
		path, err := f.cache.Require(id)
		if err != nil {
			return nil, err
		}
		a, err := model.Find(id)
		if err != nil {
			return nil, err
		}
		m.Title.Credit = a.Credit
		u, err := mediaURL(path)
		if err != nil {
			return nil, err
		}
		m.Text = append(m.Text, &pb.SideCar{Url: u, Language: lang})
	}
	return m, nil
}

// ffmpegOnce makes a file unless the file exists. An incomplete file never has the final name.
func ffmpegOnce(ctx context.Context, ffmpeg, out string, args ...string) error {
	if _, err := os.Stat(out); err == nil {
		return nil
	}
	part := strings.TrimSuffix(out, filepath.Ext(out)) + ".part" + filepath.Ext(out)
	cmd := exec.CommandContext(ctx, ffmpeg, append(append([]string{"-v", "error", "-nostdin", "-y"}, args...), "file:"+part)...)
	var said strings.Builder
	cmd.Stderr = &said
	cmd.Stdout = io.Discard
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return os.Rename(part, out)
}
