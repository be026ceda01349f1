"""The spelling of config.json before transformers 5."""

ABSENT = object()  # a key that is left out


def v4(config, changes):
    """A config of transformers 5 in the keys of 4, with changes of the row's own.

    Rotation lay at the top level: rope_theta, rope_scaling (null for none) and
    partial_rotary_factor, or under a family's own names; two kinds of layers had
    one rope_theta, and their second was another key or fixed.
    """
    c = dict(config)
    if "text_config" in c:
        c["text_config"], changes = v4(c["text_config"], changes), {}
    if "transformers_version" in c:
        c["transformers_version"] = "4.57.6"
    if "dtype" in c:
        c["torch_dtype"] = c.pop("dtype")
    if rope := c.pop("rope_parameters", None):
        if "full_attention" in rope:
            if c["model_type"] == "gemma3_text":
                c["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
            rope = rope["full_attention"]
        rope = dict(rope)
        c["rope_theta"] = rope.pop("rope_theta")
        if "partial_rotary_factor" in rope:
            c["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
        if c["model_type"] == "gpt_neox":
            c["rotary_emb_base"], c["rotary_pct"] = c.pop("rope_theta"), c.pop("partial_rotary_factor")
        c["rope_scaling"] = None if rope == {"rope_type": "default"} else rope
    if "time_step_limit" in c:
        c["time_step_limit"] = [0.0, float("inf")]  # not JSON, but what json.dump writes
    return {k: v for k, v in (c | changes).items() if v is not ABSENT}
