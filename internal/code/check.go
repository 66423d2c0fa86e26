package code

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
)

// Check reads a whole zip archive of the given size and tells whether it can be unpacked: every name, link, declared and
// real size and checksum. Its error is an *InvalidError or a *TooLargeError if not, and any other only if r failed.
// Nothing is written; memory use is bounded by limits, time by limits.Unzipped.
func Check(r io.ReaderAt, size int64, limits Limits) (Info, error) {
	p, err := newPlan(r, size, limits)
	if err != nil {
		return Info{}, fmt.Errorf("code: check: %w", err)
	}
	for _, f := range p.files {
		if err := p.copyFile(context.Background(), io.Discard, f); err != nil {
			return Info{}, fmt.Errorf("code: check: %w", err)
		}
	}
	return p.info, nil
}

// plan is an archive whose tables have been checked, and what unpacking it would create.
type plan struct {
	info  Info
	dirs  []string // parents first
	files []file
	links []link

	src    *source
	buffer []byte
}

type file struct {
	name       string
	executable bool
	zip        *zip.File
}

type link struct{ name, target string }

// source remembers whether reading the archive failed for reasons that are not the archive's.
type source struct {
	r   io.ReaderAt
	err error
}

func (s *source) ReadAt(b []byte, at int64) (int, error) {
	n, err := s.r.ReadAt(b, at)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// blame returns the error for something that went wrong while reading an entry (or, with "", the archive).
func (s *source) blame(entry string, err error) error {
	if s.err != nil {
		return fmt.Errorf("read the archive: %w", s.err)
	}
	reason := err.Error()
	switch {
	case errors.Is(err, zip.ErrChecksum):
		reason = "its checksum does not match"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		reason = "it is cut short"
	}
	return &InvalidError{Entry: entry, Reason: reason, Err: err}
}

// newPlan checks everything that can be told without unpacking the files.
func newPlan(r io.ReaderAt, size int64, limits Limits) (*plan, error) {
	limits = limits.orDefault()
	if size > limits.Zipped {
		return nil, &TooLargeError{Zipped: true, Limit: limits.Zipped}
	}
	if size == 0 {
		return nil, &InvalidError{Reason: ErrEmpty.Error(), Err: ErrEmpty}
	}
	p := &plan{src: &source{r: r}, buffer: make([]byte, 64<<10)}
	entries, err := p.open(size, limits)
	if err != nil {
		return nil, err
	}
	t := newTree(limits.Entries)
	for _, entry := range entries {
		if err := p.add(t, entry); err != nil {
			return nil, err
		}
	}
	for _, l := range p.links {
		if err := t.checkLink(l.name); err != nil {
			return nil, p.src.blame(l.name, err)
		}
	}
	if len(p.files)+len(p.links) == 0 {
		return nil, &InvalidError{Reason: ErrEmpty.Error(), Err: ErrEmpty}
	}
	p.dirs = t.dirs
	p.info.Entries, p.info.Files = len(t.kinds), len(p.files)
	return p, nil
}

// open reads the table of entries and checks all that concerns the archive as a whole: number, sizes and places.
func (p *plan) open(size int64, limits Limits) ([]*zip.File, error) {
	n, err := countEntries(p.src, size, limits.Entries)
	if err != nil {
		return nil, p.src.blame("", err)
	}
	r, err := zip.NewReader(p.src, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // cleanName knows better which names are insecure
		return nil, p.src.blame("", err)
	}
	if len(r.File) != n {
		return nil, p.src.blame("", errNotZip)
	}
	for _, entry := range r.File {
		if err := checkHeader(entry, limits.Ratio); err != nil {
			return nil, p.src.blame(entry.Name, err)
		}
		if entry.UncompressedSize64 > uint64(limits.Unzipped-p.info.Unzipped) {
			return nil, &TooLargeError{Limit: limits.Unzipped}
		}
		p.info.Unzipped += int64(entry.UncompressedSize64)
	}
	return r.File, p.checkPlaces(r.File, size)
}

// checkHeader refuses what an entry says about itself.
func checkHeader(entry *zip.File, ratio int64) error {
	const encrypted = 1 | 1<<6 | 1<<13
	switch {
	case entry.Flags&encrypted != 0:
		return errors.New("it is encrypted")
	case entry.Method != zip.Store && entry.Method != zip.Deflate:
		return fmt.Errorf("its compression method %d is not supported", entry.Method)
	case entry.Method == zip.Store && entry.CompressedSize64 != entry.UncompressedSize64:
		return errors.New("it is not compressed, yet its two sizes differ")
	case entry.CompressedSize64 < 1<<50 && entry.UncompressedSize64 > entry.CompressedSize64*uint64(ratio):
		return fmt.Errorf("it claims to be more than %d times as large as its compressed bytes", ratio)
	}
	return nil
}

// checkPlaces refuses entries that share bytes: with them a small archive can unpack to a huge tree although each entry
// by itself is harmless.
func (p *plan) checkPlaces(entries []*zip.File, size int64) error {
	type place struct {
		entry  *zip.File
		at, to int64
	}
	places := make([]place, 0, len(entries))
	for _, entry := range entries {
		at, err := entry.DataOffset()
		if err != nil {
			return p.src.blame(entry.Name, err)
		}
		if at > size || entry.CompressedSize64 > uint64(size-at) {
			return p.src.blame(entry.Name, io.ErrUnexpectedEOF)
		}
		places = append(places, place{entry, at, at + int64(entry.CompressedSize64)})
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.at, b.at) })
	const header = 30 // the least that stands before an entry's bytes
	for i := 1; i < len(places); i++ {
		if places[i].at-header < places[i-1].to {
			return p.src.blame(places[i].entry.Name, errors.New("it overlaps another entry"))
		}
	}
	return nil
}

// add enters one entry into the plan and into the tree.
func (p *plan) add(t *tree, entry *zip.File) error {
	name, err := cleanName(entry.Name)
	if err != nil {
		return p.src.blame(entry.Name, err)
	}
	mode := entry.Mode()
	switch {
	case name == "." && !mode.IsDir():
		err = errors.New("it has no name")
	case mode.Type() == fs.ModeDir && entry.UncompressedSize64 != 0:
		err = errors.New("it is a directory with contents")
	case mode.Type() == fs.ModeDir && name == ".": // the tree itself
	case mode.Type() == fs.ModeDir:
		err = t.add(name, directoryNode)
	case mode.Type() == 0:
		err = t.add(name, fileNode)
		p.files = append(p.files, file{name: name, executable: mode&0o111 != 0, zip: entry})
	case mode.Type() == fs.ModeSymlink:
		return p.addLink(t, name, entry)
	default:
		err = unsupported(mode)
	}
	if err != nil {
		return p.src.blame(entry.Name, err)
	}
	return nil
}

// addLink reads the target of a symbolic link, which is the contents of its entry.
func (p *plan) addLink(t *tree, name string, entry *zip.File) error {
	if entry.UncompressedSize64 > maxName {
		return p.src.blame(entry.Name, fmt.Errorf("it is a symbolic link whose target is longer than %d bytes", maxName))
	}
	var target bytes.Buffer
	if err := p.copyFile(context.Background(), &target, file{name: name, zip: entry}); err != nil {
		return err
	}
	if err := t.addLink(name, target.String()); err != nil {
		return p.src.blame(entry.Name, err)
	}
	p.links = append(p.links, link{name, target.String()})
	return nil
}

// copyFile writes the contents of an entry to w and compares size and checksum with what the archive declares.
func (p *plan) copyFile(ctx context.Context, w io.Writer, f file) error {
	r, err := f.zip.Open()
	if err != nil {
		return p.src.blame(f.zip.Name, err)
	}
	defer r.Close()
	sum := crc32.NewIEEE() // archive/zip does not compare where the archive declares 0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(p.buffer)
		sum.Write(p.buffer[:n])
		if _, err := w.Write(p.buffer[:n]); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return p.src.blame(f.zip.Name, err)
		}
	}
	if sum.Sum32() != f.zip.CRC32 {
		return p.src.blame(f.zip.Name, zip.ErrChecksum)
	}
	return nil
}

// unsupported returns the error for a kind of file that no package may hold.
func unsupported(mode fs.FileMode) error {
	what := "of an unknown kind"
	switch {
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Errorf("it is %s; a package holds files, directories and symbolic links", what)
}
