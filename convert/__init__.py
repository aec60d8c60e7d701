"""The host side: trains models and converts Keras models to int8 .tflite. Needs the ``convert`` extra (TensorFlow)."""
