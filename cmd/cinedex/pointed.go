package main

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// pointed is what the flags of a search point at: a picture, a frame or a shot, and what narrows the first of them.
type pointed struct {
	image, frame, shot, crop string
	plus, minus              []string
	same                     bool
}

func (p *pointed) flags(f *pflag.FlagSet) {
	f.StringVar(&p.image, "image", "", "shots like this picture file (- reads it from standard input)")
	f.StringVar(&p.frame, "frame", "", "shots like one frame: ASSET@TIMECODE or ASSET@TIME")
	f.StringVar(&p.shot, "shot", "", "shots like the shot at ASSET@TIMECODE or ASSET@TIME")
	f.StringArrayVar(&p.plus, "plus", nil, "beside a picture, frame or shot: like these words, @FILE, frame:ASSET@PLACE or shot:ASSET@PLACE, too")
	f.StringArrayVar(&p.minus, "minus", nil, "beside a picture, frame or shot: unlike these words, @FILE, frame:ASSET@PLACE or shot:ASSET@PLACE")
	f.StringVar(&p.crop, "crop", "", "like a part of the picture or frame alone: X,Y,WIDTH,HEIGHT, from 0 to 1")
	f.BoolVar(&p.same, "same", false, "only the same shot as the picture, frame or shot")
}

// narrow adds the examples, the part and the same shot to the first leaf of a picture, a frame or a shot.
func (p *pointed) narrow(lang query.Language, leaves []*pb.Query) error {
	var brackets []string
	if p.crop != "" {
		brackets = append(brackets, "crop "+p.crop)
	}
	if p.same {
		brackets = append(brackets, "same=true")
	}
	for _, list := range []struct {
		sign   string
		values []string
	}{{"like", p.plus}, {"unlike", p.minus}} {
		for _, v := range list.values {
			written, err := exampleOf(v)
			if err != nil {
				return err
			}
			brackets = append(brackets, list.sign+"="+written)
		}
	}
	switch {
	case len(brackets) == 0:
		return nil
	case len(leaves) == 0:
		return errkind.New(errkind.Invalid, "--plus, --minus, --crop and --same are about a picture: give --image, --frame or --shot, too")
	}
	frame := leafOf(builtinLeaves(), pb.LeafShape_LEAF_SHAPE_FRAME)
	written, _, err := lang.Parse(frame + "[" + strings.Join(brackets, ",") + "]:any@0s")
	if err != nil {
		return fmt.Errorf("--plus, --minus, --crop, --same: %w", err)
	}
	l, from := leaves[0].GetLeaf(), written.GetLeaf()
	l.Examples, l.Crop, l.Same = from.GetExamples(), from.GetCrop(), from.GetSame()
	return lang.Validate(leaves[0])
}

// exampleOf writes a value of --plus or --minus as the query language does.
func exampleOf(v string) (string, error) {
	if file, ok := strings.CutPrefix(v, "@"); ok {
		b, err := readImage(file)
		return `b"` + base64.StdEncoding.EncodeToString(b) + `"`, err
	}
	of, place, _ := strings.Cut(v, ":")
	quoted := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	if of == "frame" || of == "shot" {
		return of + ":" + quoted(place), nil
	}
	return quoted(v), nil
}
