// Package seccomp makes and installs the system call filter of sandboxes. What a
// program may call is the list that Docker gives to containers without
// capabilities, less what reads or changes other processes or serves exploits only. Calls
// that the list does not have answer EPERM; calls that are newer than the table
// of names answer ENOSYS, so that libraries fall back; calls of another architecture
// end the process. It starts nothing and knows no sandbox.
package seccomp
