"""The host side: Keras models in, int8 .tflite out. Needs the ``convert`` extra (TensorFlow)."""
