package runner

import (
	"context"
	"errors"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// Every reader gets every item in order, at the reader's own pace, and then the end of the tape.
func TestTape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 500).Draw(t, "items")
		quits := rapid.SliceOfN(rapid.IntRange(0, 600), 0, 4).Draw(t, "reader gives up after")
		end := rapid.SampledFrom([]error{nil, errors.New("it failed")}).Draw(t, "end")
		tp := newTape[int]()
		var wg sync.WaitGroup
		for _, quit := range quits {
			r := tp.reader()
			wg.Go(func() {
				next := 0
				for v, err := range r.all(context.Background()) {
					if err != nil {
						if !errors.Is(err, end) || next != n {
							t.Errorf("after %d of %d: %v", next, n, err)
						}
						return
					}
					if v != next {
						t.Errorf("item %d came where %d was due", v, next)
						return
					}
					if next++; next == quit {
						return
					}
				}
				if end != nil || next != n {
					t.Errorf("it ended after %d of %d without %v", next, n, end)
				}
			})
		}
		for i := range n {
			tp.append(i)
		}
		tp.end(end)
		wg.Wait()
	})
}

func TestTapeForgetsWhatWasRead(t *testing.T) {
	tp := newTape[int]()
	r := tp.reader()
	for i := range 10_000 {
		tp.append(i)
		if _, ok, err := r.wait(t.Context()); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if len(tp.items) > 65 {
			t.Fatalf("it holds %d items that were read", len(tp.items))
		}
	}
}

func TestTapeReaderEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	tp := newTape[int]()
	for _, err := range tp.reader().all(ctx) {
		if !errors.Is(err, why) {
			t.Error(err)
		}
	}
}
