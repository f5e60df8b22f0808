package timedtext_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/htmlindex"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

const ms = schema.Millisecond

func cue(startMs, endMs int64, text, speaker string) timedtext.Cue {
	return timedtext.Cue{Start: schema.FromMillis(startMs), End: schema.FromMillis(endMs), Text: text, Speaker: speaker}
}

const ttmlHead = `<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xml:lang="fr-CA" `

func TestParse(t *testing.T) {
	f2997 := rateOf(30000, 1001)
	for name, c := range map[string]struct {
		in   string
		opts timedtext.Options
		want timedtext.Track
	}{
		"srt": {
			in: "1\n00:00:01,000 --> 00:00:02,500\n<i>Good</i> morning,\n<font color=\"#fff\">Mara</font> &amp; all.\n\n2\n00:00:03,000 --> 00:00:04,000 X1:40\n- Hello.\n- Who is it?\n\n",
			want: timedtext.Track{Format: "srt", Encoding: "utf-8", Cues: []timedtext.Cue{
				cue(1000, 2500, "Good morning,\nMara & all.", ""), cue(3000, 4000, "- Hello.\n- Who is it?", "")}},
		},
		"srt, Windows ends, byte order mark, no numbers, blank line inside, out of order": {
			in: "\ufeff00:00:05.000 --> 00:00:06.000\r\nSecond\r\n\r\nand third line\r\n\r\n00:00:01,5 --> 00:00:02,25\r\n{\\an8}First\r\n",
			want: timedtext.Track{Format: "srt", Encoding: "utf-8", Cues: []timedtext.Cue{
				cue(1500, 2250, "First", ""), cue(5000, 6000, "Second\nand third line", "")}},
		},
		"srt, speakers": {
			in: "1\n00:00:01,000 --> 00:00:02,000\nMARA JADE: Good morning.\n\n2\n00:00:02,000 --> 00:00:03,000\nNote: this is speech.\n\n3\n00:00:03,000 --> 00:00:04,000\n- DR. WHO:\nAt 10:30?\n\n4\n00:00:04,000 --> 00:00:05,000\nIF YOU EVER SEE HIM AGAIN TELL HIM: no.\n",
			want: timedtext.Track{Format: "srt", Encoding: "utf-8", Cues: []timedtext.Cue{
				cue(1000, 2000, "Good morning.", "Mara Jade"), cue(2000, 3000, "Note: this is speech.", ""),
				cue(3000, 4000, "At 10:30?", "Dr. Who"), cue(4000, 5000, "IF YOU EVER SEE HIM AGAIN TELL HIM: no.", "")}},
		},
		"srt, bad times": {
			in: "1\n00:00:05,000 --> 00:00:04,000\nBack\n\n2\n00:00:06,000 --> 00:00:07,000\nGood\n\n3\nxx:00 --> 00:00:09,000\nWhat\n\n4\n00:61:00,000 --> 00:62:00,000\nLate\n\n5\n-00:00:01,000 --> 00:00:02,000\nBefore\n\n6\n00:00:06,500 --> 00:00:07,500\nOver the second\n\n7\n00:00:09,000 --> 00:00:09,500\n<i></i>\n",
			want: timedtext.Track{Format: "srt", Encoding: "utf-8",
				Cues: []timedtext.Cue{cue(6000, 7000, "Good", ""), cue(6500, 7500, "Over the second", "")},
				Bad: []timedtext.BadCue{
					{2, "ends at 00:00:04.000, before it starts at 00:00:05.000"},
					{10, `has a time that cannot be read: "xx:00"`},
					{14, `has a time that cannot be read: "00:61:00,000"`},
					{18, "starts at -00:00:01.000, before the film"},
					{26, "has no words"}}},
		},
		"webvtt": {
			in: "WEBVTT - a title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE this --> is no cue\nbut a note\n\nid 1\n00:01.000 --> 00:02.000 align:start line:10%\n<v.loud Mara>Good <00:01.500><c.yellow>morning</c> &lt;3\n\n1:00:00.250 --> 1:00:01.000\n<v Mara>One.</v> <v Jonas>Two.</v>\n",
			want: timedtext.Track{Format: "webvtt", Encoding: "utf-8", Cues: []timedtext.Cue{
				cue(1000, 2000, "Good morning <3", "Mara"), cue(3600250, 3601000, "One.", "Mara"), cue(3600250, 3601000, "Two.", "Jonas")}},
		},
		"webvtt called srt": {
			in: "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n", opts: timedtext.Options{Format: "srt"},
			want: timedtext.Track{Format: "webvtt", Encoding: "utf-8", Cues: []timedtext.Cue{cue(1000, 2000, "Hi", "")}},
		},
		"ttml, frames of 23.976": {
			in: ttmlHead + `ttp:frameRate="24" ttp:frameRateMultiplier="1000 1001"><head><metadata><ttm:agent xml:id="m" type="character"><ttm:name>Mara</ttm:name></ttm:agent></metadata></head>
				<body><div>
				<p begin="00:00:01:12" end="48f" ttm:agent="m">Good<br/>  morning <span>to&#160;you</span></p>
				<p begin="00:00:03.5" dur="1.5s">Bye</p>
				</div></body></tt>`,
			want: timedtext.Track{Format: "ttml", Encoding: "utf-8", Language: "fr-CA", Cues: []timedtext.Cue{
				{Start: schema.Second + rateOf(24000, 1001).FrameStart(12), End: rateOf(24000, 1001).FrameStart(48), Text: "Good\nmorning to you", Speaker: "Mara"},
				cue(3500, 5000, "Bye", "")}},
		},
		"ttml, ticks, and times that nest": {
			in: ttmlHead + `ttp:tickRate="10000000"><body begin="1s"><div begin="500ms">
				<p begin="0t" end="12345678t">One</p>
				<p><span begin="2s" end="3s">Two</span> <span begin="3s" dur="0.5s">Three</span></p>
				<p end="0.0001m">Four</p><p begin="5s">No end</p><p begin="1x" end="2s">Bad</p></div></body></tt>`,
			want: timedtext.Track{Format: "ttml", Encoding: "utf-8", Language: "fr-CA",
				Cues: []timedtext.Cue{
					cue(1500, 1506, "Four", ""),
					{Start: 1500 * ms, End: 1500*ms + rateOf(10000000, 1).FrameStart(12345678), Text: "One"},
					cue(3500, 4500, "Two", ""), cue(4500, 5000, "Three", "")},
				Bad: []timedtext.BadCue{{5, `has a time that cannot be read: "1x"`}, {5, "has no end, and the length of the film is not known"}}},
		},
		"ttml, drop-frame labels from the asset's start": {
			in:   ttmlHead + `ttp:timeBase="smpte" ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001" ttp:dropMode="dropNTSC"><body><p begin="01:01:00:02" end="01:01:01:00">Label</p></body></tt>`,
			opts: timedtext.Options{StartTimecode: "01:00:00;00"},
			want: timedtext.Track{Format: "ttml", Encoding: "utf-8", Language: "fr-CA", Cues: []timedtext.Cue{
				{Start: f2997.FrameStart(1800), End: f2997.FrameStart(1828), Text: "Label"}}},
		},
		"ttml, labels from zero though the asset starts later": {
			in:   ttmlHead + `ttp:timeBase="smpte" ttp:frameRate="25"><body><p begin="00:00:01:05" end="00:00:02:00">Label</p></body></tt>`,
			opts: timedtext.Options{StartTimecode: "10:00:00:00"},
			want: timedtext.Track{Format: "ttml", Encoding: "utf-8", Language: "fr-CA", Cues: []timedtext.Cue{cue(1200, 2000, "Label", "")},
				Notes: []string{"the text's labels begin at 00:00:01.200, and none lies in a film that begins at the film's start timecode 10:00:00:00: they are counted from 00:00:00:00"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := timedtext.Parse([]byte(c.in), c.opts)
			if err != nil {
				t.Fatal(err)
			}
			c.want.Certainty = 1
			if diff := gocmp.Diff(c.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// stl builds an EBU STL file of rows of Latin letters.
func stl(fps, start string, blocks ...[]byte) []byte {
	gsi := bytes.Repeat([]byte(" "), 1024)
	copy(gsi, "850STL"+fps+".01100")
	copy(gsi[14:], "0F") // language: French
	copy(gsi[12:], "00")
	copy(gsi[238:], fmt.Sprintf("%05d%05d%03d", len(blocks), len(blocks), 1))
	copy(gsi[251:], "40231")
	copy(gsi[256:], start)
	return append(gsi, bytes.Join(blocks, nil)...)
}

func tti(number byte, extension byte, in, out [4]byte, text string) []byte {
	b := bytes.Repeat([]byte{0x8f}, 128)
	b[0], b[1], b[2], b[3], b[4] = 0, number, 0, extension, 0
	copy(b[5:], in[:])
	copy(b[9:], out[:])
	b[13], b[14], b[15] = 20, 2, 0
	copy(b[16:], text)
	return b
}

func TestParseSTL(t *testing.T) {
	in, out := [4]byte{10, 0, 1, 5}, [4]byte{10, 0, 3, 0}
	want := []timedtext.Cue{cue(1200, 3000, "Où est le caf\u00e9 ?\nIci.", "")}
	text := "O\xc1u est le caf\xc2e ?\x8aIci."
	file := stl("25", "10000000", tti(0, 0xff, in, out, text))
	for name, c := range map[string]struct {
		data []byte
		opts timedtext.Options
		want []timedtext.Cue
		bad  int
	}{
		"own start":     {file, timedtext.Options{}, want, 0},
		"asset's start": {stl("25", "00000000", tti(0, 0xff, in, out, text)), timedtext.Options{StartTimecode: "10:00:00:00"}, want, 0},
		"bad block":     {append(slices.Clone(file), tti(1, 0xff, [4]byte{10, 99, 0, 0}, out, "No")...), timedtext.Options{}, want, 1},
		"two blocks":    {stl("25", "10000000", tti(0, 0x00, in, out, "O\xc1u est le caf"), tti(0, 0xff, in, out, "\xc2e ?\x8aIci.")), timedtext.Options{}, want, 0},
		"29.97": {stl("30", "01000000", tti(0, 0xff, [4]byte{1, 0, 1, 0}, [4]byte{1, 0, 2, 0}, "Hi")), timedtext.Options{Rate: rateOf(30000, 1001)},
			[]timedtext.Cue{{Start: rateOf(30000, 1001).FrameStart(30), End: rateOf(30000, 1001).FrameStart(60), Text: "Hi"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := timedtext.Parse(c.data, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(c.want, got.Cues); diff != "" || len(got.Bad) != c.bad || got.Format != "stl" {
				t.Errorf("%v (-want +got):\n%s", got.Bad, diff)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	frame := "1\n00:00:01,000 --> 00:00:02,000\n%s\n"
	for _, c := range []struct{ encoding, language, text string }{
		{"utf-8", "", "Där är någon – ガラス"},
		{"windows-1252", "", "Où est “Élodie” — là ?"},
		{"windows-1252", "de", "Größe, Übung, ß"},
		{"windows-1251", "ru", "Где мой кофе?"},
		{"windows-1250", "pl", "Zażółć gęślą jaźń"},
		{"windows-1253", "el", "Πού είναι ο καφές;"},
		{"windows-1254", "tr", "Işık ve gölge"},
		{"windows-1255", "he", "איפה הקפה שלי"},
		{"windows-1256", "ar", "أين قهوتي؟"},
		{"shift_jis", "ja", "望遠鏡には月が二つ見える"},
		{"euc-jp", "ja", "望遠鏡には月が二つ見える。砂糖はもうない"},
		{"gb18030", "zh", "今晚有两个月亮"},
		{"big5", "zh-Hant", "今晚有兩個月亮"},
		{"euc-kr", "ko", "오늘 밤 달이 두 개"},
		{"utf-16le", "ja", "望遠鏡には"},
		{"utf-16be", "", "Kaffee"},
		{"utf-16le", "", "Kaffee"},
	} {
		e, err := htmlindex.Get(c.encoding)
		if err != nil {
			t.Fatal(err)
		}
		data, err := e.NewEncoder().Bytes(fmt.Appendf(nil, frame, c.text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := timedtext.Parse(data, timedtext.Options{Format: "srt", Language: c.language})
		if err != nil {
			t.Errorf("%s: %v", c.encoding, err)
			continue
		}
		if got.Encoding != c.encoding || got.Cues[0].Text != c.text {
			t.Errorf("%s (%s): read as %s: %q", c.encoding, c.language, got.Encoding, got.Cues[0].Text)
		}
	}
}

func TestTextThatIsNone(t *testing.T) {
	many := strings.Repeat("x", 10_000)
	for name, c := range map[string]struct {
		data []byte
		opts timedtext.Options
		says string
	}{
		"empty":           {nil, timedtext.Options{}, "empty"},
		"white":           {[]byte(" \n\n"), timedtext.Options{}, "empty"},
		"prose":           {[]byte("Once upon a time"), timedtext.Options{}, "not SRT"},
		"prose as srt":    {[]byte("Once upon a time"), timedtext.Options{Format: "srt"}, "no cues"},
		"unknown format":  {[]byte("x"), timedtext.Options{Format: "docx"}, `"docx" is not one of`},
		"all bad":         {[]byte("1\n00:00:05,000 --> 00:00:04,000\nBack\n"), timedtext.Options{}, "line 2, ends at"},
		"binary":          {bytes.Repeat([]byte{0, 1, 2, 0xff, 0xfe}, 100), timedtext.Options{Format: "srt"}, ""},
		"broken xml":      {[]byte(`<tt xmlns="http://www.w3.org/ns/ttml"><body><p begin="1s"`), timedtext.Options{}, "cannot be read as XML"},
		"other xml":       {[]byte(`<html><body><p>Hi</p></body></html>`), timedtext.Options{}, "no tt element"},
		"deep xml":        {[]byte(strings.Repeat("<tt>", 1000)), timedtext.Options{Format: "ttml"}, "nested"},
		"stl by name":     {[]byte("not stl"), timedtext.Options{Name: "a.stl"}, "no STL header"},
		"stl of 50":       {stl("50", "00000000"), timedtext.Options{}, "frames a second"},
		"stl cut":         {stl("25", "00000000", []byte("short")), timedtext.Options{}, "no cues"},
		"words too long":  {[]byte("00:01.000 --> 00:02.000\n" + many), timedtext.Options{Format: "vtt"}, "more than"},
		"too large":       {bytes.Repeat([]byte("a\n"), timedtext.MaxBytes), timedtext.Options{}, "at most"},
		"labels past end": {[]byte(ttmlHead + `ttp:timeBase="smpte" ttp:frameRate="25"><body><p begin="00:00:01:77" end="00:00:02:00">L</p></body></tt>`), timedtext.Options{}, "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := timedtext.Parse(c.data, c.opts)
			if errkind.Of(err) != errkind.Invalid || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v (%s), want one saying %q", err, errkind.Of(err), c.says)
			}
		})
	}
	if _, err := timedtext.Parse(make([]byte, timedtext.MaxBytes+1), timedtext.Options{}); err == nil {
		t.Error("zeros without end were taken")
	}
	if _, err := timedtext.Parse(bytes.Repeat([]byte("a "), timedtext.MaxBytes), timedtext.Options{}); !errors.Is(err, timedtext.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

// The stored form is read back without loss, to the flick, and writing again gives the same bytes.
func TestWebVTTComesBack(t *testing.T) {
	word := rapid.StringMatching(`[A-Za-zäöå<>&é日本]{1,9}`)
	rapid.Check(t, func(t *rapid.T) {
		var cues []timedtext.Cue
		at := schema.Time(0)
		for range rapid.IntRange(1, 20).Draw(t, "cues") {
			at += schema.Time(rapid.Int64Range(0, int64(100*schema.Second)).Draw(t, "gap"))
			c := timedtext.Cue{Start: at, End: at + schema.Time(rapid.Int64Range(1, int64(9*schema.Second)).Draw(t, "length"))}
			c.Text = strings.Join(rapid.SliceOfN(word, 1, 6).Draw(t, "words"), rapid.SampledFrom([]string{" ", "\n"}).Draw(t, "between"))
			if rapid.Bool().Draw(t, "spoken") {
				c.Speaker = rapid.StringMatching(`[A-Z][a-zé&]{1,8}( [A-Z][a-z]{1,8})?`).Draw(t, "speaker")
			}
			cues = append(cues, c)
		}
		slices.SortStableFunc(cues, func(a, b timedtext.Cue) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
		})
		var first, second bytes.Buffer
		if err := timedtext.WriteWebVTT(&first, cues); err != nil {
			t.Fatal(err)
		}
		got, err := timedtext.Parse(first.Bytes(), timedtext.Options{})
		if err != nil {
			t.Fatalf("%v:\n%s", err, first.String())
		}
		if diff := gocmp.Diff(cues, got.Cues); diff != "" {
			t.Fatalf("(-written +read):\n%s\n%s", diff, first.String())
		}
		if err := timedtext.WriteWebVTT(&second, got.Cues); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("written again, it differs: %v", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"1\n00:00:01,000 --> 00:00:02,500\nHi\n", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>Hi\n",
		ttmlHead + `><body><p begin="1s" end="2s">Hi</p></body></tt>`, string(stl("25", "10000000", tti(0, 0xff, [4]byte{10}, [4]byte{11}, "Hi"))),
		sccLine("01:00:01:00", twice(rdc, r15)+"Hi"+twice(ru2, cr, bs, der, eoc, edm)), mccHead + mccLine("01:00:01;00", append(digital(define708+"Hi"+show708+delete708), field1(rcl))...),
	} {
		f.Add([]byte(seed))
	}
	for _, c := range slices.Concat(captionCases, ttmlCases) {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, opts := range []timedtext.Options{{}, {Rate: rateOf(30000, 1001), StartTimecode: "01:00:00;00", Duration: schema.Hour}} {
			got, err := timedtext.Parse(data, opts)
			if err != nil {
				continue
			}
			for _, c := range got.Cues {
				if c.Start < 0 || c.End <= c.Start || c.Text == "" {
					t.Errorf("took %+v", c)
				}
			}
		}
	})
}

func rateOf(num, den int64) schema.Rate { return schema.Rate{Num: num, Den: den} }
