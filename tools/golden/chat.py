"""Golden texts of chat templates, rendered by transformers.

    python -B tools/golden/chat.py                 our own templates
    python -B tools/golden/chat.py FOLDER          those of a folder

Without an argument it rewrites internal/chat/testdata/golden.json from the templates
beside it. With a FOLDER of *.jinja files, other people's templates that this
repository may not carry, it writes FOLDER/golden.json, which

    LINEARIZE_CHAT_TEMPLATES=FOLDER go test ./internal/chat

reads. Needs transformers and jinja2 as pinned in requirements.txt.
"""

import datetime
import itertools
import json
import logging
import pathlib
import sys

import jinja2
import tokenizers
import transformers
from transformers.utils import chat_template_utils

OURS = pathlib.Path(__file__).parents[2] / "internal/chat/testdata"
NOW = datetime.datetime(2024, 7, 4, 15, 6, 7)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


class Frozen(datetime.datetime):
    """The clock that templates read."""

    @classmethod
    def now(cls, tz=None):
        return NOW


def turns(roles, *contents):
    """Messages with roles by their first letters."""
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "x": "narrator"}
    return [{"role": names[r], "content": c} for r, c in zip(roles, contents, strict=True)]


CONVERSATIONS = {
    "question": turns("u", "What is a river?"),
    "system": turns("su", "Answer in one word.", "What is a river?"),
    "answer": turns("ua", "What is a river?", "Water on its way down."),
    "turns": turns("uauau", "One?", "Two.", "Three?", "Four.", "Five?"),
    "system and turns": turns("suaua", "Count.", "One?", "Two.", "Three?", "Four."),
    "unicode": turns("sua", "Réponds en français.", "Ça va ? 你好 👩‍👩‍👧 שלום ñ", "Oui — très bien… 😀"),
    "spaces": turns("sua", "  two before, a line after \n", "\n\n\tin the middle of  it\t\n", " \u00a0\u3000odd ones\u2028\u001f "),
    "empty": turns("sua", "", "", ""),
    "line ends": turns("ua", "one\r\ntwo\rthree\n\n", "four\r\n"),
    "markup": turns("sua", "{{ bos_token }} {% if x %}", "'quotes' \"double\" \\n <b>&amp;</b> {# no #}", "</s> [INST] <|im_end|>\n"),
    "thoughts": turns("uaua", "One?", "<think>\nWell.\n</think>\n\nTwo.", "Three?", "<think>So</think>Four."),
    "two questions": turns("uu", "One?", "Two?"),
    "answer first": turns("au", "Hello.", "Who is there?"),
    "two answers": turns("uaa", "One?", "Two.", "Three."),
    "late system": turns("usa", "One?", "Be brief.", "Two."),
    "system alone": turns("s", "Be brief."),
    "two systems": turns("ssu", "Be brief.", "Be kind.", "One?"),
    "tool": turns("uatu", "One?", "Two.", '{"three": 3}', "Four?"),
    "other role": turns("ux", "One?", "So it began."),
}


def bytes_of(text, span):
    return [len(text[:end].encode()) for end in span]


def outcome(template, messages, prompt):
    """What transformers makes of it, or the error that it raises."""
    arguments = {"conversations": [messages], "chat_template": template, "add_generation_prompt": prompt, **SPECIAL}
    try:
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(tokenizers.models.BPE()), **SPECIAL)
        text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=prompt)
        if "generation %}" not in template and "generation -%}" not in template:
            return {"text": text}
        (again,), (spans,) = chat_template_utils.render_jinja_template(return_assistant_tokens_mask=True, **arguments)
        assert again == text
        return {"text": text, "spans": [bytes_of(text, s) for s in spans]}
    except jinja2.exceptions.TemplateSyntaxError:
        raise
    except jinja2.exceptions.UndefinedError as e:
        return {"fails": str(e)}
    except jinja2.exceptions.TemplateError as e:
        return {"error": str(e)}
    except Exception as e:
        return {"fails": f"{type(e).__name__}: {e}"}


def main(folder):
    chat_template_utils.datetime = Frozen
    logging.disable()
    cases, refused = {}, {}
    for path in sorted(folder.glob("*.jinja")):
        template = path.read_text()
        try:
            cases[path.name] = {
                f"{name}{', prompt' * prompt}": outcome(template, messages, prompt)
                for (name, messages), prompt in itertools.product(CONVERSATIONS.items(), (False, True))
            }
        except jinja2.exceptions.TemplateSyntaxError as e:
            refused[path.name] = str(e)
    golden = {
        "made by": f"transformers=={transformers.__version__}, jinja2=={jinja2.__version__}",
        "now": NOW.isoformat() + "Z",
        "special": SPECIAL,
        "conversations": CONVERSATIONS,
        "refused": refused,
        "templates": cases,
    }
    (folder / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else OURS)
