package tokenizer

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// pieceModel is what a tokenizer.model says: the ModelProto of
// sentencepiece_model.proto, as far as encoding needs it.
type pieceModel struct {
	pieces   []spPiece
	kind     uint64 // one of the model kinds below
	fallback bool
	unk      int32
	bos, eos int32 // none where there is none

	charsmap  []byte
	prefix    bool // a space is put before the text
	dropExtra bool // spaces at the ends go, and all but one of a run
	escape    bool // spaces become marks
}

type spPiece struct {
	text  string
	score float32
	kind  uint64
}

// Kinds of pieces and of models, as the file numbers them.
const (
	pieceNormal      = 1
	pieceUnknown     = 2
	pieceControl     = 3
	pieceUserDefined = 4
	pieceUnused      = 5
	pieceByte        = 6

	modelUnigram = 1
	modelBPE     = 2
)

// parsePieceModel reads the bytes of a tokenizer.model.
func parsePieceModel(data []byte) (*pieceModel, error) {
	if tiktokenLines(data) {
		return nil, errors.New("this is a tiktoken vocabulary, not a SentencePiece model, and says not how text is cut")
	}
	m := &pieceModel{kind: modelUnigram, unk: 0, bos: 1, eos: 2, prefix: true, dropExtra: true, escape: true}
	suffix := false
	err := eachField(data, func(f field) error {
		switch f.number {
		case 1:
			p, err := readPiece(f.bytes)
			m.pieces = append(m.pieces, p)
			if err == nil && len(m.pieces) > maxID+1 {
				err = fmt.Errorf("more than %d", maxID+1)
			}
			if err != nil {
				return fmt.Errorf("pieces[%d]: %w", len(m.pieces)-1, err)
			}
		case 2:
			return wrapField("trainer_spec", eachField(f.bytes, func(f field) error {
				switch f.number {
				case 3:
					m.kind = f.varint
				case 24:
					suffix = f.varint != 0
				case 35:
					m.fallback = f.varint != 0
				case 40:
					m.unk = int32(f.varint)
				case 41:
					m.bos = int32(f.varint)
				case 42:
					m.eos = int32(f.varint)
				}
				return nil
			}))
		case 3:
			return wrapField("normalizer_spec", eachField(f.bytes, func(f field) error {
				switch f.number {
				case 2:
					m.charsmap = f.bytes
				case 3:
					m.prefix = f.varint != 0
				case 4:
					m.dropExtra = f.varint != 0
				case 5:
					m.escape = f.varint != 0
				}
				return nil
			}))
		case 5:
			return wrapField("denormalizer_spec", eachField(f.bytes, func(f field) error {
				if f.number == 2 && len(f.bytes) > 0 {
					return errors.New("precompiled_charsmap is not supported; supported: none")
				}
				return nil
			}))
		}
		return nil
	})
	if err == nil && suffix {
		err = errors.New("trainer_spec: treat_whitespace_as_suffix is not supported; supported: false")
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func readPiece(data []byte) (spPiece, error) {
	p := spPiece{kind: pieceNormal}
	err := eachField(data, func(f field) error {
		switch f.number {
		case 1:
			p.text = string(f.bytes)
		case 2:
			p.score = math.Float32frombits(f.fixed32)
		case 3:
			p.kind = f.varint
		}
		return nil
	})
	return p, err
}

// check finds what makes a model senseless or is not supported.
func (m *pieceModel) check() error {
	if len(m.pieces) == 0 {
		return errors.New("no pieces")
	}
	if m.kind != modelUnigram && m.kind != modelBPE {
		return fmt.Errorf("trainer_spec: model_type %d is not supported; supported: 1 (unigram), 2 (bpe)", m.kind)
	}
	seen := make(map[string]int, len(m.pieces))
	unk, byteCount := none, 0
	for i, p := range m.pieces {
		if p.text == "" || !utf8.ValidString(p.text) {
			return fmt.Errorf("pieces[%d]: got %q, want UTF-8 text that is not empty", i, p.text)
		}
		if other, twice := seen[p.text]; twice {
			return fmt.Errorf("pieces[%d]: %q is pieces[%d] too", i, p.text, other)
		}
		seen[p.text] = i
		if s := float64(p.score); math.IsNaN(s) || math.IsInf(s, 0) {
			return fmt.Errorf("pieces[%d]: %q: score is %v", i, p.text, p.score)
		}
		switch p.kind {
		case pieceNormal, pieceControl, pieceUserDefined:
		case pieceUnknown:
			if unk != none {
				return fmt.Errorf("pieces[%d]: %q is a second unknown piece, after pieces[%d]", i, p.text, unk)
			}
			unk = int32(i)
		case pieceByte:
			if _, ok := parseByteToken(p.text); !ok {
				return fmt.Errorf("pieces[%d]: byte piece %q: want <0x00> to <0xFF>", i, p.text)
			}
			byteCount++
		case pieceUnused:
			if m.kind == modelBPE {
				return fmt.Errorf("pieces[%d]: %q: an unused piece of a BPE model is not supported", i, p.text)
			}
		default:
			return fmt.Errorf("pieces[%d]: %q: type %d is not supported; supported: 1 to 6", i, p.text, p.kind)
		}
	}
	if unk == none {
		return errors.New("no unknown piece (type 2)")
	}
	m.unk = unk // what trainer_spec.unk_id names is the same in files that sentencepiece writes
	if m.fallback && byteCount != 256 {
		return fmt.Errorf("trainer_spec: byte_fallback with %d byte pieces, want 256", byteCount)
	}
	for _, id := range []*int32{&m.bos, &m.eos} {
		if *id < 0 || int(*id) >= len(m.pieces) || m.pieces[*id].kind != pieceControl {
			*id = none
		}
	}
	return nil
}

// tiktokenLines reports whether a file begins like the vocabularies of tiktoken:
// base64, a space, a number.
func tiktokenLines(data []byte) bool {
	for i, c := range data[:min(len(data), 400)] {
		switch {
		case isAlnum(c), c == '+', c == '/', c == '=':
		default:
			return i > 1 && c == ' ' && len(data) > i+1 && '0' <= data[i+1] && data[i+1] <= '9'
		}
	}
	return false
}

// field is one field of a protobuf message: bytes, or one of the numbers.
type field struct {
	number  int
	bytes   []byte
	varint  uint64
	fixed32 uint32
}

// eachField calls do for the fields of a message in order.
func eachField(data []byte, do func(field) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("not a SentencePiece model: %w", protowire.ParseError(n))
		}
		data = data[n:]
		f := field{number: int(number)}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			f.fixed32, n = protowire.ConsumeFixed32(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return fmt.Errorf("not a SentencePiece model: field %d: %w", number, protowire.ParseError(n))
		}
		data = data[n:]
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

func wrapField(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
