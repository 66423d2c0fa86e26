// Package code handles deployment packages: it checks a zip archive, unpacks it once into a read-only tree named by the
// archive's SHA-256, derives trees from it that hold more, such as compiled code, and packs a directory into such an
// archive. It knows nothing of functions, versions or Lambda's API, nor what others add to a tree.
//
// An archive comes from outside and is taken as hostile: names, links, sizes and the archive's own tables are checked
// before a byte is written, everything is written beneath one directory handle (os.Root), and what the archive declares
// is compared with what it holds.
package code

import (
	"errors"
	"fmt"
)

// Limits bound what an archive may hold. A field that is not positive takes its value from DefaultLimits.
type Limits struct {
	// Zipped is the greatest size of the archive, in bytes. Lambda has this limit for code sent in a request, not for
	// code fetched from S3; for the latter set it as high as Unzipped.
	Zipped int64
	// Unzipped is the greatest sum of the sizes of all files, in bytes.
	Unzipped int64
	// Entries is the greatest number of files, links and directories, counting directories that only occur in the
	// names of others.
	Entries int
	// Ratio is how many times larger than its compressed bytes an entry may be.
	Ratio int64
}

// DefaultLimits returns Lambda's limits for code sent in a request (50 MB zipped, 250 MB unzipped), as many entries as a
// zip archive without its 64-bit extension can hold, and the greatest ratio that deflate can reach: what claims more lies.
func DefaultLimits() Limits {
	return Limits{Zipped: 52428800, Unzipped: 262144000, Entries: 65535, Ratio: 1032}
}

// orDefault replaces fields that are not positive by their defaults.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Zipped <= 0 {
		l.Zipped = d.Zipped
	}
	if l.Unzipped <= 0 {
		l.Unzipped = d.Unzipped
	}
	if l.Entries <= 0 {
		l.Entries = d.Entries
	}
	if l.Ratio <= 0 {
		l.Ratio = d.Ratio
	}
	return l
}

// Info describes an archive that passed Check.
type Info struct {
	// Entries counts files, links and directories, also directories that only occur in the names of others.
	Entries int
	// Files counts regular files.
	Files int
	// Unzipped is the sum of the sizes of all files, in bytes.
	Unzipped int64
}

// ErrEmpty is what an *InvalidError wraps when there is nothing in the archive: no bytes, or no file. Lambda has a text of
// its own for that ("Uploaded file must be a non-empty zip").
var ErrEmpty = errors.New("the archive is empty")

// ErrDigest is returned, wrapped, by Cache.Ensure when the archive's bytes do not have the SHA-256 that was asked for.
var ErrDigest = errors.New("the archive does not have the expected SHA-256")

// ErrNotUnpacked is returned, wrapped, by Cache.Derive when the archive has no tree.
var ErrNotUnpacked = errors.New("the archive is not unpacked")

// InvalidError says that the bytes are no zip archive, or not one that may be unpacked. It is the sender's fault, never
// the machine's. Found with errors.As. Lambda answers "Could not unzip uploaded file. Please check your file, then try to upload again."
type InvalidError struct {
	// Entry is the name of the offending entry as the archive spells it, or "" when the archive as a whole is bad.
	Entry string
	// Reason says what is wrong, for people.
	Reason string
	// Err is the cause, or nil.
	Err error
}

// Error names the entry, if one is to blame, and the reason.
func (e *InvalidError) Error() string {
	if e.Entry == "" {
		return "bad zip archive: " + e.Reason
	}
	return fmt.Sprintf("bad zip archive: entry %q: %s", e.Entry, e.Reason)
}

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }

// TooLargeError says that an archive exceeds Limits.Zipped or Limits.Unzipped. Found with errors.As. Lambda answers "Zipped size must be smaller
// than {Limit} bytes" or "Unzipped size must be smaller than {Limit} bytes".
type TooLargeError struct {
	// Zipped tells which of the two limits was exceeded.
	Zipped bool
	// Limit is that limit, in bytes.
	Limit int64
}

// Error names the limit.
func (e *TooLargeError) Error() string {
	if e.Zipped {
		return fmt.Sprintf("the zip archive is larger than %d bytes", e.Limit)
	}
	return fmt.Sprintf("the zip archive unpacks to more than %d bytes", e.Limit)
}
