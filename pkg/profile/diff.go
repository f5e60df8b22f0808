package profile

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Change is a key that two profiles differ in. An empty side is a profile without the key.
type Change struct {
	Key    string `json:"key"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Diff returns the keys that two profiles differ in, in the order of the file.
func Diff(before, after *Profile) ([]Change, error) {
	a, keysA, err := flat(before)
	if err != nil {
		return nil, err
	}
	b, keysB, err := flat(after)
	if err != nil {
		return nil, err
	}
	var out []Change
	for _, k := range keysA {
		if a[k] != b[k] {
			out = append(out, Change{k, a[k], b[k]})
		}
	}
	for _, k := range keysB {
		if _, ok := a[k]; !ok {
			out = append(out, Change{k, "", b[k]})
		}
	}
	return out, nil
}

// flat returns the values of a profile by key, nested keys joined by dots.
func flat(p *Profile) (values map[string]string, keys []string, err error) {
	var n yaml.Node
	if err := n.Encode(p); err != nil {
		return nil, nil, fmt.Errorf("writing the profile %s: %w", p.Name, err)
	}
	values = map[string]string{}
	var walk func(prefix string, n *yaml.Node)
	walk = func(prefix string, n *yaml.Node) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := prefix+n.Content[i].Value, n.Content[i+1]
			switch value.Kind {
			case yaml.MappingNode:
				walk(key+".", value)
				continue
			case yaml.SequenceNode:
				var list []string
				for _, v := range value.Content {
					list = append(list, v.Value)
				}
				values[key] = strings.Join(list, ", ")
			default:
				values[key] = value.Value
			}
			keys = append(keys, key)
		}
	}
	walk("", &n)
	return values, keys, nil
}
