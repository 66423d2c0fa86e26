package namespace

import "golang.org/x/net/dns/dnsmessage"

const (
	// plainDatagram is the longest answer, in bytes, to a program that does not say
	// that it takes longer ones (RFC 1035), and longDatagram the longest to any: what
	// needs more is asked for again over a connection.
	plainDatagram = 512
	longDatagram  = 4096
)

// datagram is a reply as it fits into a datagram: when it is too long, only its
// beginning, with the mark that there is more. It is nil when there is no reply.
func datagram(query, reply []byte) []byte {
	if len(reply) <= plainDatagram || len(reply) <= taken(query) {
		return reply
	}
	var p dnsmessage.Parser
	header, err := p.Start(reply)
	if err != nil {
		return nil
	}
	questions, err := p.AllQuestions()
	if err != nil || len(questions) > 1 {
		return nil
	}
	header.Truncated = true
	short, err := (&dnsmessage.Message{Header: header, Questions: questions}).Pack()
	if err != nil {
		return nil
	}
	return short
}

// taken is how long an answer the sender of a query takes in a datagram.
func taken(query []byte) int {
	var p dnsmessage.Parser
	if _, err := p.Start(query); err != nil {
		return plainDatagram
	}
	if p.SkipAllQuestions() != nil || p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return plainDatagram
	}
	for {
		h, err := p.AdditionalHeader()
		if err != nil { // there are no more
			return plainDatagram
		}
		if h.Type == dnsmessage.TypeOPT { // whose class is a size (RFC 6891)
			return min(max(int(h.Class), plainDatagram), longDatagram)
		}
		if p.SkipAdditional() != nil {
			return plainDatagram
		}
	}
}
