package handoff

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
)

// The elements of Final Cut Pro 7's XML, version 5, which Premiere Pro reads and writes.

type xmemlFile struct {
	XMLName   xml.Name        `xml:"xmeml"`
	Version   string          `xml:"version,attr"`
	Sequences []xmemlSequence `xml:"sequence"`
}

type xmemlRate struct {
	Timebase int    `xml:"timebase"`
	NTSC     string `xml:"ntsc"`
}

type xmemlTimecode struct {
	Rate  xmemlRate `xml:"rate"`
	Label string    `xml:"string"`
	Frame int64     `xml:"frame"`
	Form  string    `xml:"displayformat"`
	Reel  *xmemlTag `xml:"reel,omitempty"`
}

// An xmemlTag is an element with a name.
type xmemlTag struct {
	Name string `xml:"name"`
}

type xmemlSequence struct {
	ID       string        `xml:"id,attr"`
	Name     string        `xml:"name"`
	Duration int64         `xml:"duration"`
	Rate     xmemlRate     `xml:"rate"`
	Timecode xmemlTimecode `xml:"timecode"`
	Format   xmemlPicture  `xml:"media>video>format>samplecharacteristics"`
	Video    []xmemlTrack  `xml:"media>video>track"`
	Audio    []xmemlTrack  `xml:"media>audio>track"`
}

type xmemlPicture struct {
	Width  int        `xml:"width,omitempty"`
	Height int        `xml:"height,omitempty"`
	Rate   *xmemlRate `xml:"rate,omitempty"`
}

type xmemlTrack struct {
	Clips []xmemlClip `xml:"clipitem"`
}

type xmemlClip struct {
	ID       string        `xml:"id,attr"`
	Name     string        `xml:"name"`
	Duration int64         `xml:"duration"`
	Rate     xmemlRate     `xml:"rate"`
	Start    int64         `xml:"start"`
	End      int64         `xml:"end"`
	In       int64         `xml:"in"`
	Out      int64         `xml:"out"`
	File     *xmemlMedia   `xml:"file"`
	Track    *xmemlSource  `xml:"sourcetrack"`
	Links    []xmemlLink   `xml:"link"`
	Markers  []xmemlMarker `xml:"marker"`
	Comments *xmemlComment `xml:"comments"`
}

type xmemlComment struct {
	First  string `xml:"mastercomment1"`
	Second string `xml:"mastercomment2,omitempty"`
}

type xmemlSource struct {
	Type  string `xml:"mediatype"`
	Index int    `xml:"trackindex"`
}

type xmemlLink struct {
	Ref       string `xml:"linkclipref"`
	Type      string `xml:"mediatype"`
	Track     int    `xml:"trackindex"`
	ClipIndex int    `xml:"clipindex"`
}

// An xmemlMedia is a file. After the first use, the id alone stands for the file.
type xmemlMedia struct {
	ID       string         `xml:"id,attr"`
	Name     string         `xml:"name,omitempty"`
	URL      string         `xml:"pathurl,omitempty"`
	Rate     *xmemlRate     `xml:"rate,omitempty"`
	Duration int64          `xml:"duration,omitempty"`
	Timecode *xmemlTimecode `xml:"timecode,omitempty"`
	Media    *xmemlTracks   `xml:"media,omitempty"`
}

type xmemlTracks struct {
	Picture xmemlPicture `xml:"video>samplecharacteristics"`
	Audio   *xmemlSound  `xml:"audio,omitempty"`
}

type xmemlSound struct {
	SampleRate int `xml:"samplecharacteristics>samplerate"`
	Channels   int `xml:"channelcount"`
}

type xmemlMarker struct {
	Name    string `xml:"name"`
	Comment string `xml:"comment"`
	In      int64  `xml:"in"`
	Out     int64  `xml:"out"`
}

var xmemlBool = map[bool]string{false: "FALSE", true: "TRUE"}

func (s *sequence) xmemlRate() xmemlRate {
	return xmemlRate{s.scale.FPS(), xmemlBool[s.rate.Den == 1001]}
}

// writeXMEML writes a sequence for each rate. Points within the media count from the first frame of the media.
func writeXMEML(w *sink, l List, o Options) error {
	all, err := sequences(l, o)
	if err != nil {
		return err
	}
	f := &xmemlFile{Version: "5"}
	x := &xmemlWriter{files: map[*Source]string{}, reels: reels(l.sources(), o.Reel)}
	for i, s := range all {
		f.Sequences = append(f.Sequences, x.sequence(i+1, s))
	}
	for _, s := range l.sources() {
		if s.Rate.Den != 1 && s.Rate.Den != 1001 {
			w.note("%s has %s frames a second, and Premiere XML counts whole rates and their NTSC siblings: frames keep their numbers", s.Name, s.Rate)
		}
		if s.Variable {
			w.note("%s has a variable frame rate: points are numbers of frames, so conform a copy of constant rate that keeps every frame", s.Name)
		}
	}
	return writeXML(w, "<!DOCTYPE xmeml>\n", f)
}

// An xmemlWriter numbers files and clips.
type xmemlWriter struct {
	files map[*Source]string
	reels map[*Source]string
	clips int
}

func (x *xmemlWriter) sequence(n int, s *sequence) xmemlSequence {
	first, rate := s.clips[0].Source, s.xmemlRate()
	out := xmemlSequence{
		ID: fmt.Sprintf("sequence-%d", n), Name: s.name, Duration: s.frames(), Rate: rate,
		Timecode: xmemlTimecode{Rate: rate, Label: s.scale.Format(0), Frame: s.scale.Number(), Form: fcpForms[s.scale.Drop()]},
		Format:   xmemlPicture{first.Width, first.Height, &rate}, Video: make([]xmemlTrack, 1),
	}
	for i, c := range s.clips {
		x.add(&out, i+1, rate, c)
	}
	return out
}

// mostTracks bounds the tracks of sound that are laid out.
const mostTracks = 8

// add adds a clip: its picture, and each channel of its sound on a track of its own, linked.
func (x *xmemlWriter) add(out *xmemlSequence, index int, rate xmemlRate, c placed) {
	picture := x.clip(rate, c)
	links := []xmemlLink{{picture.ID, "video", 1, index}}
	var sound []xmemlClip
	for channel := range min(c.Source.Channels, mostTracks) {
		item := x.clip(rate, c)
		item.Track = &xmemlSource{"audio", channel + 1}
		for len(out.Audio) <= channel {
			out.Audio = append(out.Audio, xmemlTrack{})
		}
		links = append(links, xmemlLink{item.ID, "audio", channel + 1, len(out.Audio[channel].Clips) + 1})
		sound = append(sound, item)
	}
	for _, m := range c.markers() {
		picture.Markers = append(picture.Markers, xmemlMarker{line(m.Name), xmlText(m.Note), m.Start, m.End})
	}
	if note := xmlText(strings.TrimSpace(c.Note)); note != "" || c.Query != "" {
		picture.Comments = &xmemlComment{note, line(c.Query)}
	}
	if len(sound) > 0 {
		picture.Links = links
	}
	out.Video[0].Clips = append(out.Video[0].Clips, picture)
	for i, item := range sound {
		item.Links = links
		out.Audio[i].Clips = append(out.Audio[i].Clips, item)
	}
}

func (x *xmemlWriter) clip(rate xmemlRate, c placed) xmemlClip {
	x.clips++
	return xmemlClip{
		ID: fmt.Sprintf("clipitem-%d", x.clips), Name: short(c.label(), 200), Duration: c.Source.Clock.Frames(), Rate: rate,
		Start: c.at, End: c.at + c.Frames(), In: c.Start, Out: c.End, File: x.file(rate, c.Source),
	}
}

func (x *xmemlWriter) file(rate xmemlRate, s *Source) *xmemlMedia {
	if id := x.files[s]; id != "" {
		return &xmemlMedia{ID: id}
	}
	id := fmt.Sprintf("file-%d", len(x.files)+1)
	x.files[s] = id
	address := s.URL
	if address == "" {
		address = "file://localhost/" + url.PathEscape(s.Name)
	}
	m := &xmemlMedia{
		ID: id, Name: s.Name, URL: address, Rate: &rate, Duration: s.Clock.Frames(),
		Timecode: &xmemlTimecode{Rate: rate, Label: s.Scale.Format(0), Frame: s.Scale.Number(), Form: fcpForms[s.Scale.Drop()], Reel: &xmemlTag{x.reels[s]}},
		Media:    &xmemlTracks{Picture: xmemlPicture{s.Width, s.Height, &rate}},
	}
	if s.Channels > 0 {
		m.Media.Audio = &xmemlSound{s.SampleRate, s.Channels}
	}
	return m
}
