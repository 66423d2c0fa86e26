package logs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"furl/internal/logs"
)

const (
	benchStream  = "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef"
	benchRequest = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
	benchMessage = "[INFO]\t2025-11-24T23:12:27.123Z\t8476a536-e9f4-11e8-9739-2dfe598c3fcd\thello from the function\n"
)

func BenchmarkAppend(b *testing.B) {
	l := open(b, b.TempDir(), logs.Options{DiskCap: 64 << 20})
	e := logs.Event{Time: start(), Message: benchMessage, RequestID: benchRequest}
	b.ReportAllocs()
	for b.Loop() {
		l.Append(group, benchStream, e)
	}
	b.ReportMetric(float64(l.Stats().DroppedLines)/float64(b.N), "dropped/op")
}

func BenchmarkAppendParallel(b *testing.B) {
	l := open(b, b.TempDir(), logs.Options{DiskCap: 64 << 20})
	e := logs.Event{Time: start(), Message: benchMessage, RequestID: benchRequest}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Append(group, benchStream, e)
		}
	})
}

// BenchmarkRead reads 1e5 lines in pages, or the last of them.
func BenchmarkRead(b *testing.B) {
	l := open(b, b.TempDir(), logs.Options{})
	for i := range 100_000 {
		l.Append(group, benchStream, logs.Event{Time: start().Add(time.Duration(i)), Message: benchMessage, RequestID: benchRequest})
		if i%10_000 == 0 {
			flush(b, l)
		}
	}
	flush(b, l)
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for q := (logs.Query{Group: group}); ; {
				p := read(b, l, q)
				n += len(p.Entries)
				if q.Token = p.Next; p.Next == "" {
					break
				}
			}
			if n != 100_000 {
				b.Fatalf("%d lines", n)
			}
		}
	})
	b.Run("last100", func(b *testing.B) {
		for b.Loop() {
			if p := read(b, l, logs.Query{Group: group, Limit: 100, Backward: true}); len(p.Entries) != 100 {
				b.Fatalf("%d lines", len(p.Entries))
			}
		}
	})
}

// BenchmarkAppendBeside adds the lines of one quiet invocation to a group while another group gets 10 MB/s, and while it
// gets nothing: the difference is what a flood costs others.
func BenchmarkAppendBeside(b *testing.B) {
	for _, rate := range []int{0, 10 << 20} {
		b.Run(fmt.Sprintf("flood=%dMBps", rate>>20), func(b *testing.B) {
			l := open(b, b.TempDir(), logs.Options{DiskCap: 64 << 20})
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				tick := time.NewTicker(10 * time.Millisecond)
				defer tick.Stop()
				line := logs.Event{Message: strings.Repeat("x", 1023) + "\n", RequestID: benchRequest}
				for {
					select {
					case <-stop:
						return
					case <-tick.C:
						for range rate / 100 / 1024 {
							l.Append("/flood", benchStream, line)
						}
					}
				}
			}()
			e := logs.Event{Message: benchMessage, RequestID: benchRequest}
			for b.Loop() {
				l.Append(group, benchStream, e, e, e)
			}
			close(stop)
			<-stopped
		})
	}
}
