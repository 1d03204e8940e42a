"""Export a Keras model to other formats; each export is verified before it is handed out.

An export is first written to a temporary path, run on digits, compared with the
Keras model, and only then renamed: one that disagrees is never left behind.
Loads TensorFlow when it writes.
"""

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from digit_core.models import grad_cam
from digit_core.pictures import normalization

if TYPE_CHECKING:
    from digit_core.frameworks import keras

log = logging.getLogger(__name__)

VERIFIED_ON = 1000  # digits
LEAST_AGREEMENT = 0.9995  # at equal precision; below it the export is broken
LEAST_ROUNDED = 0.99  # after quantisation to int8
CHUNK = 250  # digits run at once
STEPS = ("Starting TensorFlow", "Writing the file", "Checking its answers")  # of an export, for people


class ExportError(Exception):
    """A model cannot be exported; the message tells users why."""


@dataclass(frozen=True)
class Verification:
    """An exported model run beside its Keras model, on the same digits.

    Attributes:
        digits: how many.
        agreement: fraction of them with the same predicted digit, 0..1.
        largest_difference: between any two probabilities, 0..1.
        bytes: size of the file, or of the folder's files together.
    """

    digits: int
    agreement: float
    largest_difference: float
    bytes: int


def export(
    model: "keras.Model", form: str, out: Path, digits: np.ndarray, on_step: Callable[[str], None] = lambda step: None
) -> Verification:
    """Write `model` to `out` in that form, and verify what was written.

    Args:
        form: a name in `FORMATS`.
        out: the file to write, or for "saved_model" the folder; an existing one is replaced.
        digits: uint8 (n, 28, 28), white on black, normalised as MNIST. The first 1,000 verify; all
            calibrate the value ranges of "litert-int8".
        on_step: called as each of the `STEPS` begins, except the first, which is the caller's.

    Raises:
        ExportError: there is no such form, a package is missing, `out` cannot be written, or the
            export's predictions differ from the model's.
    """
    if form not in FORMATS:
        raise ExportError(f"There is no export format called {form!r}: {', '.join(FORMATS)}.")
    write, run = FORMATS[form]
    if os.path.isdir(out) and not (form == "saved_model" and os.path.isfile(out / "saved_model.pb")):
        raise ExportError(f"{out} is a folder that is there already; please name another place.")
    try:
        with _replacing(out) as scratch:
            on_step(STEPS[1])
            _convert(form, write, model, scratch, digits)
            on_step(STEPS[2])
            least = LEAST_ROUNDED if form == "litert-int8" else LEAST_AGREEMENT
            verification = _verify(model, scratch, run, digits[:VERIFIED_ON], least)
    except OSError as error:
        raise ExportError(f"The export cannot be written to {out}: {error.strerror or error}.") from error
    return verification


def _convert(form: str, write: Callable, model: "keras.Model", out: Path, digits: np.ndarray) -> None:
    try:
        write(model, out, digits)
    except (ExportError, OSError):
        raise
    except Exception as error:  # converters can raise any exception
        raise ExportError(f"The model cannot be written as {form}: {error}") from error


def litert(model: "keras.Model") -> bytes:
    """The model as a LiteRT file in float32: input float32 (n, 28, 28, 1), output float32 (n, classes); with a second
    signature for Grad-CAM, if `models.grad_cam` knows its layers."""
    try:
        if signatures := grad_cam.signatures(model):
            return _convert_all(signatures)
    except Exception:  # converters can raise any exception; the network's answers do not need Grad-CAM
        log.warning("Grad-CAM cannot be compiled for this network", exc_info=True)
    return _converter(model).convert()


def litert_int8(model: "keras.Model", digits: np.ndarray) -> bytes:
    """The same with 8-bit integers throughout, including input and output (scale and zero point in the file).

    Post-training quantisation after Jacob et al.: Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference (2018); `digits` are the representative set.
    """
    from digit_core.frameworks import tf

    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[np.newaxis]] for picture in normalization.batch(digits))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def _converter(model: "keras.Model"):
    """Convert a frozen function: `from_keras_model` floods stdout, and unfrozen weights are left out."""
    from digit_core.frameworks import convert_variables_to_constants_v2, tf

    call = tf.function(lambda digit: model(digit, training=False))
    shape = (None, *model.inputs[0].shape[1:])  # (n, 28, 28, 1) for digits; the width of rows stays open
    concrete = call.get_concrete_function(tf.TensorSpec(shape, tf.float32, name=model.inputs[0].name))
    return tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(concrete)])


def _convert_all(signatures: dict) -> bytes:
    """Frozen functions by name -> a LiteRT file with these signatures; the first by name is the one run by default."""
    from digit_core.frameworks import tf

    with tempfile.TemporaryDirectory() as folder:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(tf.Module(), folder, signatures=signatures, options=options)
        return tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=sorted(signatures)).convert()


def _write_litert(model, out: Path, digits: np.ndarray) -> None:
    out.write_bytes(litert(model))


def _write_litert_int8(model, out: Path, digits: np.ndarray) -> None:
    out.write_bytes(litert_int8(model, digits))


def _write_onnx(model, out: Path, digits: np.ndarray) -> None:
    _need("onnx", "tf2onnx", "onnxruntime")
    model(normalization.batch(digits[:1]))  # Keras requires one call first
    model.export(out, format="onnx", verbose=False)


def _write_saved_model(model, out: Path, digits: np.ndarray) -> None:
    """With the signature "serving_default": {"digit": float32 (n, 28, 28, 1)} -> {"probabilities": (n, 10)}."""
    from digit_core.frameworks import keras, tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    digit = tf.TensorSpec((None, 28, 28, 1), tf.float32, name="digit")
    archive.add_endpoint("serve", lambda digit: {"probabilities": model(digit, training=False)}, [digit])
    archive.write_out(out, verbose=False)


def run_litert(path: Path, batch: np.ndarray) -> np.ndarray:
    """Probabilities float32 (n, 10) of a LiteRT file, float or int8, for float32 (n, 28, 28, 1) in 0..1."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    [entry], [exit_] = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(entry["index"], batch.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], _quantised(batch, entry))
    interpreter.invoke()
    return _restored(interpreter.get_tensor(exit_["index"]), exit_)


def _run_onnx(path: Path, batch: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: batch})[0]


def _run_saved_model(path: Path, batch: np.ndarray) -> np.ndarray:
    from digit_core.frameworks import tf

    serve = tf.saved_model.load(path).signatures["serving_default"]
    return serve(digit=tf.constant(batch))["probabilities"].numpy()


FORMATS: dict[str, tuple[Callable, Callable]] = {  # name -> (write it, run it)
    "litert": (_write_litert, run_litert),
    "litert-int8": (_write_litert_int8, run_litert),
    "onnx": (_write_onnx, _run_onnx),
    "saved_model": (_write_saved_model, _run_saved_model),
}


def _verify(model, written: Path, run: Callable, digits: np.ndarray, least: float) -> Verification:
    """Run both on the same digits.

    Raises:
        ExportError: predictions agree on less than `least` of the digits, or the export cannot be run.
    """
    batch = normalization.batch(digits)
    expected = np.concatenate([np.asarray(model(chunk, training=False)) for chunk in _chunks(batch)])
    try:
        answered = np.concatenate([run(written, chunk) for chunk in _chunks(batch)])
    except ExportError:
        raise
    except Exception as error:  # a runtime can raise any exception for a file it rejects
        raise ExportError(f"What was written cannot be run: {error}; it was not kept.") from error
    if not (np.isfinite(expected).all() and np.isfinite(answered).all()):
        raise ExportError("The model or its export returns NaN or infinity; it was not kept.")
    agreement = float((expected.argmax(1) == answered.argmax(1)).mean())
    if agreement < least:
        raise ExportError(f"The export answers otherwise than the model (agreement {agreement:.2%}); it was not kept.")
    return Verification(len(digits), agreement, float(np.abs(expected - answered).max()), _size(written))


def _quantised(batch: np.ndarray, entry: dict) -> np.ndarray:
    """Quantise floats for an int8 network's input; unchanged for a float network."""
    scale, zero = entry["quantization"]
    return np.round(batch / scale + zero).clip(-128, 127).astype(np.int8) if scale else batch


def _restored(answer: np.ndarray, exit_: dict) -> np.ndarray:
    scale, zero = exit_["quantization"]
    return (answer.astype(np.float32) - zero) * scale if scale else answer


def _chunks(batch: np.ndarray) -> Iterator[np.ndarray]:
    return (batch[start : start + CHUNK] for start in range(0, len(batch), CHUNK))


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _need(*packages: str) -> None:
    """Raises ExportError naming the optional packages that are not installed."""
    import importlib.util

    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ExportError(f"This format needs {' and '.join(missing)}: pip install {' '.join(packages)}")


@contextlib.contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """Yield a path beside `out` for a file or folder that replaces `out` if the block succeeds."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
        scratch = Path(folder) / out.name
        yield scratch
        if out.is_dir():
            shutil.rmtree(out)
        os.replace(scratch, out)
