package namespace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/cgroup"
)

const (
	// manyForks is after how many sandboxes a zygote is replaced: what they share,
	// such as where things are in memory, is not the same for ever.
	manyForks = 1000
	// zygoteIdle is for how long a zygote is kept that nobody asks.
	zygoteIdle = 10 * time.Minute
	// sowAfter is how long after a sandbox the next one is prepared: so long, what is
	// done with the first one has the machine for itself.
	sowAfter = 15 * time.Millisecond
	// maxZygotes are kept at once, each of them some 20 MB.
	maxZygotes = 16
)

// zygote is a process that makes sandboxes by fork, all for the same image, program
// and owner.
type zygote struct {
	id    uint64
	key   string
	path  string // of the program
	group *cgroup.Group
	idle  *time.Timer

	// Under the link's mutex.
	state  zygoteState
	users  int
	forks  int
	used   time.Time
	proven bool // one of its sandboxes was ready
	retire bool // and is to end when nobody uses it
	// seedling is a sandbox that is complete but for its program, which has yet to be
	// forked. It takes a quarter of a blank's memory and the half of its time.
	seedling *box
}

type zygoteState byte

const (
	zygoteStarts zygoteState = iota
	zygoteReady
	zygoteFailed // programs are started instead, for some time
)

// environment is that of a program which waits for code.
func environment(spec sandbox.Spec) []string {
	return append([]string{"HOME=" + tempDir, "TMPDIR=" + tempDir}, spec.Env...)
}

func zygoteKey(image uint64, spec sandbox.Spec, p plan) string {
	parts := slices.Concat([]string{fmt.Sprint(image), spec.Owner, spec.Path}, p.zygote, []string{""}, spec.Env)
	return strings.Join(parts, "\x00")
}

// borrow is a zygote that is ready to make the box, which uses it until giveBack. If
// there is none, one is started for those who come later, and the box does without.
func (b *box) borrow(im *image, p plan) *zygote {
	if len(p.zygote) == 0 {
		return nil
	}
	l, now := b.link, time.Now()
	key := zygoteKey(im.id, b.spec, p)
	l.mu.Lock()
	defer l.mu.Unlock()
	z := l.zygotes[key]
	switch {
	case l.waiting == nil: // lost
		return nil
	case z == nil:
		l.seq++
		z = &zygote{id: l.seq, key: key, path: b.spec.Path, used: now}
		l.zygotes[key] = z
		im.users++
		b.d.wg.Go(func() { b.d.prepareZygote(l, z, im, b.spec, p) })
		return nil
	case z.state != zygoteReady:
		return nil
	}
	z.users++
	z.used = now
	z.forks++
	if z.forks == b.d.forks {
		l.resign(z)
	}
	return z
}

// resign has a zygote asked no more. The caller holds the link's mutex.
func (l *link) resign(z *zygote) {
	z.retire = true
	if l.zygotes[z.key] == z {
		delete(l.zygotes, z.key)
	}
}

// prepareZygote starts a zygote and, where many are, ends one that was not used for long.
func (d *Driver) prepareZygote(l *link, z *zygote, im *image, spec sandbox.Spec, p plan) {
	defer l.release(im, false)
	ctx, cancel := context.WithTimeout(context.Background(), callWait)
	defer cancel()
	o := &zygoteOrder{ID: z.id, Image: im.id, Path: spec.Path, Args: p.zygote, Env: environment(spec)}
	err := d.startZygote(ctx, l, z, o)
	if errors.Is(err, errLost) {
		return
	}
	state := zygoteReady
	if err != nil {
		state = zygoteFailed
		d.log.Warn("sandboxes are started anew and not forked", "runtime", spec.Name, "err", err)
		d.end(l, z)
	}
	l.mu.Lock()
	if l.waiting == nil { // lost meanwhile
		l.mu.Unlock()
		return
	}
	z.state = state
	z.idle = time.AfterFunc(zygoteIdle, func() { d.expire(l, z) })
	surplus := l.surplus()
	l.mu.Unlock()
	if surplus != nil {
		d.endZygote(l, surplus)
	}
}

// startZygote starts the process, in a cgroup of its own: only beside that can
// others be born in theirs.
func (d *Driver) startZygote(ctx context.Context, l *link, z *zygote, o *zygoteOrder) error {
	var err error
	if o.Setup.Steps, err = d.completion(l.noProc); err != nil {
		return err
	}
	o.Setup.Dir, o.Setup.Bequest = tempDir, bequest()
	got, err := l.call(ctx, order{Zygote: o})
	if err != nil {
		return err
	}
	defer closeAll(got)
	if d.groups == nil || len(got) != 1 {
		return nil
	}
	if z.group, err = d.groups.Take(); err != nil {
		return err
	}
	pid, err := pidOf(got[0])
	if err == nil {
		err = z.group.Add(pid)
	}
	if err == nil {
		err = z.group.Weight(1)
	}
	return err
}

// surplus is the zygote that was not used for the longest time, if there are too
// many and nobody uses it; it is asked no more. The caller holds the link's mutex.
func (l *link) surplus() *zygote {
	var oldest *zygote
	for _, z := range l.zygotes {
		if z.state == zygoteReady && z.users == 0 && (oldest == nil || z.used.Before(oldest.used)) {
			oldest = z
		}
	}
	if len(l.zygotes) <= maxZygotes || oldest == nil {
		return nil
	}
	l.resign(oldest)
	return oldest
}

// giveBack ends the use of a zygote for a box that was made, or not for a reason.
// What it returns is errNoZygote when the box can be made without a zygote.
func (b *box) giveBack(ctx context.Context, z *zygote, reason error) error {
	b.link.mu.Lock()
	z.users--
	z.proven = z.proven || reason == nil
	unfit := reason != nil && !z.proven && ctx.Err() == nil && !errors.Is(reason, errLost)
	if unfit || errors.Is(reason, errNoZygote) {
		b.link.resign(z)
	}
	if unfit && b.link.zygotes[z.key] == nil {
		failed := &zygote{key: z.key, state: zygoteFailed}
		failed.idle = time.AfterFunc(zygoteIdle, func() { b.d.expire(b.link, failed) })
		b.link.zygotes[z.key] = failed
	}
	last := z.retire && z.users == 0
	b.link.mu.Unlock()
	switch {
	case last:
		b.d.wg.Go(func() { b.d.endZygote(b.link, z) })
	case reason == nil:
		b.d.wg.Go(func() { b.d.sow(b.link, z) })
	}
	if !unfit {
		return reason
	}
	b.d.log.Warn("sandboxes are started anew and not forked", "runtime", b.spec.Name, "err", reason)
	return fmt.Errorf("%w: %w", errNoZygote, reason)
}

// expire ends a zygote that nobody asked for a long time, and forgets a failure.
func (d *Driver) expire(l *link, z *zygote) {
	l.mu.Lock()
	left := zygoteIdle - time.Since(z.used)
	switch {
	case l.zygotes[z.key] != z: // somebody else ends it
		l.mu.Unlock()
		return
	case z.users > 0 || left > 0:
		z.idle.Reset(max(left, time.Minute))
		l.mu.Unlock()
		return
	}
	l.resign(z)
	runs := z.state == zygoteReady
	l.mu.Unlock()
	if runs {
		d.endZygote(l, z)
	}
}

// endZygote ends a zygote that nobody uses or will use.
func (d *Driver) endZygote(l *link, z *zygote) {
	z.idle.Stop()
	l.mu.Lock()
	seedling := z.seedling
	z.seedling = nil
	l.mu.Unlock()
	if seedling != nil {
		seedling.Retire(0)
	}
	d.end(l, z)
}

// end ends a zygote's process, if there is one.
func (d *Driver) end(l *link, z *zygote) {
	ctx, cancel := context.WithTimeout(context.Background(), callWait)
	defer cancel()
	if _, err := l.call(ctx, order{EndZygote: z.id}); err != nil && !errors.Is(err, errLost) {
		d.log.Warn("a zygote was not ended", "err", err)
		return
	}
	if z.group != nil {
		if err := d.groups.Give(z.group); err != nil {
			d.log.Warn("a cgroup cannot be used again", "err", err)
		}
	}
}

// stopZygotes forgets the link's zygotes, which its supervisor took along.
func (l *link) stopZygotes() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, z := range l.zygotes {
		if z.idle != nil {
			z.idle.Stop()
		}
		if z.seedling != nil { // Close waits for it, as for every sandbox
			go z.seedling.Retire(0)
			z.seedling = nil
		}
	}
	clear(l.zygotes)
}

// grow makes the box by a zygote: of its seedling if it has one. It returns the box
// that was made.
func (b *box) grow(ctx context.Context, z *zygote) (*box, error) {
	b.link.mu.Lock()
	seedling := z.seedling
	z.seedling = nil
	b.link.mu.Unlock()
	if seedling != nil {
		seedling.spec = b.spec
		err := seedling.bloom(ctx)
		if err == nil || ctx.Err() != nil {
			return seedling, err
		}
		seedling.Retire(0) // something has ended it
	}
	err := b.sprout(ctx, z)
	if err == nil {
		err = b.bloom(ctx)
	}
	return b, err
}

// sprout makes a sandbox that is complete but for its program.
func (b *box) sprout(ctx context.Context, z *zygote) error {
	return b.begin(func(files []*os.File) (answered, error) { return b.fork(ctx, z, files) })
}

// bloom has a seedling fork its program.
func (b *box) bloom(ctx context.Context) error {
	if b.group != nil { // until now it was in no hurry
		if err := b.group.Weight(1); err != nil {
			return err
		}
	}
	if err := send(b.control, command{}); err != nil {
		return err
	}
	return b.ready(ctx)
}

// sow prepares the zygote's next sandbox, after a while.
func (d *Driver) sow(l *link, z *zygote) {
	t := time.NewTimer(sowAfter)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.lost:
		return
	}
	l.mu.Lock()
	wanted := !z.retire && z.seedling == nil && l.waiting != nil
	if wanted {
		z.users++
	}
	l.mu.Unlock()
	if !wanted {
		return
	}
	b := d.prepare(l, z)
	l.mu.Lock()
	z.users--
	if b != nil && !z.retire && z.seedling == nil && l.waiting != nil {
		z.seedling, b = b, nil
	}
	last := z.retire && z.users == 0
	l.mu.Unlock()
	if b != nil {
		b.Retire(0)
	}
	if last {
		d.endZygote(l, z)
	}
}

// prepare makes a seedling, or nil where it cannot: it is not needed, and who needs
// a sandbox will be told why there is none.
func (d *Driver) prepare(l *link, z *zygote) *box {
	b := newBox(d)
	b.link = l
	b.spec = sandbox.Spec{Path: z.path}
	if d.add(b) != nil {
		return nil
	}
	defer d.making.Done()
	ctx, cancel := context.WithTimeout(context.Background(), callWait)
	defer cancel()
	err := b.sprout(ctx, z)
	if err == nil {
		err = d.keep(b)
	}
	if err != nil {
		b.Retire(0)
		return nil
	}
	return b
}

// fork has a zygote start the sandbox. The files are those that every sandbox gets.
func (b *box) fork(ctx context.Context, z *zygote, files []*os.File) (answered, error) {
	o := &startOrder{ID: b.id, Zygote: z.id, Channel: true}
	if b.group != nil {
		birth, err := b.group.Birth()
		if err != nil {
			return answered{}, err
		}
		defer birth.Close()
		files = append(files, birth.Tasks...)
		if birth.Group != nil {
			o.Born = true
			files = append(files, birth.Group)
		}
	}
	return b.link.ask(ctx, order{Start: o}, files...)
}
