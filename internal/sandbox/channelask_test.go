package sandbox_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"furl/internal/sandbox"
)

// A question that somebody else sends is answered like any other, also when the
// program ended behind its answer, and the next one works.
func TestPrepared(t *testing.T) {
	for name, link := range links(t) {
		for _, hangs := range []string{"", "after the answer", "without one"} {
			c, p := link()
			question := c.Prepare(9)
			if _, err := c.Questions().Write(question); err != nil {
				t.Fatal(err)
			}
			h, body, err := p.read()
			if err != nil || h.Kind != 9 || len(body) != 0 {
				t.Fatalf("%s: %+v, %q, %v", name, h, body, err)
			}
			if hangs != "without one" {
				p.write(sandbox.Header{Kind: 3, ID: h.ID, Aux: 7}, []byte("there"), 100)
			}
			if hangs != "" {
				c.HangUp()
			}
			a, err := c.Await(time.Now().Add(time.Minute), 100, nil)
			switch {
			case hangs == "without one":
				if !errors.Is(err, io.EOF) {
					t.Errorf("%s, hung up %s: %+v, %v", name, hangs, a, err)
				}
			case err != nil || a.Kind != 3 || a.Aux != 7 || string(a.Body) != "there":
				t.Errorf("%s, hung up %s: %+v, %v", name, hangs, a, err)
			}
			if hangs == "" {
				go func() {
					h, _, _ := p.read()
					p.write(h, []byte("again"), 100)
				}()
				a, err := c.Exchange(1, 0, nil, nil, time.Now().Add(time.Minute), 100, nil)
				if err != nil || string(a.Body) != "again" {
					t.Errorf("%s: the next: %+v, %v", name, a, err)
				}
			}
			c.Close()
			p.close()
		}
	}
}
