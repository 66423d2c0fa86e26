package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// view is a segment as it was at one moment. It stays readable whatever is written, and finds nothing more once the
// segment is removed.
type view struct {
	id      segmentID
	path    string
	flushed int64
	pending []byte
	blocks  []block
}

func (v *view) size() int64 { return v.flushed + int64(len(v.pending)) }

// blockEnd returns the offset at which a block ends.
func (v *view) blockEnd(i int) int64 {
	if i+1 < len(v.blocks) {
		return v.blocks[i+1].at
	}
	return v.size()
}

// views returns the group's segments from one ID on, with their indexes. changed is closed when lines are added after
// that, or the group is deleted; deleted tells that it is already.
func (g *group) views(ctx context.Context, from segmentID) (views []view, changed <-chan struct{}, deleted bool, err error) {
	if err := g.loadIndexes(ctx, from); err != nil {
		return nil, nil, false, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.segments {
		if s.id.compare(from) < 0 || s.index == nil {
			continue
		}
		v := view{id: s.id, path: s.path, flushed: s.flushed, pending: s.pending, blocks: s.index.blocks}
		if s.live {
			v.blocks = slices.Clone(v.blocks)
		}
		views = append(views, v)
	}
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return views, g.changed, g.deleted, nil
}

// loadIndexes sees that all segments from one ID on have their indexes, but for those removed meanwhile.
func (g *group) loadIndexes(ctx context.Context, from segmentID) error {
	for _, s := range g.unindexed(from) {
		if err := ctx.Err(); err != nil {
			return err
		}
		x, saved, err := loadIndex(s.path, s.flushed)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("logs: read index: %w", err)
		}
		g.setIndex(s.segment, x, saved)
	}
	return nil
}

// unindexedSegment is a segment without an index; its size does not change any more.
type unindexedSegment struct {
	segment *segment
	path    string
	flushed int64
}

func (g *group) unindexed(from segmentID) []unindexedSegment {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []unindexedSegment
	for _, s := range g.segments {
		if s.index == nil && s.id.compare(from) >= 0 {
			out = append(out, unindexedSegment{s, s.path, s.flushed})
		}
	}
	return out
}

// segmentReader reads parts of views, of one file after the other.
type segmentReader struct {
	path string
	file *os.File
	buf  []byte
}

// read returns the bytes of a view between two offsets, valid until the next call; fewer, where the file has not got them
// any more.
func (r *segmentReader) read(v *view, from, to int64) ([]byte, error) {
	if from >= v.flushed {
		return v.pending[from-v.flushed : to-v.flushed], nil
	}
	if err := r.open(v.path + segmentSuffix); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("logs: read: %w", err)
	}
	n := int(min(to, v.flushed) - from)
	r.buf = slices.Grow(r.buf[:0], int(to-from))[:n]
	got, err := r.file.ReadAt(r.buf, from)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("logs: read: %w", err)
	}
	if got < n {
		return r.buf[:got], nil
	}
	if to > v.flushed {
		r.buf = append(r.buf, v.pending[:to-v.flushed]...)
	}
	return r.buf, nil
}

func (r *segmentReader) open(path string) error {
	if r.path == path {
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err == nil {
		r.path, r.file = path, f
	}
	return err
}

func (r *segmentReader) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.path, r.file = "", nil
	return err
}

// eachLine calls f with each line of b, without its newline, and its offset, until f answers false. What follows the last
// newline is no line, and what was blotted out is none any more.
func eachLine(b []byte, at int64, f func(at int64, line []byte) bool) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 || !isBlot(b[:i]) && !f(at, b[:i]) {
			return
		}
		at += int64(i) + 1
		b = b[i+1:]
	}
}
