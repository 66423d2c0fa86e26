package cli

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"furl/internal/admin"
)

// eventPrinter prints the events of a log.
type eventPrinter struct {
	out      io.Writer
	json     bool
	terminal bool
	coloured bool
	grouped  bool

	// held are the events of requests that have not ended, oldest request first.
	held []*heldRequest
}

// heldRequest is what is known of a request that has not ended.
type heldRequest struct {
	id     string
	events []admin.LogEvent
}

// maxHeld is how many requests are held at most: those whose end never shows are
// printed then.
const maxHeld = 1000

// print prints events, at once: a log may be long. With grouping those of a
// request wait for its end.
func (p *eventPrinter) print(events []admin.LogEvent) error {
	if !p.grouped {
		return p.write(events)
	}
	for _, e := range events {
		if e.RequestId == nil {
			if err := p.write([]admin.LogEvent{e}); err != nil {
				return err
			}
			continue
		}
		r := p.hold(*e.RequestId)
		r.events = append(r.events, e)
		if !isReport(e.Message) {
			continue
		}
		p.held = slices.DeleteFunc(p.held, func(o *heldRequest) bool { return o == r })
		if err := p.write(r.events); err != nil {
			return err
		}
	}
	for len(p.held) > maxHeld {
		if err := p.write(p.held[0].events); err != nil {
			return err
		}
		p.held = p.held[1:]
	}
	return nil
}

// rest prints what is held.
func (p *eventPrinter) rest() error {
	for _, r := range p.held {
		if err := p.write(r.events); err != nil {
			return err
		}
	}
	p.held = nil
	return nil
}

// hold returns the events of a request that has not ended.
func (p *eventPrinter) hold(id string) *heldRequest {
	for _, r := range slices.Backward(p.held) {
		if r.id == id {
			return r
		}
	}
	r := &heldRequest{id: id}
	p.held = append(p.held, r)
	return r
}

// isReport tells whether an event is a request's last.
func isReport(message string) bool {
	return strings.HasPrefix(message, "REPORT RequestId: ") || strings.Contains(message, `"type":"platform.report"`)
}

func (p *eventPrinter) write(events []admin.LogEvent) error {
	var b strings.Builder
	for i := range events {
		if !p.json {
			p.appendEvent(&b, &events[i])
			continue
		}
		line, err := json.Marshal(&events[i])
		if err != nil {
			return fmt.Errorf("print an event: %w", err)
		}
		b.Write(append(line, '\n'))
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

// appendEvent words an event for people. The further lines of a message are
// indented below its first.
func (p *eventPrinter) appendEvent(b *strings.Builder, e *admin.LogEvent) {
	_, id, _ := strings.Cut(e.LogStreamName, "]")
	id = id[:min(6, len(id))]
	at := time.UnixMilli(e.Timestamp).UTC().Format("2006-01-02 15:04:05.000")
	message := strings.TrimRight(e.Message, "\n")
	if p.terminal {
		message = strings.Map(visible, message)
	}
	message = strings.ReplaceAll(message, "\n", "\n    ")
	if !p.coloured {
		fmt.Fprintf(b, "%s %s %s\n", at, id, message)
		return
	}
	const dim, plain = "\x1b[2m", "\x1b[0m"
	if isPlatform(message) {
		message = dim + message + plain
	}
	fmt.Fprintf(b, "%s%s%s %s%s%s %s\n", dim, at, plain, requestColour(e), id, plain, message)
}

// requestColour is the same for all events of a request, and mostly another for
// another one.
func requestColour(e *admin.LogEvent) string {
	if e.RequestId == nil {
		return ""
	}
	sum := fnv.New32a()
	io.WriteString(sum, *e.RequestId)
	return fmt.Sprintf("\x1b[%dm", 31+sum.Sum32()%6)
}

// isPlatform tells whether a message is the platform's, not the function's.
func isPlatform(message string) bool {
	return slices.ContainsFunc([]string{"START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START ", "INIT_REPORT "},
		func(begin string) bool { return strings.HasPrefix(message, begin) })
}

// visible replaces what a terminal might obey: anybody on the network may have
// had it logged.
func visible(r rune) rune {
	if r != '\n' && r != '\t' && unicode.IsControl(r) {
		return '\uFFFD'
	}
	return r
}
