package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// A modelFile is a file that `cinedex models fetch` downloads or makes, as the command lists the file.
type modelFile struct {
	ID      string `json:"id"`
	Group   string `json:"group"`
	SHA256  string `json:"sha256"`
	Package string `json:"package"`
	License string `json:"license"`
	Purpose string `json:"purpose"`
}

func modelFiles(cinedex string) ([]modelFile, error) {
	out, err := exec.Command(cinedex, "models", "list", "--json").Output()
	if err != nil {
		return nil, fmt.Errorf("listing the model files: %w", err)
	}
	var list struct {
		Models []modelFile `json:"models"`
	}
	return list.Models, json.Unmarshal(out, &list)
}

// bom is the bill of materials in CycloneDX's JSON form, without a serial number and a time, so the same commit gives
// the same bytes.
func bom(version string, modules []module, files []modelFile) ([]byte, error) {
	b := cdx.NewBOM()
	b.SerialNumber = ""
	self := cdx.Component{
		BOMRef: "cinedex", Type: cdx.ComponentTypeApplication, Name: "cinedex", Version: version,
		PackageURL: "pkg:golang/github.com/cinedex/cinedex@" + version, Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
	}
	b.Metadata = &cdx.Metadata{Component: &self}
	var components []cdx.Component
	var linked []string
	for _, m := range modules {
		c := cdx.Component{
			BOMRef: "pkg:golang/" + m.Path + "@" + m.Version, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version,
			PackageURL: "pkg:golang/" + m.Path + "@" + m.Version + "?type=module", Scope: cdx.ScopeRequired,
		}
		if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && m.Sum != "" {
			c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
		}
		if len(m.licences) > 0 {
			c.Licenses = &cdx.Licenses{}
			for _, l := range m.licences {
				*c.Licenses = append(*c.Licenses, cdx.LicenseChoice{License: &cdx.License{ID: l}})
			}
		}
		components, linked = append(components, c), append(linked, c.BOMRef)
	}
	for _, f := range files {
		c := cdx.Component{
			BOMRef: "file:" + f.ID, Type: cdx.ComponentTypeFile, Name: f.ID, Description: f.Purpose, PackageURL: f.Package, Scope: cdx.ScopeOptional,
			Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: f.SHA256}},
			Licenses: &cdx.Licenses{{Expression: f.License}},
		}
		if f.Group == "core" {
			c.Scope = cdx.ScopeRequired
		}
		components = append(components, c)
	}
	b.Components = &components
	b.Dependencies = &[]cdx.Dependency{{Ref: "cinedex", Dependencies: &linked}}
	var out bytes.Buffer
	e := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true)
	if err := e.EncodeVersion(b, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("writing the SBOM: %w", err)
	}
	return out.Bytes(), nil
}
