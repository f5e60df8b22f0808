package timedtext

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

var mccRate = regexp.MustCompile(`(?m)^Time Code Rate=(\d{2,3})(DF)?\s*$`)

// mccAliases are the letters for frequent bytes.
var mccAliases = map[byte]string{
	'P': "\xfb\x80\x80", 'Q': "\xfc\x80\x80", 'R': "\xfd\x80\x80", 'S': "\x96\x69", 'T': "\x61\x01", 'U': "\xe1\x00\x00\x00", 'Z': "\x00",
}

func init() {
	for i := range byte(9) {
		mccAliases['G'+i] = strings.Repeat("\xfa\x00\x00", int(i)+1)
	}
}

// mcc reads MacCaption files: ancillary packets (SMPTE ST 334-1) with the captions of a frame (ST 334-2), by label.
func (p *parser) mcc(text string) error {
	m := mccRate.FindStringSubmatch(strings.ReplaceAll(text, "\r", "\n"))
	if m == nil {
		return errkind.New(errkind.Invalid, "the MCC names no time code rate")
	}
	fps, _ := strconv.ParseInt(m[1], 10, 64)
	if fps == 0 {
		return errkind.New(errkind.Invalid, "the MCC's time code rate is %q", m[1])
	}
	rate, mode := schema.Rate{Num: fps, Den: 1}, nonDrop
	if m[2] != "" {
		mode = dropNTSC
	}
	// The rate is a number of labels. For 24, 30 and 60 the film's rate is used, and the NTSC rates without a film.
	if fps == 24 || fps == 30 || fps == 60 {
		rate = schema.Rate{Num: fps * 1000, Den: 1001}
	}
	lines, scale := p.captionLines(text, func(string) labelScale { return p.scaleFor(rate, mode) })
	var data []CaptionData
	size := 0
	for _, l := range lines {
		packet, err := mccPacket(l.data)
		if err != nil {
			p.bad(l.line, "%s", err)
			continue
		}
		triplets, err := cdp(packet)
		if err != nil {
			p.bad(l.line, "%s", err)
			continue
		}
		if size += len(triplets); size > 3*maxPairs {
			return fmt.Errorf("the captions have more than %d pairs of bytes: %w", maxPairs, ErrTooLarge)
		}
		data = append(data, CaptionData{At: scale.time(l.frame), Triplets: triplets, line: l.line})
	}
	channels, services, parity := decodeCaptions(data)
	p.tellParity(parity)
	if len(channels)+len(services) == 0 && len(lines) > 0 {
		return errkind.New(errkind.Invalid, "the %d lines of the captions hold no words", len(lines))
	}
	p.captions(channels, services, scale)
	return nil
}

// mccPacket expands the bytes of a line. MCC 2.0 may put a count of lines and a comma before the bytes.
func mccPacket(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexAny(s, "\t ,"); i >= 0 {
		s = s[i+1:]
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if alias := mccAliases[c]; alias != "" {
			out = append(out, alias...)
			continue
		}
		if i+1 >= len(s) {
			return nil, errkind.New(errkind.Invalid, "ends inside a byte")
		}
		b, err := strconv.ParseUint(s[i:i+2], 16, 8)
		if err != nil {
			return nil, errkind.New(errkind.Invalid, "has a byte that cannot be read: %q", s[i:i+2])
		}
		out = append(out, byte(b))
		i++
	}
	if len(out) < 4 || out[0] != 0x61 {
		return nil, errkind.New(errkind.Invalid, "is not a packet of captions")
	}
	return out[3:], nil
}

// cdp extracts the caption data of a caption distribution packet (SMPTE ST 334-2).
func cdp(b []byte) ([]byte, error) {
	bad := errkind.New(errkind.Invalid, "has a caption distribution packet that cannot be read")
	if len(b) < 7 || b[0] != 0x96 || b[1] != 0x69 {
		return nil, bad
	}
	for i := 7; i < len(b); {
		switch b[i] {
		case 0x71: // time code
			i += 5
		case 0x72: // caption data
			if i+2 > len(b) {
				return nil, bad
			}
			n := 3 * int(b[i+1]&0x1f)
			if i+2+n > len(b) {
				return nil, bad
			}
			return b[i+2 : i+2+n], nil
		default: // services, the footer, or sections of a later edition
			return nil, nil
		}
	}
	return nil, nil
}
