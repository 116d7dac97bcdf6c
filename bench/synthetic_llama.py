#!/usr/bin/env python3
"""Writes a Llama of any size with random weights, as a Hugging Face directory:
config.json and BF16 safetensors, one file or several shards. No tokenizer.

Weights are normal with a standard deviation of 0.02, gains are 1. They are drawn
block by block and written at once, so memory stays small for any size. The
blocks come from a pool of random values read at random offsets: a seed gives the
same bytes everywhere, with or without numpy.

    bench/synthetic_llama.py /tmp/llama-1b --preset 1.1b
    bench/synthetic_llama.py /tmp/llama-70b --preset 70b --sparse --shards 30

--sparse leaves every weight zero and the file without blocks on the disk.
"""

import argparse
import json
import pathlib
import random
import struct

PRESETS = {
    "1.1b": dict(dim=2048, layers=16, heads=32, kv_heads=8, ffn=8192, vocab=32000),
    "7b": dict(dim=4096, layers=32, heads=32, kv_heads=32, ffn=11008, vocab=32000),
    "70b": dict(dim=8192, layers=80, heads=64, kv_heads=8, ffn=28672, vocab=128256),
}
DIMENSIONS = list(PRESETS["1.1b"])
STANDARD_DEVIATION = 0.02
BF16_ONE = struct.pack("<H", 0x3F80)
POOL_VALUES = 1 << 18
BLOCK_VALUES = 1 << 16


def bf16_bits(value):
    """A float's nearest BF16 (ties to even), as 16 bits."""
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16


class NormalBlocks:
    """Endless BF16 bytes of normally distributed values."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        gauss = self.random.gauss
        values = [bf16_bits(gauss(0, STANDARD_DEVIATION)) for _ in range(POOL_VALUES)]
        self.pool = struct.pack(f"<{POOL_VALUES}H", *values)

    def write(self, file, values):
        """Blocks start anywhere in the pool, so that rows of any width differ."""
        while values:
            count = min(values, BLOCK_VALUES)
            start = self.random.randrange(POOL_VALUES - count + 1)
            file.write(self.pool[2 * start : 2 * (start + count)])
            values -= count


def tensors(args):
    """(name, shape) in the order of the model, which is the order of the files."""
    head_dim = args.dim // args.heads
    queries, keys = args.heads * head_dim, args.kv_heads * head_dim
    yield "model.embed_tokens.weight", [args.vocab, args.dim]
    for layer in range(args.layers):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", [args.dim]
        yield prefix + "self_attn.q_proj.weight", [queries, args.dim]
        yield prefix + "self_attn.k_proj.weight", [keys, args.dim]
        yield prefix + "self_attn.v_proj.weight", [keys, args.dim]
        yield prefix + "self_attn.o_proj.weight", [args.dim, queries]
        yield prefix + "post_attention_layernorm.weight", [args.dim]
        yield prefix + "mlp.gate_proj.weight", [args.ffn, args.dim]
        yield prefix + "mlp.up_proj.weight", [args.ffn, args.dim]
        yield prefix + "mlp.down_proj.weight", [args.dim, args.ffn]
    yield "model.norm.weight", [args.dim]
    if not args.tied:
        yield "lm_head.weight", [args.vocab, args.dim]


def size_of(shape):
    count = 1
    for extent in shape:
        count *= extent
    return count


def shards_of(all_tensors, count):
    """Cuts the list where each shard's share of the values is reached."""
    total = sum(size_of(shape) for _, shape in all_tensors)
    shards = [[] for _ in range(count)]
    seen = 0
    for name, shape in all_tensors:
        shards[min(seen * count // total, count - 1)].append((name, shape))
        seen += size_of(shape)
    return [shard for shard in shards if shard]


def write_shard(path, shard, blocks):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shard:
        end = offset + 2 * size_of(shape)
        header[name] = dict(dtype="BF16", shape=shape, data_offsets=[offset, end])
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if blocks is None:
            file.truncate(8 + len(text) + offset)
            return
        for name, shape in shard:
            if len(shape) == 1:
                file.write(BF16_ONE * shape[0])
            else:
                blocks.write(file, size_of(shape))


def write_config(path, args):
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": args.dim,
        "intermediate_size": args.ffn,
        "num_hidden_layers": args.layers,
        "num_attention_heads": args.heads,
        "num_key_value_heads": args.kv_heads,
        "vocab_size": args.vocab,
        "max_position_embeddings": args.context,
        "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "hidden_act": "silu",
        "tie_word_embeddings": args.tied,
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "bfloat16",
    }
    path.write_text(json.dumps(config, indent=2) + "\n")


def write_model(args):
    """Writes the directory; returns the number of parameters."""
    args.out.mkdir(parents=True, exist_ok=True)
    all_tensors = list(tensors(args))
    shards = shards_of(all_tensors, args.shards)
    blocks = None if args.sparse else NormalBlocks(args.seed)
    weight_map = {}
    for index, shard in enumerate(shards):
        name = "model.safetensors"
        if len(shards) > 1:
            name = f"model-{index + 1:05}-of-{len(shards):05}.safetensors"
        write_shard(args.out / name, shard, blocks)
        weight_map.update((tensor, name) for tensor, _ in shard)
    parameters = sum(size_of(shape) for _, shape in all_tensors)
    if len(shards) > 1:
        index = {"metadata": {"total_size": 2 * parameters}, "weight_map": weight_map}
        path = args.out / "model.safetensors.index.json"
        path.write_text(json.dumps(index, indent=1) + "\n")
    write_config(args.out / "config.json", args)
    return parameters


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=pathlib.Path, help="folder to write")
    parser.add_argument("--preset", choices=PRESETS, default="1.1b")
    for name in DIMENSIONS:
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=int, help="instead of the preset's")
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sparse", action="store_true", help="zeros, no disk space")
    parser.add_argument("--tied", action="store_true", help="no head of its own")
    parser.add_argument("--shards", type=int, default=1)
    args = parser.parse_args(argv)
    for name, value in PRESETS[args.preset].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    for name in [*DIMENSIONS, "context", "shards"]:
        if getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    if args.dim % args.heads or args.heads % args.kv_heads:
        parser.error("heads must divide dim, and kv-heads must divide heads")
    return args


def main():
    args = parse_arguments()
    parameters = write_model(args)
    print(f"{args.out}: {parameters / 1e9:.3f} billion parameters")


if __name__ == "__main__":
    main()
