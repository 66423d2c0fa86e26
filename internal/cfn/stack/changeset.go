package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"furl/internal/store"
)

// ChangeSet is the record of a change set: what a stack is to become, and what of it changes thereby.
type ChangeSet struct {
	V       int    `json:"v"`
	ID      string `json:"id"` // the ARN
	Name    string `json:"name"`
	StackID string `json:"stackId"`
	// Creates says that the stack is made by it.
	Creates     bool   `json:"creates,omitempty"`
	Status      string `json:"status"`
	Execution   string `json:"execution"`
	Reason      string `json:"reason,omitempty"`
	Description string `json:"description,omitempty"`
	// Operation is the stack's last one when the change set was made: after another it says nothing of the stack any more.
	Operation int       `json:"operation,omitempty"`
	Created   time.Time `json:"created"`
	Token     string    `json:"token,omitempty"`
	RoleARN   string    `json:"role,omitempty"`
	OnFailure string    `json:"onFailure,omitempty"`
	// Definition is what the stack is to become, Changes what package cfn found.
	Definition Definition      `json:"definition"`
	Changes    json.RawMessage `json:"changes,omitempty"`
}

// changeSetIDKey leads from the id of a change set to its stack.
func changeSetIDKey(id string) string { return "cf/d/" + uuidOf(id) }

func changeSetKey(stackID, name string) string { return "cf/c/" + uuidOf(stackID) + "/" + name }

// SaveChangeSet writes a change set. One of that name that is there is replaced only if replace allows it.
func (r *Runner) SaveChangeSet(ctx context.Context, c *ChangeSet, replace bool) error {
	key := changeSetKey(c.StackID, c.Name)
	kept := *c
	kept.V, kept.Definition = schema, r.sealed(c.Definition, key)
	op, err := put(key, &kept)
	if err != nil {
		return err
	}
	t := store.Txn{If: []store.Cond{{Key: stackKey(c.StackID), Rev: store.Exists}}, Do: []store.Op{op, {Key: changeSetIDKey(c.ID), Val: []byte(c.StackID)}}}
	if !replace {
		t.If = append(t.If, store.Cond{Key: key, Rev: store.Absent})
	}
	_, err = r.store.Commit(ctx, t)
	return err
}

// ChangeSet is a change set of a stack, nil where there is none.
func (r *Runner) ChangeSet(ctx context.Context, stackID, name string) (*ChangeSet, error) {
	rec, err := r.get(ctx, changeSetKey(stackID, name))
	if err != nil || rec.Rev == store.Absent {
		return nil, err
	}
	return r.openChangeSet(rec)
}

func (r *Runner) openChangeSet(rec store.Rec) (*ChangeSet, error) {
	c, err := decode[ChangeSet](rec)
	if err != nil {
		return nil, err
	}
	if err := r.opened(&c.Definition, rec.Key); err != nil {
		return nil, fmt.Errorf("stack: record %q: %w", rec.Key, err)
	}
	return c, nil
}

// ChangeSetByID is the change set of an id, nil where there is none.
func (r *Runner) ChangeSetByID(ctx context.Context, id string) (*ChangeSet, error) {
	name, ok := IsChangeSetID(id)
	if !ok {
		return nil, nil
	}
	rec, err := r.get(ctx, changeSetIDKey(id))
	if err != nil || rec.Rev == store.Absent {
		return nil, err
	}
	c, err := r.ChangeSet(ctx, string(rec.Val), name)
	if c != nil && c.ID != id {
		return nil, err // another has its name by now
	}
	return c, err
}

// ChangeSets are those of a stack, by name.
func (r *Runner) ChangeSets(ctx context.Context, stackID string) ([]*ChangeSet, error) {
	var all []*ChangeSet
	err := r.list(ctx, changeSetKey(stackID, ""), func(rec store.Rec) error {
		c, err := r.openChangeSet(rec)
		all = append(all, c)
		return err
	})
	return all, err
}

// DropChangeSets deletes the change sets of a stack that drop says.
func (r *Runner) DropChangeSets(ctx context.Context, stackID string, drop func(*ChangeSet) bool) error {
	all, err := r.ChangeSets(ctx, stackID)
	if err != nil {
		return err
	}
	var ops []store.Op
	for _, c := range all {
		if drop(c) {
			ops = append(ops, store.Op{Key: changeSetKey(stackID, c.Name)}, store.Op{Key: changeSetIDKey(c.ID)})
		}
	}
	if len(ops) == 0 {
		return nil
	}
	_, err = r.store.Commit(ctx, store.Txn{Do: ops})
	return err
}

// IsChangeSetID reports whether a text has the form of a change set's id, and the name in it.
func IsChangeSetID(text string) (name string, ok bool) {
	p := strings.SplitN(text, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] != "cloudformation" || !strings.HasPrefix(p[5], "changeSet/") {
		return "", false
	}
	q := strings.Split(p[5], "/")
	return q[1], len(q) == 3
}
