"""The TFLite format: flatbuffer, graph, metadata."""
