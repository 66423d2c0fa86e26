package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// newSuffix ends the names of files that are not complete.
const newSuffix = ".new"

// load finds the groups and segments that are there.
func (l *Log) load() error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return unusable(l.dir, err)
	}
	dirs, err := os.ReadDir(l.dir)
	if err != nil {
		return unusable(l.dir, err)
	}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		name, ok := groupIn(l.dir, d.Name())
		if !ok {
			l.opts.Logger.Warn("not a log group, left alone", "directory", filepath.Join(l.dir, d.Name()))
			continue
		}
		g := newGroup(l, name)
		if err := g.load(); err != nil {
			return unusable(g.dir, err)
		}
		l.groups[name] = g
	}
	return nil
}

// unusable returns the error for a directory that cannot be used, with what to do about it.
func unusable(dir string, err error) error {
	return fmt.Errorf("logs: open: the log directory %s cannot be used: %w; "+
		"give the user that furl runs as permission to read and write there, or choose another data directory", dir, err)
}

// groupIn returns the name of the group that has a directory.
func groupIn(parent, dir string) (string, bool) {
	if !isDigest(dir) {
		return groupName(dir)
	}
	name, err := os.ReadFile(filepath.Join(parent, dir, nameFile))
	return string(name), err == nil && dirName(string(name)) == dir
}

// load finds the segments of a group. What a crash left is put right: half a line at the end of a segment, half an
// index, the index of a segment that is gone.
func (g *group) load() error {
	entries, err := os.ReadDir(g.dir)
	if err != nil {
		return err
	}
	indexed := map[string]bool{}
	for _, e := range entries {
		name, isIndex := strings.CutSuffix(e.Name(), indexSuffix)
		indexed[name] = indexed[name] || isIndex
		if strings.HasSuffix(e.Name(), newSuffix) {
			if err := os.Remove(filepath.Join(g.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	for _, e := range entries {
		name, isSegment := strings.CutSuffix(e.Name(), segmentSuffix)
		id, ok := parseSegmentID(name)
		if !isSegment || !ok || !e.Type().IsRegular() {
			continue
		}
		s := &segment{id: id, path: filepath.Join(g.dir, name)}
		if err := s.load(indexed[name]); err != nil {
			return err
		}
		delete(indexed, name)
		if s.flushed > 0 {
			g.segments = append(g.segments, s)
			g.log.bytes.Add(s.flushed)
		}
	}
	slices.SortFunc(g.segments, func(a, b *segment) int { return a.id.compare(b.id) })
	if n := len(g.segments); n > 0 {
		g.newest = g.segments[n-1].id
	}
	return g.removeStray(indexed)
}

// removeStray removes indexes without a segment.
func (g *group) removeStray(indexed map[string]bool) error {
	for name, isIndex := range indexed {
		if _, ok := parseSegmentID(name); !ok || !isIndex {
			continue
		}
		if err := os.Remove(filepath.Join(g.dir, name+indexSuffix)); err != nil {
			return err
		}
	}
	return nil
}

// load reads a segment's size and cuts off half a line at its end, which only a segment without an index can have. A
// segment without a whole line is removed.
func (s *segment) load(indexed bool) error {
	f, err := os.OpenFile(s.path+segmentSuffix, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.flushed, s.touched = info.Size(), info.ModTime()
	if indexed {
		return nil
	}
	whole, err := wholeLines(f, s.flushed)
	switch {
	case err != nil:
		return err
	case whole == 0:
		s.flushed = 0
		return os.Remove(s.path + segmentSuffix)
	case whole < s.flushed:
		s.flushed = whole
		return f.Truncate(whole)
	}
	return nil
}

// wholeLines returns the length of a file up to and with its last newline.
func wholeLines(r io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for size > 0 {
		b := buf[:min(size, int64(len(buf)))]
		from := size - int64(len(b))
		if n, err := r.ReadAt(b, from); n < len(b) {
			return 0, errors.Join(err, fs.ErrInvalid)
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		size = from
	}
	return 0, nil
}
