package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

var (
	orange = color.RGBA{255, 128, 0, 255} // near to red and to yellow
	yellow = color.RGBA{200, 255, 0, 255}
)

// palette is a film of shots of ten seconds, each of a colour, and a gateway whose frames are of the colours.
func palette(t *testing.T, colours ...color.RGBA) (asset string, g *gateway.Gateway) {
	t.Helper()
	f := apitest.Film{Title: "palette", Name: "Palette"}
	for i, c := range colours {
		f.Shots = append(f.Shots, apitest.Shot{Seconds: 10, Colour: c, Label: "wall", LabelConfidence: 1})
		f.Lines = append(f.Lines, apitest.Line{From: int64(10*i + 2), To: int64(10*i + 4), Language: "en", Text: "A word."})
	}
	l := apitest.New(t)
	l.Add(f)
	return apitest.AssetOf("palette"), openWith(t, l, gateway.Default(), func(d *gateway.Deps) {
		d.Frame = func(_ context.Context, _ *pb.Asset, clock schema.Clock, n int64) (image.Image, error) {
			return apitest.Still(colours[clock.FrameStart(n)/(10*schema.Second)]), nil
		}
	})
}

// seen are the seconds at which the matches of an answer begin, and the confidence of each.
func seen(resp *pb.SearchResponse) map[int64]float64 {
	out := map[int64]float64{}
	for i, h := range resp.GetHits() {
		if int64(i) < resp.GetTotal().GetCount() {
			out[h.GetStart()/int64(10*schema.Second)] = float64(h.GetConfidence())
		}
	}
	return out
}

func shots(of map[int64]float64) string {
	var out []int64
	for s := range of {
		out = append(out, s)
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}

// TestExamples: a hit is like all of the wanted examples, and no less like them than any unwanted example. The query alone and within an AND
// finds the same shots.
func TestExamples(t *testing.T) {
	asset, g := palette(t, apitest.Red, orange, yellow, apitest.Blue)
	const red, orange, yellow = "ASSET@1s", "ASSET@11s", "ASSET@21s"
	for q, want := range map[string]string{
		`frame:` + orange: "[0 1 2]",
		`frame[like=frame:"` + red + `"]:` + orange:                         "[0 1]",
		`frame[like=frame:"` + red + `"^0.01]:` + orange:                    "[0 1 2]",
		`frame[like=frame:"` + yellow + `"]:` + red:                         "[1]",
		`frame[like=frame:"` + yellow + `"^3]:` + red:                       "[1 2]",
		`frame[like=shot:"` + yellow + `",like=frame:"` + red + `"]:` + red: "[0 1]",
		`frame[like="red"]:` + yellow:                                       "[0 1 2]",
		`shot[like=shot:"` + yellow + `"]:` + yellow:                        "[1 2]",
		`frame[unlike=frame:"` + red + `"]:` + orange:                       "[1 2]",
		`frame[unlike=frame:"` + red + `"^0.1]:` + orange:                   "[0 1 2]",
		`frame[unlike=frame:"` + red + `"^3]:` + orange:                     "[2]",
		`frame[unlike="red"]:` + orange:                                     "[1 2]",
		`frame[unlike="blue"]:` + orange:                                    "[0 1 2]",
		`frame[unlike=shot:"` + red + `"]:` + red:                           "[]",
		`frame[unlike=shot:"` + red + `"^0.5,unlike=frame:"` + yellow + `"^0.5,like=frame:"` + yellow + `"]:` + red: "[1]",
		`look[unlike=frame:"` + orange + `"^2]:red`:                                                                 "[0]",
		`frame[same=true]:` + orange:                                                                                "[1]",
	} {
		t.Run(q, func(t *testing.T) {
			q = strings.ReplaceAll(q, "ASSET", asset)
			alone := seen(ask(t, g, line(q)))
			if got := shots(alone); got != want {
				t.Errorf("alone: %s, want %s (%v)", got, want, alone)
			}
			within := ask(t, g, line(q+" AND dialogue:word"))
			if got := shots(seen(within)); got != want {
				t.Errorf("in an AND: %s, want %s", got, want)
			}
			if !within.GetTotal().GetExact() {
				t.Errorf("the total is not exact: %v", within.GetPartial())
			}
		})
	}
}

// TestExamplesAreCalibrated: the log odds of a hit of several examples are the weighted mean of its log odds by each example alone.
func TestExamplesAreCalibrated(t *testing.T) {
	asset, g := palette(t, apitest.Red, orange, yellow)
	ask3 := func(q string) float64 {
		c := seen(ask(t, g, line(strings.ReplaceAll(q, "ASSET", asset))))[1]
		return math.Log(c / (1 - c))
	}
	byFrame, byYellow, byWords := ask3("frame:ASSET@11s"), ask3("frame:ASSET@21s"), ask3("look:red")
	for q, want := range map[string]float64{
		`frame[like=frame:"ASSET@21s"]:ASSET@11s`:                 (byFrame + byYellow) / 2,
		`frame[like=frame:"ASSET@21s"^3]:ASSET@11s`:               (byFrame + 3*byYellow) / 4,
		`look[like=frame:"ASSET@11s"^0.1]:red`:                    (byWords + 0.1*byFrame) / 1.1,
		`frame[like=shot:"ASSET@21s"^2,like="red"^0.1]:ASSET@11s`: (byFrame + 2*byYellow + 0.1*byWords) / 3.1,
	} {
		if got := ask3(q); math.Abs(got-want) > 0.01*math.Abs(want) {
			t.Errorf("%s: log odds %.4f, want %.4f", q, got, want)
		}
	}
}

// TestLikeness: a hit says whether it is of the same shot. A mean of examples is of no shot.
func TestLikeness(t *testing.T) {
	asset, g := palette(t, apitest.Red, orange, yellow)
	for q, want := range map[string]string{
		"frame:ASSET@11s":                          "0 similar, 1 same, 2 similar",
		"shot:ASSET@11s":                           "0 similar, 1 same, 2 similar",
		"shot:ASSET@11s AND dialogue:word":         "0 similar, 1 same, 2 similar",
		"frame[same=true]:ASSET@11s":               "1 same",
		`frame[unlike=frame:"ASSET@1s"]:ASSET@11s`: "1 same, 2 similar",
		`frame[like=frame:"ASSET@21s"]:ASSET@11s`:  "1 , 2 ",
		"look:red":                                     "0 , 1 ",
		"frame:ASSET@11s OR look:red":                  "0 similar, 1 same, 2 similar",
		"frame[same=true]:ASSET@11s OR look:red":       "0 , 1 same",
		"label:wall AND NOT frame[same=true]:ASSET@1s": "1 , 2 ",
	} {
		var got []string
		for _, h := range ask(t, g, line(strings.ReplaceAll(q, "ASSET", asset))).GetHits() {
			if h.GetConfidence() >= 0.5 {
				got = append(got, fmt.Sprintf("%d %s", h.GetStart()/int64(10*schema.Second), h.GetLikeness()))
			}
		}
		slices.Sort(got)
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: %q, want %q", q, s, want)
		}
	}
}

// TestCrop: a part of a picture and a part of a frame are asked with.
func TestCrop(t *testing.T) {
	half := image.NewRGBA(image.Rect(0, 0, 40, 20))
	draw.Draw(half, image.Rect(0, 0, 20, 20), image.NewUniform(apitest.Red), image.Point{}, draw.Src)
	draw.Draw(half, image.Rect(20, 0, 40, 20), image.NewUniform(apitest.Blue), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, half); err != nil {
		t.Fatal(err)
	}
	l := apitest.New(t)
	l.Add(harbour())
	g := openWith(t, l, gateway.Default(), func(d *gateway.Deps) {
		d.Frame = func(context.Context, *pb.Asset, schema.Clock, int64) (image.Image, error) { return half, nil }
	})
	left, right := &pb.Region{W: 0.5, H: 1}, &pb.Region{X: 0.5, W: 0.5, H: 1}
	asset := apitest.AssetOf("harbour")
	for name, c := range map[string]struct {
		leaf *pb.Leaf
		want string
	}{
		"left of a picture":  {&pb.Leaf{Kind: "like_image", Image: b.Bytes(), Crop: left}, "[0]"},
		"right of a picture": {&pb.Leaf{Kind: "like_image", Image: b.Bytes(), Crop: right}, "[2]"},
		"left of a frame":    {&pb.Leaf{Kind: "like_frame", Asset: asset, Crop: left}, "[0]"},
		"right of a frame":   {&pb.Leaf{Kind: "like_frame", Asset: asset, Crop: right}, "[2]"},
		"a corner":           {&pb.Leaf{Kind: "like_frame", Asset: asset, Crop: &pb.Region{X: 0.999, Y: 0.999, W: 1e-6, H: 1e-6}}, "[2]"},
		"an example":         {&pb.Leaf{Kind: "like_text", Text: "blue", Examples: []*pb.Example{{Image: b.Bytes(), Crop: right}}}, "[2]"},
	} {
		if got := shots(seen(ask(t, g, &pb.SearchRequest{Query: query.Leaf(c.leaf)}))); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestUnansweredExamples: an example that nothing can be made of is refused, by name and with advice. A place that the caller may not see is
// a place that does not exist.
func TestUnansweredExamples(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	hidden := harbour()
	hidden.Title = "hidden"
	l.Add(hidden)
	g := open(t, l, nil, gateway.Default())
	picture := `b"iVBORw0KGgo="`
	for q, want := range map[string]string{
		`dialogue[like=` + picture + `]:hello`:        "no encoder for pictures; leave the example out, and ask for it in a term of its own",
		`dialogue[like=frame:"harbour@1s"]:hello`:     "no encoder for frames",
		`label[like="dog"]:dog`:                       "label is looked for by words alone",
		`look.words[like="dog"]:dog`:                  "look", // a mode of words has no meaning
		`dialogue[like=` + picture + `] AND look:red`: "want a colon",
	} {
		if _, err := g.Search(t.Context(), everybody, line(q)); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want Invalid with %q", q, err, want)
		}
	}
	nowhere := strings.Repeat("0", 32)
	for _, at := range []string{apitest.AssetOf("hidden"), nowhere} {
		q := fmt.Sprintf(`look[unlike=shot:"%s@1s"]:red`, at)
		_, err := g.Search(t.Context(), authz.NewCaller("reader", []string{"harbour"}), line(q))
		if want := fmt.Sprintf("there is no asset %q", at); !errkind.Is(err, errkind.NotFound) || err.Error() != want {
			t.Errorf("%s: %v, want %s", q, err, want)
		}
	}
	if _, err := g.Search(t.Context(), everybody, line(fmt.Sprintf(`look[like=frame:"%s@1h"]:red`, apitest.AssetOf("harbour")))); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "outside the asset") {
		t.Errorf("a place outside of the asset: %v", err)
	}
	opposite := color.RGBA{uint8(256 - int(apitest.Red.R)), uint8(256 - int(apitest.Red.G)), uint8(256 - int(apitest.Red.B)), 255}
	resp, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: picturePNG(t, apitest.Red), Examples: []*pb.Example{{Image: picturePNG(t, opposite)}}})})
	if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "opposite") {
		t.Errorf("opposite examples: %v %v", resp, err)
	}
}

func picturePNG(t *testing.T, c color.RGBA) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, apitest.Still(c)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestOneEncodingOfAText: a text in several leaves, examples and spaces is encoded once.
func TestOneEncodingOfAText(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	var encodings atomic.Int32
	words := func(_ context.Context, in encode.Input) ([]float32, error) {
		encodings.Add(1)
		return apitest.VectorOf(apitest.Sentences, in.Words), nil
	}
	g := openWith(t, l, gateway.Default(), func(d *gateway.Deps) {
		set := apitest.Encoders().With(apitest.Offer(apitest.Sentences, words, encode.Words))
		place := apitest.Offer(apitest.Pictures, nil, encode.Words)
		place.Encoder = placed{encode.Func{Run: words}}
		d.Encoders = set.With(place)
	})
	for _, q := range []string{
		`dialogue:lamp OR look:lamp OR look[like="lamp"]:lamp OR lamp`,
		`look[like="keeper",unlike="keeper"^0.1]:keeper AND dialogue:keeper`,
	} {
		encodings.Store(0)
		if resp := ask(t, g, line(q)); len(resp.GetPartial()) > 0 {
			t.Errorf("%s: %v", q, resp.GetPartial())
		}
		if n := encodings.Load(); n != 1 {
			t.Errorf("%s: %d encodings, want 1", q, n)
		}
	}
}

// placed are words of pictures, which begin at the vector of the words among sentences.
type placed struct{ encode.Func }

func (placed) From() string { return apitest.Sentences }

func (placed) Place(_ context.Context, _ string, v []float32) ([]float32, error) { return v, nil }
