package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
)

// wire sends bytes as they are and returns the status of the answer; the caller's connection stays half open.
func (x *target) wire(address string, b []byte, patience time.Duration) verdict {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return verdict{"cut", err.Error()}
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(b); err != nil {
		return verdict{"cut", err.Error()}
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			return verdict{"waits", err.Error()}
		}
		return verdict{"cut", err.Error()}
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return verdict{fmt.Sprint(resp.StatusCode), string(said)}
}

func (x *target) host() string { return strings.TrimPrefix(x.server, "http://") }

func pageAttacks() []attack {
	page := func(name, want, says string, act func(x *target) verdict) attack {
		return attack{door: "page", name: name, want: want, says: says, act: act}
	}
	get := func(name, path, want, says string) attack {
		return page(name, want, says, func(x *target) verdict { return x.send(http.MethodGet, path, "", "", nil) })
	}
	login := func(name, want, says string, form []byte, headers ...string) attack {
		return page(name, want, says, func(x *target) verdict {
			return x.send(http.MethodPost, "/login", "", "application/x-www-form-urlencoded", form, headers...)
		})
	}
	return []attack{
		get("a token that is not known, in the address", "/?token=guess", "401|403", ""),
		get("a token of a script, in the address", "/?token=%3Cscript%3Ealert(1)%3C/script%3E", "401|403", ""),
		get("ten thousand tokens in the address", "/?"+strings.Repeat("token=a&", 7000), "400|401|403|414|431", ""),
		page("a redirect to another host behind a good token", "303", "Location: /?", func(x *target) verdict {
			return x.send(http.MethodGet, "/?token="+x.reader+"&next=https://example.com/", "", "", nil)
		}),
		page("two slashes behind a good token", "301|303|307|308|404", "", func(x *target) verdict {
			v := x.send(http.MethodGet, "//example.com/?token="+x.reader, "", "", nil)
			if strings.Contains(v.said, "Location: //example.com") || strings.Contains(v.said, "Location: http") {
				return verdict{"led away", v.said}
			}
			return v
		}),
		login("no token", "400|401|403", "", nil),
		login("a token that is not known", "401|403", "", []byte("token=guess")),
		login("a form of five thousand bytes", "400|401|403|413|cut", "", append([]byte("token="), bytes.Repeat([]byte("a"), 5000)...)),
		login("a form of a megabyte", "400|401|403|413|cut", "", append([]byte("token="), bytes.Repeat([]byte("a"), 1<<20)...)),
		login("ten thousand fields", "400|401|403|413|cut", "", bytes.Repeat([]byte("a=1&"), 10_000)),
		login("escapes that are none", "400|401|403", "", []byte("token=%zz%zz")),
		login("a script for a token", "401|403", "", []byte("token=%3Cscript%3Ealert(1)%3C%2Fscript%3E")),
		page("the script of a bad token does not come back", "401|403", "", func(x *target) verdict {
			v := x.send(http.MethodPost, "/login", "", "application/x-www-form-urlencoded", []byte("token=%3Cscript%3Ealert(7)%3C%2Fscript%3E"))
			if strings.Contains(v.said, "<script>alert(7)") {
				return verdict{"repeated", v.said}
			}
			return v
		}),
		page("a form in parts", "400|401|403|413", "", func(x *target) verdict {
			return x.send(http.MethodPost, "/login", "", "multipart/form-data; boundary=a", []byte("--a\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nguess\r\n--a--\r\n"))
		}),
		page("a form in parts without end", "400|401|403|413|cut", "", func(x *target) verdict {
			return x.send(http.MethodPost, "/login", "", "multipart/form-data; boundary=a", bytes.Repeat([]byte("--a\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n"), 10_000))
		}),
		page("a cookie that is not known", "200", "", func(x *target) verdict {
			v := x.send(http.MethodGet, "/", "", "", nil, "Cookie: cinedex_token=guess")
			if !strings.Contains(v.said, `signedIn&#34;:false`) {
				return verdict{"let in", v.said}
			}
			return v
		}),
		page("five hundred cookies", "200|400|431", "", func(x *target) verdict {
			return x.send(http.MethodGet, "/", "", "", nil, "Cookie: "+strings.Repeat("cinedex_token=guess; ", 500)+"a=b")
		}),
		page("a search with a cookie that is not known", "401", "", func(x *target) verdict {
			return x.send(http.MethodPost, searchPath+"Search", "", "application/json", []byte(`{"q":"a"}`), "Cookie: cinedex_token=guess")
		}),
		get("a file above the page's", "/app/../../../../etc/passwd", "301|307|400|404", ""),
		get("a file above the page's, escaped", "/app/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "301|307|400|404", ""),
		get("a file above the page's, escaped twice", "/app/%252e%252e/%252e%252e/etc/passwd", "404", ""),
		get("a file above the page's, with backslashes", `/app/..%5c..%5cetc%5cpasswd`, "404", ""),
		get("a folder of the page", "/app/", "404", ""),
		get("the page's template", "/app/index.html", "404", ""),
		get("a name with a NUL", "/app/%00", "400|404", ""),
		get("a path of sixty thousand bytes", "/"+strings.Repeat("a", 60<<10), "404|414|431", ""),
		page("a method that there is not", "405|404|501", "", func(x *target) verdict { return x.send("BREW", "/", "", "", nil) }),
		page("TRACE", "405|404|501", "", func(x *target) verdict { return x.send(http.MethodTrace, "/", "", "", nil) }),
		page("CONNECT to another host", "400|404|405|501|cut", "", func(x *target) verdict {
			return x.wire(x.host(), []byte("CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"), 10*time.Second)
		}),
		page("a whole address as the path", "200|400|401|403|404|421", "", func(x *target) verdict {
			return x.wire(x.host(), []byte("GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n\r\n"), 10*time.Second)
		}),
	}
}

func mediaAttacks() []attack {
	at := func(door, name, path, want, says string, headers ...string) attack {
		return attack{door: door, name: name, want: want, says: says, act: func(x *target) verdict {
			path := strings.NewReplacer("ASSET", x.asset, "HIDDENRUN", x.hiddenRun, "HIDDEN", x.hidden, "RUN", x.run).Replace(path)
			v := x.send(http.MethodGet, path, x.some, "", nil, headers...)
			if strings.Contains(v.said, "root:") {
				return verdict{"a file of the system", v.said}
			}
			return v
		}}
	}
	media := func(name, path, want, says string, headers ...string) attack {
		return at("media", name, path, want, says, headers...)
	}
	thumbnail := func(name, path, want string) attack { return at("thumbnail", name, path, want, "") }
	nobody := func(door, name, path string) attack {
		return attack{door: door, name: name, want: "401", act: func(x *target) verdict {
			return x.send(http.MethodGet, strings.NewReplacer("ASSET", x.asset, "RUN", x.run).Replace(path), "", "", nil)
		}}
	}
	ranges := func(n int) string { return "Range: bytes=" + strings.TrimSuffix(strings.Repeat("0-9,", n), ",") }
	return []attack{
		nobody("media", "no token", "/media/ASSET"),
		media("a film that the caller may not see", "/media/HIDDEN", "404", ""),
		media("an asset that does not exist", "/media/"+strings.Repeat("0", 32), "404", ""),
		media("a path for an asset", "/media/..%2f..%2f..%2fetc%2fpasswd", "404", ""),
		media("a path for an asset, escaped twice", "/media/..%252f..%252fetc%252fpasswd", "404", ""),
		media("an absolute path for an asset", "/media/%2fetc%2fpasswd", "404", ""),
		media("a NUL behind an asset", "/media/ASSET%00", "404", ""),
		media("an asset in capitals", "/media/"+strings.Repeat("F", 32), "404", ""),
		media("a share of another host for an asset", "/media/%5c%5c127.0.0.1%5cshare%5ca.mp4", "404", ""),
		media("a range beyond the end", "/media/ASSET", "416", "", "Range: bytes=99999999999-"),
		media("a range that ends before it begins", "/media/ASSET", "416|200", "", "Range: bytes=9-1"),
		media("a range of numbers that none holds", "/media/ASSET", "416|200", "", "Range: bytes=99999999999999999999-99999999999999999999"),
		media("a range below zero", "/media/ASSET", "416|200", "", "Range: bytes=--1"),
		media("a range of words", "/media/ASSET", "416|200", "", "Range: bytes=first-last"),
		media("a range of another unit", "/media/ASSET", "416|200", "", "Range: frames=0-9"),
		media("ten overlapping ranges", "/media/ASSET", "200|206|416", "", ranges(10)),
		media("ten thousand overlapping ranges", "/media/ASSET", "200|206|416|431", "", ranges(10_000)),
		media("a condition of a date that is none", "/media/ASSET", "200|206|412", "", "If-Range: yesterday", "Range: bytes=0-9"),
		nobody("thumbnail", "no token", "/thumbnails/ASSET/RUN/0.jpg"),
		thumbnail("of a film that the caller may not see", "/thumbnails/HIDDEN/HIDDENRUN/0.jpg", "404"),
		thumbnail("a hidden run through a visible film", "/thumbnails/ASSET/HIDDENRUN/0.jpg", "404"),
		thumbnail("a visible run through a hidden film", "/thumbnails/HIDDEN/RUN/0.jpg", "404"),
		thumbnail("a path for a run", "/thumbnails/ASSET/..%2f..%2f..%2fetc/0.jpg", "404"),
		thumbnail("a path for a picture", "/thumbnails/ASSET/RUN/..%2f..%2fetc%2fpasswd", "404"),
		thumbnail("a picture before the first", "/thumbnails/ASSET/RUN/-1.jpg", "404"),
		thumbnail("a picture beyond the last", "/thumbnails/ASSET/RUN/999999999.jpg", "404"),
		thumbnail("a picture of a number that none holds", "/thumbnails/ASSET/RUN/99999999999999999999.jpg", "404"),
		thumbnail("another kind of file", "/thumbnails/ASSET/RUN/0.png", "404"),
		thumbnail("no name but the ending", "/thumbnails/ASSET/RUN/.jpg", "404"),
		thumbnail("a number in sixteens", "/thumbnails/ASSET/RUN/0x1.jpg", "404"),
		thumbnail("a run of sixty thousand bytes", "/thumbnails/ASSET/"+strings.Repeat("a", 60_000)+"/0.jpg", "404|414|431"),
	}
}

func operatorAttacks() []attack {
	call := func(name string, who func(*target) string, method, body, want, says string) attack {
		return attack{door: "operators", name: name, want: want, says: says, act: func(x *target) verdict {
			return x.send(http.MethodPost, operatorPath+method, who(x), "application/json", []byte(strings.NewReplacer("ASSET", x.asset, "HIDDEN", x.hidden).Replace(body)))
		}}
	}
	reader := func(x *target) string { return x.reader }
	operator := func(x *target) string { return x.operator }
	batch := func(x *target) string { return x.batch }
	nobody := func(*target) string { return "" }
	var as []attack
	for _, m := range []string{"ListJobs", "ListRuns", "GetLag", "ListDeadLetters", "RetryDeadLetters", "DropDeadLetters"} {
		as = append(as, call(m+" by a reader", reader, m, `{}`, "403", "role"), call(m+" by nobody", nobody, m, `{}`, "401", ""))
	}
	hides := func(name, method, body, want string) attack {
		a := call(name, batch, method, body, want, "")
		act := a.act
		a.act = func(x *target) verdict {
			if v := act(x); strings.Contains(v.said, x.hidden) && !strings.Contains(body, "HIDDEN") || strings.Contains(v.said, "crash-2") && !strings.Contains(body, "crash-2") {
				return verdict{"shown", v.said}
			} else {
				return v
			}
		}
		return a
	}
	return append(as,
		call("a job of nothing", operator, "SubmitJob", `{}`, "400", ""),
		call("a job of a kind that is none", operator, "SubmitJob", `{"job":{"kind":"drop"}}`, "400", ""),
		call("a job that has ended before it began", operator, "SubmitJob", `{"job":{"kind":"replay","state":"JOB_STATE_FINISHED","replay":{"source":"moon"}}}`, "400", ""),
		call("a replay of a source that is none", operator, "PlanJob", `{"job":{"kind":"replay","replay":{"source":"../../etc"}}}`, "400", ""),
		call("a replay at a rate below zero", operator, "PlanJob", `{"job":{"kind":"replay","replay":{"source":"store","rate":-1}}}`, "400", ""),
		call("a replay at a rate that is no number", operator, "PlanJob", `{"job":{"kind":"replay","replay":{"source":"store","rate":"NaN"}}}`, "400", ""),
		call("a switch in waves below zero", operator, "PlanJob", `{"job":{"kind":"activate","activate":{"algorithm":"shots","version":"2","wave":-1}}}`, "400", ""),
		call("a switch in waves that are no number", operator, "PlanJob", `{"job":{"kind":"activate","activate":{"algorithm":"shots","version":"2","wave":"NaN"}}}`, "400", ""),
		call("a pause without end", operator, "PlanJob", `{"job":{"kind":"activate","activate":{"algorithm":"shots","version":"2","pauseSeconds":"Infinity"}}}`, "400", ""),
		call("a grace below what cursors need", operator, "PlanJob", `{"job":{"kind":"gc","collect":{"graceSeconds":"-1"}}}`, "400", ""),
		call("a rebuild at a rate below zero", operator, "PlanJob", `{"job":{"kind":"rebuild","rebuild":{"rate":-1}}}`, "400", ""),
		call("a job by a path", operator, "GetJob", `{"id":"../../../etc/passwd"}`, "404", ""),
		call("a job of a million bytes", operator, "GetJob", `{"id":"`+strings.Repeat("a", 1<<20)+`"}`, "404|400", ""),
		call("a wish that is none", operator, "SteerJob", `{"id":"x","wish":"explode"}`, "400|404", ""),
		call("a body of five million bytes", operator, "ListRuns", `{"cursor":"`+strings.Repeat("a", 5<<20)+`"}`, "400|413|429", ""),
		call("a million assets in a selection", operator, "ListRuns", `{"selection":{"assets":[`+strings.TrimSuffix(strings.Repeat(`"x",`, 900_000), ",")+`]}}`, "400|404", ""),
		call("a page of a million runs", operator, "ListRuns", `{"limit":1000000}`, "400", "limit"),
		call("a page of runs below zero", operator, "ListRuns", `{"limit":-1}`, "400", "limit"),
		call("a cursor of noise", operator, "ListRuns", `{"cursor":"!!"}`, "400", "cursor"),
		call("a million letters", operator, "ListDeadLetters", `{"limit":1000000}`, "400", "limit"),
		call("letters that do not exist, tried again", operator, "RetryDeadLetters", `{"filter":{"ids":["nothing"]}}`, "404", ""),
		call("letters of a path, dropped", operator, "DropDeadLetters", `{"filter":{"ids":["../../x"]}}`, "404", ""),
		call("the result of a job that does not exist", batch, "GetResult", `{"id":"nothing"}`, "404", ""),
		call("a replay by a role of batches", batch, "SubmitJob", `{"job":{"kind":"replay","replay":{"source":"store"}}}`, "403", ""),
		call("a batch in a format that is none", batch, "PlanJob", `{"job":{"kind":"batch","batch":{"formats":["exe"]}}}`, "400", ""),
		hides("a batch over every title, by a caller of one", "PlanJob", `{"job":{"kind":"batch","batch":{}}}`, "200|400|403|404"),
		hides("a batch over a hidden title by its name", "PlanJob", `{"job":{"kind":"batch","batch":{"selection":{"titles":["crash-2"]}}}}`, "200|400|403|404"),
		hides("a batch over a hidden asset", "PlanJob", `{"job":{"kind":"batch","batch":{"selection":{"assets":["HIDDEN"]}}}}`, "200|400|403|404"),
		hides("jobs, by a caller of one title", "ListJobs", `{"all":true}`, "200|403"),
		attack{door: "operators", name: "a file of a batch by a path", want: "400|404", act: func(x *target) verdict {
			return x.send(http.MethodGet, "/batches/x/..%2f..%2fetc%2fpasswd", x.batch, "", nil)
		}},
	)
}

func headerAttacks() []attack {
	body := `{"q":"harbour"}`
	with := func(name, want string, headers ...string) attack {
		return attack{door: "headers", name: name, want: want, act: func(x *target) verdict {
			return x.send(http.MethodPost, searchPath+"Search", x.reader, "application/json", []byte(body), headers...)
		}}
	}
	raw := func(name, want, request string) attack {
		return attack{door: "headers", name: name, want: want, act: func(x *target) verdict {
			r := strings.NewReplacer("HOST", x.host(), "TOKEN", x.reader, "PATH", searchPath+"Search").Replace(request)
			return x.wire(x.host(), []byte(r), 20*time.Second)
		}}
	}
	late := func(a attack) attack { a.slow = true; return a } // the server waits for the rest of the headers
	post := "POST PATH HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nConnection: close\r\n"
	many := func(n int) (hs []string) {
		for i := range n {
			hs = append(hs, fmt.Sprintf("X-Number-%d: %d", i, i))
		}
		return hs
	}
	return []attack{
		with("a forwarded host and scheme", "200", "X-Forwarded-Host: example.com", "X-Forwarded-Proto: https", "Forwarded: for=127.0.0.1;host=example.com;proto=https"),
		with("a forwarded caller from within", "200", "X-Forwarded-For: 127.0.0.1", "X-Real-Ip: 127.0.0.1"),
		with("a page of another site asks", "200|403", "Origin: https://example.com"),
		with("a page of no site asks", "200|403", "Origin: null"),
		with("a thousand headers", "200|400|431", many(1000)...),
		with("a header of seventy thousand bytes", "431", "X-Long: "+strings.Repeat("x", 80<<10)),
		with("another method, by a header", "200", "X-Http-Method-Override: DELETE"),
		with("another path, by a header", "200", "X-Original-Url: /cinedex.v1.OperatorService/ListJobs", "X-Rewrite-Url: /"),
		with("an expectation that is none", "200|417", "Expect: everything"),
		with("a trace of noise", "200", "Traceparent: 00-"+strings.Repeat("f", 1000)+"-01"),
		with("baggage of sixty thousand bytes", "200|431", "Baggage: a="+strings.Repeat("b", 60_000)),
		with("a language without end", "200", "Accept-Language: "+strings.Repeat("en;q=0.1,", 5000)),
		{door: "headers", name: "an event for the host of another site", want: "400|403|421", act: func(x *target) verdict {
			return x.send(http.MethodPost, "/events", x.ingest, structured, fmt.Appendf(nil, arrivedAs, `{"url":"file:///none.mp4","title":{"id":"rebound"}}`), "Host: rebound.example.com")
		}},
		{door: "headers", name: "an event from a page of another site", want: "400|401|403|415|421", act: func(x *target) verdict {
			return x.send(http.MethodPost, "/events", "", "text/plain", fmt.Appendf(nil, arrivedAs, `{"url":"file:///none.mp4","title":{"id":"crossed"}}`), "Origin: https://example.com")
		}},
		raw("two tokens, the good one last", "400|401", post+"Authorization: Bearer guess\r\nAuthorization: Bearer TOKEN\r\nContent-Length: 15\r\n\r\n"+body),
		raw("two lengths", "400", post+"Authorization: Bearer TOKEN\r\nContent-Length: 15\r\nContent-Length: 16\r\n\r\n"+body),
		raw("a length and chunks", "400|200", post+"Authorization: Bearer TOKEN\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n"+body+"\r\n0\r\n\r\n"),
		raw("chunks under a name that is none", "400|501", post+"Authorization: Bearer TOKEN\r\nTransfer-Encoding: xchunked\r\n\r\n"+body),
		raw("a chunk of more bytes than there are", "400|500|cut", post+"Authorization: Bearer TOKEN\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
		raw("a length below zero", "400", post+"Authorization: Bearer TOKEN\r\nContent-Length: -5\r\n\r\n"),
		raw("a length that none holds", "400", post+"Authorization: Bearer TOKEN\r\nContent-Length: 99999999999999999999\r\n\r\n"),
		raw("a header folded over lines", "400|200|401", post+"Authorization: Bearer\r\n TOKEN\r\nContent-Length: 15\r\n\r\n"+body),
		raw("a blank before the colon", "400", post+"Authorization : Bearer TOKEN\r\nContent-Length: 15\r\n\r\n"+body),
		raw("two hosts", "400", "POST PATH HTTP/1.1\r\nHost: HOST\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n"),
		raw("no host", "400", "POST PATH HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
		raw("a version of HTTP that there is not", "400|505", "GET / HTTP/9.9\r\nHost: HOST\r\n\r\n"),
		late(raw("noise", "400|cut", "\x00\x01\x02\x03\x04\r\n\r\n")),
		raw("a greeting of TLS", "400|cut", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
		raw("a megabyte without an end of line", "400|431|414|cut", "GET /"+strings.Repeat("a", 1<<20)),
		{door: "headers", name: "a thousand connections that say nothing", want: "held", act: func(x *target) verdict {
			var open []net.Conn
			defer func() {
				for _, c := range open {
					c.Close()
				}
			}()
			for range 1000 {
				c, err := net.DialTimeout("tcp", x.host(), 5*time.Second)
				if err != nil {
					break // refused: the limit of connections
				}
				open = append(open, c)
			}
			if got := x.honestly(); got != x.honest {
				return verdict{"kept out", got}
			}
			return verdict{"held", fmt.Sprint(len(open))}
		}, slow: true},
		{door: "headers", name: "two hundred requests that end in the middle of a body", want: "held", act: func(x *target) verdict {
			for range 200 {
				c, err := net.DialTimeout("tcp", x.host(), 5*time.Second)
				if err != nil {
					return verdict{"cut", err.Error()}
				}
				_, _ = fmt.Fprintf(c, "POST %sSearch HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"q\":", searchPath, x.host(), x.reader)
				c.Close()
			}
			return verdict{"held", ""}
		}},
	}
}

func adminAttacks() []attack {
	admin := func(name, path, want string) attack {
		return attack{door: "admin", name: name, want: want, slow: true, act: func(x *target) verdict {
			status, body := x.get(path)
			return verdict{fmt.Sprint(status), body}
		}}
	}
	return []attack{
		admin("profiles of the process", "/debug/pprof/", "404"),
		admin("the command line of the process", "/debug/pprof/cmdline", "404"),
		admin("variables of the process", "/debug/vars", "404"),
		admin("a file above", "/../../etc/passwd", "404"),
		admin("the search API, without a token", searchPath+"ListTitles", "404"),
		{door: "admin", name: "metrics name no title and no asset", want: "200", slow: true, act: func(x *target) verdict {
			status, body := x.get("/metrics")
			if strings.Contains(body, "crash-1") || strings.Contains(body, x.asset) {
				return verdict{"named", clipped(body, 400)}
			}
			return verdict{fmt.Sprint(status), ""}
		}},
		{door: "admin", name: "readiness by POST", want: "405", slow: true, act: func(x *target) verdict {
			resp, err := http.Post("http://"+x.admin+"/readyz", "text/plain", strings.NewReader("no"))
			if err != nil {
				return verdict{"cut", err.Error()}
			}
			resp.Body.Close()
			return verdict{fmt.Sprint(resp.StatusCode), ""}
		}},
		{door: "admin", name: "a host that is another's", want: "200|403|421", slow: true, act: func(x *target) verdict {
			return x.wire(x.admin, []byte("GET /livez HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"), 10*time.Second)
		}},
	}
}

// fileAttacks are an operator's files into which an attacker has written.
func fileAttacks() []attack {
	sha := strings.Repeat("0a", 32)
	tokens := func(name, want, says, file string) attack {
		return attack{door: "token file", name: name, want: want, says: says, act: func(x *target) verdict {
			path := filepath.Join(x.t.TempDir(), "tokens.yaml")
			if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
				x.t.Fatal(err)
			}
			if _, err := authz.OpenFile(path, authz.Deps{}); err != nil {
				return verdict{"refused", err.Error()}
			}
			return verdict{"taken", ""}
		}}
	}
	up := func(name, want, says string, args ...string) attack {
		return attack{door: "configuration", name: name, want: want, says: says, slow: true, act: func(x *target) verdict {
			cmd := exec.Command(x.bin, append([]string{"--home", filepath.Join(x.t.TempDir(), "home"), "up", "--check"}, args...)...)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				x.t.Fatal(err)
			}
			return verdict{fmt.Sprintf("exit %d", cmd.ProcessState.ExitCode()), string(out)}
		}}
	}
	file := func(name, want, says, content string) attack {
		a := up(name, want, says)
		a.act = func(x *target) verdict {
			path := filepath.Join(x.t.TempDir(), "up.yaml")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				x.t.Fatal(err)
			}
			return up(name, want, says, "--config", path).act(x)
		}
		return a
	}
	entry := func(fields string) string { return "tokens:\n  - {name: a, sha256: " + sha + fields + "}\n" }
	return []attack{
		tokens("empty", "refused", "empty", ""),
		tokens("cut in the middle", "refused", "", "tokens: ["),
		tokens("a hash that is too short", "refused", "sha256", "tokens: [{name: a, sha256: ab, titles: [x]}]"),
		tokens("a hash that is no hexadecimal", "refused", "sha256", "tokens: [{name: a, sha256: "+strings.Repeat("z", 64)+", titles: [x]}]"),
		tokens("a token in place of its hash", "refused", "", "tokens: [{name: a, token: secret, titles: [x]}]"),
		tokens("no name", "refused", "name", "tokens: [{sha256: "+sha+", titles: [x]}]"),
		tokens("a role that there is not", "refused", "king", entry(", titles: [x], roles: [king]")),
		tokens("two tokens of one hash", "refused", "", "tokens:\n  - {name: a, sha256: "+sha+", titles: [x]}\n  - {name: b, sha256: "+sha+", titles: [\"*\"]}\n"),
		tokens("the same hash in capitals", "refused", "", "tokens:\n  - {name: a, sha256: "+sha+", titles: [x]}\n  - {name: b, sha256: "+strings.ToUpper(sha)+", titles: [\"*\"]}\n"),
		tokens("a key twice", "refused", "", "tokens: []\ntokens: []\n"),
		tokens("a title list that is a number", "refused", "", "tokens: [{name: a, sha256: "+sha+", titles: 7}]"),
		tokens("names that stand for each other without end", "refused", "", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\ntokens: *b\n"),
		tokens("brackets a thousand deep", "refused", "", "tokens: "+nested("[", "", "]", 1000)),
		tokens("bytes that are no text", "refused", "", "tokens: [\xff\xfe]"),
		up("a key that does not exist", "exit 2|exit 1", "gateway.timeuot", "--set", "gateway.timeuot=1s"),
		up("a time limit below zero", "exit 2|exit 1", "timeout", "--set", "gateway.timeout=-1s"),
		up("a number in words", "exit 2|exit 1", "", "--set", "broker.port=many"),
		up("candidates without end", "exit 2|exit 1", "candidates", "--set", "gateway.candidates=1000000000"),
		up("events without end", "exit 2|exit 1", "max_event_bytes", "--set", "ingest.max_event_bytes=-1"),
		up("a root that is no whole path", "exit 2|exit 1", "roots", "--set", "blobs.roots=../films"),
		up("a size that there is not", "exit 2|exit 1", "size", "--set", "size=huge"),
		up("a setting without a value", "exit 2|exit 1", "", "--set", "size"),
		file("a file of noise", "exit 2|exit 1", "", "\x00\x01\x02"),
		file("a key of another service", "exit 2|exit 1", "", "gateways:\n  timeout: 1s\n"),
		file("brackets a thousand deep", "exit 2|exit 1", "", "broker: "+nested("[", "", "]", 1000)),
		file("names that stand for each other", "exit 2|exit 1", "", "a: &a [x,x,x,x]\nb: [*a,*a,*a,*a]\n"),
	}
}
