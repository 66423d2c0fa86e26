// Package doctor examines furl doctor and the choice of isolation on machines
// that lack something, each made here by a process that takes it away from itself.
package doctor
