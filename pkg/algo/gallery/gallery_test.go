package gallery

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/persons"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/face"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func plain(t *testing.T, shade uint8) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A file that is no portrait is refused by name, before anything runs.
func TestRefused(t *testing.T) {
	picture := plain(t, 10)
	huge := append([]byte(nil), picture...)
	huge[16], huge[20] = 0x7f, 0x7f // a width and a height of billions
	for name, c := range map[string]struct {
		files map[string][]byte
		wants string
	}{
		"another format":   {map[string][]byte{"Ada.gif": []byte("GIF89a")}, `"Ada.gif" is not named`},
		"another content":  {map[string][]byte{"Ada.png": []byte("%PDF-1.7")}, `"Ada.png" holds application/pdf`},
		"a text beside":    {map[string][]byte{"Ada/1.png": picture, "Ada/list.txt": []byte("1")}, `"Ada/list.txt" is not named`},
		"a folder in two":  {map[string][]byte{"Ada/more/1.png": picture}, `"Ada/more" is not named`},
		"an empty file":    {map[string][]byte{"Ada.jpg": nil}, `"Ada.jpg" holds text/plain`},
		"a damaged header": {map[string][]byte{"Ada.png": picture[:20]}, `"Ada.png"`},
		"a huge picture":   {map[string][]byte{"Ada.png": huge}, `"Ada.png"`},
		"a large file":     {map[string][]byte{"Ada.png": append(append([]byte(nil), picture...), make([]byte, 20<<20)...)}, `"Ada.png" has`},
		"a long name":      {map[string][]byte{strings.Repeat("x", 101) + ".png": picture}, "has 101 bytes"},
		"a control":        {map[string][]byte{"A\x07da.png": picture}, "is not plain text"},
		"spaces":           {map[string][]byte{"Ada .png": picture}, "ends with a space"},
		"too many of a name": {func() map[string][]byte {
			all := map[string][]byte{}
			for i := range 21 {
				all[fmt.Sprintf("Ada/%d.png", i)] = picture
			}
			return all
		}(), "more than 20 files"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, data := range c.files {
				write(t, dir, file, data)
			}
			if _, err := Read(dir); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.wants) {
				t.Errorf("the error is %v, and should say %s", err, c.wants)
			}
		})
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a folder that is not there: %v", err)
	}
	outside := t.TempDir()
	write(t, outside, "Ada.png", picture)
	inside := t.TempDir()
	if err := os.Symlink(filepath.Join(outside, "Ada.png"), filepath.Join(inside, "Ada.png")); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(inside); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), `"Ada.png"`) {
		t.Errorf("a link that leads out: %v", err)
	}
}

// The identity of a gallery is its names and pictures, whatever a file within a name is called. An algorithm without portraits has no parameter.
func TestParameters(t *testing.T) {
	of := func(files map[string][]byte) string {
		t.Helper()
		dir := t.TempDir()
		for name, data := range files {
			write(t, dir, name, data)
		}
		f, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		return New(nil, f).Spec().GetParameters()["gallery"]
	}
	base := of(map[string][]byte{"Ada.png": plain(t, 1), "Bert.png": plain(t, 2)})
	if again := of(map[string][]byte{"Ada/first.png": plain(t, 1), "Bert.png": plain(t, 2), ".DS_Store": {1}}); again != base || base == "" {
		t.Errorf("the same gallery has the digests %q and %q", base, again)
	}
	for name, other := range map[string]map[string][]byte{
		"another name":    {"Ida.png": plain(t, 1), "Bert.png": plain(t, 2)},
		"another picture": {"Ada.png": plain(t, 3), "Bert.png": plain(t, 2)},
		"one less":        {"Ada.png": plain(t, 1)},
		"one more":        {"Ada/1.png": plain(t, 1), "Ada/2.png": plain(t, 2), "Bert.png": plain(t, 2)},
	} {
		if got := of(other); got == base || got == "" {
			t.Errorf("%s: the digest is %q, and was %q", name, got, base)
		}
	}
	if p := of(nil); p != "" {
		t.Errorf("an empty gallery has the digest %q", p)
	}
}

// A cast writes the faces of photographs, a second each, as the algorithm persons writes faces.
type cast struct {
	model *face.Model
	faces []image.Image
}

func (cast) Spec() *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: "cast", Version: "1", Summary: "Faces", Reads: []string{schema.ReadsText}, Spaces: []*pb.Space{persons.Space}}
}

func (c cast) Annotate(ctx context.Context, _ algo.Input, out algo.Output) error {
	for i, f := range c.faces {
		v, err := persons.Describe(ctx, c.model, f, false)
		if err != nil {
			return fmt.Errorf("face %d: %w", i, err)
		}
		err = out.Embedding(ctx, &pb.Embedding{Space: schema.SpaceID(persons.Space), Vector: v, Kind: persons.KindPerson, Of: schema.ItemID(strings.Repeat("0", 32), int64(i)),
			Region: &pb.Region{X: 0.25, Y: 0.25, W: 0.5, H: 0.5}, Start: int64(i) * int64(schema.Second), End: int64(i+1) * int64(schema.Second)})
		if err != nil {
			return err
		}
	}
	return nil
}

// changed returns a picture with other light, and smaller.
func changed(img image.Image, by int, light float64) image.Image {
	b := img.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx()/by, b.Dy()/by))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			r, g, bl, _ := img.At(b.Min.X+x*by, b.Min.Y+y*by).RGBA()
			shade := func(v uint32) uint8 { return uint8(min(255, float64(v>>8)*light)) }
			out.SetRGBA(x, y, color.RGBA{shade(r), shade(g), shade(bl), 255})
		}
	}
	return out
}

// Faces that are like a portrait get the name: altered copies, and another photograph of the person. Strangers get none, and neither does a face that two
// names claim.
func TestNames(t *testing.T) {
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := face.Open(cache, 1)
	if err != nil {
		modeltest.Lacking(t, err)
	}
	t.Cleanup(func() { _ = m.Close() })
	read := func(id string) (image.Image, []byte) {
		t.Helper()
		path, err := cache.Require(id)
		if err != nil {
			modeltest.Lacking(t, err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		img, _, err := image.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		return img, raw
	}
	astronaut, astronautFile := read("photo-astronaut")
	portrait, portraitFile := read("photo-portrait")
	address, _ := read("photo-address")
	stranger, strangerFile := read("photo-visit")
	faces := []image.Image{changed(astronaut, 1, 0.7), stranger, changed(portrait, 2, 1.1), address, changed(astronaut, 2, 1), changed(stranger, 1, 0.8)}

	names := func(gallery map[string][]byte) ([]string, error) {
		t.Helper()
		dir := t.TempDir()
		for name, data := range gallery {
			write(t, dir, name, data)
		}
		folder, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		reg, err := algo.NewRegistry(cast{m, faces}, New(algo.Lazily(func() (*face.Model, error) { return m, nil }), folder))
		if err != nil {
			t.Fatal(err)
		}
		r, err := algotest.Run(t.Context(), reg, Name, &algotest.Clip{Asset: &pb.Asset{Id: schema.AssetID(strings.Repeat("0", 64))}})
		if err != nil {
			return nil, err
		}
		var got []string
		for _, a := range r.Annotations {
			got = append(got, fmt.Sprintf("%d %s", a.GetStart()/int64(schema.Second), a.GetLabel()))
			if a.GetConfidence() < 0.5 || a.GetConfidence() > 1 || a.GetRegion().GetW() != 0.5 {
				t.Errorf("%s has the confidence %v and the region %v", a.GetLabel(), a.GetConfidence(), a.GetRegion())
			}
		}
		return got, nil
	}
	for name, c := range map[string]struct {
		gallery map[string][]byte
		want    []string
	}{
		"two names":       {map[string][]byte{"The astronaut.png": astronautFile, "The president/1.jpg": portraitFile}, []string{"0 The astronaut", "2 The president", "3 The president", "4 The astronaut"}},
		"nobody":          {nil, nil},
		"a stranger only": {map[string][]byte{"The guest.jpg": strangerFile}, []string{"1 The guest", "5 The guest"}},
		"a face of two":   {map[string][]byte{"One.png": astronautFile, "Two.png": astronautFile}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := names(c.gallery)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("names differ (-want +got):\n%s", d)
			}
		})
	}

	// A portrait without a face fails the run, by name.
	if _, err := names(map[string][]byte{"Nobody.png": plain(t, 120), "The astronaut.png": astronautFile}); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), `"Nobody.png"`) {
		t.Errorf("a portrait without a face: %v", err)
	}
	// Two people in a portrait are told as well.
	both := image.NewRGBA(image.Rect(0, 0, 1024, 512))
	for y := range 512 {
		for x := range 1024 {
			both.Set(x, y, astronaut.At(astronaut.Bounds().Min.X+x%512, astronaut.Bounds().Min.Y+y))
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, both, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := names(map[string][]byte{"Both.jpg": b.Bytes()}); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), `"Both.jpg"`) || !strings.Contains(err.Error(), "2 faces") {
		t.Errorf("a portrait of two: %v", err)
	}
}

// Who has a portrait beside another name's portrait is named only if the name is clearly nearer.
func TestNearest(t *testing.T) {
	at := func(x, y float32) []float32 { return []float32{x, y} }
	all := []known{{"Ada", at(1, 0)}, {"Ada", at(0.96, 0.28)}, {"Bert", at(0, 1)}}
	for name, c := range map[string]struct {
		face []float32
		want string
	}{
		"the first portrait":  {at(1, 0), "Ada"},
		"the second portrait": {at(0.936, 0.352), "Ada"},
		"the other name":      {at(0.1, 0.995), "Bert"},
		"a stranger":          {at(0.7, 0.714), ""},
	} {
		if got, _ := nearest(all, c.face); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
