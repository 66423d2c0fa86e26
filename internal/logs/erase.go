package logs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
)

// blot is what the bytes of a deleted line become. Its length stays, so that all places after it do.
const blot = ' '

// isBlot tells whether a line was blotted out.
func isBlot(line []byte) bool { return len(line) > 0 && line[0] == blot }

// deleteStream blots a stream's lines out of the group's segments. Lines that come from now on go to another segment.
func (w *writer) deleteStream(ctx context.Context, name, stream string) error {
	g := w.log.lookup(name)
	if g == nil {
		return ErrNoGroup
	}
	if err := g.loadIndexes(ctx, segmentID{}); err != nil {
		return err
	}
	segments := g.endStream(stream)
	if err := w.flush(true); err != nil {
		return err
	}
	for _, s := range segments {
		if err := w.erase(g, s, stream); err != nil {
			return fmt.Errorf("logs: delete stream %s: %w", stream, err)
		}
	}
	return nil
}

// endStream returns the segments that hold lines of a stream. To none of them anything is added any more.
func (g *group) endStream(stream string) []*segment {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*segment
	for _, s := range g.segments {
		if s.index == nil || s.index.streams[stream] == nil {
			continue
		}
		s.live = false
		out = append(out, s)
	}
	g.dirty.Store(true)
	return out
}

// erase blots a stream's lines out of a segment that is complete and in its file. After a crash in the middle the
// stream is still in the index, with the lines that are left.
func (w *writer) erase(g *group, s *segment, stream string) error {
	w.closeFile(s)
	f, err := os.OpenFile(s.path+segmentSuffix, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := eraseLines(f, stream); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	x, size := g.forget(s, stream)
	return saveIndex(s.path, x, size)
}

// eraseLines blots a stream's lines out of a file.
func eraseLines(f *os.File, stream string) error {
	const chunk = 1 << 20
	buf := make([]byte, 0, chunk)
	for at := int64(0); ; {
		buf = slices.Grow(buf, chunk)
		n, err := f.ReadAt(buf[len(buf):len(buf)+chunk], at+int64(len(buf)))
		buf = buf[:len(buf)+n]
		var failed error
		eachLine(buf, at, func(at int64, line []byte) bool {
			if l, ok := parseLine(line); ok && l.stream == stream {
				_, failed = f.WriteAt(bytes.Repeat([]byte{blot}, len(line)), at)
			}
			return failed == nil
		})
		if failed != nil {
			return failed
		}
		whole := bytes.LastIndexByte(buf, '\n') + 1
		at += int64(whole)
		buf = buf[:copy(buf, buf[whole:])]
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// forget strikes a stream from a segment's index and returns a copy of it and the segment's size.
func (g *group) forget(s *segment, stream string) (*index, int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(s.index.streams, stream)
	x := newIndex()
	x.blocks = s.index.blocks
	for name, have := range s.index.streams {
		x.streams[name] = have
	}
	return x, s.flushed
}
