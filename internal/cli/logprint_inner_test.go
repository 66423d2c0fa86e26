package cli

import (
	"strings"
	"testing"

	"furl/internal/admin"
)

func TestGroupedEvents(t *testing.T) {
	var out strings.Builder
	p := &eventPrinter{out: &out, grouped: true}
	event := func(request, message string) admin.LogEvent {
		e := admin.LogEvent{LogStreamName: "2026/11/23/[$LATEST]abcdefgh", Message: message}
		if request != "" {
			e.RequestId = &request
		}
		return e
	}
	const at = "1970-01-01 00:00:00.000 abcdef "
	for _, e := range []admin.LogEvent{
		event("", "INIT_START"), event("1", "a"), event("2", "b"), event("2", "REPORT RequestId: 2"), event("1", "c\nd"), event("3", "e"),
		event("1", `{"type":"platform.report"}`),
	} {
		if err := p.print([]admin.LogEvent{e}); err != nil {
			t.Fatal(err)
		}
	}
	want := at + "INIT_START\n" + at + "b\n" + at + "REPORT RequestId: 2\n" + at + "a\n" + at + "c\n    d\n" + at + `{"type":"platform.report"}` + "\n"
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
	if err := p.rest(); err != nil || out.String() != want+at+"e\n" {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestColouredEvents(t *testing.T) {
	var out strings.Builder
	p := &eventPrinter{out: &out, terminal: true, coloured: true}
	request := "r"
	if err := p.print([]admin.LogEvent{{LogStreamName: "s]abcdef", RequestId: &request, Message: "END RequestId: r\x1b[31m"}}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "\x1b[2mEND RequestId: r\uFFFD[31m\x1b[0m") || strings.Contains(got, "\x1b[31mE") {
		t.Errorf("%q", got)
	}
}
