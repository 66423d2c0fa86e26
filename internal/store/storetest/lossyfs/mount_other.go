//go:build !linux

package lossyfs

import "errors"

var errLinux = errors.New("lossyfs: mounting is only possible on Linux")

// Available returns why a Disk cannot be mounted here.
func Available() error { return errLinux }

// Mount fails: it is only possible on Linux.
func (d *Disk) Mount(string) (unmount func() error, err error) { return nil, errLinux }
