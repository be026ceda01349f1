package data_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/data"
)

// forged is a parquet file of one column and one page, true where nobody changed it.
type forged struct {
	header format.PageHeader
	body   []byte
	column format.ColumnMetaData
}

// forge makes the file of one text, which codec packs.
func forge(codec format.CompressionCodec, text string, pack func([]byte) []byte) *forged {
	plain := append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)
	f := &forged{body: pack(plain)}
	f.header = format.PageHeader{Type: format.DataPage, UncompressedPageSize: int32(len(plain)), CompressedPageSize: int32(len(f.body))}
	f.header.DataPageHeader = thrift.New(format.DataPageHeader{NumValues: 1, Encoding: format.Plain})
	f.column = format.ColumnMetaData{
		Type: format.ByteArray, PathInSchema: []string{"text"}, Codec: codec, NumValues: 1,
		DataPageOffset: 4, TotalUncompressedSize: int64(len(plain)) + 64,
	}
	return f
}

func (f *forged) write(t *testing.T, name string) string {
	t.Helper()
	marshal := func(x any) []byte {
		b, err := thrift.Marshal(new(thrift.CompactProtocol), x)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	pages := append(marshal(&f.header), f.body...)
	f.column.TotalCompressedSize += int64(len(pages))
	footer := marshal(&format.FileMetaData{
		Version: 1, NumRows: 1,
		Schema: []format.SchemaElement{
			{Name: "root", NumChildren: thrift.New(int32(1))},
			{Name: "text", Type: thrift.New(format.ByteArray), RepetitionType: thrift.New(format.Required)},
		},
		RowGroups: []format.RowGroup{{NumRows: 1, Columns: []format.ColumnChunk{{MetaData: f.column}}}},
	})
	return writeAs(t, name, "PAR1"+string(pages)+string(footer)+string(binary.LittleEndian.AppendUint32(nil, uint32(len(footer))))+"PAR1")
}

func asIs(b []byte) []byte { return b }

// packers are the codecs that a column may have.
func packers(t *testing.T) map[format.CompressionCodec]func([]byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	written := func(b *bytes.Buffer, w interface {
		Write(p []byte) (int, error)
		Close() error
	}, content []byte,
	) []byte {
		if _, err := w.Write(content); err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		return b.Bytes()
	}
	return map[format.CompressionCodec]func([]byte) []byte{
		format.Uncompressed: asIs,
		format.Snappy:       func(b []byte) []byte { return snappy.Encode(nil, b) },
		format.Zstd:         func(b []byte) []byte { return z.EncodeAll(b, nil) },
		format.Gzip:         func(b []byte) []byte { var out bytes.Buffer; return written(&out, gzip.NewWriter(&out), b) },
		format.Brotli:       func(b []byte) []byte { var out bytes.Buffer; return written(&out, brotli.NewWriter(&out), b) },
	}
}

// TestParquetBombs: pages that unpack to more than they say are refused in every codec,
// and true ones are read.
func TestParquetBombs(t *testing.T) {
	text := strings.Repeat("a", 1<<18)
	for codec, pack := range packers(t) {
		f := forge(codec, text, pack)
		if got := all(load(t, data.Source{Path: f.write(t, "true.parquet")})); got != "^"+text {
			t.Errorf("%s: read %d bytes, want %d", codec, len(got), len(text)+1)
		}
		if codec == format.Uncompressed {
			continue
		}
		f = forge(codec, text, pack)
		f.header.UncompressedPageSize = 1000
		_, err := data.Load(encoding, []data.Source{{Path: f.write(t, "bomb.parquet")}}, data.Options{})
		want := "bomb.parquet: row group 0: column text: page 0: it unpacks to more than the 1000 bytes that its header says"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: Load() is %v, want %q", codec, err, want)
		}
	}
}

// TestParquetForged: sizes that neither the file nor its footer bear out are refused before
// there is room made for them.
func TestParquetForged(t *testing.T) {
	const most = math.MaxInt32
	nested := strings.Repeat("\x1c", 100)
	for want, change := range map[string]func(f *forged){
		"page 0: its header has compressed_page_size 2147483647, want 0 to 6":      func(f *forged) { f.header.CompressedPageSize = most },
		"page 0: its header has compressed_page_size -1, want 0 to 6":              func(f *forged) { f.header.CompressedPageSize = -1 },
		"page 0: its header has uncompressed_page_size 2147483647, want 0 to 70":   func(f *forged) { f.header.UncompressedPageSize = most },
		"page 0: its header has uncompressed_page_size 2147483647, want 0 to 6710": func(f *forged) { f.header.UncompressedPageSize, f.column.TotalUncompressedSize = most, most },
		"page 0: its header has num_values 2, want 0 to 1":                         func(f *forged) { f.header.DataPageHeader.V.NumValues = 2 },
		"page 0: its header has num_values 2147483647, want 0 to 16777216": func(f *forged) {
			f.header.DataPageHeader.V.NumValues, f.column.NumValues = most, most
		},
		"page 0: its header has num_values 2147483646, want 0 to 1": func(f *forged) {
			f.header.Type = format.DataPageV2
			f.header.DataPageHeaderV2 = thrift.New(format.DataPageHeaderV2{NumValues: most - 1})
		},
		"page 0: its header has num_values of the dictionary 2147483647, want 0 to 1": func(f *forged) {
			f.header.Type = format.DictionaryPage
			f.header.DictionaryPageHeader = thrift.New(format.DictionaryPageHeader{NumValues: most})
			f.column.DictionaryPageOffset = 4
		},
		"page 0: its levels have 100 bytes, want 0 to 6": func(f *forged) {
			f.header.DataPageHeaderV2 = thrift.New(format.DataPageHeaderV2{DefinitionLevelsByteLength: 100})
		},
		"page 0: no header in 7 bytes: unexpected EOF":                           func(f *forged) { f.column.TotalCompressedSize -= 20 },
		"page 1: no header in 94 bytes: more than 32 values within one another":  func(f *forged) { f.body = []byte(nested) },
		"its pages are 1027 bytes from byte 4, want them in the 109 of the file": func(f *forged) { f.column.TotalCompressedSize += 1000 },
		"its pages are 27 bytes from byte -1, want them in the 108":              func(f *forged) { f.column.DataPageOffset = -1 },
		"its pages are 27 bytes from byte 9223372036854775807, want":             func(f *forged) { f.column.DataPageOffset = math.MaxInt64 },
	} {
		f := forge(format.Uncompressed, "ab", asIs)
		change(f)
		_, err := data.Load(encoding, []data.Source{{Path: f.write(t, "forged.parquet")}}, data.Options{})
		if err == nil || !strings.Contains(err.Error(), "forged.parquet: row group 0: column text: "+want) {
			t.Errorf("Load() is %v, want %q in it", err, want)
		} else if advice.Of(err) == "" {
			t.Errorf("%v has no hint", err)
		}
	}
}

// TestParquetFooter: the footer is walked over before lists of its lengths are made.
func TestParquetFooter(t *testing.T) {
	for footer, want := range map[string]string{
		"\x29\xfc\xff\xff\xff\xff\x07":         "the footer has 2147483647 elements, want at most the 0 bytes that are left",
		"\x28\xff\xff\xff\xff\x07":             "the footer has 2147483647 bytes, and 0 are left",
		"\x1b\xff\xff\xff\xff\x07\x55":         "the footer has 2147483647 elements",
		"\x2f\x00":                             "the footer has type 15, want 1 to 12",
		strings.Repeat("\x1c", 1000):           "the footer has more than 32 values within one another",
		"\x29":                                 "unexpected EOF",
		"\x0c":                                 "unexpected EOF",
		"\x17\x00\x00":                         "the footer has 8 bytes, and 2 are left",
		"\x1b\x01":                             "unexpected EOF",
		"\x15\x80\x80\x80\x80\x80\x80\x80\x80": "unexpected EOF",
	} {
		content := "PAR1" + footer + string(binary.LittleEndian.AppendUint32(nil, uint32(len(footer)))) + "PAR1"
		_, err := data.Load(encoding, []data.Source{{Path: writeAs(t, "forged.parquet", content)}}, data.Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load() of %q is %v, want %q in it", footer, err, want)
		}
	}
}
