package template

import (
	"math/big"
	"net/netip"
)

// maxBlocks is how many blocks Fn::Cidr can give (intrinsic function reference).
const maxBlocks = 256

// cidr evaluates Fn::Cidr: [block, count, bits], where bits are those of an address that stay free in each block.
func cidr(_ *Scope, v any) (any, error) {
	parts, ok := v.([]any)
	if !ok || len(parts) != 3 {
		return nil, templateError("every Fn::Cidr object requires three parameters, the IP block, the count and the CIDR bits")
	}
	text, _ := parts[0].(string)
	block, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, templateError("Fn::Cidr: %s is not a valid CIDR block", text)
	}
	count, ok := integer(parts[1])
	if !ok || count < 1 || count > maxBlocks {
		return nil, templateError("Fn::Cidr: the count must be between 1 and %d", maxBlocks)
	}
	all := int64(block.Addr().BitLen())
	bits, ok := integer(parts[2])
	if !ok || bits < 1 || bits > all {
		return nil, templateError("Fn::Cidr: the CIDR bits must be between 1 and %d", all)
	}
	free := all - int64(block.Bits())
	if bits > free || free-bits < 9 && count > 1<<(free-bits) {
		return nil, templateError("Fn::Cidr cannot fit %d blocks with %d CIDR bits in %s", count, bits, text)
	}
	return blocks(block.Masked().Addr(), count, bits), nil
}

// blocks are count blocks after one another, each with as many addresses as bits can tell apart.
func blocks(first netip.Addr, count, bits int64) any {
	at := new(big.Int).SetBytes(first.AsSlice())
	step := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	list := []any{}
	for range count {
		raw := at.FillBytes(make([]byte, first.BitLen()/8))
		addr, _ := netip.AddrFromSlice(raw) // 4 or 16 bytes: always one
		list = append(list, netip.PrefixFrom(addr, first.BitLen()-int(bits)).String())
		at.Add(at, step)
	}
	return list
}
