package dlp

// maxTail is how many bytes at the end of a payload may wait for what follows: those of the longest value,
// what stands before it that could tell it from one, and the group that it could begin with.
const maxTail = 2 + maxSpan + maxDigits + 1

// tail returns where the number begins, with what stands before it, that b ends with and that may go
// on: len(b) if there is none. Of a longer row of digits only the last maxTail bytes can be a value's.
func tail(b []byte) int {
	i := len(b)
	if i > 0 && isSeparator(b[i-1]) && i > 1 && isDigit(b[i-2]) {
		i--
	}
	if i == 0 || !isDigit(b[i-1]) && !(i < len(b)) {
		return len(b)
	}
	for i > 0 && (isDigit(b[i-1]) || isSeparator(b[i-1]) && i > 1 && isDigit(b[i-2])) {
		i--
	}
	i = max(i, len(b)-(maxTail-2))
	return max(i-2, 0)
}
