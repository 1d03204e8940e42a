"""A trained page, mark or line network as a LiteRT file for inputs of any size, its weights in 8 bits."""

from digit_core.frameworks import convert_variables_to_constants_v2, keras, tf


def to_litert(model: keras.Model) -> bytes:
    """The network with int8 weights and float32 input and output (dynamic-range quantisation)."""
    shape = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    answer = tf.function(lambda picture: model(picture, training=False), input_signature=[shape])
    frozen = convert_variables_to_constants_v2(answer.get_concrete_function())  # else the file holds no weights
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()
