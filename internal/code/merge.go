package code

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// MergedTag is the tag of trees that Merge made.
const MergedTag = "merged"

// MergedName names the tree that Merge makes of archives, in place of an archive's SHA-256: the same for the same ones
// in the same order.
func MergedName(shas []string) string {
	sum := sha256.Sum256([]byte(strings.Join(shas, "\n")))
	return hex.EncodeToString(sum[:])
}

// Merge returns the path of the tree that holds what several archives hold, all of which Ensure has unpacked. Where two
// have a file of one name, the later one's is there. If it is not there yet it is made, once however many callers wait
// for it; it shares the files of the archives' trees and does not need them after. Merge returns ctx's error if ctx ended
// first, an *InvalidError where one archive has a file and another a directory of the same name, and an error that is
// ErrNotUnpacked where an archive has no tree.
func (c *Cache) Merge(ctx context.Context, shas []string) (string, error) {
	name := treeName(MergedName(shas), MergedTag)
	made, err := c.once(ctx, name, func(root *os.Root) error {
		bases := make([]string, 0, len(shas))
		for _, sha := range shas {
			base, ok := c.Path(sha)
			if !ok {
				return ErrNotUnpacked
			}
			bases = append(bases, base)
		}
		return c.publish(root, name, func(tree *os.Root) (string, error) {
			d := derivation{tree: tree}
			return d.merge(ctx, bases)
		})
	})
	if err != nil {
		return "", fmt.Errorf("code: merge %s: %w", strings.Join(shas, ", "), err)
	}
	return made, nil
}

// Merged returns the tree that Merge made of archives, if it is there and whole. The tree stays for at least a minute after.
func (c *Cache) Merged(shas []string) (string, bool) {
	return c.find(treeName(MergedName(shas), MergedTag))
}

// merge makes the tree and returns its seal.
func (d *derivation) merge(ctx context.Context, bases []string) (seal string, err error) {
	for _, base := range bases {
		if err := d.overlay(ctx, base); err != nil {
			return "", err
		}
	}
	return d.finish()
}

// overlay puts all that another tree has over what this one has.
func (d *derivation) overlay(ctx context.Context, base string) error {
	from, err := os.OpenRoot(base)
	if err != nil {
		return err
	}
	defer from.Close()
	return walk(from, ".", func(name string, entry fs.DirEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		there, err := d.tree.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return d.shareEntry(from, base, name, entry)
		case err != nil:
			return err
		case there.IsDir() && entry.IsDir():
			return nil
		case there.IsDir() || entry.IsDir():
			return &InvalidError{Entry: name, Reason: "is a directory in one archive and none in another"}
		}
		// The name alone goes away: the file is another tree's, too.
		return cmp.Or(d.tree.Remove(name), d.shareEntry(from, base, name, entry))
	})
}
