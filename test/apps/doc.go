// Package apps tests real applications, as their frameworks' users deploy them, behind function URLs: each answers there,
// byte for byte, what it answers when its own server serves it on loopback. What the platform adds, renames or leaves out,
// and nothing else, may differ. `make apps` installs the applications and runs the tests.
package apps
