package state_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"furl/internal/policy"
	"furl/internal/state"
	"furl/internal/store/sqlite"
)

// crowd changes identities at random.
type crowd struct {
	*rand.Rand
	*state.State
	serial int
}

const crowdAccount = "111122223333"

// one names one of a few, so that changes meet.
func (c *crowd) one(kind string) string { return fmt.Sprintf("%s%d", kind, c.IntN(3)) }

func (c *crowd) arn() string {
	if c.IntN(4) == 0 {
		return "arn:aws:iam::aws:policy/ReadOnlyAccess"
	}
	return "arn:aws:iam::" + crowdAccount + ":policy/" + c.one("p")
}

// document is a policy with a Sid that tells it from all others.
func (c *crowd) document() string {
	c.serial++
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Sid":"N%d","Effect":"Allow","Action":"*","Resource":"*"}}`, c.serial)
}

func (c *crowd) change(ctx context.Context) error {
	always := func([]string) error { return nil }
	inline := func(policies *map[string]string) {
		if *policies == nil {
			*policies = map[string]string{}
		}
		(*policies)[c.one("i")] = c.document()
	}
	kind := []state.EntityKind{state.UserEntity, state.RoleEntity, state.GroupEntity}[c.IntN(3)]
	name := c.one(string(kind))
	switch c.IntN(16) {
	case 0, 1:
		return c.CreateUser(ctx, &state.User{Account: crowdAccount, Name: c.one("user"), Path: "/", ID: fmt.Sprint("AIDA", c.Int())})
	case 2:
		return c.CreateGroup(ctx, &state.Group{Account: crowdAccount, Name: c.one("group"), Path: "/", ID: fmt.Sprint("AGPA", c.Int())})
	case 3:
		trust := `{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}}`
		return c.CreateRole(ctx, &state.Role{Account: crowdAccount, Name: c.one("role"), Path: "/", ID: fmt.Sprint("AROA", c.Int()), Trust: trust})
	case 4:
		return c.CreateManagedPolicy(ctx, &state.ManagedPolicy{
			Account: crowdAccount, Name: c.one("p"), Path: "/", ID: fmt.Sprint("ANPA", c.Int()),
			Versions: []state.PolicyVersion{{ID: "v1", Document: c.document()}}, Default: "v1", Latest: 1,
		})
	case 5:
		_, err := c.UpdateManagedPolicy(ctx, crowdAccount, c.one("p"), func(p *state.ManagedPolicy) error {
			p.Latest++
			p.Default = fmt.Sprint("v", p.Latest)
			p.Versions = []state.PolicyVersion{{ID: p.Default, Document: c.document()}}
			return nil
		})
		return err
	case 6:
		_, err := c.UpdateUser(ctx, crowdAccount, c.one("user"), func(u *state.User) error { inline(&u.Policies); return nil })
		return err
	case 7:
		_, err := c.UpdateGroup(ctx, crowdAccount, c.one("group"), func(g *state.Group) error { inline(&g.Policies); return nil })
		return err
	case 8, 9:
		return c.Attach(ctx, kind, crowdAccount, name, c.arn(), always)
	case 10:
		return c.Detach(ctx, kind, crowdAccount, name, c.arn())
	case 11:
		if kind == state.GroupEntity {
			return errors.New("groups have no boundary")
		}
		return c.SetBoundary(ctx, kind, crowdAccount, name, c.arn(), func(string) error { return nil })
	case 12, 13:
		return c.AddToGroup(ctx, crowdAccount, c.one("user"), c.one("group"), always)
	case 14:
		return c.RemoveFromGroup(ctx, crowdAccount, c.one("user"), c.one("group"))
	default:
		return c.remove(ctx)
	}
}

func (c *crowd) remove(ctx context.Context) error {
	used := errors.New("used")
	switch c.IntN(5) {
	case 0:
		return c.DeleteUser(ctx, crowdAccount, c.one("user"), func(u *state.User) error {
			if len(u.Groups)+len(u.Attached) > 0 {
				return used
			}
			return nil
		})
	case 1:
		return c.DeleteGroup(ctx, crowdAccount, c.one("group"), func(g *state.Group) error {
			if g.Members+len(g.Attached) > 0 {
				return used
			}
			return nil
		})
	case 2:
		return c.DeleteManagedPolicy(ctx, crowdAccount, c.one("p"), func(p *state.ManagedPolicy) error {
			if p.Attachments+p.Boundaries > 0 {
				return used
			}
			return nil
		})
	case 3:
		return c.RenameGroup(ctx, crowdAccount, c.one("group"), c.one("group"), "")
	default:
		return c.RenameUser(ctx, crowdAccount, c.one("user"), c.one("user"), "/x/")
	}
}

// picture is what is in force for everybody: the names and the Sids of their
// policies.
func picture(snap *state.Snapshot) map[string][]string {
	all := map[string][]string{}
	note := func(who string, sources []policy.Source, boundary *policy.Source) {
		list := []string{}
		if boundary != nil {
			sources = append(sources[:len(sources):len(sources)], *boundary)
		}
		for _, s := range sources {
			sid := "no policy"
			if s.Policy != nil {
				sid = s.Policy.Statements()[0].Sid
			}
			list = append(list, s.Name+" "+sid)
		}
		all[who] = list
	}
	for _, u := range snap.Users(crowdAccount) {
		note(u.ARN, u.Policies, u.Boundary)
		for _, g := range snap.GroupsOf(u.User) {
			all[u.ARN] = append(all[u.ARN], g.ARN)
		}
	}
	for _, r := range snap.Roles(crowdAccount) {
		note(r.ARN, r.Policies, r.Boundary)
	}
	for _, g := range snap.Groups(crowdAccount) {
		note(g.ARN, g.Policies, nil)
		all[g.ARN] = append(all[g.ARN], fmt.Sprint(g.Group.Members, " of ", len(snap.MembersOf(g.Group))))
	}
	return all
}

// holders counts who has each managed policy, to compare with what its record says.
func holders(snap *state.Snapshot) map[string][2]int {
	all := map[string][2]int{}
	count := func(attached []string, boundary string) {
		for _, a := range attached {
			n := all[a]
			all[a] = [2]int{n[0] + 1, n[1]}
		}
		if boundary != "" {
			n := all[boundary]
			all[boundary] = [2]int{n[0], n[1] + 1}
		}
	}
	for _, u := range snap.Users(crowdAccount) {
		count(u.User.Attached, u.User.Boundary)
	}
	for _, r := range snap.Roles(crowdAccount) {
		count(r.Role.Attached, r.Role.Boundary)
	}
	for _, g := range snap.Groups(crowdAccount) {
		count(g.Group.Attached, "")
	}
	return all
}

// However identities change, what a Snapshot has in force for each is what one
// made anew from the records has, and the counts in the records are true.
func TestIdentitiesChangeLikeTheyLoad(t *testing.T) {
	ctx := t.Context()
	st, err := sqlite.Open(ctx, t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	open := func() *state.State {
		s, err := state.Open(ctx, st, state.Options{SealKey: make([]byte, state.SealKeySize), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	seed := uint64(time.Now().UnixNano())
	c := &crowd{Rand: rand.New(rand.NewPCG(seed, 1)), State: open()}
	defer c.Close()
	done := 0
	for range 400 {
		if c.change(ctx) == nil {
			done++
		}
		if c.IntN(10) > 0 {
			continue
		}
		fresh := open()
		want, got := picture(fresh.Snapshot()), picture(c.Snapshot())
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: in force\n%v\nby the records\n%v", seed, got, want)
		}
		held := holders(c.Snapshot())
		for _, p := range c.Snapshot().ManagedPolicies(crowdAccount) {
			if n := [2]int{p.Record.Attachments, p.Record.Boundaries}; n != held[p.ARN] {
				t.Fatalf("seed %d: %s counts %v, there are %v", seed, p.ARN, n, held[p.ARN])
			}
		}
		if err := fresh.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if done < 100 {
		t.Errorf("seed %d: only %d changes came about", seed, done)
	}
}

func TestRenamedUserKeepsItsKeys(t *testing.T) {
	ctx := t.Context()
	st, err := sqlite.Open(ctx, t.TempDir(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	options := state.Options{SealKey: make([]byte, state.SealKeySize), Logger: slog.New(slog.DiscardHandler)}
	s, err := state.Open(ctx, st, options)
	if err != nil {
		t.Fatal(err)
	}
	key := &state.AccessKey{ID: "AKIA1234567890123456", Account: crowdAccount, User: "bob", Active: true}
	if err := errors.Join(
		s.CreateUser(ctx, &state.User{Account: crowdAccount, Name: "bob", Path: "/", ID: "AIDAB"}),
		s.CreateUser(ctx, &state.User{Account: crowdAccount, Name: "eve", Path: "/", ID: "AIDAE"}),
		s.CreateAccessKey(ctx, key, state.NewSecret("hush"), func(*state.User) error { return nil }),
		s.RenameUser(ctx, crowdAccount, "bob", "Rob", ""),
	); err != nil {
		t.Fatal(err)
	}
	if err := s.RenameUser(ctx, crowdAccount, "rob", "EVE", ""); !errors.Is(err, state.ErrExists) {
		t.Errorf("renamed to a taken name: %v", err)
	}
	s.NoteUse(key.ID, "lambda", "us-east-1", time.Unix(1_700_000_000, 5))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = state.Open(ctx, st, options); err != nil { // the renamed secret opens
		t.Fatal(err)
	}
	defer s.Close()
	k := s.Snapshot().AccessKey(key.ID)
	if k == nil || k.Secret.Reveal() != "hush" || k.Key.User != "Rob" || s.Snapshot().User(crowdAccount, "bob") != nil {
		t.Errorf("the key is %+v", k)
	}
	if u := s.LastUse(key.ID); u == nil || u.Service != "lambda" || !u.At.Equal(time.Unix(1_700_000_000, 0)) {
		t.Errorf("last used %+v", u)
	}
	if err := s.DeleteAccessKey(ctx, crowdAccount, "Rob", key.ID); err != nil {
		t.Fatal(err)
	}
	s.NoteUse(key.ID, "lambda", "us-east-1", time.Unix(1_700_009_000, 0))
	if err := s.FlushUses(ctx); err != nil {
		t.Fatal(err)
	}
	if u := s.LastUse(key.ID); u != nil {
		t.Errorf("a deleted key was used last %+v", u)
	}
}

// What a role was used for goes with the role, even when it was noted just before.
func TestUseOfADeletedRoleIsForgotten(t *testing.T) {
	o, ctx := open(t), t.Context()
	role := &state.Role{Account: account, Name: "r", Path: "/", ID: "AROA234567ABCDEFGHIJK",
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`}
	if err := o.CreateRole(ctx, role); err != nil {
		t.Fatal(err)
	}
	note := func(at int64) {
		o.NoteUse(role.ID, "lambda", region, time.Unix(at, 0))
		if err := o.FlushUses(ctx); err != nil {
			t.Fatal(err)
		}
	}
	records := func() int {
		recs, err := o.store.List(ctx, "use/", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(recs)
	}
	note(1_700_000_000)
	if n := records(); n != 1 {
		t.Errorf("%d uses are written down, want the role's", n)
	}
	if err := o.DeleteRole(ctx, account, "r", func(*state.Role) error { return nil }); err != nil {
		t.Fatal(err)
	}
	note(1_700_009_000)
	if n := records(); n != 0 || o.LastUse(role.ID) != nil {
		t.Errorf("%d uses are left of a role that is gone", n)
	}
}
