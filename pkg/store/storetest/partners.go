package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func testPartners(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	for _, refused := range [][2]string{{"", "a"}, {"log", ""}} {
		_, err := s.Partner(ctx, refused[0], refused[1], true)
		kind(t, fmt.Sprintf("partner %q", refused), err, errkind.Invalid)
	}
	told := func(what, role, id string, adopt bool, want string) {
		t.Helper()
		equal(t, what, must(s.Partner(ctx, role, id, adopt))(t), want)
	}
	told("the first", "log", "a", false, "a")
	told("the same again", "log", "a", false, "a")
	told("another", "log", "b", false, "a")
	told("another role's", "search", "b", false, "b")
	told("one adopted", "log", "b", true, "b")
	told("the one before", "log", "a", false, "b")
	told("the one before, adopted", "log", "a", true, "a")
	told("one adopted without any before", "other", "c", true, "c")

	// Of many callers at the same time, a single caller is the first.
	var wg sync.WaitGroup
	heard := make([]string, 8)
	for i := range heard {
		wg.Go(func() {
			var err error
			if heard[i], err = s.Partner(ctx, "raced", fmt.Sprint(i), false); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, h := range heard {
		equal(t, "what one of many heard", h, heard[0])
	}
	told("the one of many", "raced", "later", false, heard[0])
}
