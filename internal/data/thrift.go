package data

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The types of values in Thrift's compact protocol, which parquet files describe
// themselves in.
const (
	thriftStop = iota
	thriftTrue
	thriftFalse
	thriftByte
	thriftInt16
	thriftInt32
	thriftInt64
	thriftDouble
	thriftBytes
	thriftList
	thriftSet
	thriftMap
	thriftStruct
)

const thriftDepth = 32 // structs, lists and maps within one another

// skipThrift passes over the value that b begins with and returns what follows. The
// decoder makes room for a list before it reads on; here a list has no more elements
// than b has bytes, and they are all seen.
func skipThrift(b []byte, kind byte, depth int) ([]byte, error) {
	if depth > thriftDepth {
		return nil, fmt.Errorf("more than %d values within one another", thriftDepth)
	}
	var err error
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		return skipBytes(b, 1)
	case thriftInt16, thriftInt32, thriftInt64:
		_, b, err = thriftUint(b)
		return b, err
	case thriftDouble:
		return skipBytes(b, 8)
	case thriftBytes:
		n, b, err := thriftUint(b)
		if err != nil {
			return nil, err
		}
		return skipBytes(b, n)
	case thriftList, thriftSet:
		if len(b) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		n, element := uint64(b[0]>>4), b[0]&15
		b = b[1:]
		if n == 15 {
			if n, b, err = thriftUint(b); err != nil {
				return nil, err
			}
		}
		return skipElements(b, n, depth, element)
	case thriftMap:
		n, b, err := thriftUint(b)
		if err != nil || n == 0 {
			return b, err
		}
		if len(b) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		return skipElements(b[1:], n, depth, b[0]>>4, b[0]&15)
	case thriftStruct:
		return skipFields(b, depth)
	}
	return nil, fmt.Errorf("type %d, want %d to %d", kind, thriftTrue, thriftStruct)
}

// skipElements passes over n elements of a list, or n times a key and a value.
func skipElements(b []byte, n uint64, depth int, kinds ...byte) ([]byte, error) {
	if n > uint64(len(b)) {
		return nil, fmt.Errorf("%d elements, want at most the %d bytes that are left", n, len(b))
	}
	var err error
	for range n {
		for _, kind := range kinds {
			if b, err = skipThrift(b, kind, depth+1); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

func skipFields(b []byte, depth int) ([]byte, error) {
	for {
		if len(b) == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		head, kind := b[0], b[0]&15
		b = b[1:]
		if head == thriftStop {
			return b, nil
		}
		var err error
		if head>>4 == 0 { // the field's number follows
			if _, b, err = thriftUint(b); err != nil {
				return nil, err
			}
		}
		if kind == thriftTrue || kind == thriftFalse { // the value itself
			continue
		}
		if b, err = skipThrift(b, kind, depth+1); err != nil {
			return nil, err
		}
	}
}

func skipBytes(b []byte, n uint64) ([]byte, error) {
	if n > uint64(len(b)) {
		return nil, fmt.Errorf("%d bytes, and %d are left: %w", n, len(b), io.ErrUnexpectedEOF)
	}
	return b[n:], nil
}

func thriftUint(b []byte) (uint64, []byte, error) {
	x, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return x, b[n:], nil
}
