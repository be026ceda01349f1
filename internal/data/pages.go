package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// The package makes room for what the header of a page says before it reads on, so
// that a few wrong bytes can ask for all memory. No writer comes near these bounds. What
// runs of equal numbers within a page come to (levels, places in a dictionary, lengths)
// is not looked at.
const (
	mostHeader = 1 << 20 // bytes of a page's header: it may quote two values
	mostValues = 1 << 24 // values of a page
	freeSize   = 64 << 20
	mostRatio  = 1000 // bytes unpacked for each packed one, of pages above freeSize
)

// checkPages reads ahead over the pages of a column in one row group and refuses what
// the column or the file cannot hold.
func checkPages(in io.ReaderAt, size int64, c *format.ColumnMetaData) error {
	start := c.DataPageOffset
	if c.DictionaryPageOffset != 0 {
		start = c.DictionaryPageOffset
	}
	end := start + c.TotalCompressedSize
	if start < 0 || c.TotalCompressedSize < 0 || end < start || end > size {
		return broken("its pages are %d bytes from byte %d, want them in the %d of the file", c.TotalCompressedSize, start, size)
	}
	values := c.NumValues
	for page := 0; start < end; page++ {
		h, n, err := readHeader(io.NewSectionReader(in, start, end-start))
		if err == nil {
			start += n
			err = checkHeader(h, c, end-start, &values)
		}
		if err == nil {
			err = checkUnpacked(h, c.Codec, io.NewSectionReader(in, start, int64(h.CompressedPageSize)))
		}
		if err != nil {
			return fmt.Errorf("page %d: %w", page, err)
		}
		start += int64(h.CompressedPageSize)
	}
	return nil
}

// readHeader reads the header that in begins with, and how many bytes it has.
func readHeader(in *io.SectionReader) (*format.PageHeader, int64, error) {
	for room := int64(1 << 10); ; room *= 32 {
		b := make([]byte, min(room, in.Size()))
		if _, err := in.ReadAt(b, 0); err != nil {
			return nil, 0, noEOF(err)
		}
		rest, err := skipThrift(b, thriftStruct, 0)
		if err == nil {
			h, n := new(format.PageHeader), len(b)-len(rest)
			err := thrift.Unmarshal(new(thrift.CompactProtocol), b[:n], h)
			return h, int64(n), err
		}
		if room >= min(mostHeader, in.Size()) {
			return nil, 0, broken("no header in %d bytes: %w", len(b), err)
		}
	}
}

// checkHeader holds what a header says against what its column has left: bytes of the
// file, and values.
func checkHeader(h *format.PageHeader, c *format.ColumnMetaData, left int64, values *int64) error {
	packed := int64(h.CompressedPageSize)
	type field struct {
		name      string
		got, most int64
	}
	fields := []field{
		{"compressed_page_size", packed, left},
		{"uncompressed_page_size", int64(h.UncompressedPageSize), min(c.TotalUncompressedSize, max(freeSize, mostRatio*packed))},
	}
	var n int64 // values of a data page
	if x := h.DataPageHeader; x.Valid {
		n = int64(x.V.NumValues)
	}
	if x := h.DataPageHeaderV2; x.Valid {
		n = max(n, int64(x.V.NumValues))
	}
	fields = append(fields, field{"num_values", n, min(*values, mostValues)})
	if x := h.DictionaryPageHeader; x.Valid { // of each value, the length takes 4 bytes
		fields = append(fields, field{"num_values of the dictionary", int64(x.V.NumValues), int64(h.UncompressedPageSize) / 4})
	}
	for _, f := range fields {
		if f.got < 0 || f.got > f.most {
			return broken("its header has %s %d, want 0 to %d", f.name, f.got, f.most)
		}
	}
	*values -= n
	return nil
}

// checkUnpacked refuses a page that has more bytes than its header says once it is
// unpacked.
func checkUnpacked(h *format.PageHeader, codec format.CompressionCodec, in *io.SectionReader) error {
	if x := h.DataPageHeaderV2; x.Valid {
		if x.V.IsCompressed.Valid && !x.V.IsCompressed.V {
			return nil
		}
		levels := int64(x.V.RepetitionLevelsByteLength) + int64(x.V.DefinitionLevelsByteLength)
		if levels < 0 || levels > in.Size() {
			return broken("its levels have %d bytes, want 0 to %d", levels, in.Size())
		}
		in = io.NewSectionReader(in, levels, in.Size()-levels)
	}
	if in.Size() == 0 {
		return nil
	}
	most := int64(h.UncompressedPageSize)
	n, err := unpackedSize(codec, in, most)
	switch {
	case err != nil:
		return broken("%s: %w", codec, noEOF(err))
	case n > most:
		return broken("it unpacks to more than the %d bytes that its header says", most)
	}
	return nil
}

// unpackedSize counts the bytes that come out of in, to one more than most.
func unpackedSize(codec format.CompressionCodec, in io.Reader, most int64) (int64, error) {
	switch codec {
	case format.Snappy: // says its size first, and is held to it
		n, err := binary.ReadUvarint(bufio.NewReader(in))
		return int64(min(n, uint64(most)+1)), err
	case format.Gzip:
		z, err := gzip.NewReader(in)
		if err != nil {
			return 0, err
		}
		in = z
	case format.Brotli:
		in = brotli.NewReader(in)
	case format.Zstd:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return 0, err
		}
		defer z.Close()
		in = z
	default: // none, or one that the package does not have
		return 0, nil
	}
	return io.Copy(io.Discard, io.LimitReader(in, most+1))
}

// broken is an error of a file that says what it cannot mean.
func broken(format string, args ...any) error {
	return advice.On(fmt.Errorf(format, args...), "the file is broken or made to be: get it again, or write it anew, as JSONL for one")
}
