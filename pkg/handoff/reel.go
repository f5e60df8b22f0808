package handoff

import (
	"fmt"
	"path"
	"strings"
)

// maxReel is the length of a reel name of CMX3600.
const maxReel = 8

// reelName makes a reel name of a file name: upper case letters, digits and underscores.
func reelName(name string) string {
	var b strings.Builder
	for _, r := range strings.ToUpper(strings.TrimSuffix(name, path.Ext(name))) {
		switch {
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
		if b.Len() == maxReel {
			break
		}
	}
	return strings.TrimRight(b.String(), "_")
}

// reserved are the names of sources that are no reels: black, and the auxiliary input.
func reserved(reel string) bool { return reel == "" || reel == "BL" || reel == "AX" }

// reels returns the reel name of each source. Two sources never have the same reel name, unless reel replaces all names.
func reels(sources []*Source, reel string) map[*Source]string {
	out, taken := map[*Source]string{}, map[string]bool{}
	for _, s := range sources {
		if reel != "" {
			out[s] = strings.ToUpper(reel)
			continue
		}
		name := reelName(s.Reel)
		if name == "" {
			name = reelName(s.Name)
		}
		if reserved(name) {
			name = reelName("R" + s.Asset)
		}
		base := name
		for n := 2; taken[name]; n++ {
			end := fmt.Sprint(n)
			name = base[:min(len(base), maxReel-len(end))] + end
		}
		taken[name] = true
		out[s] = name
	}
	return out
}
