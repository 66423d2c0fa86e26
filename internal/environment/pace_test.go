package environment

import (
	"testing"
	"testing/synctest"
	"time"
)

// nothing is a Stream that takes all.
type nothing struct{}

func (nothing) Begin(string) error          { return nil }
func (nothing) Write(p []byte) (int, error) { return len(p), nil }

// The first 6 MB go at once, the rest at the rate, and nothing waits beyond the
// function's time or the pool's end.
func TestPace(t *testing.T) {
	for _, tt := range []struct {
		name     string
		rate     int64
		deadline time.Duration
		stopped  bool
		want     time.Duration
	}{
		{"no rate", 0, time.Hour, false, 0},
		{"AWS's", 2 << 20, time.Hour, false, 5 * time.Second},
		{"little time", 2 << 20, 3 * time.Second, false, 3 * time.Second},
		{"the end of the pool", 2 << 20, time.Hour, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stopping := make(chan struct{})
				if tt.stopped {
					close(stopping)
				}
				d := delivery{to: nothing{}, most: 200 << 20, rate: tt.rate, stopping: stopping}
				begin := time.Now()
				d.begin("text/plain")
				piece := make([]byte, 1<<16)
				for d.sent < 16<<20 {
					if err := d.write(piece, begin.Add(tt.deadline)); err != nil {
						t.Fatal(err)
					}
					if d.sent == freeOfRate && time.Since(begin) > 0 {
						t.Errorf("the first 6 MB took %s", time.Since(begin))
					}
				}
				if got := time.Since(begin); got.Round(time.Millisecond) != tt.want {
					t.Errorf("16 MB took %s, want %s", got, tt.want)
				}
			})
		})
	}
}
