package code

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Pack writes a zip archive of a directory's contents, or of a single file, to w. What is unchanged packs to the same
// bytes: order, times and permissions do not depend on the machine, and of a file's mode only whether it is executable
// counts. Left out are .git, .venv and __pycache__, wherever they are. Symbolic links are packed as links and must stay
// in the directory; sockets, pipes and devices are errors.
func Pack(dirOrFile string, w io.Writer) error {
	p := &packer{tree: newTree(DefaultLimits().Entries), out: zip.NewWriter(w)}
	info, err := os.Stat(dirOrFile)
	switch {
	case err != nil:
	case info.IsDir():
		err = p.packDir(dirOrFile)
	case info.Mode().IsRegular():
		err = p.packFile(dirOrFile)
	default:
		err = unsupported(info.Mode())
	}
	if err == nil {
		err = p.out.Close()
	}
	if err != nil {
		return fmt.Errorf("code: pack %s: %w", dirOrFile, err)
	}
	return nil
}

type packer struct {
	root  *os.Root // of the directory that is packed
	tree  *tree
	links []string
	files int
	out   *zip.Writer
}

// packFile adds one file under its base name.
func (p *packer) packFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return p.contents(filepath.Base(name), f)
}

// packDir adds a directory's contents in the order of fs.WalkDir, which is the same everywhere.
func (p *packer) packDir(dir string) (err error) {
	if p.root, err = os.OpenRoot(dir); err != nil {
		return err
	}
	defer p.root.Close()
	err = fs.WalkDir(p.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case skipped(d.Name()) && d.IsDir():
			return fs.SkipDir
		case skipped(d.Name()):
			return nil
		}
		return named(name, p.add(name, d.Type()))
	})
	if err != nil {
		return err
	}
	if p.files+len(p.links) == 0 {
		return errors.New("there is no file in it")
	}
	for _, name := range p.links {
		if err := p.tree.checkLink(name); err != nil {
			return named(name, err)
		}
	}
	return nil
}

// named adds a name to errors that have none.
func named(name string, err error) error {
	var withPath *fs.PathError
	if err == nil || errors.As(err, &withPath) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// add adds what the directory holds under a name.
func (p *packer) add(name string, mode fs.FileMode) error {
	switch mode.Type() {
	case fs.ModeDir:
		return p.dir(name)
	case fs.ModeSymlink:
		return p.link(name)
	case 0:
		return p.file(name)
	}
	return unsupported(mode)
}

// skipped tells whether a name belongs to tools, never to a package.
func skipped(name string) bool {
	return name == ".git" || name == ".venv" || name == "__pycache__"
}

// dir adds a directory. It gets an entry of its own even if files follow, so that empty ones are kept.
func (p *packer) dir(name string) error {
	if err := p.enter(name, directoryNode); err != nil {
		return err
	}
	_, err := p.header(name+"/", fs.ModeDir|0o755)
	return err
}

// file adds a regular file of the directory.
func (p *packer) file(name string) error {
	f, err := p.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return p.contents(name, f)
}

// contents adds an open file under a name.
func (p *packer) contents(name string, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := p.enter(name, fileNode); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	w, err := p.header(name, mode)
	if err != nil {
		return err
	}
	p.files++
	_, err = io.Copy(w, f)
	return err
}

// link adds a symbolic link; packDir checks later where it leads.
func (p *packer) link(name string) error {
	target, err := p.root.Readlink(name)
	if err != nil {
		return err
	}
	target = filepath.ToSlash(target)
	if _, err := cleanName(name); err != nil {
		return err
	}
	if err := p.tree.addLink(name, target); err != nil {
		return err
	}
	p.links = append(p.links, name)
	w, err := p.header(name, fs.ModeSymlink|0o777)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, target)
	return err
}

// enter notes a name that Check would accept.
func (p *packer) enter(name string, k kind) error {
	if _, err := cleanName(name); err != nil {
		return err
	}
	return p.tree.add(name, k)
}

// header begins an entry. All are compressed, links too: some readers cannot tell where an uncompressed entry ends whose
// size stands behind it.
func (p *packer) header(name string, mode fs.FileMode) (io.Writer, error) {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch()}
	h.SetMode(mode)
	return p.out.CreateHeader(h)
}
