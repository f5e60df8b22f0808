package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func newAlgorithmTest(o *output) *cobra.Command {
	var s script
	var clip, address string
	c := &cobra.Command{
		Use:   "test [FILE]",
		Short: "Run the test of an algorithm, and check the contract of algorithms over a short film",
		Long: `Runs the test beside the file (test_FILE), if there is such a test. Then executes each algorithm of the file
several times over a short film, as the platform might, and says in words which rule the algorithm breaks.
--address tests a worker that runs already, in any language.`,
		Example: "  cinedex algorithm test brightness.py\n  cinedex algorithm test brightness.py --clip film.mp4\n  cinedex algorithm test --address 127.0.0.1:7000",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if (len(a) == 1) == (address != "") {
				return usage(cmd, fmt.Errorf("a FILE or --address is needed"))
			}
			if len(a) == 1 {
				s.file = a[0]
				if err := s.check(); err != nil {
					return err
				}
				if err := ownTest(cmd.Context(), o, s); err != nil {
					return err
				}
			}
			return contract(cmd.Context(), o, s, address, clip)
		},
	}
	s.flags(c)
	c.Flags().StringVar(&clip, "clip", "", "a film of some seconds (default: a film that is made for the check)")
	c.Flags().StringVar(&address, "address", "", "the host:port of a worker that runs already")
	return c
}

// ownTest runs the test beside the file.
func ownTest(ctx context.Context, o *output, s script) error {
	test := testOf(s.file)
	if _, err := os.Stat(test); err != nil {
		o.note("there is no %s", test)
		return nil
	}
	name := strings.TrimSuffix(filepath.Base(test), ".py")
	cmd := exec.CommandContext(ctx, s.interpreter(), "-m", "unittest", name)
	cmd.Dir = filepath.Dir(test)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p := &process{told: &tailWriter{kept: out}, err: err}
		if strings.Contains(string(out), "No module named 'cinedex'") {
			p.told.kept = []byte("No module named cinedex")
			return p.failure(s)
		}
		return errkind.New(errkind.Invalid, "%s fails:\n%s", test, strings.TrimSpace(string(out)))
	}
	o.printf("%s passes\n", test)
	return nil
}

// contract checks the algorithms of a worker against the contract.
func contract(ctx context.Context, o *output, s script, address, film string) error {
	w, err := serveAlone(ctx, s, address, o.err)
	if err != nil {
		return err
	}
	defer w.close()
	dir, err := os.MkdirTemp("", "cinedex-clip-")
	if err != nil {
		return fmt.Errorf("making a folder for the clip: %w", err)
	}
	defer os.RemoveAll(dir)
	clip, err := testClip(ctx, dir, film)
	if err != nil {
		return err
	}
	cache, err := model.OpenCache("")
	if err != nil {
		return err
	}
	models := builtin.Open(cache, 0)
	defer models.Close()
	reg, err := withOthers(models, w.algorithms)
	if err != nil {
		return err
	}
	found := 0
	for _, a := range w.algorithms {
		n, err := judgeAlgorithm(ctx, o, reg, models, a, clip)
		if err != nil {
			return err
		}
		found += n
	}
	if found > 0 {
		return errkind.New(errkind.Invalid, "%s of the contract %s broken", countOf(found, "rule"), isAre(found))
	}
	return nil
}

// withOthers is the registry of the platform's own algorithms and of a worker's.
func withOthers(models *builtin.Models, more []algo.Algorithm) (*algo.Registry, error) {
	own, err := models.Algorithms()
	if err != nil {
		return nil, err
	}
	return algo.NewRegistry(append(own.All(), more...)...)
}

// judgeAlgorithm checks one algorithm, and prints the findings.
func judgeAlgorithm(ctx context.Context, o *output, reg *algo.Registry, models *builtin.Models, a algo.Algorithm, clip *algotest.Clip) (int, error) {
	id := catalog.ID(a.Spec())
	known, err := catalog.New(models.Declarations()...)
	if err != nil {
		return 0, err
	}
	if err := known.Check(&pb.AlgorithmAnnounced{Algorithm: a.Spec()}); err != nil {
		o.printf("%s: declaration: %v\n", id, err)
		return 1, nil
	}
	findings, err := algotest.Check(ctx, reg, a.Spec().GetName(), clip)
	if err != nil {
		return 0, err
	}
	for _, f := range findings {
		o.printf("%s: %s\n", id, f)
		if advice := advices[f.Rule]; advice != "" {
			o.printf("    %s\n", advice)
		}
	}
	if len(findings) == 0 {
		r, err := algotest.Run(ctx, reg, a.Spec().GetName(), clip)
		if err != nil {
			return 0, err
		}
		o.printf("%s keeps the contract: %s and %s over %s of film\n", id, countOf(len(r.Annotations), "annotation"), countOf(len(r.Embeddings), "embedding"),
			schema.Time(clip.Asset.GetDuration()))
	}
	return len(findings), nil
}

// advices say what an author does about a broken rule.
var advices = map[string]string{
	"kinds":      "declare the kind in @algorithm(…, kinds=[…]), or write a declared kind",
	"intervals":  "times are flicks from the first frame; an interval ends after its start, and inside the film: frame.start, frame.end, cinedex.seconds(1.5)",
	"vectors":    "a vector has the dimension of its space, finite numbers, and the length 1 in a space of metric cosine: v / np.linalg.norm(v)",
	"same twice": "the same film must give the same output in the same order: seed random numbers, and sort the contents of sets",
	"same late":  "the output of other algorithms may come late: read frames and annotations together by run.by_shot, or read the frames first",
	"cancels":    "let cinedex.Cancelled pass, and look at run.cancelled in long loops",
	"memory":     "keep little of a frame: a number or a small vector instead of frame.copy()",
}

func countOf(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// testClip opens a film, or a film that is made for the check: two scenes, a dissolve, subtitles, and a tone if a voice is missing.
func testClip(ctx context.Context, dir, film string) (*algotest.Clip, error) {
	reader, ffmpeg, err := filmReader()
	if err != nil {
		return nil, err
	}
	if film == "" {
		made := mediatest.Film{Name: "clip", Width: 320, Height: 180, Rate: schema.Rate{Num: 24000, Den: 1001},
			Scenes: []mediatest.Scene{{Frames: 50, Seed: 3}, {Frames: 40, Seed: 13}, {Frames: 60, Seed: 22, Begin: mediatest.Dissolve, Over: 16}},
			Texts: []mediatest.Text{{Language: "en", Format: "srt", Inside: true, Lines: []mediatest.Line{
				{Start: 5, End: 45, Text: "The harbour is empty this morning."}, {Start: 60, End: 110, Text: "Nobody sails before the storm."}}}},
			Speak: "en",
		}
		espeak, _ := exec.LookPath("espeak-ng") // without a voice the clip is silent
		truth, err := made.Write(ctx, dir, mediatest.Tools{FFmpeg: ffmpeg, ESpeak: espeak})
		if err != nil {
			return nil, err
		}
		film = truth.Path
	}
	return algotest.OpenClip(ctx, reader, film)
}

// filmReader reads films with the programs of the cache or of the system.
func filmReader() (*media.Reader, string, error) {
	cache, err := model.OpenCache("")
	if err != nil {
		return nil, "", err
	}
	var tools media.Tools
	for name, path := range map[string]*string{"ffmpeg": &tools.FFmpeg, "ffprobe": &tools.FFprobe} {
		if *path, err = cache.Tool(name); err != nil {
			return nil, "", err
		}
	}
	r, err := media.NewReader(media.Default(), tools, quietLog)
	return r, tools.FFmpeg, err
}
