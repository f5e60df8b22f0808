// Command prose counts the words that STYLE section 12 asks writers to avoid: "what", it and its, and that, those, them
// and one(s). The first table covers the comments of the repository's Go files, without generated files. The second
// table covers docs/*.md. Each table has a row for every package or page and a row for the total. A list of the ten
// longest sentences follows each table.
//
//	go -C tools run ./prose [-json] [-root DIR]
//
// The figures are printed for the reader. No figure makes the command fail.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

func main() {
	root := flag.String("root", "..", "the repository to read")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	if err := run(*root, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(root string, asJSON bool) error {
	comments, err := readComments(root)
	if err != nil {
		return err
	}
	pages, err := readPages(root)
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(map[string]table{"comments": comments, "docs": pages})
	}
	comments.print("comments of Go files")
	fmt.Println()
	pages.print("docs/*.md")
	return nil
}

// A row holds the counts of a package, of a page, or of a whole table.
type row struct {
	Name  string `json:"name"`
	Words int    `json:"words"`
	What  int    `json:"what"`
	It    int    `json:"it"`   // it, its
	That  int    `json:"that"` // that, those, them, one, ones
	// Rates are per 1,000 words.
	WhatRate float64 `json:"what_per_1000"`
	ItRate   float64 `json:"it_per_1000"`
	ThatRate float64 `json:"that_per_1000"`
	Longest  int     `json:"longest_sentence"`
}

// A sentence is known by the line at which the sentence begins.
type sentence struct {
	Words int    `json:"words"`
	File  string `json:"file"`
	Line  int    `json:"line"`
	Text  string `json:"text"`
}

type table struct {
	Rows      []row      `json:"rows"`
	Total     row        `json:"total"`
	Sentences []sentence `json:"longest_sentences"` // the ten longest, longest first
}

// text is a comment or a page, line by line.
type text struct {
	name  string // the row of the text
	file  string
	lines []line
}

// A line begins a sentence if the line is an item of a list or follows an empty line.
type line struct {
	number int
	words  string
}

var (
	word = regexp.MustCompile(`[\p{L}\p{N}_'’]*\p{L}[\p{L}\p{N}_'’]*`)
	// A stop ends a sentence if the next character is a space or the end of the line.
	stop = regexp.MustCompile(`[.!?][)"”’]*(\s+|$)`)
	// A directive is an instruction to a program, such as //go:embed or //nolint.
	directive = regexp.MustCompile(`^//[a-z]+(:|$|\s*//)`)
	// An item of a list, a heading, a row of a table or an indented line of code.
	item   = regexp.MustCompile(`^\s*([-*+|#>]|\d+[.)])(\s|$)|^\t`)
	target = regexp.MustCompile(`\]\([^)]*\)`)
)

func (r *row) add(words string) {
	for _, w := range word.FindAllString(words, -1) {
		r.Words++
		w, _, _ = strings.Cut(strings.ReplaceAll(strings.ToLower(w), "’", "'"), "'")
		switch w {
		case "what":
			r.What++
		case "it", "its":
			r.It++
		case "that", "those", "them", "one", "ones":
			r.That++
		}
	}
}

func (r *row) rate() {
	if r.Words == 0 {
		return
	}
	per := func(n int) float64 { return float64(n*10000/r.Words) / 10 }
	r.WhatRate, r.ItRate, r.ThatRate = per(r.What), per(r.It), per(r.That)
}

// count makes the table of the texts, rows sorted by name.
func count(texts []text) table {
	rows := map[string]*row{}
	total := row{Name: "total"}
	var all []sentence
	for _, t := range texts {
		r := rows[t.name]
		if r == nil {
			r = &row{Name: t.name}
			rows[t.name] = r
		}
		for _, l := range t.lines {
			r.add(l.words)
			total.add(l.words)
		}
		for _, s := range sentences(t) {
			r.Longest = max(r.Longest, s.Words)
			total.Longest = max(total.Longest, s.Words)
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b sentence) int { return b.Words - a.Words })
	t := table{Total: total, Sentences: all[:min(10, len(all))]}
	for _, r := range rows {
		r.rate()
		t.Rows = append(t.Rows, *r)
	}
	t.Total.rate()
	slices.SortFunc(t.Rows, func(a, b row) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// sentences splits a text at full stops, at empty lines and at items of lists.
func sentences(t text) (all []sentence) {
	var now sentence
	end := func() {
		if now.Words = len(word.FindAllString(now.Text, -1)); now.Words > 0 {
			all = append(all, now)
		}
		now = sentence{}
	}
	for _, l := range t.lines {
		if strings.TrimSpace(l.words) == "" || item.MatchString(l.words) {
			end()
		}
		for rest := strings.TrimSpace(l.words); rest != ""; {
			cut := len(rest)
			at := stop.FindStringIndex(rest)
			if at != nil {
				cut = at[1]
			}
			if now.Text == "" {
				now.File, now.Line = t.file, l.number
			}
			now.Text = strings.TrimSpace(now.Text + " " + strings.TrimSpace(rest[:cut]))
			if at != nil {
				end()
			}
			rest = rest[cut:]
		}
	}
	end()
	return all
}

func readComments(root string) (table, error) {
	var texts []text
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); file != root && (strings.HasPrefix(n, ".") || n == "node_modules" || n == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		found, err := commentsOf(file, filepath.ToSlash(name), nil)
		texts = append(texts, found...)
		return err
	})
	return count(texts), err
}

// commentsOf returns the comments of a Go file, none of a generated file. A nil source is read from the file.
func commentsOf(file, name string, source any) (texts []text, err error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if ast.IsGenerated(f) {
		return nil, nil
	}
	for _, group := range f.Comments {
		t := text{name: filepath.ToSlash(filepath.Dir(name)), file: name}
		for _, c := range group.List {
			if directive.MatchString(c.Text) {
				continue
			}
			first := set.Position(c.Pos()).Line
			body := strings.TrimSuffix(strings.TrimPrefix(c.Text, "/*"), "*/")
			for i, l := range strings.Split(body, "\n") {
				t.lines = append(t.lines, line{first + i, strings.TrimPrefix(l, "//")})
			}
		}
		texts = append(texts, t)
	}
	return texts, nil
}

func readPages(root string) (table, error) {
	var texts []text
	docs := filepath.Join(root, "docs")
	err := filepath.WalkDir(docs, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".md") {
			return err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		texts = append(texts, pageOf(filepath.ToSlash(name), string(b)))
		return nil
	})
	return count(texts), err
}

// pageOf returns the prose of a page: code blocks and the targets of links are left out.
func pageOf(name, page string) text {
	t := text{name: name, file: name}
	code := false
	for i, l := range strings.Split(page, "\n") {
		if strings.HasPrefix(strings.TrimSpace(l), "```") {
			code = !code
			l = ""
		}
		if code {
			l = ""
		}
		t.lines = append(t.lines, line{i + 1, target.ReplaceAllString(l, "]")})
	}
	return t
}

func (t table) print(title string) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "words\twhat\tit/its\tthat/those/them/one(s)\tlongest\t")
	for _, r := range append(slices.Clone(t.Rows), t.Total) {
		fmt.Fprintf(w, "%d\t%.1f\t%.1f\t%.1f\t%d\t  %s\n", r.Words, r.WhatRate, r.ItRate, r.ThatRate, r.Longest, r.Name)
	}
	fmt.Printf("%s, per 1,000 words; the longest sentence in words\n", title)
	w.Flush()
	fmt.Println("the longest sentences:")
	for _, s := range t.Sentences {
		fmt.Printf("%5d words  %s:%d  %.80s\n", s.Words, s.File, s.Line, s.Text)
	}
}
