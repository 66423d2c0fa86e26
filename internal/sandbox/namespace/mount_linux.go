package namespace

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// shown are the attributes of every mount of host files, and private those of what
	// is the sandbox's own.
	shown   = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	private = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	// A device cannot be used through a mount without devices; that it is read-only
	// protects the node, not what is written to the device.
	deviceShown = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC
)

// openTree makes a mount of a host's file or directory and all that is mounted
// below it. It is attached to nothing yet.
func openTree(path string, attributes uint64, below bool) (*os.File, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	recursive := uint(0)
	if below {
		recursive = unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, flags|recursive)
	if err != nil {
		return nil, &os.PathError{Op: "open_tree", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	attr := unix.MountAttr{Attr_set: attributes, Propagation: unix.MS_PRIVATE}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|recursive, &attr); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "mount_setattr", Path: path, Err: err}
	}
	return f, nil
}

// openFiles makes the mounts of an image, in order.
func openFiles(files []file) ([]*os.File, error) {
	var trees []*os.File
	for _, f := range files {
		attributes := uint64(shown)
		switch f.Kind {
		case mounted:
		case device:
			attributes = deviceShown
		default:
			continue
		}
		tree, err := openTree(f.Source, attributes, true)
		if err != nil {
			closeAll(trees)
			return nil, fmt.Errorf("namespace: image: %w", err)
		}
		trees = append(trees, tree)
	}
	return trees, nil
}

// attach hangs a mount where path is, in the calling thread's mount namespace.
func attach(tree *os.File, path string) error {
	err := unix.MoveMount(int(tree.Fd()), "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH)
	if err != nil {
		return &os.PathError{Op: "move_mount", Path: path, Err: err}
	}
	return nil
}

// openTrees makes mounts of a function's code and, if there are any, its layers. The
// caller closes them, also after an error.
func openTrees(code, layers string) (trees []*os.File, err error) {
	for _, dir := range [...]string{code, layers} {
		if dir == "" {
			continue
		}
		tree, err := openTree(dir, shown, false)
		if err != nil {
			return trees, err
		}
		trees = append(trees, tree)
	}
	return trees, nil
}

// attachLayers mounts layers where nothing else is: an interpreter that is installed
// there would be gone.
func attachLayers(tree *os.File) error {
	there, err := os.ReadDir(layersDir)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("namespace: layers belong in %s, where this function's interpreter is installed; "+
			"choose one that is installed elsewhere for its runtime", layersDir)
	}
	return attach(tree, layersDir)
}

// newFilesystem makes a mount of a new file system that is attached to nothing.
func newFilesystem(name string, attributes int, options ...[2]string) (*os.File, error) {
	fs, err := unix.Fsopen(name, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, &os.PathError{Op: "fsopen", Path: name, Err: err}
	}
	defer unix.Close(fs)
	for _, o := range options {
		if err := unix.FsconfigSetString(fs, o[0], o[1]); err != nil {
			return nil, &os.PathError{Op: "fsconfig " + o[0], Path: name, Err: err}
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, &os.PathError{Op: "fsconfig", Path: name, Err: err}
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attributes)
	if err != nil {
		return nil, &os.PathError{Op: "fsmount", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// newTmpfs is a file system in memory.
func newTmpfs(attributes int, size int64, files int, options ...[2]string) (*os.File, error) {
	return newFilesystem("tmpfs", attributes, append(options,
		[2]string{"size", strconv.FormatInt(size, 10)},
		[2]string{"nr_inodes", strconv.Itoa(files)})...)
}

// newImage builds an image on the calling thread, in a mount namespace of its
// own, and returns that namespace. trees are the mounts, in the order of files.
func newImage(files []file, trees []*os.File) (*os.File, error) {
	var ns *os.File
	err := apart(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("namespace: image: %w", os.NewSyscallError("unshare", err))
		}
		if err := changeRoot(files, trees); err != nil {
			return fmt.Errorf("namespace: image: %w", err)
		}
		var err error
		ns, err = ownNamespace("mnt")
		return err
	})
	return ns, err
}

// changeRoot makes an image of files the root of the calling thread's mount
// namespace, and lets go of the old one.
func changeRoot(files []file, trees []*os.File) error {
	root, err := newTmpfs(private, 1<<20, 4096, [2]string{"mode", "0755"})
	if err != nil {
		return err
	}
	defer root.Close()
	// The first process's procfs stays in sight: without one the kernel refuses
	// to mount another. A sandbox replaces it by its own.
	proc, err := openTree("/proc", shown|unix.MOUNT_ATTR_NOEXEC, true)
	if err != nil {
		return err
	}
	defer proc.Close()
	const place = "/proc" // a directory that exists for sure
	if err := attach(root, place); err != nil {
		return err
	}
	if err := unix.Chdir(place); err != nil {
		return &os.PathError{Op: "chdir", Path: place, Err: err}
	}
	for _, f := range files {
		if f.Kind == mounted || f.Kind == device {
			err = attachFile(f, trees[0])
			trees = trees[1:]
		} else {
			err = writeFile(f)
		}
		if err != nil {
			return err
		}
	}
	if err := attach(proc, "proc"); err != nil {
		return err
	}
	if err := unix.MountSetattr(int(root.Fd()), "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: shown}); err != nil {
		return os.NewSyscallError("mount_setattr", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount", err)
	}
	return os.NewSyscallError("chdir", unix.Chdir("/"))
}

// local is a path of the image as seen from its root.
func local(path string) string { return "." + path }

// writeFile makes a directory, link or file of the image.
func writeFile(f file) error {
	name := local(f.Path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch f.Kind {
	case symlink:
		return os.Symlink(f.Text, name)
	case text:
		return os.WriteFile(name, []byte(f.Text), 0o644)
	case collector:
		// Not to be read, so the kernel lets nobody look into what runs it.
		return os.WriteFile(name, reaper(), 0o111)
	}
	return os.MkdirAll(name, 0o755)
}

// attachFile mounts a file of the host into the image.
func attachFile(f file, tree *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(tree.Fd()), &st); err != nil {
		return &os.PathError{Op: "stat", Path: f.Source, Err: err}
	}
	kind := text
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		kind = directory
	}
	if err := writeFile(file{Path: f.Path, Kind: kind}); err != nil {
		return err
	}
	return attach(tree, local(f.Path))
}
