// Package view says what of the host's files a program in a sandbox needs to
// see: system directories, an interpreter's installation, a few files of /etc. It shows
// nothing itself; each driver does so in its own way.
package view
