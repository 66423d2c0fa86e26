package stack

import (
	"fmt"
	"sync"
)

// walk visits nodes, each after those that it needs, at most so many at once. Once stop tells a reason, or a visit has
// failed, no more are begun; it returns when those that were have ended. The ids of those that failed are in the order
// in which they did. An error of another kind than a failure ends it at once, too, and is returned.
func walk(nodes []string, needs func(string) []string, most int, stop func() bool, visit func(id string) error) (failed []string, err error) {
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	waits, users := map[string]int{}, map[string][]string{}
	there := map[string]bool{}
	for _, id := range nodes {
		there[id] = true
	}
	var ready []string
	for _, id := range nodes {
		for _, other := range needs(id) {
			if there[other] {
				waits[id]++
				users[other] = append(users[other], id)
			}
		}
		if waits[id] == 0 {
			ready = append(ready, id)
		}
	}
	running := 0
	mu.Lock()
	defer mu.Unlock()
	for {
		for len(ready) > 0 && running < most && len(failed) == 0 && err == nil && !stop() {
			id := ready[0]
			ready = ready[1:]
			running++
			go func() {
				ended := visit(id)
				mu.Lock()
				defer mu.Unlock()
				running--
				_, refused := ended.(*failure)
				switch {
				case refused:
					failed = append(failed, id)
				case ended != nil:
					err = ended
				}
				for _, user := range users[id] {
					if waits[user]--; waits[user] == 0 {
						ready = append(ready, user)
					}
				}
				changed.Signal()
			}()
		}
		if running == 0 {
			return failed, err
		}
		changed.Wait()
	}
}

// each visits nodes that do not need each other, all of them even if visits fail.
func each(nodes []string, most int, visit func(id string) error) (failed []string, err error) {
	var mu sync.Mutex
	_, err = walk(nodes, func(string) []string { return nil }, most, func() bool { return false }, func(id string) error {
		err := visit(id)
		if _, refused := err.(*failure); refused {
			mu.Lock()
			failed = append(failed, id)
			mu.Unlock()
			return nil
		}
		return err
	})
	return failed, err
}

// backwards turns needs around: each node after those that need it.
func backwards(nodes []string, needs func(string) []string) func(string) []string {
	users := map[string][]string{}
	for _, id := range nodes {
		for _, other := range needs(id) {
			users[other] = append(users[other], id)
		}
	}
	return func(id string) []string { return users[id] }
}

// failure is a step that did not succeed, for the reason that its events tell.
type failure struct{ reason string }

func (f *failure) Error() string { return f.reason }

// refusal is a failure whose reason is for the client, in CloudFormation's words.
func refusal(format string, args ...any) error { return &failure{fmt.Sprintf(format, args...)} }
