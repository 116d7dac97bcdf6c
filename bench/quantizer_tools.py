#!/usr/bin/env python3
"""Quantizes a model with another tool; bench/compare_quantizers.py calls it.

    quantizer_tools.py JOB.json

It runs in the Python that the tool is installed in, because tools don't agree on the
versions that they need, and does one job: quantize the linears of the layers of a Hugging
Face directory with one method, and write all weights as float32, the quantized ones
dequantized. JOB.json has

    tool, method   a row of METHODS
    model          the directory
    windows        calibration windows, a list of lists of token ids
    bits, group, symmetric, iterations, threads
    output         the .safetensors file to write
    digest         kept in the file's metadata, to know it again

Its metadata also has the seconds of quantization (no import, no loading). Everything
computes in float32 on the CPU.
"""

import json
import os
import pathlib
import struct
import sys
import time

# (tool, method): what it is. The first of a tool is its default.
METHODS = {
    ("gptqmodel", "gptq"): "GPTQ, its defaults (group-aware activation order)",
    ("gptqmodel", "gptq-clip"): "GPTQ with a search of clip ranges (mse=2)",
    ("gptqmodel", "gptaq-clip"): "GPTAQ: GPTQ that corrects drift, with that search",
    ("llmcompressor", "gptq"): "GPTQ, its defaults (static activation order)",
    ("llmcompressor", "gptq-clip"): "GPTQ with a search of clip ranges (mse observer)",
    ("llmcompressor", "awq,gptq-clip"): "AWQ, then that",
    ("auto-round", "signround"): "SignRound: gradient steps on rounding and ranges",
}
MODULES = {
    "gptqmodel": "gptqmodel",
    "llmcompressor": "llmcompressor",
    "auto-round": "auto_round",
}


def load(job):
    """The model in float32, and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(job["threads"])
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(job["model"])


def run_auto_round(job):
    import torch
    from auto_round import AutoRound

    model, tokenizer = load(job)
    windows = torch.tensor(job["windows"])
    start = time.monotonic()
    rounder = AutoRound(
        model,
        tokenizer,
        scheme=dict(
            bits=job["bits"],
            group_size=job["group"],
            sym=job["symmetric"],
            data_type="int",
            act_bits=16,
        ),
        iters=job["iterations"],
        dataset=list(windows.split(8)),
        seqlen=windows.shape[1],
        nsamples=len(windows),
        device_map="cpu",
        amp=False,  # stays float32
        low_cpu_mem_usage=False,
    )
    model, _ = rounder.quantize()
    return model.state_dict(), time.monotonic() - start


def llmcompressor_recipe(job):
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.transform.awq import AWQModifier

    arguments = dict(
        num_bits=job["bits"],
        type="int",
        symmetric=job["symmetric"],
        strategy="group",
        group_size=job["group"],
    )
    if job["method"].endswith("-clip"):
        arguments["observer"] = "memoryless_mse"
    weights = QuantizationArgs(**arguments)
    scheme = QuantizationScheme(targets=["Linear"], weights=weights)
    gptq = GPTQModifier(config_groups={"group_0": scheme}, ignore=["lm_head"])
    return [AWQModifier(), gptq] if "awq" in job["method"] else [gptq]


def run_llmcompressor(job):
    import torch
    from llmcompressor import oneshot

    model, tokenizer = load(job)
    if not torch.cuda.is_available():
        # Its AWQ pins memory (0.14), which needs a GPU's driver.
        torch.Tensor.pin_memory = lambda tensor, *_: tensor
    rows = [
        {"input_ids": window, "attention_mask": torch.ones_like(window)}
        for window in torch.tensor(job["windows"])
    ]
    start = time.monotonic()
    oneshot(
        model=model,
        tokenizer=tokenizer,
        dataset=torch.utils.data.DataLoader(rows, batch_size=8),
        recipe=llmcompressor_recipe(job),
        num_calibration_samples=len(rows),
        max_seq_length=len(job["windows"][0]),
    )
    return model.state_dict(), time.monotonic() - start


def unpack_rows(words, bits, rows):
    """Codes (rows, columns) of int32 words (rows * bits / 32, columns): each column is
    one stream of bits, lowest first (the GPTQ format's qweight)."""
    import torch

    places = torch.arange(32, dtype=torch.int64)[None, :, None]
    stream = (words.to(torch.int64)[:, None, :] >> places) & 1
    stream = stream.reshape(rows, bits, words.shape[1])
    return (stream << torch.arange(bits)[None, :, None]).sum(1)


def dequantize_gptq(tensors, name, bits, offset):
    """The float32 weight (outputs, inputs) of one linear in the GPTQ format. `offset`:
    what its version adds to a stored zero point."""
    scales = tensors[name + ".scales"].float()  # (groups, outputs)
    columns = tensors[name + ".g_idx"].long()  # group of each input
    codes = unpack_rows(tensors[name + ".qweight"], bits, len(columns))
    zeros = unpack_rows(tensors[name + ".qzeros"].T, bits, scales.shape[1]).T
    zeros = (zeros + offset) & (2**bits - 1) if offset else zeros
    return ((codes - zeros[columns]) * scales[columns]).T.contiguous()


def read_gptq(folder, bits):
    """All weights of a checkpoint in the GPTQ format, dequantized."""
    from safetensors.torch import load_file

    tensors = {}
    for file in folder.glob("*.safetensors"):
        tensors |= load_file(file)
    config = json.loads((folder / "quantize_config.json").read_text())
    version = config.get("checkpoint_format", config.get("format", "gptq"))
    weights = {}
    for name in tensors:
        linear, _, kind = name.rpartition(".")
        if kind == "qweight":
            weight = dequantize_gptq(tensors, linear, bits, version == "gptq")
            weights[linear + ".weight"] = weight
        elif kind not in ("qzeros", "scales", "g_idx"):
            weights[name] = tensors[name]
    return weights


def run_gptqmodel(job):
    # Its pool for loading wants two workers and gets one on machines with two cores.
    os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")
    import torch
    from gptqmodel import GPTQModel
    from gptqmodel.quantization import GPTAQConfig, GPTQConfig

    torch.set_num_threads(job["threads"])
    options = {}
    if job["method"].endswith("-clip"):
        options["mse"] = 2.0
    if job["method"].startswith("gptaq"):
        options["gptaq"] = GPTAQConfig(device="cpu")
    config = GPTQConfig(
        bits=job["bits"],
        group_size=job["group"],
        sym=job["symmetric"],
        device="cpu",
        format="gptq_v2",  # zero points as they are, so that 0 can be one
        offload_to_disk=False,
        **options,
    )
    model = GPTQModel.load(job["model"], config, dtype=torch.float32)
    rows = [
        {"input_ids": window, "attention_mask": [1] * len(window)}
        for window in job["windows"]
    ]
    start = time.monotonic()
    model.quantize(rows, batch_size=8)
    seconds = time.monotonic() - start
    folder = pathlib.Path(job["output"]).with_suffix("")
    model.save(str(folder))
    return read_gptq(folder, job["bits"]), seconds


RUNNERS = {
    "gptqmodel": run_gptqmodel,
    "llmcompressor": run_llmcompressor,
    "auto-round": run_auto_round,
}


def metadata_of(path):
    """The metadata of a safetensors file."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        return json.loads(file.read(size))["__metadata__"]


def main():
    job = json.loads(pathlib.Path(sys.argv[1]).read_text())
    weights, seconds = RUNNERS[job["tool"]](job)

    import torch
    from safetensors.torch import save_file

    floats = {
        name: tensor.detach().to(torch.float32).contiguous().clone()
        for name, tensor in weights.items()
        if name.endswith((".weight", ".bias"))
    }
    metadata = {"digest": job["digest"], "seconds": str(seconds)}
    save_file(floats, job["output"], metadata=metadata)
    return 0


if __name__ == "__main__":
    sys.exit(main())
