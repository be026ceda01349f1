package testmodel

import "encoding/json"

// byteLevel makes the tokenizer.json of a byte-level BPE with at most size ids: <s>,
// </s>, the bytes from the usual to the rare, and merges for what room is left. Below
// 258 ids some bytes have none.
func byteLevel(size int) ([]byte, error) {
	vocab := map[string]int{}
	add := func(token string) bool {
		if len(vocab) >= size {
			return false
		}
		vocab[token] = len(vocab)
		return true
	}
	add("<s>")
	add("</s>")
	for _, b := range bytesByUse() {
		add(string(byteRune(b)))
	}
	merges := [][2]string{}
	for _, m := range [][2]string{{"t", "h"}, {"th", "e"}, {"Ġ", "the"}, {"i", "n"}, {"Ġ", "a"}, {"e", "r"}, {"o", "n"}, {"Ġ", "s"}} {
		if add(m[0] + m[1]) {
			merges = append(merges, m)
		}
	}
	special := func(id int, content string) map[string]any {
		return map[string]any{
			"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true,
		}
	}
	piece := func(kind, id string, typeID int) map[string]any {
		return map[string]any{kind: map[string]any{"id": id, "type_id": typeID}}
	}
	byteLevelStep := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	return json.MarshalIndent(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil,
		"added_tokens":  []any{special(0, "<s>"), special(1, "</s>")},
		"pre_tokenizer": byteLevelStep,
		"decoder":       byteLevelStep,
		"post_processor": map[string]any{
			"type":           "TemplateProcessing",
			"single":         []any{piece("SpecialToken", "<s>", 0), piece("Sequence", "A", 0)},
			"pair":           []any{piece("SpecialToken", "<s>", 0), piece("Sequence", "A", 0), piece("SpecialToken", "<s>", 1), piece("Sequence", "B", 1)},
			"special_tokens": map[string]any{"<s>": map[string]any{"id": "<s>", "ids": []int{0}, "tokens": []string{"<s>"}}},
		},
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": merges,
		},
	}, "", "  ")
}

// bytesByUse returns all 256 bytes: those of English text first.
func bytesByUse() []byte {
	order := []byte("\n abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?'\"()-_")
	seen := [256]bool{}
	for _, b := range order {
		seen[b] = true
	}
	for _, printable := range []bool{true, false} {
		for b, done := range seen {
			if !done && (b > ' ' && b <= '~') == printable {
				order = append(order, byte(b))
			}
		}
	}
	return order
}

// byteRune is GPT-2's printable stand-in for a byte: itself where Latin-1 prints it,
// otherwise the next free letter from U+0100 on.
func byteRune(b byte) rune {
	next := rune(0x100)
	for c := range 256 {
		prints := c >= '!' && c <= '~' || c >= 0xa1 && c != 0xad
		switch {
		case byte(c) == b && prints:
			return rune(c)
		case byte(c) == b:
			return next
		case !prints:
			next++
		}
	}
	return next
}
