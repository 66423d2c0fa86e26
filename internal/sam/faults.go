package sam

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is a template that cannot be expanded. Its text is SAM's.
type Error struct {
	Causes []Cause // at least one, in the order of their resources' logical ids
}

// Cause is one thing that is wrong with a template.
type Cause struct {
	LogicalID string // of the resource; "" where the fault is the template's
	Message   string
}

// Error returns the number of faults and each one's text.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Invalid Serverless Application Specification document. Number of errors found: %d.", len(e.Causes))
	for _, c := range e.Causes {
		b.WriteByte(' ')
		b.WriteString(c.Message)
	}
	return b.String()
}

// fault is a Cause as an error: one that is collected while the rest of the template is looked at.
type fault struct{ Cause }

func (f *fault) Error() string { return f.Message }

func invalidTemplate(message string) *fault {
	return &fault{Cause{Message: "Structure of the SAM template is invalid. " + message}}
}

func invalidResource(id, message string) *fault {
	return &fault{Cause{LogicalID: id, Message: "Resource with id [" + id + "] is invalid. " + message}}
}

func duplicate(id, second, kind string) *fault {
	return &fault{Cause{LogicalID: id, Message: fmt.Sprintf(`Transforming resource with id [%s] attempts to create a new resource `+
		`with id [%s] and type "%s". A resource with that id already exists within this template. `+
		`Please use a different id for that resource.`, id, second, kind)}}
}

// single is the Error of one fault that nothing can be looked at after.
func single(f *fault) error { return &Error{Causes: []Cause{f.Cause}} }

// faults are the collected ones.
type faults struct{ list []*fault }

// add collects a fault, or several that were joined, and returns what is none.
func (f *faults) add(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if err := f.add(e); err != nil {
				return err
			}
		}
		return nil
	}
	var one *fault
	if !errors.As(err, &one) {
		return err
	}
	f.list = append(f.list, one)
	return nil
}

// err is nil without faults. The same text from two places counts once.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	e, said := new(Error), make(map[string]bool)
	for _, one := range f.list {
		if !said[one.Message] {
			e.Causes, said[one.Message] = append(e.Causes, one.Cause), true
		}
	}
	key := func(c Cause) string {
		if c.LogicalID != "" {
			return c.LogicalID
		}
		return c.Message
	}
	slices.SortStableFunc(e.Causes, func(a, b Cause) int { return strings.Compare(key(a), key(b)) })
	return e
}

// quoted writes names as SAM's texts list them: ['a', 'b'].
func quoted(names []string) string {
	return "['" + strings.Join(names, "', '") + "']"
}
