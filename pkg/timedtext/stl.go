package timedtext

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/asticode/go-astisub"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// The blocks of EBU STL (EBU Tech 3264): a header, then one block for each
// subtitle or part of one.
const (
	gsiBytes = 1024
	ttiBytes = 128
	// maxBlocks is more than the header's five digits can count.
	maxBlocks = 100_000
)

func isSTL(data []byte) bool {
	return len(data) >= gsiBytes && bytes.HasPrefix(data[3:], []byte("STL")) && bytes.HasPrefix(data[8:], []byte(".01"))
}

// stl reads the times itself, as frames, and lets go-astisub read the letters,
// block by block, so that one bad block costs itself only.
func (p *parser) stl(data []byte) error {
	header := data[:gsiBytes]
	rate := schema.Rate{Num: 25, Den: 1}
	switch fps := string(header[6:8]); fps {
	case "25":
	case "30":
		rate = schema.Rate{Num: 30, Den: 1}
		// Its 30 labels a second are those of 29.97 where the film is.
		if p.opts.Rate == (schema.Rate{Num: 30000, Den: 1001}) {
			rate = p.opts.Rate
		}
	default:
		return errkind.New(errkind.Invalid, "the STL counts %q frames a second; 25 and 30 are known", clip(fps))
	}
	p.out.Encoding = "iso-6937"
	first, _ := schema.ParseTimecode(p.opts.StartTimecode)
	scale, err := schema.ScaleOf(rate, first.Drop && rate.Den != 1, "")
	if err != nil {
		return err
	}
	labels := stlLabels{scale}
	origin := p.stlStart(header, data[gsiBytes:], labels)

	if n := (len(data) - gsiBytes) / ttiBytes; n > maxBlocks {
		return fmt.Errorf("the STL has %d blocks, and at most %d are taken: %w", n, maxBlocks, ErrTooLarge)
	}
	var text []string
	for i := 0; gsiBytes+(i+1)*ttiBytes <= len(data); i++ {
		block := data[gsiBytes+i*ttiBytes:][:ttiBytes]
		extension, comment := block[3], block[15]
		if extension == 0xfe || comment == 1 {
			continue // the editor's own data; a translator's note
		}
		words, err := stlWords(header, block)
		if err != nil {
			p.bad(i+1, "cannot be read: %v", err)
			text = nil
			continue
		}
		text = append(text, words)
		if extension != 0xff {
			continue // goes on in the next block
		}
		start, okStart := labels.frame(block[5:9])
		end, okEnd := labels.frame(block[9:13])
		if !okStart || !okEnd {
			p.bad(i+1, "has a timecode that does not exist")
		} else {
			p.add(i+1, Cue{
				Start: rate.FrameStart(start - origin), End: rate.FrameStart(end - origin),
				Text: strings.Join(text, ""),
			})
		}
		text = nil
		if p.over != nil {
			break
		}
	}
	return nil
}

// stlLabels reads the timecodes of blocks: four bytes, one for each number.
type stlLabels struct{ schema.TimecodeScale }

// frame counts the frames from 00:00:00:00 to a label.
func (l stlLabels) frame(b []byte) (int64, bool) {
	n, err := l.Frame(fmt.Sprintf("%02d:%02d:%02d:%02d", b[0], b[1], b[2], b[3]))
	return n, err == nil
}

// stlStart is the label of the film's first frame: the header's start of
// programme; where that is zero though the subtitles begin later than the
// asset's own start, the asset's, as many editors never fill the field in.
func (p *parser) stlStart(header, rest []byte, labels stlLabels) int64 {
	h := header[256:264]
	if n, err := labels.Frame(fmt.Sprintf("%s:%s:%s:%s", h[0:2], h[2:4], h[4:6], h[6:8])); err == nil && n > 0 {
		return n
	}
	own, err := labels.Frame(p.opts.StartTimecode)
	if err != nil || len(rest) < ttiBytes {
		return 0
	}
	if first, ok := labels.frame(rest[5:9]); ok && first >= own {
		return own
	}
	return 0
}

// stlWords reads the words of one block.
func stlWords(header, block []byte) (string, error) {
	h := bytes.Clone(header)
	// Dates that nobody filled in would make the library refuse the header.
	for _, at := range []int{224, 230} {
		if !isDate(h[at : at+6]) {
			copy(h[at:], "700101")
		}
	}
	copy(h[256:272], "0000000000000000")
	// As open subtitles, whose every letter counts: of teletext the library reads
	// only what stands in boxes, which many files leave out.
	h[11] = '0'
	one := bytes.Clone(block)
	copy(one[5:13], []byte{0, 0, 0, 0, 0, 0, 1, 0})
	one[3] = 0xff
	for i, b := range one[16:] {
		if b < 0x20 {
			one[16+i] = ' ' // teletext's colours and boxes take a place each
		}
	}
	subs, err := astisub.ReadFromSTL(bytes.NewReader(append(h, one...)), astisub.STLOptions{})
	if err != nil {
		return "", err
	}
	var lines []string
	for _, item := range subs.Items {
		for _, l := range item.Lines {
			lines = append(lines, l.String())
		}
	}
	return strings.Join(lines, "\n"), nil
}

func isDate(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	month, day := (b[2]-'0')*10+b[3]-'0', (b[4]-'0')*10+b[5]-'0'
	return month >= 1 && month <= 12 && day >= 1 && day <= 28
}
