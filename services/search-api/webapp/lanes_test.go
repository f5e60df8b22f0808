package webapp_test

import (
	"fmt"
	"slices"
	"strconv"
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

// The bench draws a lane for each lane of the catalogue that has annotations of the film: in the catalogue's order, with the catalogue's
// icon, and with the name that the language of the page has for the kinds of the lane. A lane of a kind that the page does not know has the catalogue's label. Lines have a lane for each language. An icon that the page does not know is the plain icon.
func TestLanes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(k *pb.KindSpec)
		want   []string
	}{
		"as declared": {func(*pb.KindSpec) {}, []string{"shots Shots shot", "dialogue en Dialogue · English speech", "dialogue es Dialogue · Spanish speech", "labels Labels tag"}},
		"otherwise": {func(k *pb.KindSpec) {
			switch k.GetKind() {
			case "label":
				k.Shown = &pb.Shown{Label: "Thing", Lane: "labels", Icon: "unicorn", Order: 1}
			case "shot":
				k.Shown = &pb.Shown{Label: "Cut", Lane: "shots", Icon: "shot"}
			case "dialogue":
				k.Shown = nil
			case "face":
				k.Shown = &pb.Shown{Label: "Close face", Lane: "faces", Icon: "person", Order: 2}
			}
		}, []string{"labels Labels plain", "faces Close face person", "shots Shots shot"}},
	} {
		t.Run(name, func(t *testing.T) {
			var declared []*pb.AlgorithmAnnounced
			for _, d := range append(builtin.Declarations(), apitest.Faces()) {
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
			l := apitest.New(t)
			l.SawFaces(l.Add(l.Shoot(harbour("harbour"))), []apitest.Face{{From: 1, To: 2, Name: "Mara", Count: 1}})
			s := l.Serve(tokens, func(_ *gateway.Config, d *searchapi.Deps) { d.Catalog = known })
			b := open(t, 1200, 800)
			b.enter(s, "&asset="+apitest.AssetOf("harbour")+"&frame=0")
			b.until("document.querySelectorAll('.lanes [data-lane] .lane-name').length >= " + strconv.Itoa(len(c.want)))
			got := get[[]string](b, `[...document.querySelectorAll('.lanes [data-lane]')].map(l => [l.dataset.lane, l.querySelector('.lane-name').textContent, l.querySelector('.lane-icon').dataset.icon].join(' '))`)
			if !slices.Equal(got, c.want) {
				t.Errorf("the lanes are %q, want %q", got, c.want)
			}
			// The icons are drawn, and an annotation stands at its time and leads to its frame.
			if w := get[float64](b, "document.querySelector('.lane-icon path').getBBox().width"); w <= 0 {
				t.Errorf("the icon of a lane is %v wide", w)
			}
			const second = "document.querySelector('.lanes [data-lane=shots] button:nth-of-type(2)')"
			left := get[float64](b, "parseFloat("+second+".style.left)")
			if want := 100 * 10.0 / 30; left < want-0.1 || left > want+0.1 {
				t.Errorf("the second shot is drawn at %.2f %%, want %.2f", left, want)
			}
			b.do(chromedp.Evaluate[chromedp.Void](second + ".click()"))
			b.until(settled(250))
		})
	}
}

// The page knows every title of a library of more than one page of titles.
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
	if got := b.text("#status"); got != "1,003 titles to search" {
		t.Errorf("the page says %q", got)
	}
}
