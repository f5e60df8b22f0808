package runs_test

import (
	"testing"

	"github.com/cinedex/cinedex/pkg/runs"
)

func TestBoard(t *testing.T) {
	var nobody *runs.Board
	nobody.Note("a", 1, 2, false)
	if _, ok := nobody.Running("a"); ok {
		t.Error("a board that is not there tells a run")
	}
	b := &runs.Board{}
	for _, c := range []struct {
		name        string
		done, total int64
		ended       bool
		part        float64
		running     bool
	}{
		{"half", 5, 10, false, 0.5, true},
		{"more than all", 12, 10, false, 1, true},
		{"without a total", 5, 0, false, -1, true},
		{"ended", 10, 10, true, -1, false},
	} {
		b.Note("a", c.done, c.total, c.ended)
		if part, running := b.Running("a"); part != c.part || running != c.running {
			t.Errorf("%s: %v, %t", c.name, part, running)
		}
	}
}
