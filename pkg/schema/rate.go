package schema

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Rate is a number of frames (or samples, or ticks) per second, as a fraction. The conversions of the zero Rate give 0.
type Rate struct{ Num, Den int64 }

// RateOf returns the rate of a proto's FrameRate, in lowest terms; the zero Rate for nil.
func RateOf(r *cinedexv1.FrameRate) Rate {
	return Rate{int64(r.GetNum()), int64(r.GetDen())}.reduced()
}

// Proto returns r as the proto's FrameRate.
func (r Rate) Proto() *cinedexv1.FrameRate {
	return &cinedexv1.FrameRate{Num: int32(r.Num), Den: int32(r.Den)}
}

// ntsc are the whole rates whose 1000/1001 sibling is in use.
var ntsc = []int64{12, 15, 24, 30, 48, 60, 72, 96, 120, 240}

// ParseRate reads "24000/1001", "25", "12.5" and the usual shortenings of NTSC
// rates ("23.976", "23.98", "29.97", "59.94", ...), which stand for n·1000/1001.
func ParseRate(s string) (Rate, error) {
	bad := func(why string) (Rate, error) {
		return Rate{}, errkind.New(errkind.Invalid, "frame rate %q %s", clip(s), why)
	}
	num, den, fraction := strings.Cut(s, "/")
	if fraction {
		n, err1 := parseDigits(num)
		d, err2 := parseDigits(den)
		if err1 != nil || err2 != nil {
			return bad(`must be a number or a fraction, such as "25", "23.976" or "24000/1001"`)
		}
		r := Rate{n, d}
		if err := r.Validate(); err != nil {
			return Rate{}, err
		}
		return r.reduced(), nil
	}
	whole, decimals, _ := strings.Cut(s, ".")
	w, err := parseDigits(whole)
	if err != nil {
		return bad(`must be a number or a fraction, such as "25", "23.976" or "24000/1001"`)
	}
	r := Rate{w, 1}
	if decimals = strings.TrimRight(decimals, "0"); decimals != "" {
		d, err := parseDigits(decimals)
		if err != nil || len(decimals) > 9 {
			return bad("must have at most 9 decimals")
		}
		scale := int64(math.Pow10(len(decimals)))
		if w > math.MaxInt64/scale-1 {
			return bad("is too large")
		}
		r = Rate{w*scale + d, scale}.reduced()
		if len(decimals) >= 2 {
			for _, n := range ntsc {
				if fixed(Rate{n * 1000, 1001}, len(decimals)) == whole+"."+decimals {
					r = Rate{n * 1000, 1001}.reduced()
				}
			}
		}
	}
	if err := r.Validate(); err != nil {
		return Rate{}, err
	}
	return r, nil
}

// fixed returns r to n decimals, rounded, without trailing zeros.
func fixed(r Rate, n int) string {
	s := big.NewRat(r.Num, r.Den).FloatString(n)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// parseDigits reads a number of decimal digits only: no sign, no underscore.
func parseDigits(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}

// Validate returns an error for a rate that is not positive, exceeds the schema's 32 bits, or has frames shorter than a
// flick.
func (r Rate) Validate() error {
	switch {
	case r.Num <= 0 || r.Den <= 0:
		return errkind.New(errkind.Invalid, "frame rate %d/%d must be positive", r.Num, r.Den)
	case r.Num > math.MaxInt32 || r.Den > math.MaxInt32:
		return errkind.New(errkind.Invalid, "frame rate %d/%d must have parts of at most 31 bits", r.Num, r.Den)
	case r.Num > int64(Second)*r.Den:
		return errkind.New(errkind.Invalid, "frame rate %d/%d has frames shorter than a flick", r.Num, r.Den)
	}
	return nil
}

// Exact reports whether every frame of r starts on a whole flick. Every usual rate is exact.
func (r Rate) Exact() bool { return r.Num > 0 && r.Den > 0 && int64(Second)*r.Den%r.Num == 0 }

// nearRate is how close a rate must be to a nominal rate to mean the nominal rate: 1 in 100,000.
const nearRate = 100_000

// Nominal returns the rate n or n·1000/1001, for a whole n, from which r differs by 1 in 100,000 at most;
// r itself where there is none. Containers round: Matroska keeps 60000/1001 as a frame of 16,683,333 ns, which
// readers give as 19001/317 (RFC 9559, DefaultDuration), and people write 29.97 for 30000/1001 (SMPTE ST 12-1).
func (r Rate) Nominal() Rate {
	r = r.reduced()
	if r.Validate() != nil {
		return r
	}
	for _, den := range []int64{1, 1001} {
		unit := max(den-1, 1) // of 1000/1001
		n := (r.Num*den + r.Den*unit/2) / (r.Den * unit)
		c := Rate{n * unit, den}
		// |r-c|/c, in whole numbers: the parts of r have 31 bits.
		if off, whole := r.Num*c.Den-c.Num*r.Den, c.Num*r.Den; n > 0 && max(off, -off) <= whole/nearRate {
			return c.reduced()
		}
	}
	return r
}

// Float returns r for showing.
func (r Rate) Float() float64 {
	if r.Den == 0 {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

// String returns "25" or "24000/1001". ParseRate reads the string back.
func (r Rate) String() string {
	if r.Den == 1 {
		return strconv.FormatInt(r.Num, 10)
	}
	return fmt.Sprintf("%d/%d", r.Num, r.Den)
}

func (r Rate) reduced() Rate {
	if r.Num <= 0 || r.Den <= 0 {
		return r
	}
	g := gcd(r.Num, r.Den)
	return Rate{r.Num / g, r.Den / g}
}

// flicks returns the length of a frame in flicks as a fraction in lowest terms, and false for no rate.
func (r Rate) flicks() (num, den uint64, ok bool) {
	if r.Num <= 0 || r.Den <= 0 || r.Den > math.MaxInt32 {
		return 0, 0, false
	}
	n, d := int64(Second)*r.Den, r.Num
	g := gcd(n, d)
	return uint64(n / g), uint64(d / g), true
}

// FrameStart returns the first flick at which frame n shows. FrameStart is exact if r.Exact(), and the next whole flick
// otherwise. In both cases the frame at FrameStart(n) is n, and the frame one flick earlier is n-1.
func (r Rate) FrameStart(n int64) Time {
	num, den, ok := r.flicks()
	if !ok {
		return 0
	}
	return Time(mulDiv(n, num, den, up))
}

// FrameAt returns the frame that shows at t: the largest n with FrameStart(n) <= t.
func (r Rate) FrameAt(t Time) int64 {
	num, den, ok := r.flicks()
	if !ok {
		return 0
	}
	return mulDiv(int64(t), den, num, down)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// clip shortens text from outside for an error.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
