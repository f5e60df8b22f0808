package onnx

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

func open(t *testing.T) *Session {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(cache, "efficientnet-lite2", []string{"x"}, []string{"feat"}, 1)
	if errkind.Of(err) == errkind.NotFound && os.Getenv("CINEDEX_REQUIRE_ALL") == "" {
		t.Skip("lacking a model: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestCallsShareASession(t *testing.T) {
	s := open(t)
	answers := make([][]float32, 4)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			c, err := s.NewCall([]int64{1, 3, 260, 260}, []int64{1, 1280})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for j := range c.In(0) {
				c.In(0)[j] = float32(j%7) / 7 * float32(1+i%2)
			}
			for range 2 { // the arrays are reused
				if err := c.Run(context.Background()); err != nil {
					t.Error(err)
				}
			}
			answers[i] = append(answers[i], c.Out(0)...)
		})
	}
	wg.Wait()
	for j := range answers[0] {
		if answers[0][j] != answers[2][j] || answers[1][j] != answers[3][j] {
			t.Fatalf("value %d differs between equal calls", j)
		}
	}
}

func TestRunAfterCloseIsAnError(t *testing.T) {
	s := open(t)
	c, err := s.NewCall([]int64{1, 3, 260, 260}, []int64{1, 1280})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Run(context.Background()); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("%v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestCancelledContext(t *testing.T) {
	c, err := open(t).NewCall([]int64{1, 3, 260, 260}, []int64{1, 1280})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Run(ctx); errkind.Of(err) != errkind.Cancelled {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNoModel(t *testing.T) {
	open(t) // skips the test without the library
	real, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	fake, err := model.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(fake, "transnetv2", nil, nil, 1); errkind.Of(err) != errkind.NotFound {
		t.Errorf("an empty cache: %v", err)
	}
	for _, id := range []string{"onnxruntime", "transnetv2"} {
		a, err := model.Find(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(fake.Path(a)), 0o755); err != nil {
			t.Fatal(err)
		}
		if id == "onnxruntime" {
			err = os.Symlink(real.Path(a), fake.Path(a))
		} else {
			err = os.WriteFile(fake.Path(a), make([]byte, a.Size), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(fake, "transnetv2", []string{"frames", "hist"}, []string{"single", "many"}, 1); errkind.Of(err) != errkind.Invalid {
		t.Errorf("a file of zeros: %v", err)
	}
}
