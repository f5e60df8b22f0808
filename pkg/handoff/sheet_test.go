package handoff

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"strconv"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// sheetSource is a film of 100 frames at 25 a second.
func sheetSource(t *testing.T, name string) *Source {
	t.Helper()
	v := &pb.VideoTrack{Rate: schema.Rate{Num: 25, Den: 1}.Proto(), Frames: 100}
	clock, err := schema.ClockOf(v, nil)
	if err != nil {
		t.Fatal(err)
	}
	src, err := NewSource(&pb.Asset{Id: strings.Repeat("a", 32), Title: &pb.Title{Name: name}, Video: v}, clock, "film.mov")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// Pictures of one width keep the order of the clips: ten sheets of one list are one sheet.
func TestSheetSameBytes(t *testing.T) {
	src := sheetSource(t, "The Harbour")
	l := List{Name: "harbour"}
	for i := range int64(8) {
		l.Clips = append(l.Clips, Clip{Source: src, Start: 10 * i, End: 10*i + 2, Name: strconv.FormatInt(i, 10)})
	}
	poster := func(_ *Source, frame int64) ([]byte, error) {
		p, b := image.NewGray(image.Rect(0, 0, 16, 9)), new(bytes.Buffer)
		draw.Draw(p, p.Rect, image.NewUniform(color.Gray{Y: uint8(frame)}), image.Point{}, draw.Src)
		err := jpeg.Encode(b, p, nil)
		return b.Bytes(), err
	}
	write := func() []byte {
		var b bytes.Buffer
		if err := writeSheet(&sink{Writer: &b}, l, Options{Poster: poster, Typeface: noTypeface}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	first := write()
	if n := bytes.Count(first, []byte("/Width 16\n")); n != len(l.Clips) {
		t.Fatalf("the sheet has %d pictures of 16 pixels, want %d", n, len(l.Clips))
	}
	for range 9 {
		if !bytes.Equal(write(), first) {
			t.Fatal("the same list gives other bytes")
		}
	}
}
