package dlp

// maxRun is how many bytes at the end of a text may wait for what follows: those of the longest value, and the two behind it that
// could tell it from one.
const maxRun = maxSpan + 2

// waits returns where the number begins that b ends with and that may go on, or be none for what follows: len(b) if there is none. In
// a longer row of digits only a group that begins in the last maxRun bytes can begin a value that goes on.
func waits(b []byte) int {
	i := len(b)
	if i > 1 && (isSeparator(b[i-1]) || b[i-1] == '.') && isDigit(b[i-2]) {
		i--
	}
	if i == 0 || !isDigit(b[i-1]) {
		return len(b)
	}
	for i > 0 && (isDigit(b[i-1]) || isSeparator(b[i-1]) && i > 1 && isDigit(b[i-2])) {
		i--
	}
	if floor := len(b) - maxRun; i < floor {
		for i = floor; i < len(b) && isDigit(b[i-1]) && isDigit(b[i]); {
			i++
		}
		i = digitAt(b, i)
	}
	return i
}
