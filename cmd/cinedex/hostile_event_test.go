package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// eventAttacks send data other than an event in each of CloudEvents' three modes.
func eventAttacks() []attack {
	post := func(name, contentType, want, says string, body []byte, headers ...string) attack {
		return attack{door: "events", name: name, want: want, says: says, act: func(x *target) verdict {
			return x.send(http.MethodPost, "/events", x.ingest, contentType, body, headers...)
		}}
	}
	one := func(name, data, want, says string) attack {
		return post(name, structured, want, says, fmt.Appendf(nil, arrivedAs, data))
	}
	binary := []string{"Ce-Specversion: 1.0", "Ce-Type: cinedex.media.arrived.v1", "Ce-Source: attack", "Ce-Id: 1"}
	inBinary := func(name, contentType, want, says string, body []byte, headers ...string) attack {
		return post("binary: "+name, contentType, want, says, body, append(headers, binary...)...)
	}
	const batched = "application/cloudevents-batch+json"
	good := `{"url":"file:///none.mp4","title":{"id":"x"}}`
	batch := func(n int, data string) []byte {
		e := fmt.Sprintf(arrivedAs, data)
		return []byte("[" + strings.TrimSuffix(strings.Repeat(e+",", n), ",") + "]")
	}
	sideCars := func(n int) string {
		return strings.TrimSuffix(strings.Repeat(`{"url":"file:///a.srt","language":"en"},`, n), ",")
	}
	as := []attack{
		post("nothing", structured, "400", "", nil),
		post("no JSON", structured, "400", "", []byte(`{"specversion":`)),
		post("a hundred thousand brackets", structured, "400|413", "", []byte(nested("[", "", "]", 100_000))),
		post("data a hundred thousand deep", structured, "400|413", "", fmt.Appendf(nil, arrivedAs, nested(`{"a":`, "1", "}", 100_000))),
		post("a version that there is not", structured, "400", "", []byte(`{"specversion":"9.9","type":"cinedex.media.arrived.v1","source":"a","id":"1","data":{}}`)),
		post("another type", structured, "400", "type", []byte(`{"specversion":"1.0","type":"cinedex.runs.finished.v1","source":"a","id":"1","data":{}}`)),
		post("no id", structured, "400", "id", []byte(`{"specversion":"1.0","type":"cinedex.media.arrived.v1","source":"a","data":`+good+`}`)),
		post("no source", structured, "400", "source", []byte(`{"specversion":"1.0","type":"cinedex.media.arrived.v1","id":"1","data":`+good+`}`)),
		post("a schema at another host", structured, "400|202", "", []byte(`{"specversion":"1.0","type":"cinedex.media.arrived.v1","source":"a","id":"1","dataschema":"http://127.0.0.1:1/s","data":{"title":{"id":"x"}}}`)),
		post("data in base64 that is none", structured, "400", "", []byte(`{"specversion":"1.0","type":"cinedex.media.arrived.v1","source":"a","id":"1","data_base64":"!!"}`)),
		post("more than a million bytes", structured, "413|cut", "", bytes.Repeat([]byte(" "), 2<<20)),
		post("a form", "application/x-www-form-urlencoded", "415", "", []byte("url=file:///none.mp4")),
		post("XML", "application/xml", "415", "", []byte("<event/>")),
		post("a content type of noise", "\x01/\x02;;;", "400|415|unsendable|cut", "", []byte("{}")),
		one("no data", `null`, "400", ""),
		one("data that is a list", `[]`, "400", ""),
		one("a field that does not exist", `{"url":"file:///a.mp4","title":{"id":"x"},"titel":1}`, "400", "titel"),
		one("a field twice", `{"url":"file:///a.mp4","url":"file:///b.mp4","title":{"id":"x"}}`, "400", "url"),
		one("no title", `{"url":"file:///a.mp4"}`, "400", "title"),
		one("a title that is a path", `{"url":"file:///a.mp4","title":{"id":"..\\..\\x"}}`, "400", "title.id"),
		one("a title of a star", `{"url":"file:///a.mp4","title":{"id":"*"}}`, "400", "title.id"),
		one("a title of two hundred and one letters", `{"url":"file:///a.mp4","title":{"id":"`+strings.Repeat("a", 201)+`"}}`, "400", "title.id"),
		one("a name over two lines", `{"url":"file:///a.mp4","title":{"id":"x","name":"a\nb"}}`, "400", "title.name"),
		one("a name that clears terminals", `{"url":"file:///a.mp4","title":{"id":"x","name":"\u001b[2J"}}`, "400", "title.name"),
		one("a name of fifty thousand letters", `{"url":"file:///a.mp4","title":{"id":"x","name":"`+strings.Repeat("a", 50_000)+`"}}`, "400", "title.name"),
		one("a season below zero", `{"url":"file:///a.mp4","title":{"id":"x","season":-1}}`, "400", "season"),
		one("an episode that no number holds", `{"url":"file:///a.mp4","title":{"id":"x","episode":99999999999}}`, "400", ""),
		one("a language of a thousand letters", `{"url":"file:///a.mp4","title":{"id":"x","originalLanguage":"`+strings.Repeat("x", 1000)+`"}}`, "400", ""),
		one("a checksum in capitals", `{"url":"file:///a.mp4","title":{"id":"x"},"sha256":"`+strings.Repeat("A", 64)+`"}`, "400", "sha256"),
		one("a checksum that is too short", `{"url":"file:///a.mp4","title":{"id":"x"},"sha256":"00"}`, "400", "sha256"),
		one("two hundred and one text tracks", `{"url":"file:///a.mp4","title":{"id":"x"},"text":[`+sideCars(201)+`]}`, "400", "text"),
		one("a text format that there is not", `{"url":"file:///a.mp4","title":{"id":"x"},"text":[{"url":"file:///a","language":"en","format":"exe"}]}`, "400", "format"),
		one("a text track without a language", `{"url":"file:///a.mp4","title":{"id":"x"},"text":[{"url":"file:///a.srt"}]}`, "400", "language"),
		one("a timecode of minus one hour", `{"url":"file:///a.mp4","title":{"id":"x"},"startTimecode":"-01:00:00:00"}`, "400", ""),
		one("a timecode of a thousand hours", `{"url":"file:///a.mp4","title":{"id":"x"},"startTimecode":"`+strings.Repeat("9", 300)+`:00:00:00"}`, "400", ""),
		one("sixty-five attributes", `{"url":"file:///a.mp4","title":{"id":"x"},"attributes":{`+numberedFields(65)+`}}`, "400", "attributes"),
		one("an attribute of a name that is a path", `{"url":"file:///a.mp4","title":{"id":"x"},"attributes":{"../a":{"flag":true}}}`, "400", "attributes"),
		one("an attribute that is no number", `{"url":"file:///a.mp4","title":{"id":"x"},"attributes":{"a":{"number":"NaN"}}}`, "400", "attributes"),
		one("an attribute of nine thousand letters", `{"url":"file:///a.mp4","title":{"id":"x"},"attributes":{"a":{"text":"`+strings.Repeat("a", 9000)+`"}}}`, "400", "attributes"),
		post("batch: nothing in it", batched, "400", "empty", []byte("[]")),
		post("batch: no list", batched, "400", "", []byte("{}")),
		post("batch: the last of ten is wrong", batched, "400", "event 10 of 10", append(append(batch(9, good)[:len(batch(9, good))-1], ','), append(fmt.Appendf(nil, arrivedAs, `{}`), ']')...)),
		post("batch: a hundred thousand empty objects", batched, "400|413", "", []byte("["+strings.TrimSuffix(strings.Repeat("{},", 100_000), ",")+"]")),
		post("batch: a hundred thousand brackets", batched, "400|413", "", []byte(nested("[", "", "]", 100_000))),
		inBinary("no data", "application/json", "400", "", nil),
		inBinary("protobuf of noise", "application/protobuf", "400", "", bytes.Repeat([]byte{0xff}, 100)),
		inBinary("protobuf with a length beyond its end", "application/protobuf", "400", "", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x07}),
		inBinary("JSON that says it is protobuf", "application/protobuf", "400", "", []byte(good)),
		inBinary("two types", "application/json", "400|202", "", []byte(`{"title":{"id":"x"}}`), "Ce-Type: cinedex.runs.finished.v1"),
		inBinary("a thousand extensions", "application/json", "400|431", "", []byte(`{"title":{"id":"x"}}`), extensions(1000)...),
		inBinary("an extension of sixty thousand bytes", "application/json", "400|431", "", []byte(`{"title":{"id":"x"}}`), "Ce-Long: "+strings.Repeat("x", 60_000)),
		inBinary("a time that is none", "application/json", "400", "", []byte(good), "Ce-Time: yesterday"),
		{door: "events", name: "no token", want: "401|403", act: func(x *target) verdict {
			return x.send(http.MethodPost, "/events", "", structured, fmt.Appendf(nil, arrivedAs, good))
		}},
		{door: "events", name: "a token that only reads", want: "401|403", act: func(x *target) verdict {
			return x.send(http.MethodPost, "/events", x.reader, structured, fmt.Appendf(nil, arrivedAs, good))
		}},
		{door: "events", name: "a token in a cookie", want: "401|403", act: func(x *target) verdict {
			return x.send(http.MethodPost, "/events", "", structured, fmt.Appendf(nil, arrivedAs, good), "Cookie: cinedex_token="+x.ingest)
		}},
		{door: "events", name: "by GET", want: "404|405", act: func(x *target) verdict {
			return x.send(http.MethodGet, "/events", x.ingest, "", nil)
		}},
		{door: "events", name: "compressed", want: "400|415", act: func(x *target) verdict {
			return x.send(http.MethodPost, "/events", x.ingest, structured, gzipped([]byte("{"), ' ', 64<<20, []byte("}")), "Content-Encoding: gzip")
		}},
	}
	return as
}

func extensions(n int) (hs []string) {
	for i := range n {
		hs = append(hs, fmt.Sprintf("Ce-X%d: %d", i, i))
	}
	return hs
}

// addressAttacks name media where none may come from. Nothing listens at any of the addresses.
func addressAttacks() []attack {
	at := func(name, url string) attack {
		return attack{door: "addresses", name: name, want: "400|aside", slow: true, act: func(x *target) verdict {
			return x.arrive(&pb.MediaArrived{Url: strings.NewReplacer("MEDIA", filepath.ToSlash(x.media), "HOME", filepath.ToSlash(x.home)).Replace(url)})
		}}
	}
	as := []attack{
		at("a file of the system", "file:///etc/passwd"),
		at("a file of the system, by dots", "file://MEDIA/../../../../../../../../etc/passwd"),
		at("a file of the system, by escaped dots", "file://MEDIA/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd"),
		at("a file of the process", "file:///proc/self/environ"),
		at("a device without end", "file:///dev/zero"),
		at("the file of tokens", "file://HOME/tokens.yaml"),
		at("the token of the home", "file://HOME/token"),
		at("the folder of films itself", "file://MEDIA"),
		at("a name with a NUL", "file://MEDIA/a%00.mp4"),
		at("a share of another host", "file://127.0.0.2/share/a.mp4"),
		at("a share, by four slashes", "file:////127.0.0.2/share/a.mp4"),
		at("a share, by backslashes", `file:///\\127.0.0.2\share\a.mp4`),
		at("no scheme", "/etc/passwd"),
		at("a scheme that there is not", "gopher://127.0.0.2/a.mp4"),
		at("FTP", "ftp://127.0.0.2/a.mp4"),
		at("data", "data:video/mp4;base64,AAAA"),
		at("a script", "javascript:alert(1)"),
		at("a chain of ffmpeg's files", "concat:/etc/passwd|/etc/hosts"),
		at("a pipe of ffmpeg's", "pipe:0"),
		at("a user and a password", "https://user:secret@example.com/a.mp4"),
		at("a user who looks like a host", "https://example.com@127.0.0.2/a.mp4"),
		at("loopback", "http://127.0.0.2:1/a.mp4"),
		at("loopback by its name", "http://localhost:1/a.mp4"),
		at("loopback by one number", "http://2130706434:1/a.mp4"),
		at("loopback in sixteens", "http://0x7f000002:1/a.mp4"),
		at("loopback in eights", "http://0177.0.0.2:1/a.mp4"),
		at("loopback of version six", "http://[::1]:1/a.mp4"),
		at("loopback of version four within six", "http://[::ffff:127.0.0.2]:1/a.mp4"),
		at("every address", "http://0.0.0.0:1/a.mp4"),
		at("a network of the house", "http://10.0.0.1:1/a.mp4"),
		at("a link's own network", "http://169.254.1.1:1/a.mp4"),
		at("the service that tells machines of a cloud who they are", "http://169.254.169.254/latest/meta-data/"),
		at("the same by its name", "http://metadata.google.internal/computeMetadata/v1/"),
		at("a host that nobody allowed", "https://example.com/a.mp4"),
		at("a host behind a full stop", "http://localhost.:1/a.mp4"),
		at("a bucket that nobody allowed", "s3://somebody-elses/a.mp4"),
		at("a bucket in memory", "mem://a/b.mp4"),
		at("a bucket of files", "fileblob:///etc/passwd"),
		at("Cinedex's own bucket", "file://HOME/media/text/a.vtt"),
		at("an address of five thousand letters", "file:///"+strings.Repeat("a", 5000)),
		at("an escape that is none", "file:///%zz"),
		at("nothing", ""),
	}
	link := func(name, to string) attack {
		return attack{door: "addresses", name: name, want: "aside", slow: true, act: func(x *target) verdict {
			path := filepath.Join(x.media, x.next()+".mp4")
			if err := os.Symlink(strings.ReplaceAll(to, "HOME", x.home), path); err != nil {
				x.t.Fatal(err)
			}
			return x.arrive(&pb.MediaArrived{Url: "file://" + filepath.ToSlash(path)})
		}}
	}
	return append(as,
		link("a link to a file of the system", "/etc/passwd"),
		link("a link to the file of tokens", "HOME/tokens.yaml"),
		link("a link to nothing", "/nowhere/at/all"),
		link("a link to itself", "."),
		attack{door: "addresses", name: "a side-car that is a file of the system", want: "400|aside", slow: true, act: func(x *target) verdict {
			return x.arrive(&pb.MediaArrived{Url: "file://" + filepath.ToSlash(x.sound), Text: []*pb.SideCar{{Url: "file:///etc/passwd", Language: "en"}}})
		}},
		attack{door: "addresses", name: "a side-car at the service that tells machines of a cloud who they are", want: "400|aside", slow: true, act: func(x *target) verdict {
			return x.arrive(&pb.MediaArrived{Url: "file://" + filepath.ToSlash(x.sound), Text: []*pb.SideCar{{Url: "http://169.254.169.254/a.srt", Language: "en"}}})
		}},
	)
}

// filmAttacks are files that are no media, or media that may not be accepted.
func filmAttacks() []attack {
	media := func(name, file, want, says, content string) attack {
		return attack{door: "media files", name: name, want: want, says: says, slow: true, act: func(x *target) verdict {
			path := filepath.Join(x.media, x.next()+"-"+file)
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				x.t.Fatal(err)
			}
			return x.arrive(&pb.MediaArrived{Url: "file://" + filepath.ToSlash(path)})
		}}
	}
	box := func(size uint32, name string) string {
		return string([]byte{byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}) + name
	}
	return []attack{
		media("nothing", "empty.mp4", "aside", "empty", ""),
		media("words named as a film", "words.mp4", "aside", "text file", "This is no film, but a letter.\n"),
		media("noise", "noise.mkv", "aside", "", strings.Repeat("\x00\xff\x13cinedex\x80", 5000)),
		media("a playlist of files of the system", "list.m3u8", "aside", "text file", "#EXTM3U\n#EXTINF:5,\n/etc/passwd\n#EXT-X-ENDLIST\n"),
		media("a playlist of addresses", "list.mp4", "aside", "text file", "#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.2:1/a.ts\n#EXT-X-ENDLIST\n"),
		media("a chain of files of the system", "chain.mp4", "aside", "text file", "ffconcat version 1.0\nfile '/etc/passwd'\n"),
		media("a description of a session", "session.sdp", "aside", "text file", "v=0\no=- 0 0 IN IP4 127.0.0.2\nm=video 1 RTP/AVP 96\n"),
		media("a manifest of another host", "manifest.mpd", "aside", "text file", `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>http://127.0.0.2:1/</BaseURL></Period></MPD>`),
		media("a script of a shell", "run.mov", "aside", "text file", "#!/bin/sh\nexit 1\n"),
		media("a page", "page.webm", "aside", "text file", "<!doctype html><title>x</title>"),
		media("a header and nothing else", "head.mp4", "aside", "", box(24, "ftyp")+"isom\x00\x00\x02\x00isommp42"),
		media("a box that says four thousand million bytes", "box.mp4", "aside", "", box(24, "ftyp")+"isom\x00\x00\x02\x00isommp42"+box(0xffffffff, "moov")),
		media("boxes of no length", "boxes.mp4", "aside", "", box(24, "ftyp")+"isom\x00\x00\x02\x00isommp42"+strings.Repeat(box(0, "free"), 1000)),
		media("an archive", "archive.mp4", "aside", "", "PK\x03\x04\x14\x00\x00\x00"+strings.Repeat("\x00", 100)),
		media("a program", "program.mp4", "aside", "", "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 100)),
		{door: "media files", name: "a folder", want: "aside", slow: true, act: func(x *target) verdict {
			path := filepath.Join(x.media, x.next()+".mp4")
			if err := os.Mkdir(path, 0o755); err != nil {
				x.t.Fatal(err)
			}
			return x.arrive(&pb.MediaArrived{Url: "file://" + filepath.ToSlash(path)})
		}},
		{door: "media files", name: "a file of 300 GiB that holds nothing", want: "aside", slow: true, act: func(x *target) verdict {
			path := filepath.Join(x.media, x.next()+".mp4")
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				x.t.Fatal(err)
			}
			if err := os.Truncate(path, 300<<30); err != nil {
				return verdict{"aside", "this disk holds no such file"}
			}
			defer os.Remove(path)
			return x.arrive(&pb.MediaArrived{Url: "file://" + filepath.ToSlash(path)})
		}},
		{door: "media files", name: "another film than the event says", want: "aside", says: "sha256", slow: true, act: func(x *target) verdict {
			return x.arrive(&pb.MediaArrived{Url: "file://" + filepath.ToSlash(x.sound), Sha256: strings.Repeat("0", 64)})
		}},
		{door: "media files", name: "a known film under another title, without the right to retitle", want: "400|401|403|aside|kept", slow: true, act: retitled},
	}
}

// retitled sends a film that readers of a title may not see as media of their own title.
func retitled(x *target) verdict {
	asset := x.call("GetAsset", fmt.Sprintf(`{"asset":%q}`, x.hidden))
	var got struct {
		Asset struct{ Media struct{ Bucket, Key string } }
	}
	// The films lie in the single root, whether or not readers may know the root.
	_ = json.Unmarshal([]byte(asset.said), &got)
	path := filepath.Join(x.media, filepath.Base(got.Asset.Media.Key))
	if got.Asset.Media.Key == "" {
		matches, _ := filepath.Glob(filepath.Join(x.media, "crash-2*"))
		if len(matches) == 0 {
			return verdict{"unsendable", "the film of crash-2 is not found in " + x.media}
		}
		path = matches[0]
	}
	data, err := schema.MarshalJSON(&pb.MediaArrived{Url: "file://" + filepath.ToSlash(path), Title: &pb.Title{Id: "crash-1"}})
	if err != nil {
		x.t.Fatal(err)
	}
	v := x.send(http.MethodPost, "/events", x.ingest, structured, fmt.Appendf(nil, arrivedAs, data))
	if v.is != "202" {
		return v
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if w := x.send(http.MethodPost, searchPath+"GetAsset", x.some, "application/json", fmt.Appendf(nil, `{"asset":%q}`, x.hidden)); w.is == "200" {
			return verdict{"moved", w.said}
		}
		if l, ok := x.letter(events.MediaAccepted, filepath.Base(path)); ok && strings.Contains(string(l.Value), `"crash-1"`) {
			return verdict{"aside", l.Reason}
		}
	}
	return verdict{"kept", "the film is still of its title"}
}

// textAttacks are text tracks beside a sound.
func textAttacks() []attack {
	text := func(name, file, want, says string, content func() []byte) attack {
		return attack{door: "timed text", name: name, want: want, says: says, slow: true, act: func(x *target) verdict {
			path := filepath.Join(x.media, x.next()+"-"+file)
			if err := os.WriteFile(path, content(), 0o644); err != nil {
				x.t.Fatal(err)
			}
			// Different bytes for each, so that their tracks differ.
			sound, err := os.ReadFile(x.sound)
			if err != nil {
				x.t.Fatal(err)
			}
			own := path + ".m4a"
			if err := os.WriteFile(own, append(sound, []byte("\x00\x00\x00\x20free"+fmt.Sprintf("%24s", x.next()))...), 0o644); err != nil {
				x.t.Fatal(err)
			}
			return x.arrive(&pb.MediaArrived{Url: "file://" + filepath.ToSlash(own), Text: []*pb.SideCar{{Url: "file://" + filepath.ToSlash(path), Language: "en"}}})
		}}
	}
	fixed := func(s string) func() []byte { return func() []byte { return []byte(s) } }
	cues := func(head string, n int, cue func(i int) string) func() []byte {
		return func() []byte {
			var b strings.Builder
			b.WriteString(head)
			for i := range n {
				b.WriteString(cue(i))
			}
			return []byte(b.String())
		}
	}
	srt := func(i int) string {
		return fmt.Sprintf("%d\n00:%02d:%02d,%03d --> 01:00:00,000\na\n\n", i+1, i/60000%60, i/1000%60, i%1000)
	}
	vtt := func(i int) string { return fmt.Sprintf("00:%02d.%03d --> 59:00.000\na\n\n", i/1000%60, i%1000) }
	const ttml = `<tt xmlns="http://www.w3.org/ns/ttml"><body><div>`
	const end = `</div></body></tt>`
	stl := func(change func([]byte)) func() []byte {
		return func() []byte {
			b := bytes.Repeat([]byte(" "), 1024)
			copy(b, "850STL25.01")
			copy(b[238:], "0000100001001")
			change(b)
			return append(b, make([]byte, 128)...)
		}
	}
	bounded := "aside|taken"
	return []attack{
		text("SRT of three hundred thousand cues", "many.srt", "aside", "", cues("", 300_000, srt)),
		text("WebVTT of three hundred thousand cues", "many.vtt", "aside", "", cues("WEBVTT\n\n", 300_000, vtt)),
		text("TTML of two hundred thousand cues", "many.ttml", "aside", "", func() []byte {
			return []byte(ttml + strings.Repeat(`<p begin="1s" end="2s">a</p>`, 250_000) + end)
		}),
		text("SRT of seventeen million bytes", "large.srt", "aside", "", func() []byte { return bytes.Repeat([]byte("a\n"), 17<<19) }),
		text("SRT of one cue of ten million bytes", "long.srt", bounded, "", func() []byte {
			return append([]byte("1\n00:00:00,000 --> 00:00:01,000\n"), bytes.Repeat([]byte("a "), 5<<20)...)
		}),
		text("SRT whose cues are all wrong", "wrong.srt", "aside", "", cues("", 50_000, func(int) string { return "1\n00:00:05,000 --> 00:00:02,000\na\n\n" })),
		text("SRT that ends before it begins", "back.srt", "aside", "", fixed("1\n00:00:05,000 --> 00:00:02,000\na\n")),
		text("SRT of a time that no number holds", "far.srt", "aside", "", fixed("1\n99999999999999999999:00:00,000 --> 99999999999999999999:00:01,000\na\n")),
		text("SRT of a time below zero", "below.srt", "aside", "", fixed("1\n-00:00:05,000 --> -00:00:02,000\na\n")),
		text("SRT of tags ten thousand deep", "tags.srt", bounded, "", func() []byte {
			return []byte("1\n00:00:00,000 --> 00:00:01,000\n" + nested("<i>", "a", "</i>", 2000) + "\n")
		}),
		text("SRT of tags that are never closed", "open.srt", bounded, "", func() []byte {
			return []byte("1\n00:00:00,000 --> 00:00:01,000\na" + strings.Repeat("<", 7000) + "\n")
		}),
		text("SRT of entities", "entities.srt", bounded, "", func() []byte {
			return []byte("1\n00:00:00,000 --> 00:00:01,000\n" + strings.Repeat("&amp;amp;", 800) + "\n")
		}),
		text("WebVTT with a header of a million letters", "head.vtt", bounded, "", func() []byte {
			return []byte("WEBVTT " + strings.Repeat("a", 1<<20) + "\n\n00:00.000 --> 00:01.000\na\n")
		}),
		text("WebVTT of regions without end", "regions.vtt", bounded, "", func() []byte {
			return []byte("WEBVTT\n\n" + strings.Repeat("REGION\nid:a\n\n", 50_000) + "00:00.000 --> 00:01.000\na\n")
		}),
		text("WebVTT of voices a thousand deep", "voices.vtt", bounded, "", func() []byte {
			return []byte("WEBVTT\n\n00:00.000 --> 00:01.000\n" + strings.Repeat("<v A>", 1000) + "a\n")
		}),
		text("TTML a thousand deep", "deep.ttml", "aside", "deep", func() []byte { return []byte(ttml + nested("<div>", "", "</div>", 1000) + end) }),
		text("TTML of a hundred thousand open elements", "open.ttml", "aside", "", func() []byte { return []byte(ttml + strings.Repeat("<div>", 100_000)) }),
		text("TTML of an entity of entities", "entity.ttml", "aside", "", fixed(`<?xml version="1.0"?><!DOCTYPE tt [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="1s">&b;</p></div></body></tt>`)),
		text("TTML of an entity that is a file", "file.ttml", bounded, "", fixed(`<?xml version="1.0"?><!DOCTYPE tt [<!ENTITY a SYSTEM "file:///etc/passwd">]><tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="1s" end="2s">x &a;</p></div></body></tt>`)),
		text("TTML of ten thousand attributes", "attributes.ttml", bounded, "", func() []byte {
			var b strings.Builder
			b.WriteString(`<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="1s" end="2s"`)
			for i := range 10_000 {
				fmt.Fprintf(&b, ` a%d="1"`, i)
			}
			return []byte(b.String() + ">a</p>" + end)
		}),
		text("TTML of a frame rate of nothing", "rate.ttml", bounded, "", fixed(`<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="0" ttp:tickRate="0" ttp:frameRateMultiplier="0 0"><body><div><p begin="1f" end="2f">a</p></div></body></tt>`)),
		text("TTML of a frame rate without end", "fast.ttml", bounded, "", fixed(`<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="999999999" ttp:frameRateMultiplier="999999999 1"><body><div><p begin="1f" end="999999999999f">a</p></div></body></tt>`)),
		text("TTML that is a page", "page.ttml", "aside", "", fixed("<html><body><p>a</p></body></html>")),
		text("STL whose blocks are none", "none.stl", "aside", "", stl(func([]byte) {})),
		text("STL that says a hundred thousand blocks", "many.stl", "aside", "", stl(func(b []byte) { copy(b[238:], "99999") })),
		text("STL of a rate that is none", "rate.stl", "aside", "", stl(func(b []byte) { copy(b[3:], "STL99.01") })),
		text("STL cut in its header", "cut.stl", "aside", "", func() []byte { return stl(func([]byte) {})()[:500] }),
		text("bytes of no alphabet", "noise.srt", "aside", "", fixed("\x00\x01\x02\xfe\xfa\x00\x00")),
		text("UTF-16 that ends in the middle of a letter", "half.srt", bounded, "", fixed("\xff\xfe1\x00\n\x000\x000\x00:\x00")),
		text("UTF-8 that says it is UTF-16", "mark.srt", "aside", "", fixed("\xff\xfe1\n00:00:00,000 --> 00:00:01,000\na\n")),
		text("nothing but blanks", "blank.srt", "aside", "empty", fixed("   \n\n\t\n")),
	}
}

// logAttacks are hand-written records of an attacker who may write to the log.
func logAttacks() []attack {
	type header = kafka.Header
	write := func(name string, topic events.Topic, want string, build func(x *target, word string) kafka.Message) attack {
		return attack{door: "log", name: string(topic) + ": " + name, want: want, slow: true, act: func(x *target) verdict {
			word := x.next()
			m := build(x, word)
			m.Topic = string(topic)
			w := &kafka.Writer{Addr: kafka.TCP(x.brokers...), RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchBytes: 16 << 20}
			defer w.Close()
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := w.WriteMessages(ctx, m); err != nil {
				return verdict{"refused", err.Error()}
			}
			for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				if l, ok := x.letter(topic, word); ok {
					return verdict{"aside", l.Reason}
				}
				if want == "passed over" {
					// A skipped record leaves no trace: the next record is handled.
					return verdict{"passed over", ""}
				}
			}
			return verdict{"lost", "no dead letter within 40 s"}
		}}
	}
	attributes := func(typ, contentType string) []header {
		return []header{{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_type", Value: []byte(typ)}, {Key: "ce_source", Value: []byte("attack")},
			{Key: "ce_id", Value: []byte("1")}, {Key: "content-type", Value: []byte(contentType)}}
	}
	event := func(key, typ, contentType string, value []byte, more ...header) kafka.Message {
		return kafka.Message{Key: []byte(key), Value: value, Headers: append(attributes(typ, contentType), more...)}
	}
	arrived := func(name string, value func(x *target, word string) string) attack {
		return write(name, events.MediaArrived, "aside", func(x *target, word string) kafka.Message {
			return event(word, "cinedex.media.arrived.v1", "application/json", []byte(value(x, word)))
		})
	}
	batch := func(name string, change func(x *target, b *pb.AnnotationBatch)) attack {
		return write(name, events.Annotations, "aside", func(x *target, word string) kafka.Message {
			run := &pb.Run{Asset: x.asset, Algorithm: "attack", Version: "1", Reads: word}
			run.Id = schema.RunID(run)
			b := &pb.AnnotationBatch{Asset: x.asset, Run: run.GetId(), Epoch: 1, Algorithm: "attack", Version: "1", Annotations: []*pb.Annotation{
				{Asset: x.asset, Run: run.GetId(), Kind: schema.KindDialogue, End: 1, Text: word, Confidence: 1}}}
			change(x, b)
			value, err := proto.Marshal(b)
			if err != nil {
				x.t.Fatal(err)
			}
			return event(x.asset, "cinedex.annotations.v1", "application/protobuf", value, header{Key: "ce_word", Value: []byte(word)})
		})
	}
	return []attack{
		write("no event at all", events.MediaArrived, "aside", func(_ *target, word string) kafka.Message {
			return kafka.Message{Key: []byte(word), Value: []byte("hello")}
		}),
		write("nothing but a key", events.MediaArrived, "aside", func(_ *target, word string) kafka.Message {
			return event(word, "cinedex.media.arrived.v1", "application/json", []byte{})
		}),
		write("another type", events.MediaArrived, "aside", func(_ *target, word string) kafka.Message {
			return event(word, "cinedex.runs.finished.v1", "application/json", []byte("{}"))
		}),
		write("a thousand headers", events.MediaArrived, "aside", func(_ *target, word string) kafka.Message {
			m := event(word, "cinedex.media.arrived.v1", "application/json", []byte("{}"))
			for i := range 1000 {
				m.Headers = append(m.Headers, header{Key: fmt.Sprintf("ce_x%d", i), Value: []byte("1")})
			}
			return m
		}),
		write("data ten thousand deep", events.MediaArrived, "aside", func(_ *target, word string) kafka.Message {
			return event(word, "cinedex.media.arrived.v1", "application/json", []byte(nested(`{"a":`, "1", "}", 10_000)))
		}),
		write("a million bytes of brackets", events.MediaArrived, "aside|refused", func(_ *target, word string) kafka.Message {
			return event(word, "cinedex.media.arrived.v1", "application/json", bytes.Repeat([]byte("["), 900_000))
		}),
		arrived("a field that does not exist", func(_ *target, word string) string {
			return fmt.Sprintf(`{"url":"file:///a.mp4","title":{"id":%q},"titel":1}`, word)
		}),
		arrived("a file of the system", func(_ *target, word string) string {
			return fmt.Sprintf(`{"url":"file:///etc/passwd","title":{"id":%q}}`, word)
		}),
		arrived("a title of a star", func(*target, string) string { return `{"url":"file:///a.mp4","title":{"id":"*"}}` }),
		batch("times that end before they begin", func(_ *target, b *pb.AnnotationBatch) { b.Annotations[0].Start, b.Annotations[0].End = 9, 1 }),
		batch("a time below zero", func(_ *target, b *pb.AnnotationBatch) { b.Annotations[0].Start = -1 }),
		batch("an epoch below zero", func(_ *target, b *pb.AnnotationBatch) { b.Epoch = -1 }),
		batch("an ordinal that is not its own", func(_ *target, b *pb.AnnotationBatch) { b.Annotations[0].Ordinal = 7 }),
		batch("an ordinal below zero", func(_ *target, b *pb.AnnotationBatch) { b.First, b.Annotations[0].Ordinal = -1, -1 }),
		batch("an annotation of another asset", func(x *target, b *pb.AnnotationBatch) { b.Annotations[0].Asset = x.hidden }),
		batch("a run that is a path", func(_ *target, b *pb.AnnotationBatch) { b.Run = "../../etc"; b.Annotations[0].Run = b.Run }),
		batch("a kind that is a path", func(_ *target, b *pb.AnnotationBatch) { b.Annotations[0].Kind = "../x" }),
		batch("a confidence of two", func(_ *target, b *pb.AnnotationBatch) { b.Annotations[0].Confidence = 2 }),
		batch("a text of seventy thousand letters", func(_ *target, b *pb.AnnotationBatch) { b.Annotations[0].Text += strings.Repeat("a", 70_000) }),
		batch("a region outside the picture", func(_ *target, b *pb.AnnotationBatch) { b.Annotations[0].Region = &pb.Region{X: 9, Y: 9, W: 9, H: 9} }),
		batch("no annotation", func(_ *target, b *pb.AnnotationBatch) { b.Annotations = nil }),
		write("noise for a batch", events.Annotations, "aside", func(x *target, word string) kafka.Message {
			return event(x.asset, "cinedex.annotations.v1", "application/protobuf", bytes.Repeat([]byte{0xff}, 64), header{Key: "ce_word", Value: []byte(word)})
		}),
		write("a run that is not derived", events.RunsRequested, "aside", func(x *target, word string) kafka.Message {
			return event(x.asset, "cinedex.runs.requested.v1", "application/json", fmt.Appendf(nil, `{"asset":%q,"runs":[{"id":%q,"asset":%q,"algorithm":"shots","version":"2"}],"reason":"attack"}`, x.asset, strings.Repeat("0", 32), x.asset), header{Key: "ce_word", Value: []byte(word)})
		}),
		write("no run", events.RunsRequested, "passed over", func(x *target, word string) kafka.Message {
			return event(x.asset, "cinedex.runs.requested.v1", "application/json", fmt.Appendf(nil, `{"asset":%q,"runs":[],"reason":"attack"}`, x.asset), header{Key: "ce_word", Value: []byte(word)})
		}),
		write("a run of another asset", events.RunsRequested, "aside", func(x *target, word string) kafka.Message {
			r := &pb.Run{Asset: x.hidden, Algorithm: "shots", Version: "2"}
			return event(x.asset, "cinedex.runs.requested.v1", "application/json", fmt.Appendf(nil, `{"asset":%q,"runs":[{"id":%q,"asset":%q,"algorithm":"shots","version":"2"}],"reason":"attack"}`, x.asset, schema.RunID(r), x.hidden), header{Key: "ce_word", Value: []byte(word)})
		}),
		write("a run that has no end", events.RunsFinished, "aside", func(x *target, word string) kafka.Message {
			return event(x.asset, "cinedex.runs.finished.v1", "application/json", []byte(`{"run":{}}`), header{Key: "ce_word", Value: []byte(word)})
		}),
	}
}
