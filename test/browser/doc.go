// Package browser tests function URLs from a page in a real browser, Debian's Chromium without a window: what a page of
// another origin may read, send and keep is the browser's decision, made from the headers that the platform sends.
// `make browser` installs Chromium and runs the tests; $CHROMIUM names another one.
package browser
