package coding

import "encoding/binary"

// This file decodes br's commands (RFC 7932 §5) by the thousand: what brotli.go does step by step, in one loop.

// A commandShape is what a command's symbol says: at least how many literals and how many bytes to copy, and how many bits tell
// more of either.
type commandShape struct {
	insert, copy         uint16
	insertMore, copyMore uint8
}

var commandShapes = func() (all [maxSymbols]commandShape) {
	cells := [11]struct{ insert, copy int }{ // of 64 symbols each
		{0, 0}, {0, 8}, {0, 0}, {0, 8}, {8, 0}, {8, 8}, {0, 16}, {16, 0}, {8, 16}, {16, 8}, {16, 16},
	}
	insertFirst := [24]uint16{0, 1, 2, 3, 4, 5, 6, 8, 10, 14, 18, 26, 34, 50, 66, 98, 130, 194, 322, 578, 1090, 2114, 6210, 22594}
	insertMore := [24]uint8{0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 12, 14, 24}
	copyFirst := [24]uint16{2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 18, 22, 30, 38, 54, 70, 102, 134, 198, 326, 582, 1094, 2118}
	copyMore := [24]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 24}
	for s := range all {
		i, c := cells[s>>6].insert+s>>3&7, cells[s>>6].copy+s&7
		all[s] = commandShape{insertFirst[i], copyFirst[c], insertMore[i], copyMore[c]}
	}
	return all
}()

// nearCommands is how many symbols of commands have no distance of their own, but the last one.
const nearCommands = 128

// runBytes are enough for a command, or a distance, and for reading eight at a time.
const runBytes = 16

// run decodes commands as long as their bits are there and nothing about them is unusual, and reports whether there was one; step goes on
// from any place.
//
// What source.filled does is written out here: with its results in as many variables, the loop takes an eighth longer.
func (z *brDecoder) run(limit int) (ran bool, err error) {
	in, ring, mask := &z.in, z.ring, len(z.ring)-1
	b, n, from, w, left := in.b, in.n, in.from, z.w, z.left
	commands, literals := z.commands[z.kinds[1].now], &z.literals.codes[0]
	literalsLeft, commandsLeft, distancesLeft := z.kinds[0].left, z.kinds[1].left, z.kinds[2].left
	if len(z.literals.codes) > 1 {
		literalsLeft = 0
	}
	distances := z.distances.of[z.kinds[2].now<<2:][:4]
	at, insert, size, before := brCommand, 0, 0, commandsLeft
loop:
	for w < limit && commandsLeft > 0 && in.to-from >= runBytes {
		b |= binary.LittleEndian.Uint64(in.buf[from:]) << n
		from += int(63-n) >> 3
		n |= 56
		e := commands.entry[b&(1<<commands.root-1)]
		if e&second != 0 {
			e = commands.find(b)
		}
		b >>= e & codeLength
		n -= uint(e & codeLength)
		commandsLeft--
		c := &commandShapes[e>>8]
		insert, size = int(c.insert), int(c.copy)
		if more := c.insertMore + c.copyMore; more > 0 {
			if n < uint(more) {
				b |= binary.LittleEndian.Uint64(in.buf[from:]) << n
				from += int(63-n) >> 3
				n |= 56
			}
			insert += int(b & (1<<c.insertMore - 1))
			b >>= c.insertMore
			size += int(b & (1<<c.copyMore - 1))
			b >>= c.copyMore
			n -= uint(more)
		}
		z.near = e>>8 < nearCommands
		if insert > 0 {
			if insert > left {
				err = errCorrupt
				break
			}
			if at = brLiterals; insert > literalsLeft || w+insert > limit {
				break
			}
			left -= insert
			literalsLeft -= insert
			for ; insert > 0; insert-- {
				if n < maxCode {
					if in.to-from < 8 {
						left += insert
						literalsLeft += insert
						break loop
					}
					b |= binary.LittleEndian.Uint64(in.buf[from:]) << n
					from += int(63-n) >> 3
					n |= 56
				}
				e := literals.entry[b&(1<<literals.root-1)]
				if e&second != 0 {
					e = literals.find(b)
				}
				b >>= e & codeLength
				n -= uint(e & codeLength)
				ring[w&mask] = byte(e >> 8)
				w++
			}
			if left == 0 {
				at = brHead
				break
			}
		}
		at = brDistance
		back, kept := z.recent[0], true
		if !z.near {
			if distancesLeft == 0 || in.to-from < 8 {
				break
			}
			distancesLeft--
			b |= binary.LittleEndian.Uint64(in.buf[from:]) << n
			from += int(63-n) >> 3
			n |= 56
			t := &z.distances.codes[distances[min(size, 5)-2]]
			e := t.find(b)
			b >>= e & codeLength
			n -= uint(e & codeLength)
			var more uint
			back, more = z.distanceOf(int(e>>8), b)
			b >>= more
			n -= more
			kept = e>>8 == 0
		}
		if most := min(w, z.window-16); back <= 0 || back > most || size > left {
			if back > most && err == nil {
				z.w, z.copy, z.left = w, size, left
				err = z.fromDictionary(back - most - 1)
				w, left, at = z.w, z.left, z.at
				if err == nil && at == brCommand {
					continue
				}
				break
			}
			err = errCorrupt
			break
		}
		if !kept {
			z.recent = [4]int{back, z.recent[0], z.recent[1], z.recent[2]}
		}
		z.back, at = back, brCopy
		to, src := w&mask, (w-back)&mask
		if w+size > limit || max(to, src)+size+8 > len(ring) || src > to {
			break
		}
		again(ring, src, to, size)
		w, left = w+size, left-size
		if at = brCommand; left == 0 {
			at = brHead
			break
		}
	}
	in.b, in.n, in.from, z.w, z.left = b, n, from, w, left
	z.at, z.insert, z.copy = at, insert, size
	if len(z.literals.codes) == 1 {
		z.kinds[0].left = literalsLeft
	}
	z.kinds[1].left, z.kinds[2].left = commandsLeft, distancesLeft
	if err == nil {
		err = z.s.spend((before - commandsLeft) * commandSteps)
	}
	return commandsLeft < before, err
}
