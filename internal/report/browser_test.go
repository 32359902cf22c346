// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package report

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

var screenshots = flag.String("screenshots", "", "write the screenshots of TestBrowser to this folder")

// TestBrowser opens the page in Chromium: the browser reports no error, loads
// nothing else, and shows the rows and texts of the result.
func TestBrowser(t *testing.T) {
	t.Parallel()
	page, err := HTML(company())
	if err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t)
	file := b.open(t, "company.html", page)
	if len(b.problems()) > 0 {
		t.Errorf("the browser reports %q", b.problems())
	}
	if got := b.requests(); !slices.Equal(got, []string{file}) {
		t.Errorf("the browser asked for %q, want the file alone", got)
	}

	want := map[string][][]string{
		"coverage": {{"github:acme", "", "50", "1", "1", "1"}, {"okta:acme.okta.com", "", "100", "3", "0", "0"}},
		"accounts": {{"github:acme", "3", "1", "0", "2", "0", "4", "0"}},
		"leavers":  {{"leo@acme.example", "inactive", "okta:acme.okta.com", "00u3", "store"}},
		"service-1": {
			{"nora@acme.example", "not_found", "nora Nora <script>alert(1)</script> (handle equals the name)"},
			{"build", "", "", "inactive", "person"},
			{"=cmd()", "a|b `c` \u202etxt.exe", "x@other.example\n@nora", "active", "person"},
		},
		"stale":      {{"ann@acme.example", "github:acme", "ann-a", "email", "ann-b", "renamed"}},
		"exemptions": {{"leo@acme.example", "github:acme", "writes no code & never will"}},
	}
	got := evaluate[map[string][][]string](t, b, `(() => {
		const sections = {};
		let id = "";
		for (const e of document.body.children) {
			if (e.id) id = e.id;
			if (e.tagName !== "TABLE") continue;
			const rows = [...e.tBodies[0].rows].map(r => [...r.cells].map(c => c.innerText.trim()));
			sections[id] = [...(sections[id] || []), ...rows];
		}
		return sections;
	})()`)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows by section (-want +got):\n%s", d)
	}
	if links := evaluate[[]string](t, b, `[...document.links].filter(a => !document.getElementById(a.getAttribute("href").slice(1))).map(a => a.href)`); len(links) > 0 {
		t.Errorf("links lead nowhere: %q", links)
	}

	// A bar is as full as its service.
	widths := evaluate[[]float64](t, b, `[...document.querySelectorAll("svg")].map(s => s.lastElementChild.getBoundingClientRect().width / s.getBoundingClientRect().width)`)
	if !slices.Equal(widths, []float64{0.5, 1}) {
		t.Errorf("the bars are filled by %v", widths)
	}

	// Each look has its own colours, and text can be read in it.
	backgrounds := map[string]string{}
	for _, look := range []struct{ name, media, scheme string }{{"print", "print", "dark"}, {"light", "", "light"}, {"dark", "", "dark"}} {
		media := emulation.SetEmulatedMediaParams{Media: look.media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}}
		if _, err := chromedp.Call(b.tab, emulation.SetEmulatedMedia, media); err != nil {
			t.Fatal(err)
		}
		backgrounds[look.name] = evaluate[string](t, b, `getComputedStyle(document.body).backgroundColor`)
		if low := evaluate[[]string](t, b, lowContrast); len(low) > 0 {
			t.Errorf("%s: text is hard to read: %q", look.name, low)
		}
		b.screenshot(t, look.name, 1200)
	}
	if want := map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)", "print": "rgb(255, 255, 255)"}; !cmp.Equal(want, backgrounds) {
		t.Errorf("the backgrounds are %v, want %v", backgrounds, want)
	}

	// A narrow window shows the whole page: nothing sticks out to the right.
	if err := chromedp.Do(b.tab, chromedp.EmulateViewport(390, 800)); err != nil {
		t.Fatal(err)
	}
	if over := evaluate[float64](t, b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		t.Errorf("in a narrow window the page is %v pixels too wide", over)
	}
	b.screenshot(t, "narrow", 390)
	pdf, err := chromedp.Run(b.tab, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		t.Errorf("printing: %d bytes, %v", len(pdf), err)
	}
	if *screenshots != "" {
		if err := os.WriteFile(filepath.Join(*screenshots, "print.pdf"), pdf, 0o600); err != nil {
			t.Error(err)
		}
	}
}

// TestBrowserSeesProblems opens pages with a fault, which the checks of
// TestBrowser find.
func TestBrowserSeesProblems(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	b.open(t, "error.html", `<!doctype html><script>throw new Error("boom")</script>`)
	if got := strings.Join(b.problems(), "\n"); !strings.Contains(got, "boom") {
		t.Errorf("the browser reports %q", got)
	}
	b.open(t, "image.html", `<!doctype html><img src="http://127.0.0.1:1/x.png">`)
	if got := b.requests(); !slices.Contains(got, "http://127.0.0.1:1/x.png") {
		t.Errorf("the browser asked for %q", got)
	}
	b.open(t, "pale.html", `<!doctype html><p style="color: #ccc">pale</p>`)
	if got := evaluate[[]string](t, b, lowContrast); !slices.Equal(got, []string{"pale"}) {
		t.Errorf("hard to read: %q", got)
	}
}

// TestBrowserOpensALargePage opens the page of 10,000 people.
func TestBrowserOpensALargePage(t *testing.T) {
	t.Parallel()
	page, err := HTML(large())
	if err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t)
	b.open(t, "large.html", page)
	if got := evaluate[int](t, b, `document.querySelectorAll("tbody tr").length`); got != 3+3+300+500 {
		t.Errorf("the page has %d rows", got)
	}
	if len(b.problems()) > 0 {
		t.Errorf("the browser reports %q", b.problems())
	}
}

// lowContrast lists the texts whose colour has less than the 4.5 : 1 to its
// background that WCAG asks for.
const lowContrast = `(() => {
	const luminance = color => {
		const [r, g, b] = color.match(/[\d.]+/g).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const background = e => {
		for (; e; e = e.parentElement) {
			const color = getComputedStyle(e).backgroundColor;
			if (!/, 0\)$/.test(color)) return color;
		}
		return "rgb(255, 255, 255)";
	};
	return [...document.body.querySelectorAll("*")]
		.filter(e => [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()))
		.filter(e => {
			const [low, high] = [luminance(getComputedStyle(e).color), luminance(background(e))].sort((a, b) => a - b);
			return (high + 0.05) / (low + 0.05) < 4.5;
		})
		.map(e => e.innerText);
})()`

// browser is a headless Chromium with one tab.
type browser struct {
	tab context.Context
	dir string

	mu       sync.Mutex
	messages []string // errors and warnings of the page
	asked    []string // addresses
}

// startBrowser starts Chromium with a profile of its own.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("Chromium is not installed here; on Debian it is the package chromium")
	}
	b := &browser{dir: t.TempDir()}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	allocator, stop := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(filepath.Join(b.dir, "profile")), chromedp.Env("TMPDIR="+b.dir),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true))...)
	t.Cleanup(stop)
	tab, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	b.tab = tab
	if err := chromedp.Listen(tab, b.notice); err != nil {
		t.Fatal(err)
	}
	for _, enable := range []func() error{
		func() error { _, err := chromedp.Call(tab, network.Enable, network.EnableParams{}); return err },
		func() error { return chromedp.Do(tab, chromedp.EmulateViewport(1200, 900)) },
	} {
		if err := enable(); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// notice keeps what an event says of errors and requests.
func (b *browser) notice(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		b.messages = append(b.messages, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		b.messages = append(b.messages, fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		b.messages = append(b.messages, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	}
}

// open shows a page from a file, and returns the file's address.
func (b *browser) open(t *testing.T, name, page string) string {
	t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.messages, b.asked = nil, nil
	b.mu.Unlock()
	if err := chromedp.Do(b.tab, chromedp.Navigate("file://"+path)); err != nil {
		t.Fatal(err)
	}
	return "file://" + path
}

func (b *browser) problems() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

func (b *browser) requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// screenshot takes a picture of the whole page, and checks that it is as wide as
// the window and shows more than one colour.
func (b *browser) screenshot(t *testing.T, name string, width int) {
	t.Helper()
	content, err := chromedp.Run(b.tab, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if *screenshots != "" {
		if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	picture, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	bounds := picture.Bounds()
	colors := map[[3]uint32]bool{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y += 3 {
		for x := bounds.Min.X; x < bounds.Max.X; x += 3 {
			r, g, b, _ := picture.At(x, y).RGBA()
			colors[[3]uint32{r, g, b}] = true
		}
	}
	if bounds.Dx() != width || len(colors) < 10 {
		t.Errorf("the picture %s is %d pixels wide and has %d colours", name, bounds.Dx(), len(colors))
	}
}

func evaluate[T any](t *testing.T, b *browser, script string) T {
	t.Helper()
	value, err := chromedp.Run(b.tab, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, script)
	}
	return value
}
