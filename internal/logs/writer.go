package logs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// maxFiles is how many files the writer holds open between two syncs.
	maxFiles = 256
	// retainEvery is how often the writer looks for segments that are too old.
	retainEvery = 10 * time.Minute
)

// writer is the only one that changes files. Its fields belong to its goroutine.
type writer struct {
	log      *Log
	files    map[*segment]*os.File // written to since the last sync
	dirs     map[string]bool       // directories with new names since the last sync
	failing  bool
	retained time.Time // when retain last ran
}

// write runs the writer until the log is closed.
func (l *Log) write() {
	defer close(l.stopped)
	w := &writer{log: l, files: map[*segment]*os.File{}, dirs: map[string]bool{}}
	tick := time.NewTicker(l.opts.FlushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.report(w.flush(true))
			w.enforceCap()
			w.retain()
		case <-l.kick:
			if !w.failing { // else every line would be another attempt
				w.report(w.flush(false))
			}
		case command := <-l.commands:
			command(w)
		case <-l.stopping:
			for _, g := range l.allGroups() {
				g.endLive()
			}
			l.closeErr = w.flush(true)
			return
		}
	}
}

// report logs the first of a row of failures, and their end.
func (w *writer) report(err error) {
	switch {
	case err != nil && !w.failing:
		w.log.opts.Logger.Error("logs cannot be written; they are kept in memory while there is room", "err", err)
	case err == nil && w.failing:
		w.log.opts.Logger.Info("logs are written again")
	}
	w.failing = err != nil
}

// flush writes what groups hold in memory; with sync it is on disk afterwards. It returns the first error; what could not
// be written stays in memory.
func (w *writer) flush(sync bool) error {
	var first error
	for _, g := range w.log.allGroups() {
		if !g.dirty.Swap(false) {
			continue
		}
		if err := w.writeGroup(g); err != nil {
			g.dirty.Store(true)
			w.log.writeErrors.Add(1)
			first = cmp.Or(first, err)
		}
	}
	if sync {
		if err := w.sync(); err != nil {
			w.log.writeErrors.Add(1)
			first = cmp.Or(first, err)
		}
	}
	return first
}

// writeGroup writes the lines of a group and the indexes of segments that are complete.
func (w *writer) writeGroup(g *group) error {
	for _, p := range g.work() {
		if len(p.data) > 0 {
			if err := w.writeSegment(g, p); err != nil {
				return fmt.Errorf("logs: write: %w", err)
			}
			w.log.bytes.Add(int64(len(p.data)))
			g.wrote(p.segment, len(p.data))
		}
		if p.seal != nil {
			// An index is a convenience: without it the segment is read once more.
			if err := saveIndex(p.path, p.seal, p.at+int64(len(p.data))); err != nil {
				w.log.writeErrors.Add(1)
				w.log.opts.Logger.Warn("index of a log segment not saved", "log_group", g.name, "err", err)
			}
			g.finished(p.segment)
		}
	}
	return nil
}

// writeSegment writes lines where they belong. After a failure the same bytes go to the same place again, so it does not
// matter how many arrived.
func (w *writer) writeSegment(g *group, p pendingWork) error {
	f := w.files[p.segment]
	if f == nil {
		if len(w.files) >= maxFiles {
			if err := w.sync(); err != nil {
				return err
			}
		}
		var err error
		if f, err = w.open(g, p.path+segmentSuffix); err != nil {
			return err
		}
		w.files[p.segment] = f
	}
	_, err := f.WriteAt(p.data, p.at)
	return err
}

// open opens a segment's file and makes what is missing.
func (w *writer) open(g *group, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := w.makeDir(g); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
}

// makeDir makes the directory of a group, if there is none.
func (w *writer) makeDir(g *group) error {
	if err := os.MkdirAll(g.dir, 0o700); err != nil {
		return err
	}
	w.dirs[w.log.dir], w.dirs[g.dir] = true, true
	if !isDigest(filepath.Base(g.dir)) {
		return nil
	}
	return os.WriteFile(filepath.Join(g.dir, nameFile), []byte(g.name), 0o600)
}

// sync makes durable what was written, closes the files and returns the first error.
func (w *writer) sync() error {
	var first error
	for _, f := range w.files {
		first = cmp.Or(first, f.Sync(), f.Close())
	}
	clear(w.files)
	for dir := range w.dirs {
		first = cmp.Or(first, syncDir(dir))
	}
	clear(w.dirs)
	if first != nil {
		return fmt.Errorf("logs: sync: %w", first)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed in the meantime
	}
	if err != nil {
		return err
	}
	return cmp.Or(d.Sync(), d.Close())
}

// saveIndex writes the index of a segment of the given size. It appears complete or not at all; it is not synced, since
// one that does not fit its segment is not used.
func saveIndex(path string, x *index, size int64) error {
	data, err := x.encode(size)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+indexSuffix+newSuffix, data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+indexSuffix+newSuffix, path+indexSuffix)
}

// deleteGroup removes a group's directory. New lines for a group of that name go to a new one, which gets its directory
// later: from this goroutine.
func (w *writer) deleteGroup(name string) error {
	w.log.mu.Lock()
	g := w.log.groups[name]
	delete(w.log.groups, name)
	w.log.mu.Unlock()
	if g == nil {
		return ErrNoGroup
	}
	segments, size := g.delete()
	for _, s := range segments {
		w.closeFile(s)
	}
	w.log.bytes.Add(-size)
	if err := os.RemoveAll(g.dir); err != nil {
		return fmt.Errorf("logs: delete group %s: %w", name, err)
	}
	return nil
}

// closeFile closes the file of a segment that is to be removed, if it is open.
func (w *writer) closeFile(s *segment) {
	if f := w.files[s]; f != nil {
		f.Close() // what was not written no longer matters
		delete(w.files, s)
	}
}

// candidate is a segment that may be removed.
type candidate struct {
	group   *group
	segment *segment
	touched time.Time
}

// candidates returns the segments of a group that were last written to before a time.
func (g *group) candidates(before time.Time) []candidate {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []candidate
	for _, s := range g.segments {
		if s.touched.Before(before) {
			out = append(out, candidate{g, s, s.touched})
		}
	}
	return out
}

// enforceCap removes segments until the rest is within Options.DiskCap: those that were not written to for longest, of
// groups that have more than their share, so that a flood does not cost others their lines.
func (w *writer) enforceCap() {
	if w.log.bytes.Load() <= w.log.opts.DiskCap {
		return
	}
	groups := w.log.allGroups()
	share := w.log.opts.DiskCap / int64(max(1, len(groups)))
	held := map[*group]int64{}
	var all []candidate
	for _, g := range groups {
		if held[g] = g.info().Bytes; held[g] > share {
			all = append(all, g.candidates(w.log.opts.Now().Add(time.Hour))...)
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return a.touched.Compare(b.touched) })
	for _, c := range all {
		if w.log.bytes.Load() <= w.log.opts.DiskCap {
			return
		}
		if held[c.group] <= share {
			continue
		}
		if size, ok := w.drop(c); ok {
			held[c.group] -= size
			w.log.droppedSegments.Add(1)
			w.log.droppedBytes.Add(size)
			w.log.opts.Logger.Warn("logs exceed their share of the disk, oldest removed", "log_group", c.group.name, "bytes", size)
		}
	}
}

// retain removes the segments that Options.Retain calls too old.
func (w *writer) retain() {
	now := w.log.opts.Now()
	if now.Sub(w.retained) < retainEvery {
		return
	}
	w.retained = now
	for _, g := range w.log.allGroups() {
		keep := w.log.opts.Retain(g.name)
		if keep <= 0 {
			continue
		}
		for _, c := range g.candidates(now.Add(-keep)) {
			w.drop(c)
		}
	}
}

// drop removes a segment, unless lines of it are still in memory.
func (w *writer) drop(c candidate) (size int64, ok bool) {
	size, ok = c.group.remove(c.segment)
	if !ok {
		return 0, false
	}
	w.closeFile(c.segment)
	w.log.bytes.Add(-size)
	for _, suffix := range []string{segmentSuffix, indexSuffix} {
		if err := os.Remove(c.segment.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.log.opts.Logger.Warn("log segment not removed", "log_group", c.group.name, "err", err)
		}
	}
	return size, true
}
