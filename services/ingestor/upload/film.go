package upload

import (
	"net/http"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// headBytes are the first bytes of a file, by which the file's type is told.
const headBytes = 512

// otherFiles are types that no film has, with the word for a person.
var otherFiles = []struct{ prefix, word string }{
	{"text/", "a text"}, {"image/", "a picture"}, {"font/", "a font"}, {"application/pdf", "a PDF"}, {"application/postscript", "a PostScript file"},
	{"application/zip", "an archive"}, {"application/x-gzip", "an archive"}, {"application/x-rar", "an archive"}, {"application/wasm", "a program"},
}

// checkFilm refuses, by the first bytes, files that are no film. Whether other bytes are a film that can be read, the ingestor finds out.
func checkFilm(head []byte) error {
	found := http.DetectContentType(head)
	if strings.HasPrefix(string(head), "\x7fELF") || strings.HasPrefix(string(head), "MZ") {
		found = "application/wasm"
	}
	for _, o := range otherFiles {
		if strings.HasPrefix(found, o.prefix) {
			return errkind.New(errkind.Invalid, "the file is %s (%s), and no film: choose a film, such as MP4, MOV, MKV, MXF or WebM. Subtitles go beside a film", o.word, strings.SplitN(found, ";", 2)[0])
		}
	}
	return nil
}
