package seccomp

import "golang.org/x/sys/unix"

// Offsets in struct seccomp_data.
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
)

// assemble makes a filter program. It finds the rule of a system call by binary
// search, so every call costs about ten instructions rather than hundreds.
func assemble(auditArch uint32, all map[int]rule) []unix.SockFilter {
	p := []unix.SockFilter{
		load(dataArch),
		jump(unix.BPF_JEQ, auditArch, 1, 0),
		answer(unix.SECCOMP_RET_KILL_PROCESS),
		load(dataNumber),
	}
	return append(p, search(spans(all))...)
}

// search is the code for the calls of these spans; the number is loaded.
func search(s []span) []unix.SockFilter {
	if len(s) == 1 {
		return decide(s[0].rule)
	}
	half := len(s) / 2
	low, high := search(s[:half]), search(s[half:])
	if len(low) > 255 { // farther than a conditional jump reaches
		p := []unix.SockFilter{
			jump(unix.BPF_JGE, s[half].from, 0, 1),
			{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(low))},
		}
		return append(append(p, low...), high...)
	}
	p := []unix.SockFilter{jump(unix.BPF_JGE, s[half].from, uint8(len(low)), 0)}
	return append(append(p, low...), high...)
}

// decide is the code of one rule.
func decide(r rule) []unix.SockFilter {
	var p []unix.SockFilter
	for _, conditions := range r.when {
		p = append(p, alternative(conditions)...)
	}
	return append(p, answer(r.answer))
}

// alternative allows the call when all conditions hold, else it goes on behind
// itself.
func alternative(conditions []condition) []unix.SockFilter {
	p := []unix.SockFilter{answer(answerAllow)}
	for i := len(conditions) - 1; i >= 0; i-- {
		c := conditions[i]
		check := []unix.SockFilter{load(offset(c.arg)), {Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: c.mask}}
		for n, v := range c.values {
			left := uint8(len(c.values) - 1 - n)
			var miss uint8 // to the next value
			if left == 0 {
				miss = uint8(len(p)) // out of this alternative
			}
			check = append(check, jump(unix.BPF_JEQ, v, left, miss))
		}
		p = append(check, p...)
	}
	return p
}

// offset is where a half of an argument is on machines that store the lower one
// first, as all that sandboxes run on do.
func offset(arg uint32) uint32 {
	if arg >= 6 {
		return dataArgs + 8*(arg-6) + 4
	}
	return dataArgs + 8*arg
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(op uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

func answer(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
}
