package namespace

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"furl/internal/sandbox"
	"furl/internal/sandbox/view"
)

// kind says what stands at a place of an image.
type kind byte

const (
	directory kind = iota
	symlink        // Text is where it leads
	text           // a small file of ours
	mounted        // a read-only view of the host's Source
	device         // the same, of a device
	collector      // the program of reaper
)

// file is one entry of an image, the root that sandboxes are started in.
type file struct {
	Path   string
	Kind   kind
	Text   string `json:",omitempty"`
	Source string `json:",omitempty"`
}

// frame is what every image begins with. Its files with a sandbox's own contents
// are links to /run, see build.
// exit is whether sandboxes have a way out of their networks.
func frame(exit bool) []file {
	resolver := "# no name server: there is no way out of here\n"
	if exit {
		// The options are those of Amazon Linux.
		resolver = "nameserver " + nameServer + "\noptions timeout:2 attempts:5\n"
	}
	files := []file{
		{Path: "/dev"}, {Path: "/etc"}, {Path: layersDir}, {Path: "/proc"}, {Path: "/run"},
		{Path: tempDir}, {Path: "/var"}, {Path: "/var/lang"}, {Path: runtimeDir}, {Path: codeDir},
		{Path: reaperPath, Kind: collector},
		{Path: "/dev/fd", Kind: symlink, Text: "/proc/self/fd"},
		{Path: "/dev/stdin", Kind: symlink, Text: "/proc/self/fd/0"},
		{Path: "/dev/stdout", Kind: symlink, Text: "/proc/self/fd/1"},
		{Path: "/dev/stderr", Kind: symlink, Text: "/proc/self/fd/2"},
		{Path: "/etc/passwd", Kind: symlink, Text: "/run/passwd"},
		{Path: "/etc/group", Kind: symlink, Text: "/run/group"},
		{Path: "/etc/hostname", Kind: text, Text: hostName + "\n"},
		{Path: "/etc/hosts", Kind: text, Text: "127.0.0.1 localhost " + hostName + "\n::1 localhost\n"},
		{Path: "/etc/nsswitch.conf", Kind: text, Text: "passwd: files\ngroup: files\nhosts: files dns\n"},
		{Path: "/etc/resolv.conf", Kind: text, Text: resolver},
	}
	for _, name := range view.Devices() {
		files = append(files, file{Path: name, Kind: device, Source: name})
	}
	return files
}

// plan is an image that fits a program.
type plan struct {
	files []file
	// args are the program's arguments as they are in the sandbox.
	args []string
	// zygote are those of the program as a zygote; nil when it does not become one.
	zygote []string
}

// key tells images apart.
func (p plan) key() string {
	var b strings.Builder
	for _, f := range p.files {
		b.WriteString(f.Path)
		b.WriteByte(0)
		b.WriteString(f.Source)
		b.WriteByte(0)
	}
	return b.String()
}

// newPlan finds out what a program needs to see. guard is the furl program, exit
// whether there is a way out.
func newPlan(spec sandbox.Spec, guard string, readOnly []string, exit bool) (plan, error) {
	p := plan{files: frame(exit), args: slices.Clone(spec.Args), zygote: slices.Clone(spec.Zygote)}
	p.add(file{Path: guardPath, Kind: mounted, Source: guard})
	for _, dir := range view.SystemDirs() {
		if err := p.system(dir); err != nil {
			return plan{}, err
		}
	}
	files, err := view.SystemFiles()
	if err != nil {
		return plan{}, err
	}
	for _, name := range files {
		p.show(name)
	}
	for _, name := range readOnly {
		if _, err := os.Stat(name); err != nil {
			return plan{}, fmt.Errorf("namespace: %w", err)
		}
		p.show(filepath.Clean(name))
	}
	if spec.Path != "" {
		if err := p.program(spec.Path); err != nil {
			return plan{}, err
		}
	}
	for _, args := range [...][]string{p.args, p.zygote} {
		if err := p.arguments(args); err != nil {
			return plan{}, err
		}
	}
	return p, p.check()
}

// check refuses what a sandbox's own directories would hide.
func (p plan) check() error {
	for _, f := range p.files {
		for _, own := range [...]string{tempDir, "/proc", "/run", codeDir} {
			if f.Kind == mounted && (f.Path == own || strings.HasPrefix(f.Path, own+"/")) {
				return fmt.Errorf("namespace: %s cannot be shown: sandboxes have a %s of their own", f.Path, own)
			}
		}
	}
	return nil
}

func (p *plan) add(f file) { p.files = append(p.files, f) }

// show mounts a file or directory of the host at its own place, unless something
// that is shown holds it already.
func (p *plan) show(name string) {
	if p.shows(name) {
		return
	}
	// By another way perhaps: /bin is mostly a link to /usr/bin.
	if dir, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil && p.shows(filepath.Join(dir, filepath.Base(name))) {
		return
	}
	p.add(file{Path: name, Kind: mounted, Source: name})
}

func (p *plan) shows(name string) bool {
	return slices.ContainsFunc(p.files, func(f file) bool {
		return f.Kind == mounted && f.Path == f.Source && (f.Path == name || strings.HasPrefix(name, f.Path+"/"))
	})
}

func (p *plan) system(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return fmt.Errorf("namespace: %w", err)
	case info.Mode().Type() == os.ModeSymlink:
		to, err := os.Readlink(dir)
		if err != nil {
			return fmt.Errorf("namespace: %w", err)
		}
		p.add(file{Path: dir, Kind: symlink, Text: to})
	default:
		p.show(dir)
	}
	return nil
}

// program shows the directories that a program is installed in.
func (p *plan) program(path string) error {
	dirs, err := view.Installations(path)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		p.show(dir)
	}
	return nil
}

// arguments shows the directories among the arguments below /var/runtime.
func (p *plan) arguments(args []string) error {
	for i, arg := range args {
		if !filepath.IsAbs(arg) {
			continue
		}
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() {
			continue
		}
		to := runtimeDir + "/" + filepath.Base(arg)
		args[i] = to
		if slices.ContainsFunc(p.files, func(f file) bool { return f.Path == to }) {
			continue // it was an argument before
		}
		if info.Mode()&0o5 == 0o5 {
			p.add(file{Path: to, Kind: mounted, Source: arg})
			continue
		}
		// Others may not enter it, but we mean to show it: entry by entry.
		entries, err := os.ReadDir(arg)
		if err != nil {
			return fmt.Errorf("namespace: %w", err)
		}
		p.add(file{Path: to})
		for _, e := range entries {
			p.add(file{Path: to + "/" + e.Name(), Kind: mounted, Source: filepath.Join(arg, e.Name())})
		}
	}
	return nil
}
