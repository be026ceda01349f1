package ui

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Table is text in columns. Columns of numbers line up at the right.
type Table struct {
	rows [][]string // the header first
}

// NewTable returns a table with these column names and no rows.
func NewTable(columns ...string) *Table { return &Table{rows: [][]string{columns}} }

// Row adds a row; cells that it leaves out are empty.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

// Write prints the table, two spaces between columns and none at line ends.
func (t *Table) Write(w io.Writer) error {
	columns := 0
	for _, row := range t.rows {
		columns = max(columns, len(row))
	}
	widths, numeric := make([]int, columns), make([]bool, columns)
	for c := range columns {
		numeric[c] = len(t.rows) > 1
		for r := range t.rows {
			cell := t.cell(r, c)
			widths[c] = max(widths[c], utf8.RuneCountInString(cell))
			numeric[c] = numeric[c] && (r == 0 || isNumber(cell))
		}
	}
	for r := range t.rows {
		var line strings.Builder
		for c := range columns {
			cell := t.cell(r, c)
			pad := strings.Repeat(" ", widths[c]-utf8.RuneCountInString(cell))
			if c > 0 {
				line.WriteString("  ")
			}
			if numeric[c] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		if _, err := io.WriteString(w, strings.TrimRight(line.String(), " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) cell(row, column int) string {
	if column < len(t.rows[row]) {
		return t.rows[row][column]
	}
	return ""
}

// isNumber reports whether a cell belongs in a column of numbers: "1.25", "-3",
// "~0.1", "12 kB", and "", "-" or "–" where there is none.
func isNumber(cell string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, "+-–~±"))
	return first == utf8.RuneError || unicode.IsDigit(first)
}
