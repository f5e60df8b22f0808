package handoff

import "strings"

// A Colour is a colour of markers. The colours are those of Avid Media Composer, which every other program has as well.
type Colour uint8

// The colours of markers.
const (
	NoColour Colour = iota
	Red
	Green
	Blue
	Cyan
	Magenta
	Yellow
	Black
	White
	Pink
	Orange
	Purple
)

var colourNames = [...]string{"", "red", "green", "blue", "cyan", "magenta", "yellow", "black", "white", "pink", "orange", "purple"}

// String returns the name of the colour in English, in lower case; "" for NoColour.
func (c Colour) String() string { return colourNames[min(int(c), len(colourNames)-1)] }

// otherColours are names of colours that one program has alone, with the nearest colour that all have.
var otherColours = map[string]Colour{
	"fuchsia": Magenta, "rose": Pink, "lavender": Purple, "sky": Cyan, "mint": Green, "lemon": Yellow, "sand": Orange, "cocoa": Orange, "cream": White, "violet": Purple,
	"aqua": Cyan, "grey": White, "gray": White, "brown": Orange, "denim": Blue, "gold": Orange, "forest": Green, "teal": Cyan, "lime": Green,
}

// ParseColour returns the colour with a name, in any program's spelling: "ResolveColorBlue", "RED", "Blue". NoColour for an unknown name.
func ParseColour(s string) Colour {
	name := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(s), "ResolveColor"))
	for i, n := range colourNames {
		if n == name {
			return Colour(i)
		}
	}
	return otherColours[name]
}

// or returns the colour, and otherwise another.
func (c Colour) or(other Colour) Colour {
	if c == NoColour {
		return other
	}
	return c
}

// resolve returns the name of the colour in DaVinci Resolve.
func (c Colour) resolve() string {
	switch c {
	case NoColour, Black:
		return "Blue"
	case Magenta:
		return "Fuchsia"
	case White:
		return "Cream"
	case Orange:
		return "Sand"
	}
	return strings.ToUpper(c.String()[:1]) + c.String()[1:]
}

// avid returns the name of the colour in Avid Media Composer, which has eight.
func (c Colour) avid() string {
	switch c {
	case NoColour:
		return "red"
	case Pink, Purple:
		return "magenta"
	case Orange:
		return "yellow"
	}
	return c.String()
}
