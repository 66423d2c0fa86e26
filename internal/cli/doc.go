// Package cli is the command furl: its commands, their flags and texts, and
// what they print.
//
// It starts servers through package furl and does everything else through the
// API with signed requests, like any other client; it has no other way into a
// server's state.
package cli
