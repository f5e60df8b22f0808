package events

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// asyncAPI returns the topics and their contracts as an AsyncAPI 3.0 document. docs/asyncapi.yaml is this document. A
// test fails if the file is stale.
func asyncAPI() ([]byte, error) {
	schemas := make(map[protoreflect.FullName]*yaml.Node)
	channels, operations, messages := mapping(), mapping(), mapping()
	for _, c := range contracts {
		name := channelName(c.Topic)
		add(channels, name, object(
			"address", string(c.Topic),
			"description", c.Summary,
			"messages", object(name, object("$ref", "#/components/messages/"+name)),
			"bindings", object("kafka", c.kafkaBinding()),
		))
		add(messages, name, c.message(schemas))
		for _, dir := range []struct {
			action string
			who    []string
		}{{"send", c.From}, {"receive", c.To}} {
			add(operations, dir.action+strings.ToUpper(name[:1])+name[1:], object(
				"action", dir.action,
				"channel", object("$ref", "#/channels/"+name),
				"summary", capital(strings.Join(dir.who, ", "))+".",
			))
		}
	}
	components := object("messages", messages, "schemas", sorted(schemas))
	doc := object(
		"asyncapi", "3.0.0",
		"info", object(
			"title", "Cinedex events",
			"version", "1.0.0",
			"description", overview,
			"license", object("name", "Apache-2.0"),
		),
		"defaultContentType", JSON,
		"channels", channels,
		"operations", operations,
		"components", components,
	)
	var b strings.Builder
	b.WriteString("# Generated from pkg/events (topic.go) and the schema. Renew: go test ./pkg/events -run AsyncAPI -update\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("writing the AsyncAPI document: %w", err)
	}
	return []byte(b.String()), e.Close()
}

const overview = `All events are CloudEvents 1.0 in Kafka's binary mode: attributes are headers with the prefix ce_,
the data's content type is the header content-type, and the value is the data. Structured mode
(application/cloudevents+json) is read as well. The key of every message, and the attribute subject, is the asset's id, so
order holds per asset. Delivery is at least once; ids are derived, so the same happening has the same id.
Data is read as JSON or protobuf by its content type; 64-bit integers are strings in JSON. All times within data are flicks,
1/705,600,000 s, and intervals are half-open. MediaArrived is also taken over HTTP in binary, structured and batched mode.
`

func channelName(t Topic) string {
	parts := strings.FieldsFunc(string(t), func(r rune) bool { return r == '.' || r == '-' })
	for i := range parts[1:] {
		parts[i+1] = capital(parts[i+1])
	}
	return strings.Join(parts, "")
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (c Contract) kafkaBinding() *yaml.Node {
	settings := c.settings(Layout{})
	policy := sequence()
	policy.Content = append(policy.Content, scalar(settings["cleanup.policy"]))
	conf := object("cleanup.policy", policy, "max.message.bytes", int64(c.maxMessage()))
	if c.Retention > 0 {
		add(conf, "retention.ms", c.Retention.Milliseconds())
	} else {
		add(conf, "retention.ms", int64(-1))
	}
	return object("partitions", int64(c.Partitions), "topicConfiguration", conf, "bindingVersion", "0.5.0")
}

func (c Contract) message(schemas map[protoreflect.FullName]*yaml.Node) *yaml.Node {
	m := object("name", c.Type, "title", c.Type, "summary", c.Summary)
	if c.ContentType != "" {
		add(m, "contentType", c.ContentType)
	}
	attributes := object(
		"ce_specversion", object("type", "string", "const", "1.0"),
		"ce_id", object("type", "string", "minLength", int64(1)),
		"ce_source", object("type", "string", "format", "uri-reference"),
		"ce_type", object("type", "string", "const", c.Type),
		"ce_subject", object("type", "string", "description", cmp.Or(c.Key, "the asset's id")),
		"ce_time", object("type", "string", "format", "date-time"),
		"ce_traceparent", object("type", "string", "description", "W3C trace context"),
	)
	required := []string{"ce_specversion", "ce_id", "ce_source", "ce_type"}
	if !c.SubjectOptional {
		required = append(required, "ce_subject")
	}
	if c.Topic == DeadLetters {
		for _, h := range [][2]string{
			{attrReason, "the failure"}, {attrKind, "the kind of error"}, {attrHop, "the group that could not handle the message"},
			{attrAttempts, "the number of attempts"}, {attrTopic, "where it lay"}, {attrPartition, "where it lay"}, {attrOffset, "where it lay"},
			{attrNoValue, "true where the message had no value"}, {attrNoKey, "true if the message had no key"},
			{originalPrefix + "*", "the message's own headers, in order"},
		} {
			add(attributes, h[0], object("type", "string", "description", h[1]))
		}
		add(m, "payload", object("description", "The unchanged value of the message."))
	} else {
		add(m, "payload", object("$ref", "#/components/schemas/"+schemaOf(c.Data.ProtoReflect().Descriptor(), schemas)))
	}
	add(m, "headers", object("type", "object", "properties", attributes, "required", list(required)))
	add(m, "bindings", object("kafka", object("key", object("type", "string", "description", cmp.Or(c.Key, "the asset's id")), "bindingVersion", "0.5.0")))
	return m
}

// schemaOf adds the JSON schema of a message and of the messages in its fields.
func schemaOf(d protoreflect.MessageDescriptor, schemas map[protoreflect.FullName]*yaml.Node) string {
	if _, ok := schemas[d.FullName()]; ok {
		return string(d.Name())
	}
	properties := mapping()
	schemas[d.FullName()] = object("type", "object", "properties", properties)
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		s := valueSchema(f, schemas)
		switch {
		case f.IsMap():
			s = object("type", "object", "additionalProperties", valueSchema(f.MapValue(), schemas))
		case f.IsList():
			s = object("type", "array", "items", s)
		}
		add(properties, string(f.Name()), s)
	}
	return string(d.Name())
}

func valueSchema(f protoreflect.FieldDescriptor, schemas map[protoreflect.FullName]*yaml.Node) *yaml.Node {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return object("type", "boolean")
	case protoreflect.StringKind:
		return object("type", "string")
	case protoreflect.BytesKind:
		return object("type", "string", "contentEncoding", "base64")
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return object("type", "number")
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return object("type", "string", "format", "int64")
	case protoreflect.EnumKind:
		var names []string
		for i := range f.Enum().Values().Len() {
			names = append(names, string(f.Enum().Values().Get(i).Name()))
		}
		return object("type", "string", "enum", list(names))
	case protoreflect.MessageKind, protoreflect.GroupKind:
		if f.IsMap() {
			return nil // the caller describes the values
		}
		return object("$ref", "#/components/schemas/"+schemaOf(f.Message(), schemas))
	default:
		return object("type", "integer", "format", "int32")
	}
}

// The functions below build YAML with keys in the order given.

func mapping() *yaml.Node  { return &yaml.Node{Kind: yaml.MappingNode} }
func sequence() *yaml.Node { return &yaml.Node{Kind: yaml.SequenceNode} }

func scalar(v any) *yaml.Node {
	n := &yaml.Node{}
	if err := n.Encode(v); err != nil {
		panic(err) // strings and integers only
	}
	if s, ok := v.(string); ok && strings.Contains(s, "\n") {
		n.Style = yaml.LiteralStyle
	}
	return n
}

func add(m *yaml.Node, key string, value any) {
	n, ok := value.(*yaml.Node)
	if !ok {
		n = scalar(value)
	}
	m.Content = append(m.Content, scalar(key), n)
}

func object(pairs ...any) *yaml.Node {
	m := mapping()
	for i := 0; i < len(pairs); i += 2 {
		add(m, pairs[i].(string), pairs[i+1])
	}
	return m
}

func list(ss []string) *yaml.Node {
	n := sequence()
	for _, s := range ss {
		n.Content = append(n.Content, scalar(s))
	}
	return n
}

func sorted(schemas map[protoreflect.FullName]*yaml.Node) *yaml.Node {
	var names []protoreflect.FullName
	for n := range schemas {
		names = append(names, n)
	}
	slices.Sort(names)
	m := mapping()
	for _, n := range names {
		add(m, string(n.Name()), schemas[n])
	}
	return m
}
