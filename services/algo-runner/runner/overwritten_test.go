package runner_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// other is a film of as many frames as small, of which every picture is another.
func other() mediatest.Film {
	film := small
	film.Name, film.Scenes, film.Texts = "other", []mediatest.Scene{{Frames: 120, Seed: 99}}, nil
	return film
}

func overwrite(t *testing.T, path string, film []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err == nil {
		_, err = f.Write(film)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

// A run that begins late decodes the film that arrived, or nothing.
func TestFilmOverwrittenBeforeItsRun(t *testing.T) {
	w := newWorld(t)
	steady := watching{&fake{spec: spec("steady", video), annotate: tally("steady")}}
	asset, truth := w.film(small)
	_, others := w.film(other())
	overwrite(t, truth.Path, must[[]byte](t)(os.ReadFile(others.Path)))
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(steady)))
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "steady"))
	r := w.runs("")["steady"]
	if r.GetState() != pb.RunState_RUN_STATE_FAILED || r.GetErrorKind() != "conflict" || !strings.Contains(r.GetError(), "not those that arrived") {
		t.Errorf("the run ended as %v", r)
	}
	if strings.Contains(r.GetError(), w.dir) {
		t.Errorf("the run's error tells where the film lies: %s", r.GetError())
	}
	if n := len(w.annotations(r)); n > 0 {
		t.Errorf("the run wrote %d annotations of another film", n)
	}
}

// A run whose film is overwritten during the decoding does not finish. Where the film was restored meanwhile, the run is executed again. Otherwise
// the run fails with the reason.
func TestFilmOverwrittenWhileDecoded(t *testing.T) {
	for name, restored := range map[string]bool{"restored": true, "left": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			asset, truth := w.film(small)
			_, others := w.film(other())
			before, after := must[[]byte](t)(os.ReadFile(truth.Path)), must[[]byte](t)(os.ReadFile(others.Path))
			var once sync.Once
			watched := watching{&fake{spec: spec("watched", video)}}
			watched.annotate = func(ctx context.Context, in algo.Input, out algo.Output) error {
				for f, err := range in.Frames(ctx) {
					if err != nil {
						return err
					}
					if f.N == 20 {
						once.Do(func() {
							overwrite(t, truth.Path, after)
							if restored {
								overwrite(t, truth.Path, before)
							}
						})
					}
					if err := note(ctx, in, out, "watched", f.N); err != nil {
						return err
					}
				}
				return nil
			}
			w.serve(must[*algo.Registry](t)(algo.NewRegistry(watched)))
			w.arrive(asset)
			w.until("ended", time.Minute, w.ended(asset, "watched"))
			r := w.runs("")["watched"]
			if restored && (r.GetState() != pb.RunState_RUN_STATE_FINISHED || r.GetEpoch() != 2 || r.GetAnnotations() != truth.Frames()) {
				t.Errorf("the run ended as %v", r)
			}
			if !restored && (r.GetState() != pb.RunState_RUN_STATE_FAILED || r.GetErrorKind() != "conflict" || !strings.Contains(r.GetError(), "not those that arrived")) {
				t.Errorf("the run ended as %v", r)
			}
		})
	}
}

// A run that hears a film which is overwritten meanwhile does not finish.
func TestFilmOverwrittenWhileHeard(t *testing.T) {
	w := newWorld(t)
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		modeltest.Lacking(t, err)
	}
	asset, truth := w.film(spokenFilm)
	_, others := w.film(other())
	after := must[[]byte](t)(os.ReadFile(others.Path))
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(&fake{spec: listening("heard", 16000), annotate: hears("heard", func(block int) {
		if block == 1 {
			overwrite(t, truth.Path, after)
		}
	})})))
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "heard"))
	r := w.runs("")["heard"]
	if r.GetState() != pb.RunState_RUN_STATE_FAILED || r.GetErrorKind() != "conflict" || !strings.Contains(r.GetError(), "not those that arrived") {
		t.Errorf("the run ended as %v", r)
	}
}
