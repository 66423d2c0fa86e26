// Package cgroup limits, measures and freezes sandboxes by control groups, of
// version 1, version 2, or both where a system has both. It makes groups, hands them out
// and takes them back; it starts and ends no process but those it is told to kill.
//
// The groups are made below the server's own, in furl/INSTANCE/N. Nothing outside of
// furl/ is changed, with one exception: on version 2 the server has to leave its
// own group for a child of that before the group may have limited children.
package cgroup
