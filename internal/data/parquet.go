package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/seed-1411d8c0/linearize/internal/chat"
)

// readParquet yields the rows of a file. Only the columns that make a document are
// read, a page of each at a time.
func readParquet(path string, in *os.File, yield func(row) error) (err error) {
	n, ours := 0, false
	defer func() {
		// The package reports some of what is wrong with a file by panics. What panics
		// in yield is no fault of the file's.
		if p := recover(); p != nil {
			if ours {
				panic(p)
			}
			err = fmt.Errorf("%s: after row %d: the file is broken: %v", path, n, p)
		}
	}()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := checkFooter(in, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	file, err := parquet.OpenFile(in, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	t, err := newTable(file.Root())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i, group := range file.RowGroups() {
		if err := t.check(in, info.Size(), file.Metadata().RowGroups[i]); err != nil {
			return fmt.Errorf("%s: row group %d: %w", path, i, err)
		}
		t.open(group)
		for range group.NumRows() {
			n++
			x, err := t.next()
			if err == nil {
				err = x.check()
			}
			if err == nil && !x.blank() {
				ours = true
				err = yield(x)
				ours = false
			}
			if err != nil {
				return errors.Join(at(path, " row ", n, err), t.close())
			}
		}
		if err := t.close(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// checkFooter sees to it that the footer, and each list in it, is no longer than the file
// has bytes for: the package makes room for what they say.
func checkFooter(in io.ReaderAt, size int64) error {
	const magic = "PAR1"
	var end [8]byte
	least := int64(len(magic) + len(end))
	if size < least {
		return fmt.Errorf("has %d bytes, want a parquet file", size)
	}
	if _, err := in.ReadAt(end[:], size-int64(len(end))); err != nil {
		return err
	}
	if string(end[4:]) != magic {
		return fmt.Errorf("ends with %q, want %s: it is no parquet file, or cut short", end[4:], magic)
	}
	n := int64(binary.LittleEndian.Uint32(end[:4]))
	if n > size-least {
		return fmt.Errorf("its footer has %d bytes, and the file %d", n, size)
	}
	footer := make([]byte, n)
	if _, err := in.ReadAt(footer, size-int64(len(end))-n); err != nil {
		return err
	}
	if _, err := skipThrift(footer, thriftStruct, 0); err != nil {
		return broken("the footer has %w", err)
	}
	return nil
}

// table reads the columns of one form in step.
type table struct {
	form    form
	columns []*column // text; prompt and completion; role and content
}

// newTable finds the columns that make documents.
func newTable(root *parquet.Column) (*table, error) {
	var names []string
	for _, c := range root.Columns() {
		names = append(names, c.Name())
	}
	f, err := formOf(func(key string) bool { return slices.Contains(names, key) }, names)
	if err != nil {
		return nil, fmt.Errorf("the schema %w", err)
	}
	t := &table{form: f}
	group, keys := root, []string{"text"}
	switch f {
	case formText:
	case formAnswer:
		keys = []string{"prompt", "completion"}
	case formChat:
		keys = []string{"role", "content"}
		// messages → list → element, or other names: groups of one until there are keys.
		group = root.Column("messages")
		for group.Column(keys[0]) == nil {
			if len(group.Columns()) != 1 {
				return nil, errors.New("column messages is no list of structs with role and content")
			}
			group = group.Columns()[0]
		}
	}
	for _, key := range keys {
		c := group.Column(key)
		switch {
		case c == nil:
			return nil, fmt.Errorf("column messages has no %s", key)
		case !c.Leaf() || c.Type().Kind() != parquet.ByteArray:
			return nil, fmt.Errorf("column %s is %s, want strings", key, kindOfColumn(c))
		case c.Compression().CompressionCodec() == format.Lz4Raw:
			// The package takes more and more memory for a broken page.
			return nil, fmt.Errorf("column %s is compressed by LZ4, want snappy, zstd, gzip, brotli or none", key)
		case f != formChat && c.Repeated() || f == formChat && c.MaxRepetitionLevel() != 1:
			return nil, fmt.Errorf("column %s is repeated %d times, want %s", key, c.MaxRepetitionLevel(), f)
		}
		t.columns = append(t.columns, &column{name: key, leaf: c})
	}
	return t, nil
}

func kindOfColumn(c *parquet.Column) string {
	if !c.Leaf() {
		return "nested"
	}
	return c.Type().String()
}

// check refuses a row group whose pages cannot be what they say, before they are read.
func (t *table) check(in io.ReaderAt, size int64, group format.RowGroup) error {
	for _, c := range t.columns {
		if c.leaf.Index() >= len(group.Columns) {
			return fmt.Errorf("column %s is not in every row group", c.name)
		}
		if err := checkPages(in, size, &group.Columns[c.leaf.Index()].MetaData); err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return nil
}

func (t *table) open(group parquet.RowGroup) {
	chunks := group.ColumnChunks()
	for _, c := range t.columns {
		c.pages = chunks[c.leaf.Index()].Pages()
	}
}

func (t *table) close() error {
	var errs []error
	for _, c := range t.columns {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// next reads one row.
func (t *table) next() (row, error) {
	x := row{form: t.form}
	var cells [2][]string
	for i, c := range t.columns {
		var err error
		if cells[i], err = c.next(); err != nil {
			return row{}, err
		}
		if t.form != formChat && len(cells[i]) != 1 {
			return row{}, fmt.Errorf("%s is null, want a string", c.name)
		}
	}
	switch t.form {
	case formText:
		x.text = cells[0][0]
	case formAnswer:
		x.prompt, x.completion = cells[0][0], cells[1][0]
	case formChat:
		if len(cells[0]) != len(cells[1]) {
			return row{}, fmt.Errorf("messages has %d roles and %d contents", len(cells[0]), len(cells[1]))
		}
		for i, role := range cells[0] {
			x.messages = append(x.messages, chat.Message{Role: role, Content: cells[1][i]})
		}
	}
	return x, nil
}

// column reads the strings of one column, row by row.
type column struct {
	name   string
	leaf   *parquet.Column
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer [64]parquet.Value
	rest   []parquet.Value // of buffer, not yet taken
}

// next returns the strings of the next row: one, or as many as its list has.
func (c *column) next() (cells []string, err error) {
	for n := 0; ; n++ {
		if n > 1 && len(cells) < n { // a null alone is a list that is null or empty
			return nil, errors.New("messages has a null, want objects with role and content")
		}
		if len(c.rest) == 0 {
			err := c.fill()
			if errors.Is(err, io.EOF) && n > 0 {
				return cells, nil
			}
			if err != nil {
				return nil, fmt.Errorf("column %s: %w", c.name, noEOF(err))
			}
		}
		v := c.rest[0]
		if n > 0 && v.RepetitionLevel() == 0 { // of the next row
			return cells, nil
		}
		c.rest = c.rest[1:]
		switch {
		case !v.IsNull():
			text := string(v.ByteArray()) // a copy: the page goes
			if !utf8.ValidString(text) {
				return nil, fmt.Errorf("%s: byte 0x%02x is not UTF-8", c.name, text[firstInvalid([]byte(text))])
			}
			cells = append(cells, text)
		case c.leaf.Optional() && c.leaf.MaxRepetitionLevel() > 0 && v.DefinitionLevel() == c.leaf.MaxDefinitionLevel()-1:
			return nil, fmt.Errorf("messages[%d]: %s is null, want a string", n, c.name)
		}
	}
}

// fill reads some values, of the next page where this one is done.
func (c *column) fill() error {
	for {
		if c.values != nil {
			n, err := c.values.ReadValues(c.buffer[:])
			c.rest = c.buffer[:n]
			if n > 0 {
				return nil
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		c.drop()
		page, err := c.pages.ReadPage()
		if err != nil {
			return err
		}
		c.page, c.values = page, page.Values()
	}
}

func (c *column) drop() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	c.page, c.values, c.rest = nil, nil, nil
}

func (c *column) close() error {
	c.drop()
	if c.pages == nil {
		return nil
	}
	pages := c.pages
	c.pages = nil
	return pages.Close()
}

// noEOF keeps the end of a column that came too early from being taken for that of
// the file.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
