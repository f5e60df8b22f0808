package media

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Original returns whether browsers play the file of an asset as the file arrived. The table of this file is the only place that knows: a film that
// browsers play gets no proxy.
//
//   - PLAYABLE_YES: every current browser plays pictures and sound.
//   - PLAYABLE_ASK: some browsers do. type is the media type for HTMLMediaElement.canPlayType.
//   - PLAYABLE_NO: reason is a sentence for people.
func Original(a *cinedexv1.Asset) *cinedexv1.Original {
	v := a.GetVideo()
	if v == nil {
		return &cinedexv1.Original{Playable: cinedexv1.Playable_PLAYABLE_ASK, Reason: "the asset has no pictures", Type: "audio/" + firstOf(a.GetContainer())}
	}
	no := func(format string, args ...any) *cinedexv1.Original {
		return &cinedexv1.Original{Playable: cinedexv1.Playable_PLAYABLE_NO, Reason: fmt.Sprintf(format, args...)}
	}
	c, known := playableContainers[firstOf(a.GetContainer())]
	if !known {
		return no("browsers do not open files of the format %s", firstOf(a.GetContainer()))
	}
	codec, known := playableCodecs[v.GetCodec()]
	if !known || !slices.Contains(codec.containers, c) {
		return no("browsers have no decoder for %s in %s", codecName(v.GetCodec()), c)
	}
	if f := v.GetPixelFormat(); f != "" && !slices.Contains(codec.formats, f) {
		return no("browsers have no decoder for %s with pixels of the form %s", codecName(v.GetCodec()), f)
	}
	if int64(v.GetWidth())*int64(v.GetHeight()) > mostPlayable {
		return no("pictures of %dx%d are too large for a browser to seek in", v.GetWidth(), v.GetHeight())
	}
	if v.GetVariableRate() && v.GetReordered() && c == "mp4" {
		// The length of a picture in MP4 is the distance to the next picture in the order of decoding. Chromium takes that length for the time on the
		// screen, and shows a neighbour after some seeks.
		return no("browsers show a neighbouring frame of a film of variable rate whose pictures are not stored in the order of showing")
	}
	if v.GetFragmented() && v.GetReordered() && c == "mp4" {
		// Chromium shows a key frame after some seeks to the frames before the key frame.
		return no("browsers show a neighbouring frame of fragmented MP4 whose pictures are not stored in the order of showing")
	}
	if v.GetOpenGroups() && v.GetCodec() == "h264" {
		// Chromium ends the film by an error of decoding after most seeks. HEVC stays PLAYABLE_ASK: its standard tells decoders which pictures to leave
		// out (ITU-T H.265, 8.1.3), and the page compares each picture with the frame.
		return no("browsers cannot begin at the key frames of %s whose groups of pictures are open", codecName(v.GetCodec()))
	}
	for _, t := range a.GetAudio()[:min(len(a.GetAudio()), 1)] {
		if !slices.Contains(playableSound[c], t.GetCodec()) {
			return no("browsers have no decoder for sound of the form %s in %s", t.GetCodec(), c)
		}
	}
	if codec.ask != "" {
		return &cinedexv1.Original{Playable: cinedexv1.Playable_PLAYABLE_ASK, Type: fmt.Sprintf("video/%s; codecs=%q", c, codec.ask), Reason: "some browsers have a decoder for " + codecName(v.GetCodec())}
	}
	return &cinedexv1.Original{Playable: cinedexv1.Playable_PLAYABLE_YES}
}

// NeedsProxy reports whether an asset has pictures that some browser does not play.
func NeedsProxy(a *cinedexv1.Asset) bool {
	return a.GetVideo() != nil && Original(a).GetPlayable() != cinedexv1.Playable_PLAYABLE_YES
}

// mostPlayable is the number of pixels of 1920 x 1088. Browsers decode larger pictures by the graphics processor alone, and seek slowly.
const mostPlayable = 1920 * 1088

// playableContainers are the formats of files that browsers open, by ffmpeg's first name of the format.
var playableContainers = map[string]string{"mov": "mp4", "matroska": "webm"}

// A playableCodec is a codec of pictures that browsers decode.
type playableCodec struct {
	containers []string
	formats    []string // pixel formats
	ask        string   // the codecs of the media type, where only some browsers decode
}

var eightBits = []string{"yuv420p", "yuvj420p"}

var playableCodecs = map[string]playableCodec{
	"h264": {[]string{"mp4"}, eightBits, ""},
	"vp8":  {[]string{"webm"}, eightBits, ""},
	"vp9":  {[]string{"webm", "mp4"}, eightBits, ""},
	"av1":  {[]string{"webm", "mp4"}, []string{"yuv420p", "yuv420p10le"}, "av01.0.08M.10"},
	"hevc": {[]string{"mp4"}, []string{"yuv420p", "yuvj420p", "yuv420p10le"}, "hvc1.2.4.L123.B0"},
}

var playableSound = map[string][]string{
	"mp4":  {"aac", "mp3", "opus", "flac"},
	"webm": {"opus", "vorbis"},
}

var codecNames = map[string]string{
	"h264": "H.264", "hevc": "HEVC", "av1": "AV1", "vp9": "VP9", "vp8": "VP8", "prores": "ProRes", "dnxhd": "DNxHD", "mpeg2video": "MPEG-2", "mpeg4": "MPEG-4",
	"mjpeg": "Motion JPEG", "dvvideo": "DV", "jpeg2000": "JPEG 2000", "ffv1": "FFV1", "rawvideo": "pictures without compression",
}

func codecName(codec string) string {
	if n, ok := codecNames[codec]; ok {
		return n
	}
	return codec
}

func firstOf(container string) string {
	first, _, _ := strings.Cut(container, ",")
	return first
}
