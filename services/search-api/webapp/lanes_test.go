package webapp_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// The player draws a lane for each lane of the catalogue that has annotations around the hit: in the catalogue's order, with the catalogue's label
// and icon. An icon that the page does not know is the plain icon.
func TestLanes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(k *pb.KindSpec)
		want   []string
	}{
		"as declared": {func(*pb.KindSpec) {}, []string{"shots Shot shot", "dialogue Said speech", "labels Label tag"}},
		"otherwise": {func(k *pb.KindSpec) {
			switch k.GetKind() {
			case "label":
				k.Shown = &pb.Shown{Label: "Thing", Lane: "labels", Icon: "unicorn", Order: 1}
			case "shot":
				k.Shown = &pb.Shown{Label: "Cut", Lane: "shots", Icon: "shot"}
			case "dialogue":
				k.Shown = nil
			}
		}, []string{"labels Thing plain", "shots Cut shot"}},
	} {
		t.Run(name, func(t *testing.T) {
			var declared []*pb.AlgorithmAnnounced
			for _, d := range builtin.Declarations() {
				d = proto.CloneOf(d)
				for _, k := range d.GetAlgorithm().GetKindSpecs() {
					c.change(k)
				}
				declared = append(declared, d)
			}
			known, err := catalog.New(declared...)
			if err != nil {
				t.Fatal(err)
			}
			s := serve(t, func(_ *gateway.Config, d *searchapi.Deps) { d.Catalog = known })
			b := open(t, 1200, 800)
			b.enter(s, "&q=coffee&way=dialogue")
			b.until(hits + ".length > 0")
			const top = "document.querySelector('#detail .tools').getBoundingClientRect().top"
			opened := get[float64](b, "(() => { document.querySelector('.hit').click(); return "+top+" })()") // before any answer can have come
			b.until("document.querySelectorAll('#lanes .lane').length > 0 && document.querySelector('#video').readyState > 0")
			if came := get[float64](b, top); came < opened-1 || came > opened+1 {
				t.Errorf("the buttons of the player move from %.0f to %.0f when the lanes come", opened, came)
			}
			got := get[[]string](b, `[...document.querySelectorAll('#lanes .lane')].map(l => [l.dataset.lane, l.querySelector('.name').textContent, l.querySelector('use').getAttribute('href').split('#')[1]].join(' '))`)
			if !slices.Equal(got, c.want) {
				t.Errorf("the lanes are %q, want %q", got, c.want)
			}
			b.shot("lanes")
			// The icons are drawn, and an annotation leads to its place.
			if w := get[float64](b, "document.querySelector('#lanes use').getBBox().width"); w <= 0 {
				t.Errorf("the icon of a lane is %v wide", w)
			}
			if w := get[float64](b, "document.querySelector('#lanes .track').getBoundingClientRect().width"); w < 500 {
				t.Errorf("a lane is %v pixels wide, of a player that is 1150 wide", w)
			}
			second := "#lanes [data-lane=shots] .track button:nth-of-type(2)"
			left := get[float64](b, fmt.Sprintf("parseFloat(document.querySelector(%q).style.left)", second))
			if want := 100 * 10.0 / get[float64](b, "Number(document.querySelector('#lanes .track').dataset.to)"); left < want-0.1 || left > want+0.1 {
				t.Errorf("the second shot is drawn at %.2f %%, want %.2f", left, want)
			}
			b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector('#video').pause(); document.querySelector(%q).click()", second)))
			b.until("Math.abs(document.querySelector('#video').currentTime - 10) < 1")
		})
	}
}

// The page offers every title of a library of more than one page of titles.
func TestAllTitles(t *testing.T) {
	const titles = 1003
	l := apitest.New(t)
	for i := range titles {
		id := fmt.Sprintf("title-%04d", i)
		if err := l.Store.PutAsset(t.Context(), &pb.Asset{Id: apitest.AssetOf(id), Title: &pb.Title{Id: id, Name: id}, Text: []*pb.TextTrack{{Language: "en"}}}); err != nil {
			t.Fatal(err)
		}
	}
	s := l.Serve(tokens)
	b := open(t, 1200, 800)
	b.enter(s, "")
	b.until("document.querySelector('#status').textContent.endsWith('to search')")
	if got := b.text("#status"); got != fmt.Sprintf("%d titles to search", titles) {
		t.Errorf("the page says %q", got)
	}
	if got := get[int](b, "document.querySelectorAll('#title option').length"); got != 1+titles {
		t.Errorf("%d titles to choose from, want all and %d", got, titles)
	}
}
