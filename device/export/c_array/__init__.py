"""Export to a C array for TensorFlow Lite Micro, the interpreter of microcontrollers."""
