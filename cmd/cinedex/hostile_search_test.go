package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// line is an attack by a line of the query language.
func line(name, q, want, says string) attack {
	return attack{door: "query line", name: name, want: want, says: says, act: func(x *target) verdict { return x.ask(q) }}
}

func lineAttacks() []attack {
	leaves := func(n int, leaf string) string { return strings.TrimSuffix(strings.Repeat(leaf+" OR ", n), " OR ") }
	costly := func(a attack) attack { a.costly = true; return a }
	picture := base64.StdEncoding.EncodeToString(make([]byte, 3<<10))
	return []attack{
		line("one byte more than a line may have", strings.Repeat("a", 16<<10+1), "400", "more than"),
		line("a megabyte of words", strings.Repeat("a ", 512<<10), "400", "more than"),
		line("a megabyte of words behind the mark of a picture", `look:b"AAAA" `+strings.Repeat("a ", 512<<10), "400", ""),
		line("a megabyte of words before the mark of a picture", strings.Repeat("a ", 512<<10)+` look:b"AAAA"`, "400", ""),
		line("the mark of a picture within quotation marks lifts no limit", `":b\"" `+strings.Repeat("a ", 100<<10), "400", ""),
		line("a thousand pictures that are none", strings.Repeat(`image:b"AA==" `, 1000), "400", ""),
		line("a picture of noise in a line", `image:b"`+picture+`"`, "400", ""),
		line("a hundred thousand parentheses", strings.Repeat("(", 100_000), "400", ""),
		line("a thousand open parentheses", strings.Repeat("(", 1000), "400", "deep"),
		line("seventeen levels", strings.Repeat("(", 18)+"a"+strings.Repeat(")", 18), "400", "deep"),
		line("a chain of NOT", strings.Repeat("NOT ", 1000)+"a", "400", ""),
		line("a chain of WITHIN", strings.Repeat("(a ", 100)+strings.Repeat("b WITHIN 1s)", 100), "400", ""),
		line("thirty-three leaves", leaves(33, "a"), "400", "more than the 32"),
		line("two thousand leaves", leaves(2000, "ab"), "400", ""),
		costly(line("thirty-two leaves of meaning", leaves(32, "dialogue.meaning:harbour"), "200", "")),
		costly(line("thirty-two pictures by words", leaves(32, "look:harbour"), "200", "")),
		costly(line("thirty-two fuzzy leaves", leaves(32, "dialogue.fuzzy:harbuor"), "200", "")),
		costly(line("thirty-two prefixes of one letter", leaves(32, "dialogue.prefix:a"), "200", "")),
		costly(line("two hundred and fifty words in one leaf", "dialogue:"+`"`+strings.Repeat("harbour ", 250)+`"`, "200", "")),
		costly(line("two hundred and fifty words of meaning", "dialogue.meaning:"+`"`+strings.Repeat("harbour ", 250)+`"`, "200", "")),
		line("four hundred words in one leaf", "dialogue:"+`"`+strings.Repeat("word ", 400)+`"`, "400", "more than"),
		costly(line("two thousand letters without a space", "dialogue.fuzzy:"+strings.Repeat("a", 2000), "200", "")),
		line("a leaf of more text than a leaf may have", "dialogue:"+`"`+strings.Repeat("w", 2<<10+1)+`"`, "400", "more than"),
		line("a quotation mark that is never closed", `dialogue:"`+strings.Repeat("a", 10_000), "400", "not closed"),
		line("ten thousand backslashes", `"`+strings.Repeat(`\`, 10_000), "400", "not closed"),
		line("a control character", "harbour\x07", "400", ""),
		line("a NUL", "harbour\x00", "400", ""),
		line("an escape sequence for terminals within quotation marks", "\"\x1b[2J\"", "400", ""),
		line("marks of direction alone", "\u202e\u202d\u2066", "400", ""),
		line("ten thousand combining marks", "a"+strings.Repeat("\u0301", 5000), "200|400", ""),
		line("a name of a leaf as long as a line", strings.Repeat("x", 10_000)+":a", "400", ""),
		line("a leaf that nothing serves", "smell:rain", "400", "smell"),
		line("a mode that is none", "dialogue.regexp:a", "400", "regexp"),
		line("a regular expression as words", `dialogue:"(a+)+$"`, "200", ""),
		line("wildcards as words", `dialogue:"*?*?*?*?*?*?*?*"`, "200|400", ""),
		line("a weight without end", "harbour^1e999", "400", "weight"),
		line("a weight that is no number", "harbour^NaN", "400", "weight"),
		line("a weight below zero", "harbour^-1", "400", "weight"),
		line("WITHIN of a thousand hours", "a b WITHIN 1000h", "400", ""),
		line("WITHIN of more time than there is", "a b WITHIN 99999999999999999999h", "400", ""),
		line("WITHIN of a negative time", "a b WITHIN -1s", "400", ""),
		line("WITHIN of more flicks than a number holds", "a b WITHIN 9223372036854775808fl", "400", ""),
		line("a span that ends before it begins", "a time:5m..1m", "400", ""),
		line("a confidence beyond one", "a confidence>=2", "400", ""),
		line("a filter inside OR", "a OR title:crash-1", "400", ""),
		line("a title of ten thousand bytes", "a title:"+strings.Repeat("x", 10_000), "200|400", ""),
		line("two thousand titles", "a title:"+strings.TrimSuffix(strings.Repeat("x,", 2000), ","), "400", "1000"),
		line("a frame before the first", `frame:"x@-1s"`, "400|404", ""),
		line("a frame of an asset that does not exist", `frame:"`+strings.Repeat("0", 32)+`@1s"`, "404", ""),
		line("a frame of an asset that is a path", `frame:"../../etc/passwd@1s"`, "404", ""),
		line("a timecode of a thousand digits", `frame:"x@`+strings.Repeat("9", 1000)+`:00:00:00"`, "400|404", ""),
		line("attributes without end", "dialogue["+strings.Repeat("a=1,", 3000), "400", ""),
		line("an attribute twice", "dialogue[a=1,a=2]:b", "400", "twice"),
		line("a list in an attribute without end", `dialogue[a=(`+strings.Repeat(`"x",`, 3000), "400", ""),
		line("base64 that is none", `image:b"!!!!"`, "400", "base64"),
	}
}

// message is an attack by a JSON body.
func message(name, method, body, want, says string) attack {
	return attack{door: "JSON", name: name, want: want, says: says, act: func(x *target) verdict {
		return x.call(method, strings.NewReplacer("ASSET", x.asset, "HIDDEN", x.hidden).Replace(body))
	}}
}

func nested(open, middle, end string, n int) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
}

func messageAttacks() []attack {
	leaf := `{"leaf":{"kind":"any","text":"a"}}`
	list := func(n int, item string) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	as := []attack{
		message("nothing", "Search", ``, "400", ""),
		message("an array", "Search", `[]`, "400", ""),
		message("a number", "Search", `1`, "400", ""),
		message("null", "Search", `null`, "400", ""),
		message("two objects", "Search", `{"q":"a"}{"q":"b"}`, "400", ""),
		message("a field twice", "Search", `{"q":"a","q":"b"}`, "400", ""),
		message("a field in both its names", "Search", `{"q":"a","timeoutMs":1,"timeout_ms":2}`, "400", ""),
		message("a field that does not exist", "Search", `{"q":"a","limt":1}`, "400", "limt"),
		message("a query and a line", "Search", `{"q":"a","query":`+leaf+`}`, "400", ""),
		message("a thousand levels of a query", "Search", `{"query":`+nested(`{"not":{"query":`, leaf, `}}`, 1000)+`}`, "400", ""),
		message("a hundred thousand levels of a query", "Search", `{"query":`+nested(`{"not":{"query":`, leaf, `}}`, 100_000)+`}`, "400", ""),
		message("a hundred thousand brackets", "Search", `{"q":`+nested("[", "", "]", 100_000)+`}`, "400", ""),
		message("ten thousand leaves in a tree", "Search", `{"query":{"or":{"queries":[`+list(10_000, leaf)+`]}}}`, "400", ""),
		message("a million empty nodes", "Search", `{"query":{"or":{"queries":[`+list(1_000_000, `{}`)+`]}}}`, "400|413|429", ""),
		message("a million titles in a filter", "Search", `{"q":"a","filter":{"titles":[`+list(1_000_000, `"x"`)+`]}}`, "400", ""),
		message("a node that is all nodes", "Search", `{"query":{"leaf":{"kind":"any","text":"a"},"not":{}}}`, "400", ""),
		message("a limit below zero", "Search", `{"q":"a","limit":-1}`, "400", "limit"),
		message("a limit of two thousand million", "Search", `{"q":"a","limit":2147483647}`, "400", "limit"),
		message("a limit that no number holds", "Search", `{"q":"a","limit":99999999999999999999}`, "400", ""),
		message("a limit that is a fraction", "Search", `{"q":"a","limit":1.5}`, "400", ""),
		message("a limit in words", "Search", `{"q":"a","limit":"many"}`, "400", ""),
		message("a time limit below zero", "Search", `{"q":"a","timeoutMs":-1}`, "400", "timeout"),
		message("a time limit of a millisecond", "Search", `{"q":"dialogue:harbour OR look:water","timeoutMs":1}`, "200", ""),
		message("a time limit of a month", "Search", `{"q":"a","timeoutMs":2147483647}`, "200", ""),
		message("an order that is none", "Search", `{"q":"a","order":"random"}`, "400", "order"),
		message("a confidence that is no number", "Search", `{"q":"a","filter":{"minConfidence":"NaN"}}`, "400", ""),
		message("a confidence without end", "Search", `{"q":"a","filter":{"minConfidence":"Infinity"}}`, "400", ""),
		message("a weight that is no number", "Search", `{"query":{"leaf":{"kind":"any","text":"a","weight":"NaN"}}}`, "400", "weight"),
		message("a weight without end", "Search", `{"query":{"leaf":{"kind":"any","text":"a","weight":"Infinity"}}}`, "400", "weight"),
		message("a gap below zero", "Search", `{"query":{"within":{"left":`+leaf+`,"right":`+leaf+`,"gap":"-1"}}}`, "400", "gap"),
		message("the longest gap that a number holds", "Search", `{"query":{"within":{"left":`+leaf+`,"right":`+leaf+`,"gap":"9223372036854775807"}}}`, "400", "gap"),
		message("a span from before the first frame", "Search", `{"q":"a","filter":{"start":"-9223372036854775808"}}`, "400", ""),
		message("a span up to the last flick of all", "Search", `{"q":"a","filter":{"start":"1","end":"9223372036854775807"}}`, "200", ""),
		message("a place at the last flick of all", "Search", `{"query":{"leaf":{"kind":"like_frame","asset":"ASSET","time":"9223372036854775807"}}}`, "400", ""),
		message("a place before the first flick", "Search", `{"query":{"leaf":{"kind":"like_shot","asset":"ASSET","time":"-1"}}}`, "400", ""),
		message("text that is not UTF-8", "Search", "{\"q\":\"\xff\xfe\"}", "400", ""),
		message("half of a pair of surrogates", "Search", `{"q":"\ud800"}`, "400", ""),
		message("a language that is none", "Search", `{"q":"a","filter":{"languages":["`+strings.Repeat("x", 10_000)+`"]}}`, "400", "languages"),
		message("a preview by a reader", "Search", `{"q":"a","preview":{"shots":"2"}}`, "403", ""),
		message("a hundred thousand attributes", "Search", `{"query":{"leaf":{"kind":"any","text":"a","attributes":{`+numberedFields(100_000)+`}}}}`, "200|400", ""),
		message("a body of thirteen million bytes", "Search", `{"q":"`+strings.Repeat("a", 13<<20)+`"}`, "400|413|429", ""),
		message("a body of blanks", "Search", strings.Repeat(" ", 11<<20), "400", ""),
		message("an asset that is a path", "GetAsset", `{"asset":"../../../etc/passwd"}`, "404", "there is no asset"),
		message("an asset of a million bytes", "GetAsset", `{"asset":"`+strings.Repeat("f", 1<<20)+`"}`, "404", "there is no asset"),
		message("annotations from before the first frame", "ListAnnotations", `{"asset":"ASSET","start":"-5"}`, "400", ""),
		message("annotations of a span that is empty", "ListAnnotations", `{"asset":"ASSET","start":"9","end":"9"}`, "400", ""),
		message("a page of a million titles", "ListTitles", `{"limit":1000000}`, "400", "limit"),
		message("versions compared by a reader", "CompareVersions", `{"algorithm":"shots","from":"1","to":"2"}`, "403", ""),
		message("a method that does not exist", "DropEverything", `{}`, "404", ""),
	}
	send := func(name, want, says string, act func(x *target) verdict) {
		as = append(as, attack{door: "JSON", name: name, want: want, says: says, act: act})
	}
	body := []byte(`{"q":"harbour"}`)
	send("no token", "401", "", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", "", "application/json", body)
	})
	send("an empty token", "401", "", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", "", "application/json", body, "Authorization: Bearer ")
	})
	send("a token that is a hash of the file", "401", "", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", strings.Repeat("0", 64), "application/json", body)
	})
	send("a token of sixty thousand bytes", "401|431", "", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", strings.Repeat("t", 60<<10), "application/json", body)
	})
	send("a token that opens no title", "403", "", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", x.nothing, "application/json", body)
	})
	send("a title that the caller may not see, by its name", "200", "", func(x *target) verdict {
		v := x.send(http.MethodPost, searchPath+"Search", x.some, "application/json", []byte(`{"q":"dialogue.phrase:7002 title:crash-2"}`))
		if strings.Contains(v.said, "crash-2\"") && strings.Contains(v.said, "hits") {
			return verdict{"shown", v.said}
		}
		return v
	})
	send("an asset that the caller may not see", "404", "there is no asset", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"GetAsset", x.some, "application/json", fmt.Appendf(nil, `{"asset":%q}`, x.hidden))
	})
	send("a shot like one that the caller may not see", "404", "there is no asset", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", x.some, "application/json", fmt.Appendf(nil, `{"query":{"leaf":{"kind":"like_shot","asset":%q,"time":"0"}}}`, x.hidden))
	})
	send("compressed to a thousandth", "400|413|429", "", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", x.reader, "application/json", gzipped([]byte(`{"q":"`), 'a', 64<<20, []byte(`"}`)), "Content-Encoding: gzip")
	})
	send("an encoding that is none", "404|415|501", "", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", x.reader, "application/json", body, "Content-Encoding: zip")
	})
	send("as a form", "415", "", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", x.reader, "application/x-www-form-urlencoded", []byte("q=harbour"))
	})
	send("by GET", "405", "", func(x *target) verdict {
		return x.send(http.MethodGet, searchPath+"Search?q=harbour", x.reader, "", nil)
	})
	send("a time to live that is none", "400", "", func(x *target) verdict {
		return x.send(http.MethodPost, searchPath+"Search", x.reader, "application/json", body, "Connect-Timeout-Ms: -5")
	})
	for i := range as {
		switch as[i].name {
		case "a million empty nodes", "a million titles in a filter", "a body of thirteen million bytes", "compressed to a thousandth":
			as[i].costly = true
		}
	}
	return append(as, protocolAttacks()...)
}

func numberedFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"a%d":{"integer":"1"},`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

// protocolAttacks speak gRPC and gRPC-Web.
func protocolAttacks() []attack {
	frame := func(message []byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	}
	web := func(name, want, says string, body []byte) attack {
		return attack{door: "gRPC-Web", name: name, want: want, says: says, act: func(x *target) verdict {
			return grpcStatus(x.send(http.MethodPost, searchPath+"Search", x.reader, "application/grpc-web+proto", body, "X-Grpc-Web: 1"))
		}}
	}
	// A tree of Not in protobuf: each level is a field of length within its parent.
	deep := func(n int) []byte {
		b := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte("\x0a\x03any\x12\x01a"))
		for range n {
			b = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), b) // Not.query
			b = protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), b) // Query.not
		}
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), b) // SearchRequest.query
	}
	unknown := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte("harbour"))
	for range 100_000 {
		unknown = protowire.AppendVarint(protowire.AppendTag(unknown, 9999, protowire.VarintType), 1)
	}
	groups := bytes.Repeat(protowire.AppendTag(nil, 9999, protowire.StartGroupType), 100_000)
	empties := []byte{}
	for range 1_000_000 {
		empties = append(empties, 0x0a, 0) // Or.queries, empty
	}
	or := protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), empties)
	as := []attack{
		web("a frame that is longer than its body", "8|13|3", "", []byte{0, 0xff, 0xff, 0xff, 0xff}),
		web("a frame that says four thousand million bytes", "8|3|13", "", append([]byte{0, 0xff, 0xff, 0xff, 0xff}, 1, 2, 3)),
		web("a compressed frame without compression", "13|3|12", "", []byte{1, 0, 0, 0, 1, 0}),
		web("bytes that are no message", "3|13", "", frame(bytes.Repeat([]byte{0xff}, 100))),
		web("a length beyond the message", "3|13", "", frame([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x07})),
		web("a query a thousand deep", "3", "", frame(deep(1000))),
		web("a query twenty thousand deep", "3|13", "", frame(deep(20_000))),
		web("a hundred thousand fields that do not exist", "0|3", "", frame(unknown)),
		web("a hundred thousand open groups", "3|13", "", frame(groups)),
		web("a million empty nodes", "3|8", "", frame(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), or))),
		web("text that is not UTF-8", "3|13", "", frame([]byte{0x12, 2, 0xff, 0xfe})),
		web("two messages in one call", "0|12|13", "", append(frame(unknown[:9]), frame(unknown[:9])...)),
	}
	call := func(name, want string, act func(context.Context, cinedexv1connect.SearchServiceClient, *target) error) attack {
		return attack{door: "gRPC", name: name, want: want, act: func(x *target) verdict {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			transport := plainHTTP2()
			defer transport.CloseIdleConnections()
			client := cinedexv1connect.NewSearchServiceClient(&http.Client{Transport: bearer{x.reader, transport}}, x.server, connect.WithGRPC())
			err := act(ctx, client, x)
			if err == nil {
				return verdict{"ok", ""}
			}
			return verdict{connect.CodeOf(err).String(), err.Error()}
		}}
	}
	search := func(req *pb.SearchRequest) func(context.Context, cinedexv1connect.SearchServiceClient, *target) error {
		return func(ctx context.Context, c cinedexv1connect.SearchServiceClient, _ *target) error {
			for range 10 {
				_, err := c.Search(ctx, connect.NewRequest(req))
				if connect.CodeOf(err) != connect.CodeResourceExhausted || err == nil {
					return err
				}
				time.Sleep(time.Second) // as callers do who are told to wait
			}
			return nil
		}
	}
	header := func(k, v string) func(context.Context, cinedexv1connect.SearchServiceClient, *target) error {
		return func(ctx context.Context, c cinedexv1connect.SearchServiceClient, _ *target) error {
			r := connect.NewRequest(&pb.SearchRequest{Q: "harbour"})
			r.Header().Set(k, v)
			_, err := c.Search(ctx, r)
			return err
		}
	}
	return append(as,
		call("an empty request", "invalid_argument", search(&pb.SearchRequest{})),
		call("a tree with an empty node", "invalid_argument", search(&pb.SearchRequest{Query: &pb.Query{}})),
		call("a cursor of noise", "invalid_argument", search(&pb.SearchRequest{Q: "harbour", Cursor: "\u0000\u0001"})),
		call("a metadata value of 60,000 bytes", "ok|resource_exhausted|unknown|internal|unavailable", header("X-Long", strings.Repeat("x", 60_000))),
		call("a metadata value of 200,000 bytes", "resource_exhausted|unknown|internal|unavailable", header("X-Long", strings.Repeat("x", 200_000))),
		call("a deadline that has passed", "deadline_exceeded|ok", header("Grpc-Timeout", "1n")),
		call("a call that is given up at once", "canceled|deadline_exceeded", func(ctx context.Context, c cinedexv1connect.SearchServiceClient, _ *target) error {
			ctx, cancel := context.WithTimeout(ctx, time.Microsecond)
			defer cancel()
			_, err := c.Search(ctx, connect.NewRequest(&pb.SearchRequest{Q: "dialogue.meaning:harbour"}))
			return err
		}),
		call("an asset that does not exist", "not_found", func(ctx context.Context, c cinedexv1connect.SearchServiceClient, _ *target) error {
			_, err := c.GetAsset(ctx, connect.NewRequest(&pb.GetAssetRequest{Asset: "\n\r\t"}))
			return err
		}),
	)
}

// plainHTTP2 speaks HTTP/2 without TLS, as gRPC's clients do within a house.
func plainHTTP2() *http.Transport {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
}

var grpcTrailer = regexp.MustCompile(`(?i)grpc-status: ?(\d+)`)

// grpcStatus reads the status of a gRPC-Web answer from the trailer.
func grpcStatus(v verdict) verdict {
	if m := grpcTrailer.FindStringSubmatch(v.said); m != nil {
		return verdict{m[1], v.said}
	}
	return v
}

// searched takes a page of a query and returns the answer's cursor.
func (x *target) searched(token, q string) string {
	v := x.send(http.MethodPost, searchPath+"Search", token, "application/json", fmt.Appendf(nil, `{"q":%q,"limit":1}`, q))
	var r struct{ Cursor string }
	_ = json.Unmarshal([]byte(v.said), &r)
	if r.Cursor == "" {
		x.t.Errorf("%s: no cursor in %s", q, v.said)
	}
	return r.Cursor
}

func cursorAttacks() []attack {
	const asked = "look:water"
	with := func(name, want, says string, change func(x *target, cursor string) string) attack {
		return attack{door: "cursor", name: name, want: want, says: says, act: func(x *target) verdict {
			c := change(x, x.searched(x.reader, asked))
			return x.call("Search", fmt.Sprintf(`{"q":%q,"limit":1,"cursor":%q}`, asked, c))
		}}
	}
	bent := func(at int, f func(byte) byte) func(*target, string) string {
		return func(_ *target, c string) string {
			b, _ := base64.RawURLEncoding.DecodeString(c)
			if at < 0 {
				at += len(b)
			}
			if at < len(b) {
				b[at] = f(b[at])
			}
			return base64.RawURLEncoding.EncodeToString(b)
		}
	}
	flip := func(b byte) byte { return b ^ 1 }
	fixed := func(c string) func(*target, string) string { return func(*target, string) string { return c } }
	page := func(name, method, cursor, want string) attack {
		return attack{door: "cursor", name: name, want: want, act: func(x *target) verdict {
			return x.call(method, fmt.Sprintf(`{"asset":%q,"cursor":%q}`, x.asset, cursor))
		}}
	}
	number := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	titles := func(name, cursor, want string) attack {
		return attack{door: "cursor", name: name, want: want, act: func(x *target) verdict {
			return x.call("ListTitles", fmt.Sprintf(`{"cursor":%q}`, cursor))
		}}
	}
	return []attack{
		with("as it was given out", "200", "", func(_ *target, c string) string { return c }),
		with("one bit of its runs changed", "400", "cursor", bent(4, flip)),
		with("one bit of its question changed", "400", "cursor", bent(-1, flip)),
		with("an offset beyond the deepest page", "400", "cursor", func(_ *target, c string) string {
			b, _ := base64.RawURLEncoding.DecodeString(c)
			_, n := protowire.ConsumeVarint(b)
			return base64.RawURLEncoding.EncodeToString(append(protowire.AppendVarint(nil, 1<<62), b[max(n, 0):]...))
		}),
		with("cut in half", "400", "cursor", func(_ *target, c string) string { return c[:len(c)/2] }),
		with("twice in a row", "400", "cursor", func(_ *target, c string) string { return c + c }),
		with("a megabyte", "400", "cursor", fixed(strings.Repeat("A", 1<<20))),
		with("no base64", "400", "cursor", fixed("!!!")),
		with("of another question", "400", "cursor", func(x *target, _ string) string { return x.searched(x.reader, "look:red") }),
		attack{door: "cursor", name: "of a caller who sees more", want: "400", says: "cursor", act: func(x *target) verdict {
			return x.send(http.MethodPost, searchPath+"Search", x.some, "application/json", fmt.Appendf(nil, `{"q":%q,"limit":1,"cursor":%q}`, asked, x.searched(x.reader, asked)))
		}},
		with("blanks", "400", "cursor", fixed("   ")),
		page("annotations from before the first", "ListAnnotations", number("-1"), "400"),
		page("annotations from beyond the last", "ListAnnotations", number("9223372036854775807"), "200|400"),
		page("annotations from a number that none holds", "ListAnnotations", number("99999999999999999999"), "400"),
		titles("titles from before the first", number("-9"), "400"),
		titles("titles from a word", number("first"), "400"),
	}
}

func graphqlAttacks() []attack {
	post := func(x *target, token string, body []byte, headers ...string) verdict {
		v := x.send(http.MethodPost, "/graphql", token, "application/json", body, headers...)
		var r struct {
			Errors []struct {
				Extensions struct{ Code string }
			}
		}
		if json.Unmarshal([]byte(v.said), &r) == nil && len(r.Errors) > 0 && (v.is == "200" || v.is == "422") {
			return verdict{r.Errors[0].Extensions.Code, v.said}
		}
		return v
	}
	const refused = "invalid|Invalid|400|GRAPHQL*"
	doc := func(name, query, want, says string) attack {
		return attack{door: "GraphQL", name: name, want: want, says: says, act: func(x *target) verdict {
			b, err := json.Marshal(map[string]any{"query": query})
			if err != nil {
				x.t.Fatal(err)
			}
			return post(x, x.reader, b)
		}}
	}
	raw := func(name, body, want, says string) attack {
		return attack{door: "GraphQL", name: name, want: want, says: says, act: func(x *target) verdict { return post(x, x.reader, []byte(body)) }}
	}
	aliases := func(n int, field string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d: %s ", i, field)
		}
		return "{" + b.String() + "}"
	}
	doubling := func(n int) string {
		var b strings.Builder
		b.WriteString("{status{...F0}} ")
		for i := range n {
			fmt.Fprintf(&b, "fragment F%d on AssetStatus{...F%d ...F%d} ", i, i+1, i+1)
		}
		fmt.Fprintf(&b, "fragment F%d on AssetStatus{title}", n)
		return b.String()
	}
	const hit = `search(q:"look:water", limit:200){hits{title evidence{text} marks{start}}}`
	tree := `{"leaf":{"kind":"any","text":"a"}}`
	variables := func(q string) string {
		return `{"query":"query($t:QueryInput){search(query:$t){hits{title}}}","variables":{"t":` + q + `}}`
	}
	as := []attack{
		doc("two hundred aliases of a search", aliases(200, `search(q:"look:water"){hits{title}}`), refused, ""),
		doc("thirty aliases of a search", aliases(30, `search(q:"look:water"){hits{title}}`), refused, ""),
		doc("ten thousand aliases of a field", aliases(10_000, "status{title}"), refused, ""),
		doc("a search of everything, three times", "{a:"+hit+" b:"+hit+" c:"+hit+"}", refused+"|200", ""),
		doc("fragments that double twenty times", doubling(20), refused, ""),
		doc("fragments that double two hundred times", doubling(200), refused, ""),
		doc("a fragment of itself", `{status{...A}} fragment A on AssetStatus{...A}`, refused, ""),
		doc("two fragments of each other", `{status{...A}} fragment A on AssetStatus{...B} fragment B on AssetStatus{...A}`, refused, ""),
		doc("a thousand levels", nested("{status", "", "}", 1000), refused, ""),
		doc("a hundred thousand levels", nested("{a", "", "}", 100_000), refused, ""),
		doc("a hundred levels of introspection", "{__schema{types{"+nested("fields{type{", "name", "}}", 50)+"}}}", refused, ""),
		doc("ten thousand directives", "{status{title "+strings.Repeat("@skip(if:false)", 10_000)+"}}", refused, ""),
		doc("a directive that does not exist", "{status{title @drop}}", refused, ""),
		doc("two operations", "query A{status{title}} query B{status{title}}", refused, ""),
		doc("a mutation", "mutation{drop}", refused, ""),
		doc("a subscription", "subscription{status{title}}", refused, ""),
		doc("a field that does not exist", "{tokens{sha256}}", refused, ""),
		doc("a limit below zero", `{search(q:"a",limit:-1){hits{title}}}`, refused, ""),
		doc("a limit of two thousand million", `{search(q:"a",limit:2147483647){hits{title}}}`, refused, ""),
		doc("a limit that no number holds", `{search(q:"a",limit:99999999999){hits{title}}}`, refused, ""),
		doc("annotations from before the first frame", `{annotations(asset:"x",start:"-1"){cursor}}`, refused, ""),
		doc("a document of a megabyte of blanks", "{status{title}}"+strings.Repeat(" ", 1<<20), refused+"|200", ""),
		doc("a document of a megabyte of commas", strings.Repeat(",", 1<<20)+"{status{title}}", refused+"|200", ""),
		doc("a document of a megabyte of comments", strings.Repeat("#\n", 1<<19)+"{status{title}}", refused+"|200", ""),
		doc("a string of a megabyte", `{search(q:"`+strings.Repeat("a", 1<<20)+`"){hits{title}}}`, refused, ""),
		doc("a list a thousand deep as an argument", `{search(q:`+nested("[", "", "]", 900)+`){hits{title}}}`, refused, ""),
		raw("a batch of a hundred", "["+strings.TrimSuffix(strings.Repeat(`{"query":"{status{title}}"},`, 100), ",")+"]", "400", ""),
		raw("no query", `{}`, "400", ""),
		raw("a query that is a number", `{"query":1}`, "400", ""),
		raw("a hundred thousand levels of JSON", `{"query":"{status{title}}","extensions":{"a":`+nested("[", "", "]", 100_000)+`}}`, "400", ""),
		raw("variables a thousand deep", variables(nested(`{"not":`, tree, `}`, 1000)), refused, ""),
		raw("variables of ten thousand leaves", variables(`{"or":[`+strings.TrimSuffix(strings.Repeat(tree+",", 10_000), ",")+`]}`), refused, ""),
		raw("a node that is two nodes", variables(`{"leaf":{"kind":"any","text":"a"},"not":`+tree+`}`), refused, ""),
		raw("a picture that is no base64", variables(`{"leaf":{"kind":"like_image","image":"!!"}}`), refused, ""),
		raw("a hundred thousand variables that nobody declared", `{"query":"{status{title}}","variables":{`+numberedFields(100_000)+`}}`, refused+"|200", ""),
		raw("an operation that does not exist", `{"query":"query A{status{title}}","operationName":"B"}`, refused+"|200", ""),
	}
	send := func(name, want string, act func(x *target) verdict) {
		as = append(as, attack{door: "GraphQL", name: name, want: want, act: act})
	}
	status := []byte(`{"query":"{status{title}}"}`)
	send("no token", "401|unauthenticated", func(x *target) verdict { return post(x, "", status) })
	send("a token that opens no title", "403|denied", func(x *target) verdict { return post(x, x.nothing, status) })
	send("as plain text, which needs no question of the browser", "415", func(x *target) verdict {
		return x.send(http.MethodPost, "/graphql", x.reader, "text/plain", status)
	})
	send("by GET", "404|405|406", func(x *target) verdict {
		return x.send(http.MethodGet, "/graphql?query=%7Bstatus%7Btitle%7D%7D", x.reader, "application/json", nil)
	})
	send("a body of thirteen million bytes", "413", func(x *target) verdict {
		return post(x, x.reader, bytes.Repeat([]byte(" "), 13<<20))
	})
	send("a title that the caller may not see", "not found|not_found|NotFound|200", func(x *target) verdict {
		v := post(x, x.some, []byte(`{"query":"{status{title}}"}`))
		if strings.Contains(v.said, "crash-2") {
			return verdict{"shown", v.said}
		}
		return v
	})
	for i := range as {
		if strings.Contains(as[i].name, "three times") || strings.Contains(as[i].name, "comments") {
			as[i].costly = true
		}
	}
	return as
}
