package webapp_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cinedex/cinedex/pkg/authz"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// The page keeps a hit that is opened as a pick, and shows what others searched who searched the same. A click asks it.
func TestAlsoSearched(t *testing.T) {
	var log store.Picks
	s := serve(t, func(cfg *gateway.Config, d *searchapi.Deps) { cfg.Recommend.People, log = 2, d.Store })
	g := s.Service.Gateway
	for _, name := range []string{"ann", "ben"} {
		who := authz.NewCaller(name, []string{"*"})
		for _, q := range []string{"dialogue:coffee", "dialogue.words:storm"} {
			a, err := g.Search(t.Context(), who, &pb.SearchRequest{Q: q})
			if err != nil || len(a.GetHits()) == 0 {
				t.Fatalf("%s: %v, %v", q, a, err)
			}
			h := a.GetHits()[0]
			if _, err := g.Picked(t.Context(), who, &pb.PickedRequest{Search: a.GetSearch(), Moments: []*pb.PickedMoment{{Asset: h.GetAsset(), Start: h.GetStart(), End: h.GetEnd()}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	picks := func() (n int) {
		for _, err := range log.AllPicks(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	before := picks()
	b := open(t, 1200, 800)
	b.enter(s, "&q=coffee&way=dialogue")
	b.until("document.querySelectorAll('#also button').length > 0")
	if got := b.text("#also button"); got != `dialogue.words:"storm"` {
		t.Errorf("also searched: %q", got)
	}
	b.do(chromedp.Click(".hit"))
	b.until("document.querySelector('.bench')")
	for deadline := time.Now().Add(time.Minute); picks() == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the hit that was opened is no pick")
		}
	}
	b.do(chromedp.Evaluate[chromedp.Void]("document.querySelector('#also button').click()"))
	b.until(`document.querySelector('.chip')?.textContent.includes('storm') && document.querySelector('#hits').ariaBusy == 'false' && document.querySelector('.hit mark')?.textContent == 'storm'`)
}
