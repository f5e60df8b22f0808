package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

var quiet = slog.New(slog.DiscardHandler)

func clientOf(t *testing.T, b *Broker) *events.Client {
	t.Helper()
	cfg := events.Default()
	cfg.Brokers = []string{b.Addr()}
	c, err := events.New(cfg, events.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

const eventsOfHome = 40

// homeOf is the folder of a broker with some events. Each event is a record batch, and a group has read all events.
func homeOf(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	b, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, b)
	for i := range eventsOfHome {
		if err := c.Publish(t.Context(), events.RunsFinished, events.Event{Subject: fmt.Sprint("asset", i%5),
			Data: &cinedexv1.RunFinished{Run: &cinedexv1.Run{Id: strings.Repeat("r", 1+i%40), Annotations: int64(i)}}}); err != nil {
			t.Fatal(err)
		}
	}
	read(t, c, eventsOfHome)
	if err := errors.Join(c.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// read has a group read so many events.
func read(t *testing.T, c *events.Client, n int) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	got := make(chan struct{}, 1000)
	go func() {
		for range n {
			<-got
		}
		stop()
	}()
	if err := c.Subscribe(ctx, events.Subscription{Group: "group", Topics: []events.Topic{events.RunsFinished}}, func(_ context.Context, batch []events.Delivery) error {
		for range batch {
			got <- struct{}{}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "log")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// offsetsIn returns the offsets of the records in the segments of a folder, as partition/offset.
func offsetsIn(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for p := range 2 {
		name := folder(string(events.RunsFinished), int32(p))
		segments, err := segmentsOf(filepath.Join(dir, "partitions", name))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range segments {
			raw, err := os.ReadFile(filepath.Join(dir, segmentPath(name, s.base)))
			if err != nil {
				t.Fatal(err)
			}
			good, flaws, _ := scan(raw, s.base)
			if len(flaws) > 0 {
				t.Errorf("%s has flaws left: %+v", name, flaws)
			}
			for _, b := range good {
				for i := range int64(b.records) {
					all = append(all, fmt.Sprintf("%d/%d", p, b.first+i))
				}
			}
		}
	}
	return all
}

// TestDamage flips and cuts the files of a log. Each change is harmless or reported, and every absent record after the
// repair is named.
func TestDamage(t *testing.T) {
	home := homeOf(t)
	want := offsetsIn(t, home)
	if len(want) != eventsOfHome {
		t.Fatalf("%d records, want %d", len(want), eventsOfHome)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var files []string
	if err := fs.WalkDir(os.DirFS(home), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "LOCK" {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	told, harmless := 0, 0
	for _, file := range files {
		whole, err := os.ReadFile(filepath.Join(home, file))
		if err != nil {
			t.Fatal(err)
		}
		rounds := 2
		if strings.Contains(file, "runs.finished") && strings.HasSuffix(file, ".dat") {
			rounds = 25
		}
		for range rounds {
			if len(whole) == 0 {
				continue
			}
			damaged, how := damage(whole, random)
			dir := copyOf(t, home)
			if err := os.WriteFile(filepath.Join(dir, file), damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			err := prepare(dir, quiet)
			var d *DamageError
			lost := map[string]bool{}
			switch {
			case err == nil:
				harmless++
			case errors.As(err, &d):
				told++
				for _, d := range d.Damages {
					for o := d.From; !d.Restorable && (o < d.To || d.To < 0 && o < 1000); o++ {
						lost[fmt.Sprintf("%d/%d", d.Partition, o)] = true
					}
				}
				if _, err := Repair(dir, quiet); err != nil {
					t.Fatalf("%s, %s: repairing: %v", file, how, err)
				}
				if err := prepare(dir, quiet); err != nil {
					t.Errorf("%s, %s: after the repair: %v", file, how, err)
				}
			default:
				t.Errorf("%s, %s: %v", file, how, err)
				continue
			}
			have := offsetsIn(t, dir)
			for _, o := range want {
				if lost[o] == slices.Contains(have, o) {
					t.Errorf("%s, %s: record %s: there %v, told to be lost %v (%v)", file, how, o, !lost[o], lost[o], err)
					break
				}
			}
		}
	}
	t.Logf("%d times told, %d times harmless", told, harmless)
	if told == 0 || harmless == 0 {
		t.Error("nothing was shown")
	}
}

// damage flips some bits of a file, or cuts off its end.
func damage(whole []byte, random *rand.Rand) ([]byte, string) {
	b := slices.Clone(whole)
	at := random.IntN(len(b))
	if random.IntN(4) == 0 {
		return b[:at], fmt.Sprintf("cut at byte %d of %d", at, len(b))
	}
	n := 1 + random.IntN(3)
	for i := at; i < min(at+n, len(b)); i++ {
		b[i] ^= byte(1 + random.IntN(255))
	}
	return b, fmt.Sprintf("%d bytes flipped at %d of %d", n, at, len(b))
}

// TestDamagedLog opens a damaged log with the real broker. The broker refuses the log and names the place. After the
// repair, the log is read to its end.
func TestDamagedLog(t *testing.T) {
	home := homeOf(t)
	name := folder(string(events.RunsFinished), 0)
	file := segmentPath(name, 0)
	whole, err := os.ReadFile(filepath.Join(home, file))
	if err != nil {
		t.Fatal(err)
	}
	good, _, _ := scan(whole, 0)
	middle, last := good[len(good)/2], good[len(good)-1]
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		lost   int
	}{
		{"a record in the middle", func(b []byte) []byte { b[middle.pos+80] ^= 1; return b }, 1},
		{"a length in the middle", func(b []byte) []byte { b[middle.pos+atLength+2] ^= 1; return b }, 0},
		{"an offset in the middle", func(b []byte) []byte { b[middle.pos+7] ^= 64; return b }, 0},
		{"the last record", func(b []byte) []byte { b[last.pos+80] ^= 1; return b }, 1},
		{"the last record cut off", func(b []byte) []byte { return b[:last.pos+30] }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := copyOf(t, home)
			if err := os.WriteFile(filepath.Join(dir, file), c.change(slices.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			b, err := Open(Config{Dir: dir})
			var d *DamageError
			if !errors.As(err, &d) || errkind.Of(err) != errkind.Internal || !strings.Contains(err.Error(), "cinedex log repair") || !strings.Contains(err.Error(), "runs.finished, partition 0: offset") {
				t.Fatalf("opening: %v, %v", b, err)
			}
			if found, err := Check(dir); err != nil || len(found) != 1 {
				t.Errorf("checking: %v, %v", found, err)
			}
			if found, err := Repair(dir, quiet); err != nil || len(found) != 1 || found[0].SetAside == "" && !strings.Contains(c.name, "cut") {
				t.Errorf("repairing: %+v, %v", found, err)
			}
			if b, err = Open(Config{Dir: dir}); err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			client := clientOf(t, b)
			n := 0
			for _, err := range client.ReadAll(t.Context(), events.RunsFinished) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n != eventsOfHome-c.lost {
				t.Errorf("%d events, want %d", n, eventsOfHome-c.lost)
			}
			if losses, err := Losses(dir); err != nil || len(losses) != c.lost {
				t.Errorf("remembered: %v, %v", losses, err)
			}
			// The group had read all events, and now gets the next events.
			if err := client.Publish(t.Context(), events.RunsFinished, finished(0), finished(1)); err != nil {
				t.Fatal(err)
			}
			read(t, client, 2)
			if lag, err := client.Lag(t.Context(), "group", events.RunsFinished); err != nil || events.Waiting(lag) != 0 {
				t.Errorf("left: %v, %v", lag, err)
			}
		})
	}
}
