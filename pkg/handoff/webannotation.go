package handoff

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// The JSON-LD of the W3C Web Annotation Data Model, with media fragments (Media Fragments URI 1.0, normal play time) as selectors.

type annotationPage struct {
	Context string       `json:"@context"`
	ID      string       `json:"id"`
	Type    string       `json:"type"`
	Label   string       `json:"label,omitempty"`
	Items   []annotation `json:"items"`
}

type annotation struct {
	ID         string           `json:"id"`
	Type       string           `json:"type"`
	Motivation string           `json:"motivation"`
	Body       []annotationBody `json:"body"`
	Target     annotationTarget `json:"target"`
}

type annotationBody struct {
	Type     string `json:"type"`
	Value    string `json:"value"`
	Format   string `json:"format"`
	Language string `json:"language,omitempty"`
	Purpose  string `json:"purpose"`
}

type annotationTarget struct {
	Source   string             `json:"source"`
	Selector annotationSelector `json:"selector"`
}

type annotationSelector struct {
	Type     string `json:"type"`
	Conforms string `json:"conformsTo"`
	Value    string `json:"value"`
}

// writeWebAnnotation writes an annotation for each clip. Times are seconds from the first frame, with 9 decimals.
func writeWebAnnotation(w *sink, l List, _ Options) error {
	page := annotationPage{Context: "http://www.w3.org/ns/anno.jsonld", ID: "urn:cinedex:handoff:" + strconv.Itoa(len(l.Clips)), Type: "AnnotationPage", Label: line(l.Name)}
	for i, c := range l.Clips {
		page.Items = append(page.Items, annotationOf(i+1, c))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(page)
}

func annotationOf(number int, c Clip) annotation {
	s, iv := c.Source, c.Interval()
	a := annotation{ID: fmt.Sprintf("urn:cinedex:clip:%s:%d-%d:%d", s.Asset, c.Start, c.End, number), Type: "Annotation", Motivation: "describing"}
	body := func(value, language, purpose string) {
		if value != "" {
			a.Body = append(a.Body, annotationBody{"TextualBody", value, "text/plain", language, purpose})
		}
	}
	if len(c.Texts) == 0 {
		body(c.label(), "", "describing")
	}
	for _, t := range c.Texts {
		body(t.Text, t.Language, "describing")
	}
	body(c.Note, "", "commenting")
	for _, m := range c.Markers {
		body(m.Name, "", "tagging")
	}
	source := s.URL
	if source == "" {
		source = "urn:cinedex:asset:" + s.Asset
	}
	a.Target = annotationTarget{source, annotationSelector{"FragmentSelector", "http://www.w3.org/TR/media-frags/", "t=" + decimal(iv.Start) + "," + decimal(iv.End)}}
	return a
}
