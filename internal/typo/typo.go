// Package typo finds the word that somebody meant.
//
// # Limits
//
// Bytes are compared: a letter beyond ASCII counts as often as it has bytes, capitals are other
// letters, and two that changed places are two edits.
package typo

// Nearest returns the choice within two edits of a word (one, for a word of up to three
// letters), the first of equally near ones, or "".
func Nearest(word string, choices []string) string {
	best, bound := "", min(3, 1+len(word)/2)
	for _, c := range choices {
		if d := Distance(word, c); d < bound {
			best, bound = c, d
		}
	}
	return best
}

// Distance is the least number of single-byte insertions, deletions and replacements
// that turn a into b (Levenshtein's). Cost: O(len(a)·len(b)).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, replace)
		}
	}
	return row[len(b)]
}
