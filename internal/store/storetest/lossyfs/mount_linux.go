package lossyfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Available returns why a Disk cannot be mounted here, nil if it can.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("mounting needs root")
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("no FUSE: %w", err)
	}
	return f.Close()
}

// Mount shows the disk at dir until unmount is called, by which time no
// process may use it any more. Programs in this process must not use it: while
// they wait for it, it may have to wait for them.
func (d *Disk) Mount(dir string) (unmount func() error, err error) {
	server, err := fs.Mount(dir, &inode{disk: d, node: d.root}, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "lossyfs", Name: "lossyfs"},
	})
	if err != nil {
		return nil, fmt.Errorf("lossyfs: mount at %s: %w", dir, err)
	}
	return func() error {
		err := server.Unmount()
		if err == nil {
			return nil
		}
		// A process that another test has just forked may hold a descriptor for
		// a moment more; nobody can reach the disk by its name any longer.
		if detachErr := unix.Unmount(dir, unix.MNT_DETACH); detachErr != nil {
			return errors.Join(fmt.Errorf("lossyfs: unmount %s: %w", dir, err), detachErr)
		}
		return nil
	}, nil
}

// inode is a node of the disk as FUSE sees it.
type inode struct {
	fs.Inode
	disk *Disk
	node *node
}

var (
	_ fs.NodeOnAdder   = (*inode)(nil)
	_ fs.NodeCreater   = (*inode)(nil)
	_ fs.NodeMkdirer   = (*inode)(nil)
	_ fs.NodeUnlinker  = (*inode)(nil)
	_ fs.NodeRmdirer   = (*inode)(nil)
	_ fs.NodeRenamer   = (*inode)(nil)
	_ fs.NodeGetattrer = (*inode)(nil)
	_ fs.NodeSetattrer = (*inode)(nil)
	_ fs.NodeOpener    = (*inode)(nil)
	_ fs.NodeReader    = (*inode)(nil)
	_ fs.NodeWriter    = (*inode)(nil)
	_ fs.NodeFsyncer   = (*inode)(nil)
)

func mode(n *node) uint32 {
	if n.dir {
		return fuse.S_IFDIR | 0o700
	}
	return fuse.S_IFREG | 0o600
}

// child makes the inode of a node below i.
func (i *inode) child(ctx context.Context, n *node) *fs.Inode {
	return i.NewPersistentInode(ctx, &inode{disk: i.disk, node: n}, fs.StableAttr{Mode: mode(n)})
}

// OnAdd adds what the disk held before it was mounted.
func (i *inode) OnAdd(ctx context.Context) {
	for name, n := range i.node.names {
		i.AddChild(name, i.child(ctx, n), true)
	}
}

// Create implements fs.NodeCreater.
func (i *inode) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	n := newFile()
	if errno := i.disk.add(i.node, name, n); errno != 0 {
		return nil, nil, 0, errno
	}
	out.Mode = mode(n)
	return i.child(ctx, n), nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Mkdir implements fs.NodeMkdirer.
func (i *inode) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n := newDir()
	if errno := i.disk.add(i.node, name, n); errno != 0 {
		return nil, errno
	}
	out.Mode = mode(n)
	return i.child(ctx, n), 0
}

// Unlink implements fs.NodeUnlinker.
func (i *inode) Unlink(_ context.Context, name string) syscall.Errno {
	return i.disk.remove(i.node, name)
}

// Rmdir implements fs.NodeRmdirer.
func (i *inode) Rmdir(_ context.Context, name string) syscall.Errno {
	return i.disk.remove(i.node, name)
}

// Rename implements fs.NodeRenamer.
func (i *inode) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := parent.(*inode)
	if !ok || flags != 0 {
		return syscall.EINVAL
	}
	return i.disk.rename(i.node, name, to.node, newName)
}

// Getattr implements fs.NodeGetattrer.
func (i *inode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	size, errno := i.disk.size(i.node)
	out.Mode, out.Size = mode(i.node), uint64(size)
	return errno
}

// Setattr implements fs.NodeSetattrer. Of the attributes only the size counts.
func (i *inode) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if errno := i.disk.truncate(i.node, int(size)); errno != 0 {
			return errno
		}
	}
	return i.Getattr(ctx, f, out)
}

// Open implements fs.NodeOpener.
func (i *inode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, i.disk.do(func() syscall.Errno { return 0 })
}

// Read implements fs.NodeReader.
func (i *inode) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n, errno := i.disk.read(i.node, dest, off)
	return fuse.ReadResultData(dest[:n]), errno
}

// Write implements fs.NodeWriter.
func (i *inode) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := i.disk.write(i.node, data, off); errno != 0 {
		return 0, errno
	}
	return uint32(len(data)), 0
}

// Fsync implements fs.NodeFsyncer, for files and directories.
func (i *inode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return i.disk.sync(i.node)
}
