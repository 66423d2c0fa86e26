package code

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// kind is what a name in a tree stands for.
type kind int

const (
	directoryNode kind = iota + 1
	fileNode
	linkNode
)

// Bounds on the resolution of links: maxLinks on the way to one target, as Linux has it, and maxSteps for all links of a
// tree together, so that no archive can keep the resolver busy.
const (
	maxLinks = 40
	maxSteps = 1 << 20
)

// tree is the set of names that an archive unpacks to, with nothing on disk yet. It holds each name once, no name beneath
// a file or a link, and no link that leads out of the tree.
type tree struct {
	kinds   map[string]kind
	targets map[string]string // of links
	dirs    []string          // in the order of their creation: a directory stands after its parent
	limit   int
	steps   int
}

func newTree(limit int) *tree {
	return &tree{kinds: map[string]kind{}, targets: map[string]string{}, limit: limit}
}

// add enters a clean name and the directories above it.
func (t *tree) add(name string, k kind) error {
	if err := t.addParents(name); err != nil {
		return err
	}
	switch have := t.kinds[name]; {
	case have == 0:
		return t.enter(name, k)
	case have == directoryNode && k == directoryNode:
		return nil
	case have == directoryNode || k == directoryNode:
		return errors.New("its name stands for a directory and for something else")
	}
	return errors.New("its name occurs twice")
}

// addParents enters the directories above name. It climbs only to the first that is known: what is above that one is
// known too.
func (t *tree) addParents(name string) error {
	var missing []string
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		switch t.kinds[dir] {
		case 0:
			missing = append(missing, dir)
			continue
		case fileNode:
			return fmt.Errorf("it lies beneath %q, which is a file", dir)
		case linkNode:
			return fmt.Errorf("it lies beneath %q, which is a symbolic link", dir)
		}
		break
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := t.enter(missing[i], directoryNode); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) enter(name string, k kind) error {
	if len(t.kinds) >= t.limit {
		return fmt.Errorf("with it there are more than %d files and directories", t.limit)
	}
	t.kinds[name] = k
	if k == directoryNode {
		t.dirs = append(t.dirs, name)
	}
	return nil
}

// addLink enters a symbolic link. Whether it stays in the tree is told by checkLink when all names are known.
func (t *tree) addLink(name, target string) error {
	if err := t.add(name, linkNode); err != nil {
		return err
	}
	t.targets[name] = target
	return nil
}

// checkLink follows a link through the tree as the kernel would, link by link, and returns an error where that leads out
// of the tree or does not end. A target that does not exist is allowed: in a read-only tree nothing can appear there.
func (t *tree) checkLink(name string) error {
	here := elements(path.Dir(name)) // a real directory: nothing lies beneath a link
	todo := elements(t.targets[name])
	if err := checkTarget(t.targets[name]); err != nil {
		return err
	}
	for followed := 0; len(todo) > 0; {
		if t.steps++; t.steps > maxSteps {
			return errors.New("the symbolic links of the archive are too entangled to follow")
		}
		next := todo[0]
		todo = todo[1:]
		if next == ".." {
			if len(here) == 0 {
				return fmt.Errorf("its target %q leads out of the package", t.targets[name])
			}
			here = here[:len(here)-1]
			continue
		}
		here = append(here, next)
		place := strings.Join(here, "/")
		if t.kinds[place] != linkNode {
			continue
		}
		if followed++; followed > maxLinks {
			return errors.New("its target leads through too many symbolic links")
		}
		if err := checkTarget(t.targets[place]); err != nil {
			return err
		}
		here = here[:len(here)-1]
		todo = append(elements(t.targets[place]), todo...)
	}
	return nil
}

// checkTarget refuses targets that need not be followed to be refused.
func checkTarget(target string) error {
	switch {
	case target == "":
		return errors.New("it is a symbolic link to nothing")
	case len(target) > maxName:
		return fmt.Errorf("its target is longer than %d bytes", maxName)
	case strings.IndexByte(target, 0) >= 0:
		return errors.New("its target holds a NUL byte")
	case target[0] == '/':
		return fmt.Errorf("its target %q is absolute; a link in a package must be relative and stay inside", target)
	}
	return nil
}

// elements splits a name at its slashes and leaves out what means no step.
func elements(name string) []string {
	var out []string
	for element := range strings.SplitSeq(name, "/") {
		if element != "" && element != "." {
			out = append(out, element)
		}
	}
	return out
}
