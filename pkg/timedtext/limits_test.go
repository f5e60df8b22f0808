package timedtext_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/timedtext"
)

// cuesOf writes n cues in a format, with the beginning and the end of a file.
var cuesOf = map[string]func(n int) []byte{
	"srt": func(n int) []byte { return repeated("", "1\n00:00:%02d,000 --> 00:01:00,000\nHello\n\n", "", n) },
	"vtt": func(n int) []byte { return repeated("WEBVTT\n\n", "00:%02d.000 --> 01:00.000\nHello\n\n", "", n) },
	"ttml": func(n int) []byte {
		return repeated(`<tt xmlns="http://www.w3.org/ns/ttml"><body><div>`, `<p begin="%ds" end="60s">Hello</p>`, `</div></body></tt>`, n)
	},
	"scc": func(n int) []byte {
		var b strings.Builder
		b.WriteString("Scenarist_SCC V1.0\n\n")
		for i := range n {
			b.WriteString(sccLine(fmt.Sprintf("%02d:%02d:%02d:00", i/3600, i/60%60, i%60), rcl+r15+"Hello "+eoc+edm))
		}
		return []byte(b.String())
	},
	"mcc": func(n int) []byte {
		var b strings.Builder
		b.WriteString(mccHead)
		for i := range n {
			b.WriteString(mccLine(fmt.Sprintf("%02d:%02d:%02d;10", i/3600, i/60%60, i%60), field1(edm), field1(rcl), field1(r15), field1("Hi"), field1(eoc)))
		}
		return []byte(b.String())
	},
	"stl": func(n int) []byte {
		block := func(i int) []byte {
			return tti(byte(i), 0xff, [4]byte{0, 0, byte(i % 50), 0}, [4]byte{0, 1, 0, 0}, "Hello")
		}
		blocks := make([][]byte, n)
		for i := range blocks {
			blocks[i] = block(i)
		}
		return stl("25", "00000000", blocks...)
	},
}

func repeated(head, cue, tail string, n int) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	for i := range n {
		fmt.Fprintf(&b, cue, i%50)
	}
	b.WriteString(tail)
	return b.Bytes()
}

// TestTextLimits: a text over a limit is refused as a whole, with the limit.
func TestTextLimits(t *testing.T) {
	const most = 50_000
	type limit struct {
		data []byte
		opts timedtext.Options
		says string
	}
	limits := map[string]limit{
		"srt of blank lines":   {append(cuesOf["srt"](1), bytes.Repeat([]byte("\n"), 400_001)...), timedtext.Options{Format: "srt"}, "400000"},
		"ttml of empty tags":   {repeated(`<tt xmlns="http://www.w3.org/ns/ttml">`, "<a n%d>", "</tt>", 400_001), timedtext.Options{}, "tags, and at most 400000"},
		"ttml of attributes":   {repeated(`<tt xmlns="http://www.w3.org/ns/ttml"><p `, `a%d="" `, "></p></tt>", 400_001), timedtext.Options{}, "attributes, and at most 400000"},
		"cues with many bytes": {repeated("WEBVTT\n\n", "00:%02d.000 --> 01:00.000\n"+strings.Repeat("word ", 1500)+"\n\n", "", 1200), timedtext.Options{}, "8388608 bytes"},
		"stl of many blocks":   {append(stl("25", "00000000"), make([]byte, 128*100_001)...), timedtext.Options{}, "100001 blocks"},
	}
	for format, cues := range cuesOf {
		limits[format+" of many cues"] = limit{cues(most + 1), timedtext.Options{Format: format}, "50000 cues"}
		got, err := timedtext.Parse(cues(2000), timedtext.Options{Format: format})
		if err != nil || len(got.Cues) != 2000 || len(got.Bad) != 0 {
			t.Errorf("%s: 2000 cues: %v", format, err)
		}
	}
	for name, c := range limits {
		_, err := timedtext.Parse(c.data, c.opts)
		if !errors.Is(err, timedtext.ErrTooLarge) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error saying %q", name, err, c.says)
		}
	}
	// Bad cues beyond the limit of named cues are counted.
	got, err := timedtext.Parse(append(cuesOf["srt"](1), repeated("", "2\n00:00:%02d,000 --> 00:00:00,000\nBack\n\n", "", 1500)...), timedtext.Options{Format: "srt"})
	if err != nil || len(got.Bad) != 1000 || !strings.Contains(got.Bad[999].Reason, "500 more cues are unusable") {
		t.Errorf("1500 bad cues: %d named, %v", len(got.Bad), err)
	}
}

// processorTime returns the processor time of the test so far. Unlike time on a clock, processor time hardly depends on
// the machine's load.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestTextIsLinear: sixteen times the text takes about sixteen times the time. Quadratic work would take 256 times as long.
func TestTextIsLinear(t *testing.T) {
	inputs := map[string]func(n int) []byte{
		"numbers of srt":     func(n int) []byte { return repeated("1\n00:00:01,000 --> 00:00:02,000\na\n", "%d\n\n", "", n) },
		"braces of srt":      func(n int) []byte { return repeated("1\n00:00:01,000 --> 00:00:02,000\n", "{%d", "\n", n) },
		"tags of vtt":        func(n int) []byte { return repeated("WEBVTT\n\n00:01.000 --> 00:02.000\n", "<v a%d>x", "\n", n) },
		"open voices of vtt": func(n int) []byte { return repeated("WEBVTT\n\n00:01.000 --> 00:02.000\n", "<%d ", "\n", n) },
		"languages of vtt": func(n int) []byte {
			return repeated("WEBVTT\n\n00:01.000 --> 00:02.000\n", "<lang en>x</lang><lang fr>y%d</lang>", "\n", n)
		},
		"turns of srt":             func(n int) []byte { return repeated("1\n00:00:01,000 --> 00:00:02,000\n", "- MARA: x%d\n", "\n", n) },
		"bytes of no utf-8 of srt": func(n int) []byte { return repeated("1\n00:00:01,000 --> 00:00:02,000\n", "\xe9t\xe9 %d\n", "\n", n) },
		"lines of ass": func(n int) []byte {
			return repeated("[Script Info]\n[Events]\n", "Dialogue: 0,0:00:%02d.00,0:01:00.00,,,,,,,{x}y\n", "", n)
		},
		"lines of microdvd":  func(n int) []byte { return repeated("{1}{1}25\n", "{%d}{}a\n", "", n) },
		"lines of sbv":       func(n int) []byte { return repeated("", "0:00:%02d.000,0:01:00.000\na\n\n", "", n) },
		"one cue of srt":     func(n int) []byte { return repeated("1\n00:00:01,000 --> 00:00:02,000\n", "line %d\n", "", n) },
		"stray lines of srt": func(n int) []byte { return repeated("1\n00:00:01,000 --> 00:00:02,000\na\n\n", "line %d\n\n", "", n) },
		"open tags of srt":   func(n int) []byte { return repeated("1\n00:00:01,000 --> 00:00:02,000\n", "<i %d", "\n", n) },
		"sequences of ttml": func(n int) []byte {
			return repeated(`<tt xmlns="http://www.w3.org/ns/ttml"><body timeContainer="seq">`, `<div><p><span begin="1s" dur="%ds">a</span></p></div>`, `</body></tt>`, n)
		},
		"times in one paragraph of ttml": func(n int) []byte {
			return repeated(`<tt xmlns="http://www.w3.org/ns/ttml"><body><p end="90s" timeContainer="seq">`, `a<span dur="%dms">b</span>`, `</p></body></tt>`, n)
		},
		"styles of ttml": func(n int) []byte {
			return repeated(`<tt xmlns="http://www.w3.org/ns/ttml"><head><styling><style xml:id="s"/></styling></head><body><p end="90s" style="`, `s%d `, `">a</p></body></tt>`, n)
		},
		"one subtitle of stl": func(n int) []byte {
			return stl("25", "00000000", slices.Repeat([][]byte{tti(0, 0, [4]byte{}, [4]byte{0, 1, 0, 0}, "Hello")}, n)...)
		},
		"spans of ttml": func(n int) []byte {
			return repeated(`<tt xmlns="http://www.w3.org/ns/ttml"><body><p begin="1s" end="2s">`, `<span begin="1s" end="2s">%d</span>`, `</p></body></tt>`, n)
		},
	}
	for format, cues := range cuesOf {
		inputs[format] = cues
	}
	for name, input := range inputs {
		format, _, _ := strings.Cut(name, " ")
		if i := strings.LastIndex(name, " "); i > 0 {
			format = name[i+1:]
		}
		best := func(n int) time.Duration {
			data, least := input(n), time.Duration(1<<62)
			for range 5 {
				began := processorTime(t)
				_, _ = timedtext.Parse(data, timedtext.Options{Format: format})
				least = min(least, processorTime(t)-began)
			}
			return max(least, 100*time.Microsecond)
		}
		// A busy machine may spoil a measurement, but rarely three measurements.
		var small, large time.Duration
		for range 3 {
			if small, large = best(500), best(8000); large <= 64*small {
				break
			}
		}
		if large > 64*small {
			t.Errorf("%s: %s for 500, %s for 8000", name, small, large)
		}
	}
}
