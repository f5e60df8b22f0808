package query

import (
	"encoding/base64"
	"math"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Examples stand in the brackets of a leaf: image[like="at night", unlike=frame:"4f2a@1m2s"^2, crop 0,0,0.5,1]:b"…".

// Names in brackets for examples and for the leaf's own picture.
const (
	like   = "like"
	unlike = "unlike"
	crop   = "crop"
	same   = "same"
)

// The two ways in which an example is a place.
const (
	ofFrame = "frame"
	ofShot  = "shot"
)

const exampleForm = `want words in quotation marks, b"…", frame:ASSET@PLACE or shot:ASSET@PLACE`

// example reads an example behind like= or unlike=.
func (p *parser) example(l *pb.Leaf, name, sign token) error {
	if !sign.is("=") {
		return p.errorf(sign, "want = after %s", name.text)
	}
	x := &pb.Example{}
	switch t := p.next(); {
	case t.kind == tokWord && p.peek().glue && p.peek().is(":"):
		if err := p.placeOf(t, x); err != nil {
			return err
		}
	case t.kind == tokQuoted, t.kind == tokWord:
		x.Text = t.text
	case t.kind == tokData:
		b, err := base64.StdEncoding.DecodeString(t.text)
		if err != nil {
			return p.errorf(t, "the picture is not base64")
		}
		x.Image = b
	default:
		return p.errorf(t, exampleForm)
	}
	if p.peek().op(crop) {
		p.next()
		g, err := p.rectangle(crop)
		if err != nil {
			return err
		}
		x.Crop = g
	}
	if at := p.peek(); at.is("^") {
		p.next()
		w, err := p.number("a weight such as 2 or 0.5")
		if err != nil {
			return err
		}
		if w == 0 {
			return p.errorf(at, "an example of weight 0 says nothing; leave the example out")
		}
		x.Weight = w
	}
	if name.text == unlike {
		x.Weight = -weightOf(x)
	}
	l.Examples = append(l.Examples, x)
	return nil
}

// weightOf is the weight of an example: 1 where none is given.
func weightOf(x *pb.Example) float32 {
	if x.GetWeight() == 0 {
		return 1
	}
	return x.GetWeight()
}

// placeOf reads frame:ASSET@PLACE or shot:ASSET@PLACE behind the first word.
func (p *parser) placeOf(t token, x *pb.Example) (err error) {
	if t.text != ofFrame && t.text != ofShot {
		return p.errorf(t, exampleForm+meant(t.text, []string{ofFrame, ofShot}))
	}
	p.next() // the colon
	at := p.next()
	if at.kind != tokWord && at.kind != tokQuoted {
		return p.errorf(at, exampleForm)
	}
	x.Shot = t.text == ofShot
	x.Asset, x.Timecode, x.Time, err = p.place(at)
	return err
}

// printExamples returns the examples of a leaf, and what is asked of its own picture, as they stand in brackets.
func printExamples(leaf *pb.Leaf) (parts []string) {
	if g := leaf.GetCrop(); g != nil {
		parts = append(parts, crop+" "+printRectangle(g))
	}
	if leaf.GetSame() {
		parts = append(parts, same+"=true")
	}
	for _, x := range leaf.GetExamples() {
		w, s := x.GetWeight(), like+"="
		if w < 0 {
			s = unlike + "="
			if w = -w; w == 1 {
				w = 0
			}
		}
		switch {
		case len(x.GetImage()) > 0:
			s += `b"` + base64.StdEncoding.EncodeToString(x.GetImage()) + `"`
		case x.GetAsset() != "":
			of := ofFrame
			if x.GetShot() {
				of = ofShot
			}
			s += of + ":" + printPlace(x)
		default:
			s += quote(x.GetText())
		}
		if g := x.GetCrop(); g != nil {
			s += " " + crop + " " + printRectangle(g)
		}
		if w != 0 {
			s += "^" + printFloat(w)
		}
		parts = append(parts, s)
	}
	return parts
}

func printRectangle(g *pb.Region) string {
	return printFloat(g.GetX()) + "," + printFloat(g.GetY()) + "," + printFloat(g.GetW()) + "," + printFloat(g.GetH())
}

// A Place is a place in an asset: of a leaf or of an example.
type Place interface {
	GetAsset() string
	GetTimecode() string
	GetTime() int64
}

func printPlace(x Place) string {
	at := x.GetTimecode()
	if at == "" {
		at = printFlicks(x.GetTime())
	}
	return quote(x.GetAsset() + "@" + at)
}

// examples counts and checks the examples of a leaf, and what is asked of its own picture.
func (e *extent) examples(l *pb.Leaf, at string) error {
	if n := len(l.GetExamples()); n > MaxExamples {
		return errkind.New(errkind.Invalid, "%s.examples: %d are more than the %d allowed", at, n, MaxExamples)
	}
	for _, x := range l.GetExamples() {
		e.text += len(x.GetText())
		e.pictures += len(x.GetImage())
		switch {
		case e.text > MaxLength:
			return errTexts
		case e.pictures > MaxImagesBytes:
			return errkind.New(errkind.Invalid, "%s.examples: all pictures together have more than the %d bytes allowed; make the pictures smaller", at, MaxImagesBytes)
		}
		if err := first(checkExample(x, at+".examples"), checkExampleText(x.GetText(), at+".examples")); err != nil {
			return err
		}
	}
	pictured := len(l.GetImage()) > 0 || placed(e.lang.shape(l.GetKind()))
	shot := e.lang.shape(l.GetKind()) == pb.LeafShape_LEAF_SHAPE_SHOT
	switch {
	case l.GetCrop() != nil && (!pictured || shot):
		return errkind.New(errkind.Invalid, "%s.crop: only a picture and a frame have parts; leave the crop out", at)
	case l.GetSame() && !pictured:
		return errkind.New(errkind.Invalid, "%s.same: %s asks with no picture, frame or shot that a hit could be the same as", at, l.GetKind())
	case l.GetSame() && len(l.GetExamples()) > 0:
		return errkind.New(errkind.Invalid, "%s.same: a hit is the same as one picture, frame or shot; leave out the examples or same", at)
	}
	return checkRectangle(l.GetCrop(), at+".crop")
}

func checkExample(x *pb.Example, at string) error {
	given := 0
	for _, is := range []bool{x.GetText() != "", len(x.GetImage()) > 0, x.GetAsset() != ""} {
		if is {
			given++
		}
	}
	_, duration := parseFlicks(x.GetTimecode())
	w := float64(x.GetWeight())
	switch {
	case given != 1:
		return errkind.New(errkind.Invalid, "%s: an example is words, a picture or a place; set exactly one of text, image and asset", at)
	case len(x.GetImage()) > MaxImageBytes:
		return errkind.New(errkind.Invalid, "%s.image: the picture has %d bytes, more than the %d allowed; make the picture smaller", at, len(x.GetImage()), MaxImageBytes)
	case len(x.GetAsset()) > MaxName || len(x.GetTimecode()) > MaxName:
		return errkind.New(errkind.Invalid, "%s: asset and timecode may have %d bytes each", at, MaxName)
	case !cleanText(x.GetAsset()) || !cleanText(x.GetTimecode()) || strings.Contains(x.GetAsset(), "@"):
		return errkind.New(errkind.Invalid, "%s.asset: %.70q is no asset", at, x.GetAsset())
	case x.GetAsset() == "" && (x.GetTimecode() != "" || x.GetTime() != 0 || x.GetShot()):
		return errkind.New(errkind.Invalid, "%s: a place needs an asset", at)
	case x.GetTimecode() != "" && (x.GetTime() != 0 || duration) || x.GetTime() < 0:
		return errkind.New(errkind.Invalid, "%s.time: give a timecode, or a time of 0 or more", at)
	case x.GetCrop() != nil && (x.GetText() != "" || x.GetShot()):
		return errkind.New(errkind.Invalid, "%s.crop: only a picture and a frame have parts; leave the crop out", at)
	case math.IsNaN(w) || math.Abs(w) > MaxWeight:
		return errkind.New(errkind.Invalid, "%s.weight: must be from -%d to %d", at, MaxWeight, MaxWeight)
	}
	return checkRectangle(x.GetCrop(), at+".crop")
}

// checkExampleText checks the words of an example.
func checkExampleText(s, at string) error {
	switch {
	case len(s) > MaxText:
		return errkind.New(errkind.Invalid, "%s.text: %d bytes are more than the %d allowed", at, len(s), MaxText)
	case words(s) > MaxWords:
		return errkind.New(errkind.Invalid, "%s.text: %d words are more than the %d allowed", at, words(s), MaxWords)
	case !cleanText(s):
		return errkind.New(errkind.Invalid, "%s.text: not UTF-8, or with control characters", at)
	case s != "" && !hasLetter(s):
		return errkind.New(errkind.Invalid, "%s.text: nothing to look for", at)
	}
	return nil
}

// checkRectangle checks a part of a picture; nil is the whole picture.
func checkRectangle(g *pb.Region, at string) error {
	share := func(v float32) bool { return v >= 0 && v <= 1 }
	if g != nil && !(share(g.GetX()) && share(g.GetY()) && share(g.GetW()) && share(g.GetH()) && g.GetW() > 0 && g.GetH() > 0) {
		return errkind.New(errkind.Invalid, "%s: want x, y, w and h from 0 to 1, w and h above 0", at)
	}
	if g != nil && (g.GetX() >= 1 || g.GetY() >= 1) {
		return errkind.New(errkind.Invalid, "%s: the part lies outside of the picture; want x and y below 1", at)
	}
	return nil
}

// Places returns the places that a leaf asks with: the leaf's own place, and the places of its examples.
func Places(l *pb.Leaf) (places []Place) {
	if l.GetAsset() != "" {
		places = append(places, l)
	}
	for _, x := range l.GetExamples() {
		if x.GetAsset() != "" {
			places = append(places, x)
		}
	}
	return places
}
