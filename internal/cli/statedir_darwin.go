package cli

// defaultStateDir is where programs keep their state, below the home directory.
const defaultStateDir = "Library/Application Support"
