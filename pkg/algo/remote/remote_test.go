package remote_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/algo/remote/remotetest"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// quick lets a worker be silent, or stand still, for a second.
func quick(c *remote.Config, _ *remote.Deps) { c.Silence, c.Stall = time.Second, time.Second }

// A worker comes, executes runs through a shared file, and is gone again.
func TestWorkerComesAndGoes(t *testing.T) {
	folder, shared := remotetest.Folder(t), t.TempDir()
	h := host(t, folder, func(c *remote.Config, _ *remote.Deps) { c.Shared = shared })
	if got := h.Algorithms(); len(got) != 0 {
		t.Fatalf("served without workers: %v", got)
	}
	w := remotetest.Start(t, folder, "good", "signs")
	a := served(t, h, "signs")
	if _, frames := a.(algo.FrameReader); !frames {
		t.Error("an algorithm that declares frames reads no frames")
	}
	in := newFilm(t, 300) // more frames than slots
	out, err := run(t, a, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.annotations) != 300 || len(out.embeddings) != 300 {
		t.Fatalf("written: %v", out)
	}
	for n, got := range out.annotations {
		label := "dark"
		if n%256 > 100 {
			label = "bright"
		}
		if got.GetLabel() != label || got.GetStart() != int64(in.clock.FrameStart(int64(n))) || got.GetEnd() != int64(in.clock.FrameStart(int64(n)+1)) {
			t.Fatalf("annotation %d is %v, want %s", n, got, label)
		}
		if of := out.embeddings[n].GetOf(); of != schema.ItemID(got.GetRun(), int64(n)) {
			t.Fatalf("embedding %d stands for %q", n, of)
		}
	}
	if left, err := os.ReadDir(shared); err != nil || len(left) > 0 {
		t.Errorf("left in the shared folder: %v %v", left, err)
	}
	w.Kill()
	until(t, h, "nothing is served", func() bool { return len(h.Algorithms()) == 0 })
	if _, err := run(t, a, in); !errors.Is(err, algo.ErrAway) || !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("a run without a worker: %v", err)
	}
	remotetest.Start(t, folder, "good", "signs")
	if _, err := run(t, served(t, h, "signs"), in); err != nil {
		t.Errorf("the worker came back: %v", err)
	}
}

// Each worker breaks the contract in a way of its own, in a process of its own. The run of the worker fails, and the error names the fault.
func TestHostileWorkers(t *testing.T) {
	cases := []struct {
		behaviour string
		kind      errkind.Kind
		says      string
		rests     bool // the version is withdrawn for a while
	}{
		{"hangs", errkind.Internal, "not been heard of for 1s", true},
		{"stands still", errkind.Internal, "neither read, nor written, nor made progress for 1s", true},
		{"crashes", errkind.Internal, "connection to the worker ended", true},
		{"disconnects", errkind.Internal, "connection to the worker ended", true},
		{"eats memory", errkind.Internal, "connection to the worker ended", true},
		{"gives up", errkind.Internal, "no GPU", true},
		{"is busy", errkind.Unavailable, "another run has the GPU", true},
		{"ends early", errkind.Internal, "without Done", true},
		{"is replaced", errkind.Internal, "changed during the run", true},
		{"truncates", errkind.Internal, "EOF", true},
		{"floods", errkind.Invalid, "floods the platform", false},
		{"floods heartbeats", errkind.Invalid, "floods the platform", false},
		{"large message", errkind.Invalid, "larger than 16 MiB", false},
		{"wrong dimension", errkind.Invalid, "a vector of 3 numbers, and the space wrong_dimension@1 has 4", false},
		{"not a number", errkind.Invalid, "number 0 of a vector of the space not_a_number@1 is not finite", false},
		{"wrong length", errkind.Invalid, "has length 3.0000", false},
		{"outside", errkind.Invalid, "outside the asset's", false},
		{"backwards", errkind.Invalid, "outside the asset's", false},
		{"no confidence", errkind.Invalid, "confidence: must be 0 to 1", false},
		{"undeclared kind", errkind.Invalid, `kind "shot", which the algorithm does not declare`, false},
		{"missing blob", errkind.Invalid, `names the blob "none"`, false},
		{"foreign slot", errkind.Invalid, "returns slot -7", false},
	}
	for _, c := range cases {
		t.Run(c.behaviour, func(t *testing.T) {
			t.Parallel()
			folder, name := remotetest.Folder(t), strings.ReplaceAll(c.behaviour, " ", "_")
			h := host(t, folder, quick, func(cfg *remote.Config, _ *remote.Deps) {
				if strings.HasPrefix(c.behaviour, "floods") {
					cfg.Silence, cfg.Stall = limit, limit // on a slow machine, too, the flood is the fault
				}
			})
			remotetest.Start(t, folder, c.behaviour, name)
			_, err := run(t, served(t, h, name), newFilm(t, 300))
			if !errkind.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "worker unix:") {
				t.Fatalf("the run ended with %v (%s), want %s: …%s…", err, errkind.Of(err), c.kind, c.says)
			}
			if c.kind == errkind.Unavailable != errors.Is(err, algo.ErrAway) {
				t.Errorf("waits: %v", err)
			}
			if now := len(h.Algorithms()); c.rests == (now > 0) && c.behaviour != "is replaced" {
				t.Errorf("%d algorithms are served after the fault", now)
			}
		})
	}
}

// A worker that starts slowly is served once the worker answers.
func TestSlowStart(t *testing.T) {
	folder := remotetest.Folder(t)
	h := host(t, folder)
	remotetest.Start(t, folder, "slow start", "slow")
	if _, err := run(t, served(t, h, "slow"), newFilm(t, 10)); err != nil {
		t.Error(err)
	}
}

// A worker that changes its declaration while it runs is refused as a whole.
func TestDeclarationChanges(t *testing.T) {
	folder := remotetest.Folder(t)
	h := host(t, folder)
	remotetest.Start(t, folder, "changes its declaration", "chameleon")
	a := served(t, h, "chameleon")
	until(t, h, "the worker is refused", func() bool { return len(h.Algorithms()) == 0 })
	if _, err := run(t, a, newFilm(t, 10)); !errors.Is(err, algo.ErrAway) {
		t.Errorf("a run of a refused worker: %v", err)
	}
}

// A version with other code than before is refused, as long as the number of the version is the same.
func TestSameVersionOtherDigest(t *testing.T) {
	folder := remotetest.Folder(t)
	h := host(t, folder)
	first := remotetest.Start(t, folder, "good", "signs")
	served(t, h, "signs")
	first.Kill()
	until(t, h, "nothing is served", func() bool { return len(h.Algorithms()) == 0 })
	remotetest.Start(t, folder, "other code", "signs")
	other := remotetest.Start(t, folder, "good", "other")
	served(t, h, "other")
	until(t, h, "the second worker was asked", func() bool {
		_, err := os.Stat(filepath.Join(folder, "signs.sock"))
		return err == nil
	})
	for range 5 {
		if got := h.Algorithms(); len(got) != 1 || got[0].Spec().GetName() != "other" {
			t.Fatalf("served are %v", got)
		}
		<-time.After(100 * time.Millisecond) // the refusal must hold over several looks
	}
	other.Kill()
}

// Other input than frames comes in order, each source by itself, within its window.
func TestSources(t *testing.T) {
	folder := remotetest.Folder(t)
	h := host(t, folder)
	remotetest.Start(t, folder, "reads all", "reader")
	in := newFilm(t, 40)
	in.needs = map[string][]*pb.Annotation{"shot": {}}
	for i := range 20_000 {
		in.needs["shot"] = append(in.needs["shot"], &pb.Annotation{Kind: "shot", Ordinal: int64(i), Start: int64(i), End: int64(i) + 1})
	}
	in.asset.Audio = []*pb.AudioTrack{{Index: 1, Channels: 2, SampleRate: 48000}}
	for i := range 30 {
		in.sound = append(in.sound, algo.Samples{First: int64(i) * 16000, Rate: 16000, Channels: 1, Data: make([]int16, 16000)})
		in.sound[i].Data[0] = int16(i)
	}
	out, err := run(t, served(t, h, "reader"), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.annotations) != 1 || out.annotations[0].GetLabel() != "40 frames, 30 blocks of sound, 20000 shots" {
		t.Errorf("read: %v", out.annotations)
	}
	if string(out.blobs["read.txt"]) != "all" || out.annotations[0].GetAttributes()["blob"].GetText() != "runs/read.txt" {
		t.Errorf("blobs: %v, %v", out.blobs, out.annotations[0])
	}
}

// The end of a context ends a run at once, whatever the worker does.
func TestCancelled(t *testing.T) {
	folder := remotetest.Folder(t)
	h := host(t, folder)
	remotetest.Start(t, folder, "hangs", "sleeper")
	a := served(t, h, "sleeper")
	why := errors.New("the lease was lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	out := &kept{}
	ended := make(chan error, 1)
	go func() { ended <- a.Annotate(ctx, newFilm(t, 300), stopping{out, func() { cancel(why) }}) }()
	select {
	case err := <-ended:
		if !errors.Is(err, why) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(limit):
		t.Fatal("the run goes on")
	}
}

// stopping is an output that calls stop at the first annotation.
type stopping struct {
	*kept
	stop func()
}

func (s stopping) Annotation(ctx context.Context, a *pb.Annotation) (string, error) {
	defer s.stop()
	return s.kept.Annotation(ctx, a)
}

// A worker encodes for the algorithms that the process admits.
func TestEncode(t *testing.T) {
	folder := remotetest.Folder(t)
	refuse := errkind.New(errkind.Conflict, "the catalogue has another algorithm")
	h := host(t, folder, func(_ *remote.Config, d *remote.Deps) {
		d.Admit = func(a *pb.WorkerAlgorithm) error {
			if a.GetAlgorithm().GetName() == "thief" {
				return refuse
			}
			return nil
		}
	})
	if _, err := h.Encoder("signs@1", encode.Words); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("without a worker: %v", err)
	}
	w := remotetest.Start(t, folder, "good", "signs")
	remotetest.Start(t, folder, "good", "thief")
	remotetest.Start(t, folder, "wrong encoder", "liar")
	for _, name := range []string{"signs", "thief", "liar"} {
		served(t, h, name)
	}
	e, err := h.Encoder("signs@1", encode.Words)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := e.Encode(t.Context(), encode.Input{Kind: encode.Words, Words: "no entry"}); err != nil || len(v) != remotetest.Dimension || v[2] != 1 {
		t.Errorf("encoded: %v %v", v, err)
	}
	if _, err := e.Encode(t.Context(), encode.Input{Kind: encode.Words}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("no words: %v", err)
	}
	if _, err := h.Encoder("signs@1", encode.Sound); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a kind that the space does not take: %v", err)
	}
	if _, err := h.Encoder("thief@1", encode.Words); !errkind.Is(err, errkind.Unavailable) || !errors.Is(err, refuse) {
		t.Errorf("an algorithm that is not admitted: %v", err)
	}
	liar, err := h.Encoder("liar@1", encode.Words)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := liar.Encode(t.Context(), encode.Input{Kind: encode.Words, Words: "x"}); !errkind.Is(err, errkind.Internal) || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("a vector that is no vector: %v", err)
	}
	w.Kill()
	if _, err := e.Encode(t.Context(), encode.Input{Kind: encode.Words, Words: "x"}); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("the worker was killed: %v", err)
	}
}

// Begin holds as many runs as the workers execute at once.
func TestRoom(t *testing.T) {
	folder := remotetest.Folder(t)
	h := host(t, folder)
	remotetest.Start(t, folder, "good", "signs")
	a := served(t, h, "signs").(algo.Limited)
	var ends []func()
	for range 2 {
		end, err := a.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	third := make(chan error, 1)
	go func() {
		end, err := a.Begin(t.Context())
		if err == nil {
			end()
		}
		third <- err
	}()
	select {
	case err := <-third:
		t.Fatalf("a third run has room: %v", err)
	case <-time.After(50 * time.Millisecond): // a run without room waits for ever
	}
	ends[0]()
	if err := <-third; err != nil {
		t.Error(err)
	}
	ends[1]()
}

func TestConfig(t *testing.T) {
	for says, change := range map[string]func(*remote.Config){
		"addresses":     func(c *remote.Config) { c.Addresses = []string{"gpu.example.org:7000"} },
		"not host:port": func(c *remote.Config) { c.Addresses = []string{"gpu"} },
		"silence":       func(c *remote.Config) { c.Silence = 0 },
		"tls.cert_file": func(c *remote.Config) { c.TLS.Enabled, c.TLS.KeyFile = true, "key.pem" },
		"tls.enabled":   func(c *remote.Config) { c.Addresses = []string{"192.0.2.1:1"} },
	} {
		c := remote.Default()
		change(&c)
		if _, err := remote.New(c, remote.Deps{Registerer: prometheus.NewRegistry()}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
