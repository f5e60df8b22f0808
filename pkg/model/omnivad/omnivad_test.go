package omnivad_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/model/omnivad"
)

func open(t testing.TB) *omnivad.Model {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := omnivad.Open(cache)
	if errkind.Of(err) == errkind.NotFound {
		modeltest.Lacking(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func judge(t testing.TB, m *omnivad.Model, samples []int16, each int) []omnivad.Probability {
	t.Helper()
	s := m.NewStream()
	var out []omnivad.Probability
	for len(samples) > 0 {
		n := min(each, len(samples))
		probs, err := s.Push(t.Context(), samples[:n])
		if err != nil {
			t.Fatal(err)
		}
		out, samples = append(out, probs...), samples[n:]
	}
	rest, err := s.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return append(out, rest...)
}

// A track in blocks gives the same probabilities, to the bit, as the track in a single call of the library.
func TestBlocksEqualTheWhole(t *testing.T) {
	m := open(t)
	samples := modeltest.Reading(t)
	whole := judge(t, m, samples[:27*omnivad.Rate], 27*omnivad.Rate) // shorter than a window: a single call
	for _, each := range []int{997, omnivad.Rate, len(samples)} {
		got := judge(t, m, samples, each)
		if want := (len(samples)-400)/omnivad.Hop + 1; len(got) != want {
			t.Fatalf("%d frames in blocks of %d, want %d", len(got), each, want)
		}
		// The last two seconds of the short track have another context.
		for i, w := range whole[:25*100] {
			if got[i] != w {
				t.Fatalf("blocks of %d: frame %d is %v, and %v in a single call", each, i, got[i], w)
			}
		}
	}
	speech := 0
	for _, p := range whole {
		if p.Speech > 0.5 {
			speech++
		}
	}
	if share := float64(speech) / float64(len(whole)); share < 0.7 {
		t.Errorf("speech in %.2f of a reading", share)
	}
}

func TestShortAndCancelled(t *testing.T) {
	m := open(t)
	if got := judge(t, m, make([]int16, 399), 100); len(got) != 0 {
		t.Errorf("%d frames of a sound that is shorter than a frame", len(got))
	}
	if got := judge(t, m, make([]int16, 400), 100); len(got) != 1 || got[0].Speech > 0.5 {
		t.Errorf("a frame of silence: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.NewStream().Push(ctx, make([]int16, 60*omnivad.Rate)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}
